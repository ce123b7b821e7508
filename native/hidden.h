/* What the engine needs of hidden.c. */
#pragma once
#include <sys/resource.h>
#include <sys/syscall.h>

#include "private.h"

static inline bool is_hidden(int fd) { return fd >= hidden_base() && fd < hidden_base() + hidden_count(); }
/* Moves *fd out of the guest's reach and keeps *fd up to date from then on. Its place or negative errno. */
int hidden_add(int *fd);
/* Closes *fd and forgets it. */
void hidden_remove(int *fd);
/* *to is what *from was, which is none any more. */
void hidden_pass(int *from, int *to);
/* Between them descriptors can be opened though the guest has as many as it may: they get hidden numbers. */
void hidden_widen(struct rlimit *guest);
void hidden_narrow(const struct rlimit *guest);
extern int hidden_near_; /* a number of the guest's that is near ours, or INT_MAX */
void hidden_look(void);
/* The guest's system call has ended so, and may have given a number that comes near the VMM's: NEWS_CROWDED. */
static inline void hidden_met(long number, long result) {
    if (__builtin_expect(result == hidden_near_, 0)) hidden_look();
    if (!result && (number == SYS_pipe || number == SYS_pipe2 || number == SYS_socketpair)) hidden_look();
}
static inline bool hidden_is_near(long fd) { return fd >= hidden_near_; } /* whether this one would */
