/* futex(2) many times beside threads that wait: who is to be woken is woken, and counted; who is not is not. */
#include "children.h"
#include <linux/futex.h>
#include <pthread.h>
#include <time.h>

enum { OFTEN = 200 };
static uint32_t word, second;
static volatile int woken;

static long futex(void *at, int op, uint32_t value, const void *timeout, void *other, uint32_t value3) {
    return syscall(SYS_futex, at, op, value, timeout, other, value3);
}

static long wake(uint32_t *at) { return futex(at, FUTEX_WAKE_PRIVATE, 1000, NULL, NULL, 0); }

/* Nobody waits, whichever way one asks; nor is waited for what has come already. */
static void often(void) {
    for (int i = 0; i < OFTEN; i++) {
        CHECK(wake(&word) == 0);
        CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, word + 1, NULL, NULL, 0), EAGAIN);
        CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, word - 1, NULL, NULL, 1), EAGAIN);
        CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, word - 1, NULL, NULL, ~0u), EAGAIN);
    }
}

static void check_arguments(void) {
    char *end = end_of_pages(1);
    struct timespec none = {0, 0}, wrong = {0, -1};
    often();
    CHECK(futex(end, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 0); /* which does not look there */
    CHECK_ERRNO(futex(end, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EFAULT);
    CHECK_ERRNO(futex(NULL, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0), EFAULT);
    CHECK(futex(NULL, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 0);
    CHECK_ERRNO(futex(end - 3, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), EINVAL);
    CHECK_ERRNO(futex(end - 3, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0), EINVAL);
    CHECK_ERRNO(futex((void *)-8l, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), EFAULT);
    CHECK_ERRNO(futex((void *)-8l, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0), EFAULT);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, word + 1, NULL, NULL, 0), EINVAL);
    CHECK_ERRNO(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 0), EINVAL);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE | FUTEX_CLOCK_REALTIME, word + 1, NULL, NULL, 0), ENOSYS);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, word + 1, &wrong, NULL, 0), EINVAL);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, word + 1, &none, NULL, 0), EAGAIN);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, word, &none, NULL, 0), ETIMEDOUT);
    uint32_t *fixed = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK_ERRNO(futex(fixed, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0), EAGAIN);
}

struct way {
    int operation;
    uint32_t *at;
};

static void *waiter(void *arg) {
    const struct way *way = arg;
    long result = futex(way->at, way->operation, 0, NULL, &second, 3);
    CHECK(result == 0 || way->operation == FUTEX_LOCK_PI_PRIVATE);
    __atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

/* As many as wait are woken. */
static void check_woken(int operation, int count) {
    pthread_t thread[8];
    const struct way way = {operation, &word};
    woken = 0;
    for (int i = 0; i < count; i++) CHECK(pthread_create(&thread[i], NULL, waiter, (void *)&way) == 0);
    for (long all = 0; all < count;) {
        CHECK(wake(&second) == 0);
        long now = wake(&word);
        CHECK(now >= 0);
        all += now;
    }
    for (int i = 0; i < count; i++) CHECK(pthread_join(thread[i], NULL) == 0);
    CHECK(woken == count);
    often();
}

/* A word that changes between the look at it and the wait: nobody sleeps for ever. */
static uint32_t turn;

static void *other_turn(void *arg) {
    for (uint32_t i = 0; i < 3000; i++) {
        while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) % 2 == 0)
            futex(&turn, FUTEX_WAIT_PRIVATE, __atomic_load_n(&turn, __ATOMIC_SEQ_CST) & ~1u, NULL, NULL, 0);
        __atomic_add_fetch(&turn, 1, __ATOMIC_SEQ_CST);
        wake(&turn);
    }
    return arg;
}

static void check_turns(void) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, other_turn, NULL) == 0);
    for (uint32_t i = 0; i < 3000; i++) {
        while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) % 2)
            futex(&turn, FUTEX_WAIT_PRIVATE, __atomic_load_n(&turn, __ATOMIC_SEQ_CST) | 1u, NULL, NULL, 0);
        __atomic_add_fetch(&turn, 1, __ATOMIC_SEQ_CST);
        wake(&turn);
    }
    CHECK(pthread_join(thread, NULL) == 0);
}

/* Who holds and waits for a lock of priority inheritance is not for FUTEX_WAKE. */
static void check_inheritance(void) {
    const struct way way = {FUTEX_LOCK_PI_PRIVATE, &word};
    pthread_t thread;
    word = 0;
    CHECK(futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
    woken = 0;
    CHECK(pthread_create(&thread, NULL, waiter, (void *)&way) == 0);
    while (!(__atomic_load_n(&word, __ATOMIC_SEQ_CST) & FUTEX_WAITERS)) usleep(1000);
    usleep(20000);
    CHECK_ERRNO(wake(&word), EINVAL);
    CHECK(!woken && futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
    CHECK(pthread_join(thread, NULL) == 0 && woken == 1);
    word = 0;
}

/* One that waited here waits there. */
static void check_moved(void) {
    const struct way way = {FUTEX_WAIT_PRIVATE, &word};
    pthread_t thread;
    woken = 0;
    often();
    CHECK(pthread_create(&thread, NULL, waiter, (void *)&way) == 0);
    while (futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)1, &second, 0) == 0) {}
    CHECK(wake(&word) == 0);
    CHECK(!woken && wake(&second) == 1);
    CHECK(pthread_join(thread, NULL) == 0 && woken == 1);
}

/* Who waits in the parent does not in the child. */
static int child(void) {
    often();
    CHECK(wake(&second) == 0);
    check_woken(FUTEX_WAIT_PRIVATE, 1);
    return 0;
}

static void check_fork(void) {
    const struct way way = {FUTEX_WAIT_PRIVATE, &second};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, waiter, (void *)&way) == 0);
    usleep(20000);
    CHECK(succeeds(start(child)));
    while (wake(&second) == 0) {}
    CHECK(pthread_join(thread, NULL) == 0);
}

int main(void) {
    check_arguments();
    check_woken(FUTEX_WAIT_PRIVATE, 1);
    check_woken(FUTEX_WAIT_PRIVATE, 8);
    check_woken(FUTEX_WAIT_BITSET_PRIVATE, 3);
    check_turns();
    check_fork();
    check_inheritance();
    check_moved();
    check_woken(FUTEX_WAIT_PRIVATE, 2);
    return 0;
}
