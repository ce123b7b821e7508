/* sendmsg(2) and recvmsg(2), finished in C (message.c). */
#pragma once
#include "private.h"

/* Each finishes a call: true, with the result in rax. False: Python's turn, nothing was done. */
bool finish_sendmsg(struct vcpu *);
bool finish_recvmsg(struct vcpu *);
