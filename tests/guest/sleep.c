/* nanosleep(2), clock_nanosleep(2): never too short; errors. */
#include "check.h"
#include <time.h>

static int64_t now(int clock) {
    struct timespec t;
    CHECK(clock_gettime(clock, &t) == 0);
    return t.tv_sec * 1000000000 + t.tv_nsec;
}

int main(void) {
    struct timespec t = {0, 20000000}, rest;
    int64_t start = now(CLOCK_MONOTONIC);
    CHECK(nanosleep(&t, &rest) == 0 && now(CLOCK_MONOTONIC) >= start + 20000000);
    t.tv_nsec = 0;
    CHECK(nanosleep(&t, NULL) == 0);
    t.tv_nsec = 1000000000;
    CHECK_ERRNO(nanosleep(&t, NULL), EINVAL);
    t = (struct timespec){-1, 0};
    CHECK_ERRNO(nanosleep(&t, NULL), EINVAL);
    CHECK_ERRNO(nanosleep((void *)8, NULL), EFAULT);

    start = now(CLOCK_MONOTONIC) + 20000000;
    t = (struct timespec){start / 1000000000, start % 1000000000};
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == 0 && now(CLOCK_MONOTONIC) >= start);
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == 0); /* the past */
    t = (struct timespec){0, 1000000};
    CHECK(clock_nanosleep(CLOCK_REALTIME, 0, &t, &rest) == 0);
    CHECK(clock_nanosleep(99, 0, &t, NULL) == EINVAL);
    CHECK(usleep(1) == 0 && sleep(0) == 0);
}
