/* The guest's signal mask where it is changed inside the guest (sigmask.c). */
#pragma once
#include "kvm.h"

void sigmask_made(struct kvm_vcpu *);  /* its KVM_RUN has no mask */
void sigmask_enter(struct kvm_vcpu *); /* just before a run */
/* Just after one: the thread has the guest's mask again, and takes what that does not block. `stopped`: by a signal. */
void sigmask_leave(struct kvm_vcpu *, bool stopped);
/* The guest has made a call, by an exit. */
void sigmask_called(const struct kvm_vcpu *);
