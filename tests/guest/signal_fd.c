/* signalfd: signals that are read. */
#include "children.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>

int main(void) {
    sigset_t set;
    sigemptyset(&set);
    int numbers[] = {SIGUSR1, SIGRTMIN + 2, SIGCHLD, SIGALRM};
    for (int i = 0; i < 4; i++) sigaddset(&set, numbers[i]);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    struct signalfd_siginfo info[4];
    CHECK_ERRNO(read(fd, info, sizeof info), EAGAIN);
    CHECK_ERRNO(read(fd, info, 1), EINVAL);
    struct pollfd p = {fd, POLLIN, 0};
    CHECK(poll(&p, 1, 0) == 0);

    raise(SIGUSR1);
    for (int i = 0; i < 2; i++) CHECK(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){50 + i}) == 0);
    CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLIN && is_pending(SIGUSR1));
    CHECK(read(fd, info, sizeof info) == 3 * sizeof *info);
    CHECK(info[0].ssi_signo == SIGUSR1 && info[0].ssi_pid == (uint32_t)getpid() && info[0].ssi_code == SI_TKILL);
    CHECK(info[1].ssi_signo == (uint32_t)SIGRTMIN + 2 && info[1].ssi_int == 50 && info[1].ssi_code == SI_QUEUE);
    CHECK(info[2].ssi_int == 51 && !is_pending(SIGUSR1));

    pid_t pid = fork();
    if (pid == 0) _exit(9);
    CHECK(poll(&p, 1, 30000) == 1 && read(fd, info, sizeof info) == sizeof *info);
    CHECK(info[0].ssi_signo == SIGCHLD && info[0].ssi_pid == (uint32_t)pid && info[0].ssi_status == 9);
    CHECK(info[0].ssi_code == CLD_EXITED && status_of(pid) == 9 << 8);

    CHECK(fcntl(fd, F_SETFL, 0) == 0); /* a read that waits */
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM, .sigev_value.sival_int = 5};
    struct itimerspec soon = {{0, 0}, {0, 20000000}};
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_settime(timer, 0, &soon, NULL) == 0);
    CHECK(read(fd, info, sizeof info) == sizeof *info && info[0].ssi_signo == SIGALRM && info[0].ssi_int == 5);

    int epoll = epoll_create1(0);
    struct epoll_event want = {.events = EPOLLIN}, is;
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &want) == 0 && epoll_wait(epoll, &is, 1, 0) == 0);
    raise(SIGUSR1);
    CHECK(epoll_wait(epoll, &is, 1, 0) == 1);
    sigset_t other; /* another set for the same descriptor */
    sigemptyset(&other);
    sigaddset(&other, SIGRTMIN + 2);
    CHECK(signalfd(fd, &other, 0) == fd && epoll_wait(epoll, &is, 1, 0) == 0);
    sigfillset(&other); /* what cannot be blocked cannot be read either */
    CHECK(signalfd(fd, &other, 0) == fd && read(fd, info, sizeof info) == sizeof *info && info[0].ssi_signo == SIGUSR1);
    CHECK_ERRNO(signalfd(0, &set, 0), EINVAL);
    CHECK_ERRNO(signalfd(999, &set, 0), EBADF);
    CHECK_ERRNO(signalfd(-1, &set, 1), EINVAL);
    CHECK_ERRNO(syscall(SYS_signalfd4, -1, &set, 4, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_signalfd4, -1, 8, 8, 0), EFAULT);
}
