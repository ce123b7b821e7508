/* futex(2) without threads, futex_waitv(2), robust lists: what does not wait, what ends by its time, what is wrong. */
#include "check.h"

#include <linux/futex.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

static uint32_t word;

static long futex(void *at, int op, uint32_t value, const void *timeout, void *second, uint32_t value3) {
    return syscall(SYS_futex, at, op, value, timeout, second, value3);
}

static struct timespec in(long nanoseconds) {
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    now.tv_nsec += nanoseconds;
    now.tv_sec += now.tv_nsec / 1000000000, now.tv_nsec %= 1000000000;
    return now;
}

static volatile int handled;
static void handler(int number) { handled = number; }

static void interrupted(int flags, const struct timespec *timeout, int expected) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    handled = 0;
    CHECK(setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0, 20000}}, NULL) == 0);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 0, timeout, NULL, 0), expected);
    CHECK(handled == SIGALRM);
}

int main(void) {
    struct timespec soon = {0, 2000000}, never = {1, -1}, second = {1, 0};
    CHECK_ERRNO(futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0), EAGAIN);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 0, &soon, NULL, 0), ETIMEDOUT);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, &soon, NULL, 0), ETIMEDOUT);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, &never, NULL, 0), EINVAL);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, (void *)1, NULL, 0), EFAULT);
    CHECK_ERRNO(futex((char *)&word + 1, FUTEX_WAIT, 0, &soon, NULL, 0), EINVAL);
    CHECK_ERRNO(futex((void *)4, FUTEX_WAIT, 0, &soon, NULL, 0), EFAULT);
    CHECK_ERRNO(futex(NULL, FUTEX_WAIT, 0, &soon, NULL, 0), EFAULT);
    struct timespec until = in(2000000);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 0, &until, NULL, FUTEX_BITSET_MATCH_ANY), ETIMEDOUT);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 0, &until, NULL, 0), EINVAL);
    CHECK(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0);
    CHECK_ERRNO(futex(&word, 77, 1, NULL, NULL, 0), ENOSYS);

    /* The fourth argument is a number here, not an address. */
    uint32_t other = 5;
    CHECK(futex(&word, FUTEX_REQUEUE, 1, (void *)1, &other, 0) == 0);
    CHECK(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)INT32_MAX, &other, 0) == 0);
    CHECK_ERRNO(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &other, 1), EAGAIN);
    CHECK(futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &other, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 5)) == 0);
    CHECK(other == 8);

    /* Priority inheritance writes the thread's number. */
    CHECK(futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
    CHECK(word == (uint32_t)syscall(SYS_gettid));
    CHECK_ERRNO(futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EDEADLK);
    CHECK(futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
    CHECK(word == 0);

    /* A handler ends a wait with a time-out, SA_RESTART or not. */
    interrupted(0, NULL, EINTR);
    interrupted(0, &second, EINTR);
    interrupted(SA_RESTART, &second, EINTR);

    struct {
        uint64_t value, address;
        uint32_t flags, reserved;
    } waiters[2] = {{0, (uintptr_t)&word, 2 | FUTEX_PRIVATE_FLAG, 0}, {8, (uintptr_t)&other, 2, 0}};
    until = in(2000000);
    if (syscall(SYS_futex_waitv, waiters, 0, 0, NULL, 0) == -1 && errno != ENOSYS) {
        CHECK_ERRNO(syscall(SYS_futex_waitv, waiters, 2, 0, &until, CLOCK_MONOTONIC), ETIMEDOUT);
        waiters[1].value = 9;
        CHECK_ERRNO(syscall(SYS_futex_waitv, waiters, 2, 0, &until, CLOCK_MONOTONIC), EAGAIN);
        waiters[1].address = 8;
        CHECK_ERRNO(syscall(SYS_futex_waitv, waiters, 2, 0, &until, CLOCK_MONOTONIC), EFAULT);
        CHECK_ERRNO(syscall(SYS_futex_waitv, waiters, 129, 0, NULL, 0), EINVAL);
        CHECK_ERRNO(syscall(SYS_futex_waitv, (void *)1, 1, 0, NULL, 0), EFAULT);
    }

    struct robust_list_head head = {{&head.list}, 0, NULL}, *got;
    size_t size;
    CHECK(syscall(SYS_set_robust_list, &head, sizeof head) == 0);
    CHECK(syscall(SYS_get_robust_list, 0, &got, &size) == 0);
    CHECK(got == &head && size == sizeof head);
    CHECK(syscall(SYS_get_robust_list, syscall(SYS_gettid), &got, &size) == 0);
    CHECK_ERRNO(syscall(SYS_set_robust_list, &head, 8), EINVAL);
    CHECK_ERRNO(syscall(SYS_get_robust_list, 0, (void *)1, &size), EFAULT);
    CHECK_ERRNO(syscall(SYS_get_robust_list, INT_MAX, &got, &size), ESRCH);
    return 0;
}
