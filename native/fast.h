/* What the engine needs of fast.c. */
#pragma once
#include "private.h"

/* Finishes the system call that the guest makes: true, with the result in rax. False: Python's turn, nothing was done. */
bool fast_finish(struct vcpu *);
/* Whether this process is a child that fast_finish() has made; said once. */
bool fast_forked(void);
