/* Clocks: each one runs forward, and the vDSO's answers agree with the system call's. */
#include "check.h"
#include <sys/time.h>
#include <time.h>

static int64_t by_call(int clock) {
    struct timespec t;
    CHECK(syscall(SYS_clock_gettime, clock, &t) == 0);
    return t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t by_libc(int clock) {
    struct timespec t;
    CHECK(clock_gettime(clock, &t) == 0 && t.tv_nsec >= 0 && t.tv_nsec < 1000000000);
    return t.tv_sec * 1000000000 + t.tv_nsec;
}

int main(void) {
    static const int clocks[] = {
        CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW,
        CLOCK_BOOTTIME, CLOCK_TAI,       CLOCK_REALTIME_COARSE,    CLOCK_MONOTONIC_COARSE};
    struct timespec t;
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        int64_t last = by_libc(clocks[i]);
        for (int round = 0; round < 300; round++) {
            int64_t now = round % 3 ? by_libc(clocks[i]) : by_call(clocks[i]);
            CHECK(now >= last);
            last = now;
        }
        CHECK(clock_getres(clocks[i], &t) == 0 && t.tv_sec == 0 && t.tv_nsec >= 1);
    }
    CHECK_ERRNO(clock_gettime(99, &t), EINVAL);
    CHECK_ERRNO(syscall(SYS_clock_gettime, 99, 8), EINVAL);
    CHECK_ERRNO(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 8), EFAULT);
    CHECK_ERRNO(clock_getres(99, &t), EINVAL);
    CHECK(clock_getres(CLOCK_MONOTONIC, NULL) == 0);

    struct timeval day;
    int64_t before = by_call(CLOCK_REALTIME);
    CHECK(gettimeofday(&day, NULL) == 0 && day.tv_sec * 1000000 + day.tv_usec >= before / 1000);
    CHECK(day.tv_sec * 1000000 + day.tv_usec <= by_call(CLOCK_REALTIME) / 1000);
    CHECK(syscall(SYS_gettimeofday, &day, NULL) == 0 && day.tv_sec >= before / 1000000000);
    CHECK_ERRNO(syscall(SYS_gettimeofday, 8, NULL), EFAULT);
    CHECK(time(NULL) >= before / 1000000000 - 1);
    CHECK(syscall(SYS_time, &t.tv_sec) == t.tv_sec);

    /* This process's CPU time grows when it computes, and by itself is no more than what all CPUs could give. */
    int64_t cpu = by_call(CLOCK_PROCESS_CPUTIME_ID);
    for (volatile int i = 0; i < 20000000; i++)
        ;
    CHECK(by_call(CLOCK_PROCESS_CPUTIME_ID) > cpu && clock() > 0);
    clockid_t own;
    CHECK(clock_getcpuclockid(0, &own) == 0 && by_call(own) >= cpu);
}
