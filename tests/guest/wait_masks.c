/* Waits under another mask: sigsuspend, ppoll, pselect, epoll_pwait. What is let in is handled before they return, all of it. */
#include "children.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>
#include <ucontext.h>

static volatile int count, order[10];
static volatile uint64_t mask_inside[10], mask_in_frame[10];

static uint64_t mask_now(void) {
    uint64_t mask;
    CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, 8) == 0);
    return mask;
}

static void on_signal(int number, siginfo_t *info, void *context) {
    (void)info;
    int i = count++ % 10;
    order[i] = number;
    mask_inside[i] = mask_now();
    memcpy((void *)&mask_in_frame[i], &((ucontext_t *)context)->uc_sigmask, 8);
}

static int tube[2], epoll;
static uint64_t wanted; /* the mask of the wait */

static int by_sigsuspend(void) { return (int)syscall(SYS_rt_sigsuspend, &wanted, 8); }
static int by_ppoll(void) {
    struct pollfd p = {tube[0], POLLIN, 0};
    struct timespec t = {30, 0};
    return (int)syscall(SYS_ppoll, &p, 1, &t, &wanted, 8);
}
static int by_pselect(void) {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(tube[0], &set);
    struct timespec t = {30, 0};
    struct {
        const uint64_t *mask;
        size_t size;
    } argument = {&wanted, 8};
    return (int)syscall(SYS_pselect6, tube[0] + 1, &set, NULL, NULL, &t, &argument);
}
static int by_epoll(void) {
    struct epoll_event event;
    return (int)syscall(SYS_epoll_pwait, epoll, &event, 1, 30000, &wanted, 8);
}

static void try_it(int (*wait_for)(void)) {
    uint64_t usual = BIT(SIGUSR1) | BIT(SIGUSR2) | BIT(SIGTERM);
    CHECK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &usual, NULL, 8) == 0);

    /* What waits already ends it at once; two handlers run, the second on top of the first, under the wait's mask. */
    wanted = BIT(SIGTERM) | BIT(SIGHUP);
    count = 0;
    raise(SIGUSR1), raise(SIGUSR2), raise(SIGTERM);
    CHECK_ERRNO(wait_for(), EINTR);
    CHECK(count == 2 && order[0] == SIGUSR2 && order[1] == SIGUSR1 && mask_now() == usual && is_pending(SIGTERM));
    CHECK(mask_inside[0] == (wanted | BIT(SIGUSR1) | BIT(SIGUSR2)) && mask_inside[1] == (wanted | BIT(SIGUSR1)));
    CHECK(mask_in_frame[0] == (wanted | BIT(SIGUSR1)) && mask_in_frame[1] == usual);

    /* What comes while it waits. */
    count = 0;
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        wait_until_asleep(parent);
        kill(parent, SIGUSR1);
        _exit(0);
    }
    CHECK_ERRNO(wait_for(), EINTR);
    CHECK(count == 1 && order[0] == SIGUSR1 && mask_inside[0] == (wanted | BIT(SIGUSR1)) && mask_in_frame[0] == usual);
    CHECK(mask_now() == usual && succeeds(pid));

    /* What the wait's mask blocks does not end it. */
    if (wait_for != by_sigsuspend) {
        wanted = BIT(SIGUSR1) | BIT(SIGTERM);
        count = 0;
        raise(SIGUSR1);
        pid = fork();
        if (pid == 0) {
            wait_until_asleep(parent);
            _exit(write(tube[1], "x", 1) != 1);
        }
        char byte;
        CHECK(wait_for() == 1 && count == 0 && is_pending(SIGUSR1) && mask_now() == usual && succeeds(pid));
        CHECK(read(tube[0], &byte, 1) == 1);
        /* Something to report wins over a signal that waits. */
        CHECK(write(tube[1], "x", 1) == 1);
        wanted = 0;
        int result = wait_for();
        CHECK((result == 1 && count == 0) || (result == -1 && errno == EINTR && count >= 1));
        CHECK(read(tube[0], &byte, 1) == 1 && mask_now() == usual);
    }
    uint64_t none = 0;
    count = 0;
    CHECK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8) == 0 && count >= 1);

    /* Ignored and default signals: none of them ends it. SIGSEGV and SIGBUS are like others. */
    wanted = 0;
    count = 0;
    pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 3; i++) {
            wait_until_asleep(parent);
            kill(parent, SIGHUP), kill(parent, SIGWINCH), kill(parent, SIGBUS);
        }
        wait_until_asleep(parent);
        kill(parent, SIGSEGV);
        _exit(0);
    }
    CHECK_ERRNO(wait_for(), EINTR);
    CHECK(count == 1 && order[0] == SIGSEGV && succeeds(pid));

    usual = BIT(SIGSEGV) | BIT(SIGUSR1);
    CHECK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &usual, NULL, 8) == 0);
    count = 0;
    raise(SIGSEGV);
    CHECK_ERRNO(wait_for(), EINTR);
    CHECK(count == 1 && mask_inside[0] == BIT(SIGSEGV) && mask_in_frame[0] == usual && mask_now() == usual);
    CHECK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8) == 0);
}

static void refused(void) {
    uint64_t mask = 0;
    CHECK_ERRNO(syscall(SYS_rt_sigsuspend, &mask, 4), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigsuspend, 8, 8), EFAULT);
    struct pollfd p = {tube[0], POLLIN, 0};
    CHECK_ERRNO(syscall(SYS_ppoll, &p, 1, NULL, &mask, 4), EINVAL);
    CHECK_ERRNO(syscall(SYS_ppoll, &p, 1, NULL, 8, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_pselect6, 0, NULL, NULL, NULL, NULL, 8), EFAULT);
    struct epoll_event event;
    CHECK_ERRNO(syscall(SYS_epoll_pwait, epoll, &event, 1, 0, &mask, 4), EINVAL);
}

int main(void) {
    CHECK(pipe(tube) == 0 && (epoll = epoll_create1(0)) >= 0);
    struct epoll_event event = {.events = EPOLLIN};
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, tube[0], &event) == 0);
    handle(SIGUSR1, on_signal, SA_RESTART);
    handle(SIGUSR2, on_signal, SA_RESTART);
    handle(SIGTERM, on_signal, SA_RESTART);
    handle(SIGSEGV, on_signal, SA_RESTART);
    signal(SIGHUP, SIG_IGN);
    signal(SIGBUS, SIG_IGN);
    refused();
    try_it(by_sigsuspend);
    try_it(by_ppoll);
    try_it(by_pselect);
    try_it(by_epoll);
}
