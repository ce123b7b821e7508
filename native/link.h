/* readlink(2), finished in C (link.c). */
#pragma once
#include "private.h"

bool finish_readlink(struct vcpu *);
bool finish_readlinkat(struct vcpu *);
