/* Signals that reach a handler of the guest's, in C (sigframe.c). */
#pragma once
#include "private.h"

/* Delivers what is caught, as after a call that it has cut short; false: the rest, which may be all, is Python's. */
bool sigframe_deliver(struct vcpu *);
/* Delivers one signal as if it had come before the call that the guest makes, which is then made again; false: nothing was done. */
bool sigframe_before_call(struct vcpu *);
/* Makes a page fault that is an access which its mapping forbids the signal that it is; false: Python's, nothing was done. */
bool sigframe_fault(struct vcpu *);
/* rt_sigreturn(2), as in fast.c */
bool finish_sigreturn(struct vcpu *);
