/* What a handler is told: siginfo_t by who sent the signal. */
#include "children.h"
#include <poll.h>
#include <sys/time.h>
#include <time.h>

static volatile siginfo_t got;
static volatile int count;

static void on_signal(int number, siginfo_t *info, void *context) {
    CHECK(context && number == info->si_signo);
    got = *info;
    count++;
}

#define COMES(number, send)                                                                                                    \
    ({                                                                                                                         \
        count = 0, memset((void *)&got, 0xff, sizeof got);                                                                     \
        handle(number, on_signal, 0);                                                                                          \
        CHECK(send);                                                                                                           \
        for (int i_ = 0; i_ < 30000 && !count; i_++) usleep(1000);                                                             \
        CHECK(count == 1 && got.si_signo == (number) && got.si_errno == 0);                                                    \
    })

static void sent(void) {
    COMES(SIGUSR1, kill(getpid(), SIGUSR1) == 0);
    CHECK(got.si_code == SI_USER && got.si_pid == getpid() && got.si_uid == getuid());
    COMES(SIGUSR1, syscall(SYS_tkill, syscall(SYS_gettid), SIGUSR1) == 0);
    CHECK(got.si_code == SI_TKILL && got.si_pid == getpid() && got.si_uid == getuid());
    COMES(SIGUSR1, syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1) == 0);
    CHECK(got.si_code == SI_TKILL && got.si_pid == getpid());
    COMES(SIGUSR1, sigqueue(getpid(), SIGUSR1, (union sigval){.sival_ptr = (void *)0x123456789abc}) == 0);
    CHECK(got.si_code == SI_QUEUE && got.si_value.sival_ptr == (void *)0x123456789abc && got.si_pid == getpid());
    siginfo_t info = {.si_signo = SIGUSR2, .si_code = SI_MESGQ};
    info.si_pid = 4242, info.si_uid = 77, info.si_value.sival_int = 5;
    COMES(SIGUSR1, syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info) == 0);
    CHECK(got.si_code == SI_MESGQ && got.si_pid == 4242 && got.si_uid == 77 && got.si_value.sival_int == 5);
    info = (siginfo_t){.si_signo = SIGUSR1, .si_code = 99}; /* any code at all, to oneself */
    COMES(SIGUSR1, syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGUSR1, &info) == 0);
    CHECK(got.si_code == 99);

    pid_t pid = getpid(), child;
    COMES(SIGUSR1, (child = fork()) || (kill(pid, SIGUSR1), _exit(0), 0));
    CHECK(got.si_code == SI_USER && got.si_pid == child && succeeds(child));
    CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, 1, SIGUSR1, &(siginfo_t){.si_code = SI_USER}), EPERM);
    CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, 1, SIGUSR1, &(siginfo_t){.si_code = SI_TKILL}), EPERM);
    CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, getpid(), 65, &(siginfo_t){.si_code = SI_QUEUE}), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_tgkill, getpid(), 0, SIGUSR1), EINVAL);
    CHECK_ERRNO(syscall(SYS_tgkill, getpid(), 0x7ffffff, SIGUSR1), ESRCH);
    CHECK_ERRNO(syscall(SYS_tkill, getpid(), 65), EINVAL);
    CHECK_ERRNO(kill(getpid(), 65), EINVAL);
    CHECK_ERRNO(kill(0x7ffffff, 0), ESRCH);
}

static int exits(void) { return 6; }
static int stops(void) {
    raise(SIGSTOP);
    for (;;) pause();
    return 0;
}

static void children(void) {
    pid_t pid;
    COMES(SIGCHLD, (pid = start(exits)));
    CHECK(got.si_code == CLD_EXITED && got.si_pid == pid && got.si_uid == getuid() && got.si_status == 6);
    CHECK(status_of(pid) == 6 << 8);
    COMES(SIGCHLD, (pid = start(stops)));
    CHECK(got.si_code == CLD_STOPPED && got.si_pid == pid && got.si_status == SIGSTOP);
    COMES(SIGCHLD, kill(pid, SIGCONT) == 0);
    CHECK(got.si_code == CLD_CONTINUED && got.si_pid == pid && got.si_status == SIGCONT);
    CHECK(signal(SIGCHLD, SIG_DFL) != SIG_ERR);
    COMES(SIGCHLD, kill(pid, SIGKILL) == 0);
    CHECK(got.si_code == CLD_KILLED && got.si_pid == pid && got.si_status == SIGKILL && dies_of(pid, SIGKILL));
    signal(SIGCHLD, SIG_DFL);
}

static void timers(void) {
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 88};
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    struct itimerspec soon = {{0, 0}, {0, 1000000}};
    COMES(SIGUSR1, timer_settime(timer, 0, &soon, NULL) == 0);
    CHECK(got.si_code == SI_TIMER && got.si_value.sival_int == 88 && got.si_overrun == 0 && timer_delete(timer) == 0);
    struct itimerval real = {{0, 0}, {0, 1000}};
    COMES(SIGALRM, setitimer(ITIMER_REAL, &real, NULL) == 0);
    CHECK(got.si_code == SI_KERNEL);
}

static void descriptors(void) {
    int p[2];
    CHECK(pipe(p) == 0);
    CHECK(fcntl(p[0], F_SETOWN, getpid()) == 0 && fcntl(p[0], F_SETSIG, SIGRTMIN) == 0);
    CHECK(fcntl(p[0], F_GETSIG) == SIGRTMIN && fcntl(p[0], F_GETOWN) == getpid());
    CHECK(fcntl(p[0], F_SETFL, O_ASYNC | O_NONBLOCK) == 0);
    COMES(SIGRTMIN, write(p[1], "x", 1) == 1);
    CHECK(got.si_code == POLL_IN && got.si_fd == p[0] && got.si_band == (POLLIN | POLLRDNORM));
    CHECK(fcntl(p[0], F_SETSIG, 0) == 0); /* SIGIO */
    COMES(SIGIO, write(p[1], "x", 1) == 1);
    CHECK(got.si_code == POLL_IN || got.si_code == SI_KERNEL);
    close(p[0]);
    COMES(SIGPIPE, write(p[1], "x", 1) == -1 && errno == EPIPE);
    CHECK(got.si_code == SI_USER || got.si_code == SI_KERNEL);
    CHECK(got.si_pid == getpid() || got.si_pid == 0);
}

int main(void) {
    sent();
    children();
    timers();
    descriptors();
}
