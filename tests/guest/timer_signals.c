/* Timers that signal: alarm, setitimer, timer_create with its ways to notify, overruns; time left of sleeps. */
#include "children.h"
#include <sys/time.h>
#include <time.h>

static volatile int count, last_value, last_overrun;
static void on_signal(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    count++;
    last_value = info->si_value.sival_int;
    last_overrun = info->si_overrun;
}

static void wait_for(int expected) {
    for (int i = 0; i < 30000 && count < expected; i++) usleep(1000);
    CHECK(count >= expected);
}

static void alarms(void) {
    handle(SIGALRM, on_signal, 0);
    CHECK(alarm(100) == 0);
    unsigned left = alarm(0);
    CHECK(left > 90 && left <= 100 && alarm(0) == 0);
    struct itimerval t = {{0, 5000}, {0, 5000}}, old;
    CHECK(setitimer(ITIMER_REAL, &t, NULL) == 0);
    wait_for(3);
    t = (struct itimerval){{0, 0}, {0, 0}};
    CHECK(setitimer(ITIMER_REAL, &t, &old) == 0 && old.it_interval.tv_usec == 5000);
    CHECK(getitimer(ITIMER_REAL, &old) == 0 && old.it_value.tv_sec == 0 && old.it_value.tv_usec == 0);
    t.it_value.tv_usec = 1000000;
    CHECK_ERRNO(setitimer(ITIMER_REAL, &t, NULL), EINVAL);
    CHECK_ERRNO(setitimer(9, &old, NULL), EINVAL);
    CHECK_ERRNO(getitimer(9, &old), EINVAL);
    CHECK_ERRNO(syscall(SYS_setitimer, ITIMER_REAL, 8, NULL), EFAULT);
    CHECK_ERRNO(syscall(SYS_getitimer, ITIMER_REAL, 8), EFAULT);

    /* Of CPU time, that a loop without calls uses. */
    int which[] = {ITIMER_VIRTUAL, ITIMER_PROF}, numbers[] = {SIGVTALRM, SIGPROF};
    for (int i = 0; i < 2; i++) {
        count = 0;
        handle(numbers[i], on_signal, SA_RESTART);
        t = (struct itimerval){{0, 10000}, {0, 10000}};
        CHECK(setitimer(which[i], &t, NULL) == 0);
        alarm(60);
        while (count < 3) continue;
        t = (struct itimerval){{0, 0}, {0, 0}};
        CHECK(setitimer(which[i], &t, NULL) == 0);
        alarm(0);
    }
}

