/* The guest's threads that come and go in C (threads.c). */
#pragma once
#include "private.h"

/* What clone(2) is asked for; flags without the exit signal, addresses the guest's. */
struct clone_request {
    uint64_t flags, stack, parent_tid, child_tid, tls;
};

/* Starts a thread, whose number is the result in rax: as in fast.c. */
bool thread_spawn(struct vcpu *, const struct clone_request *);
