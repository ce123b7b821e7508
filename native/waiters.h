/* Whether anybody waits at a futex of the process's own (waiters.c). */
#pragma once
#include "private.h"

enum { WAITER_PLACES = GUEST_PAGE / sizeof(uint32_t) };

/* The table is this page from now on; nobody waits. */
void waiters_are_at(uint32_t *page);
/* In a child, where nobody waits. */
void waiters_forget(void);
/* Around a call of the futex(2) family with host addresses: what begin() has returned is for end(). */
uint32_t *waiters_begin(long number, const long *args);
void waiters_end(uint32_t *place);
