/* What the engine needs of fast.c. */
#pragma once
#include "private.h"

struct iovec;
enum { IOVECS = 16 }; /* as many as C translates */
/* The guest's `count` iovecs, with host addresses in `out`; false: they can't be read. */
bool fast_iovecs(struct iovec *out, uint64_t gva, size_t count);

/* Finishes the system call that the guest makes: true, with the result in rax. False: Python's turn, nothing was done. */
bool fast_finish(struct vcpu *);
/* A path that cannot lead to the VMM's program or to a descriptor of its own. */
bool fast_plain_path(uint64_t gva);
bool fast_plain_name(const char *path, size_t length); /* the same of one that is here */
/* What the host is to get in place of a forwarded call's arguments; `vectors` is room for IOVECS, plain() looks at a path, at a guest's
 * address. False: it is not for C. */
bool fast_translate(unsigned number, const uint64_t *arguments, long *to, struct iovec *vectors, bool (*plain)(uint64_t));
/* Python is to hear of NEWS_... at the next exit; which there are. */
void news(int what);
int fast_has_news(void);
/* Whether the engine may do this call in the guest: rt_sigaction(2) (where no more than the table of actions changes) or another. */
bool fast_inside(unsigned number);
/* Whether C does what is not the host's as it is; and the process has one thread, whose calls nobody looks at. */
bool fast_owns(void);
bool fast_plain(void);
/* What the process does at a signal, as rt_sigaction(2) has it. Any thread may set another while this one looks. */
struct guest_action {
    uint64_t handler, flags, restorer, mask;
};
void fast_action(int number, struct guest_action *);
/* What the process does at signals becomes what execve(2) leaves. */
void actions_forget(void);
