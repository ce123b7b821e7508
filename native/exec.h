/* execve(2), finished in C (exec.c). */
#pragma once
#include "private.h"

bool finish_execve(struct vcpu *);
/* Of a call after which execve(2) has more to do than C does: from now on Python does it. Leaves the call to Python, too. */
bool exec_forbid(struct vcpu *);