static void posix_timers(void) {
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 31};
    struct itimerspec once = {{0, 0}, {0, 2000000}}, fast = {{0, 1000000}, {0, 1000000}}, off = {{0, 0}, {0, 0}}, left;
    handle(SIGRTMIN, on_signal, 0);
    int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};
    for (int i = 0; i < 3; i++) {
        count = 0;
        CHECK(timer_create(clocks[i], &event, &timer) == 0 && timer_settime(timer, 0, &once, NULL) == 0);
        wait_for(1);
        CHECK(last_value == 31 && timer_gettime(timer, &left) == 0 && left.it_value.tv_nsec == 0 && timer_delete(timer) == 0);
    }

    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0); /* overruns: what comes while it is blocked */
    block(SIG_BLOCK, SIGRTMIN);
    count = 0;
    CHECK(timer_settime(timer, 0, &fast, NULL) == 0);
    usleep(50000);
    CHECK(count == 0 && is_pending(SIGRTMIN));
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    siginfo_t info;
    CHECK(sigwaitinfo(&set, &info) == SIGRTMIN && info.si_code == SI_TIMER && info.si_overrun >= 40);
    CHECK(timer_getoverrun(timer) == info.si_overrun);
    block(SIG_UNBLOCK, SIGRTMIN);
    wait_for(2);
    CHECK(timer_settime(timer, 0, &off, &left) == 0 && left.it_interval.tv_nsec == 1000000);
    CHECK(timer_delete(timer) == 0);
    CHECK_ERRNO(timer_delete(timer), EINVAL);
    CHECK_ERRNO(timer_gettime(timer, &left), EINVAL);
    CHECK_ERRNO(timer_getoverrun(timer), EINVAL);

    event = (struct sigevent){.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 32};
    event._sigev_un._tid = (int)syscall(SYS_gettid);
    count = 0;
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_settime(timer, 0, &once, NULL) == 0);
    wait_for(1);
    CHECK(last_value == 32 && timer_delete(timer) == 0);

    event = (struct sigevent){.sigev_notify = SIGEV_NONE};
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    struct itimerspec day = {{0, 0}, {86400, 0}};
    CHECK(timer_settime(timer, 0, &day, NULL) == 0 && timer_gettime(timer, &left) == 0 && left.it_value.tv_sec > 86000);
    pid_t pid = fork(); /* a child has none of them */
    if (pid == 0) {
        CHECK_ERRNO(timer_gettime(timer, &left), EINVAL);
        _exit(0);
    }
    CHECK(succeeds(pid) && timer_delete(timer) == 0);

    handle(SIGALRM, on_signal, 0); /* without an event: SIGALRM with the timer's number */
    count = 0;
    CHECK(timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0 && timer_settime(timer, 0, &once, NULL) == 0);
    wait_for(1);
    CHECK(timer_delete(timer) == 0);
    struct timespec now;
    CHECK(timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0 && clock_gettime(CLOCK_MONOTONIC, &now) == 0); /* in the past */
    struct itimerspec past = {{0, 0}, {now.tv_sec - 1 > 0 ? now.tv_sec - 1 : 1, 0}};
    count = 0;
    CHECK(timer_settime(timer, TIMER_ABSTIME, &past, NULL) == 0);
    wait_for(1);
    CHECK(timer_delete(timer) == 0);

    event = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65};
    CHECK_ERRNO(timer_create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
    event = (struct sigevent){.sigev_notify = 77, .sigev_signo = SIGALRM};
    CHECK_ERRNO(timer_create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
    CHECK_ERRNO(timer_create(999, NULL, &timer), EINVAL);
    CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, 8, &timer), EFAULT);
    CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, 8), EFAULT);
}

/* What is left of a sleep that a handler has ended; a sleep that no handler has ended goes on. */
static void sleeps(void) {
    handle(SIGALRM, on_signal, SA_RESTART);
    struct timespec day = {86400, 0}, left = {0, 0};
    ualarm(20000, 0);
    CHECK_ERRNO(nanosleep(&day, &left), EINTR);
    CHECK(left.tv_sec >= 86340 && left.tv_sec < 86400 && left.tv_nsec >= 0 && left.tv_nsec < 1000000000);
    left = (struct timespec){0, 0};
    ualarm(20000, 0);
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &day, &left) == EINTR && left.tv_sec >= 86340 && left.tv_sec < 86400);
    struct timespec until;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    until.tv_sec += 86400;
    left = (struct timespec){-7, 0};
    ualarm(20000, 0);
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, &left) == EINTR && left.tv_sec == -7); /* not told */
    ualarm(20000, 0);
    CHECK_ERRNO(syscall(SYS_nanosleep, &day, 8), EFAULT);
    struct timespec bad = {0, 1000000000};
    CHECK_ERRNO(nanosleep(&bad, NULL), EINVAL);
    CHECK(clock_nanosleep(999, 0, &day, NULL) == EINVAL);

    struct timeval before, after, limit = {0, 200000}; /* select and ppoll tell too */
    struct timespec shown = {86400, 0};
    ualarm(20000, 0);
    CHECK_ERRNO(syscall(SYS_ppoll, NULL, 0, &shown, NULL, 8), EINTR);
    CHECK(shown.tv_sec >= 86340 && shown.tv_sec < 86400);

    signal(SIGALRM, SIG_IGN);
    CHECK(gettimeofday(&before, NULL) == 0);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 5; i++) {
            usleep(10000);
            kill(parent, SIGALRM), kill(parent, SIGWINCH), kill(parent, SIGSTOP), kill(parent, SIGCONT);
        }
        _exit(0);
    }
    struct timespec fifth = {0, 200000000};
    CHECK(nanosleep(&fifth, NULL) == 0 && gettimeofday(&after, NULL) == 0);
    timersub(&after, &before, &after);
    CHECK(timercmp(&after, &limit, >=) && succeeds(pid));
}

int main(void) {
    alarms();
    posix_timers();
    sleeps();
}
