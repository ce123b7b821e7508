/* Calls that are served without an exit, by a helper on another CPU (exitless.c, docs/exitless.md). */
#pragma once
#include "kvm.h"

/* Before a run: which calls the guest may ask the helper for. */
void exitless_enter(struct kvm_vcpu *);
/* After an exit by a call. */
void exitless_called(struct kvm_vcpu *);
/* Whether a vCPU that has stopped still asks; then whether the call is done: rax is its result, or its number. */
bool exitless_asked(const struct kvm_vcpu *);
bool exitless_settle(struct kvm_vcpu *);
void exitless_renew(void); /* the thread may have other rights, or share less with the process: so is the next helper to be */
void exitless_end(void);   /* there is no helper from now on */
void exitless_born(struct kvm_vcpu *); /* in a child, which has none */
