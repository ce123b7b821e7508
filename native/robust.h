/* Robust lists (get_robust_list(2)), which the host's kernel walks when a thread ends, however that happens (robust.c). */
#pragma once
#include "private.h"

/* Under the book's lock. [gva, gva+length) has become, if it was not, writable memory that other processes may share. */
void robust_share(uint64_t gva, uint64_t length);
/* It is no longer what it was, or the host's place for that in the window is another's now: all is done but the host's call. */
void robust_unshare(uint64_t gva, uint64_t length);
void robust_make_room(void); /* before there is one mapping more */
void robust_clear(void);     /* before the window is emptied */

extern bool robust_shares_;
extern __thread __attribute__((tls_model("initial-exec"))) uint64_t robust_told_;

void robust_tell(uint64_t head);
void robust_forked(void); /* in the child: the host's kernel has forgotten the list */

/* Whether lists matter beyond the process: it has memory that others may share. */
static inline bool robust_shares(void) { return robust_shares_; }

bool robust_holds(const struct vcpu *); /* the thread holds locks, or is about to */

/* Before the thread of `cpu` goes on in the guest. */
static inline void robust_enter(const struct vcpu *cpu) {
    uint64_t head = robust_shares_ ? *cpu->robust_list : 0;
    if (head != robust_told_) robust_tell(head);
}
