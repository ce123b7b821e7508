/* Whether anybody waits at a futex of the process's own (waiters.c). */
#pragma once
#include <sys/syscall.h>

#include "private.h"

enum { WAITER_PLACES = GUEST_PAGE / sizeof(uint32_t), FUTEX_WAITV = 449 /* futex_waitv(2), and younger calls */ };

/* The table is this page from now on; nobody waits. */
void waiters_are_at(uint32_t *page);
/* In a child, where nobody waits. */
void waiters_forget(void);
uint32_t *waiters_of(long number, const long *args);
/* Around a host call, of the futex(2) family or not, with host addresses: what begin() has returned is for end(). */
static inline uint32_t *waiters_begin(long number, const long *args) {
    return number == SYS_futex || number >= FUTEX_WAITV ? waiters_of(number, args) : NULL;
}
static inline void waiters_end(uint32_t *place) {
    if (place) __atomic_sub_fetch(place, 1, __ATOMIC_SEQ_CST);
}
