/* How many threads of the process wait at futexes, by a hash of their addresses, so that the code in the guest (inside_x86_64.S) can tell
 * that nobody waits and nobody is to be woken (docs/design.md, D24).
 *
 * A thread is counted before the host's kernel looks at its word, and the guest's CPU looks at the count after it has written the word: one
 * of the two sees what the other has done. */
#include "waiters.h"

#include <linux/futex.h>
#include <string.h>

static uint32_t none_[WAITER_PLACES], *table_ = none_;
static bool given_up_;

void waiters_are_at(uint32_t *page) {
    table_ = page;
    waiters_forget();
}

void waiters_forget(void) {
    memset(table_, 0, WAITER_PLACES * sizeof *table_);
    given_up_ = false;
}

static uint32_t *one_more(uint32_t *place) {
    __atomic_add_fetch(place, 1, __ATOMIC_SEQ_CST);
    return place;
}

/* Who waits may wait somewhere else from now on, or at many: nobody is believed to be alone any more. */
static void give_up(void) {
    if (given_up_) return;
    for (int i = 0; i < WAITER_PLACES; i++) one_more(&table_[i]);
    given_up_ = true;
}

uint32_t *waiters_of(long number, const long *args) {
    if (number >= FUTEX_WAITV) give_up();
    if (number != SYS_futex) return NULL;
    switch ((int)args[1] & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2: return one_more(&table_[((uint64_t)args[0] - window_base_) / sizeof(uint32_t) % WAITER_PLACES]);
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
    case FUTEX_WAIT_REQUEUE_PI:
    case FUTEX_CMP_REQUEUE_PI: give_up(); /* fallthrough */
    default: return NULL;
    }
}
