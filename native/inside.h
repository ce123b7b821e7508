/* Calls that are answered inside the guest: what the code there (inside_x86_64.S) and the VMM (inside.c) share. */
#pragma once

/* Offsets from the page of code, a page each. */
#define INSIDE_ANSWERS 0x1000
#define INSIDE_COUNTS 0x2000
#define INSIDE_SCRATCH 0x3000
#define INSIDE_ACTIONS 0x4000
#define INSIDE_WAITERS 0x5000 /* of waiters.c, read-only */
#define INSIDE_GATE 0x6000    /* to write there leaves the VM (flavour.c) */

/* Entries of 8 bytes: of a call by its number, the result plus one; of brk(2) that of brk(0) plus one;
 * of the others for which there is code 1: to be done inside; bit INSIDE_BRIEF alone: to be asked of the helper. 0: leave. */
#define INSIDE_BRIEF 62
#define INSIDE_CALLS 500
#define INSIDE_BRK 12
#define INSIDE_SIGACTION 13
#define INSIDE_SIGPROCMASK 14
#define INSIDE_ARCH_PRCTL 158
#define INSIDE_GETTID 186
#define INSIDE_FUTEX 202
#define INSIDE_SET_TID_ADDRESS 218
#define INSIDE_SET_ROBUST_LIST 273
#define INSIDE_KERNEL 511 /* not 0: this code runs as a kernel's */

/* In scratch. */
#define INSIDE_R11 0
#define INSIDE_RCX 8
#define INSIDE_RSP 16
#define INSIDE_RBX 24
#define INSIDE_RBP 32
#define INSIDE_R8 40
#define INSIDE_R9 48
#define INSIDE_ROBUST_LIST 56 /* what set_robust_list(2) has said */
#define INSIDE_UNDO 64        /* 32 bytes */
#define INSIDE_MASK 96        /* the thread's signal mask (sigmask.c) */
#define INSIDE_WAITING 104    /* of these signals, each of which it blocks, some wait: to unblock one is no call for here */
#define INSIDE_CLEAR_TID 112  /* what set_tid_address(2) has said */

/* In scratch: a call that is asked of the helper (exitless.c), in a cache line of its own. */
#define INSIDE_STATE 128 /* 32 bits: EXITLESS_... */
#define INSIDE_AWAKE 132 /* 32 bits, not 0: the helper looks */
#define INSIDE_NUMBER 136
#define INSIDE_ARGUMENTS 144
#define INSIDE_RESULT INSIDE_ARGUMENTS /* the first, once it is done */

#define EXITLESS_IDLE 0
#define EXITLESS_ASKED 1
#define EXITLESS_TAKEN 2
#define EXITLESS_DONE 3
#define EXITLESS_LEFT 4 /* it is to be made by an exit */

#define INSIDE_PORT 0x80 /* STUB_PORT */

#ifndef __ASSEMBLER__
#include "kvm.h"

/* Makes the pages that all vCPUs share. 0 or -ENOMEM. */
int inside_prepare(void);
/* Makes a vCPU's own, or maps them anew: user pages, or a kernel's. */
int inside_vcpu(struct kvm_vcpu *, bool kernel);
uint64_t inside_entry(const struct kvm_vcpu *); /* where SYSCALL leads to */
uint64_t inside_exit(const struct kvm_vcpu *);  /* where it leaves the VM */
void inside_use_gate(void);                     /* by the gate from now on, not by OUT */
/* Before a run. */
void inside_enter(struct kvm_vcpu *);
/* After an exit. If the vCPU was at a call there, its registers become those of user code: before the call that is to be served
 * (INSIDE_ASKED; rcx and r11 as SYSCALL left them), or behind one that is done (INSIDE_DONE). */
enum inside { NOT_INSIDE, INSIDE_ASKED, INSIDE_DONE } inside_leave(struct kvm_vcpu *);
/* Answers are learnt from what calls have resulted in; those that are no errors are forgotten. */
void inside_learn(struct vcpu *, unsigned number, int64_t result);
void inside_forget(struct vcpu *);
void inside_touch(const struct kvm_vcpu *);                      /* writes to the counts, as the code there will */
uint64_t inside_count(const struct kvm_vcpu *, unsigned number); /* of calls answered there */
/* Whether the helper may be asked for a call, and that it may or may not. */
bool inside_asks(const struct kvm_vcpu *, unsigned number);
void inside_ask(struct kvm_vcpu *, unsigned number, bool asks);
void inside_do(struct kvm_vcpu *, unsigned number, bool inside); /* a call for which there is code */
void inside_counted(const struct kvm_vcpu *, uint64_t number);   /* one more call was answered */
uint64_t *inside_scratch(const struct kvm_vcpu *);
void *inside_actions(void); /* the process's, a page of zeros at first */
#endif
