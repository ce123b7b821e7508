/* Processes by descriptor: pidfd_open, pidfd_send_signal, pidfd_getfd, waitid(P_PIDFD), poll. */
#include "children.h"
#include <poll.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static int pidfd_open(pid_t pid, unsigned flags) { return (int)syscall(SYS_pidfd_open, pid, flags); }
static int pidfd_send_signal(int fd, int number, siginfo_t *info, unsigned flags) {
    return (int)syscall(SYS_pidfd_send_signal, fd, number, info, flags);
}

static int sleeper(void) {
    for (;;) pause();
    return 0;
}

static volatile int value, code;
static void on_signal(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    value = info->si_value.sival_int;
    code = info->si_code;
}

static int receiver(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    siginfo_t info;
    CHECK(sigwaitinfo(&set, &info) == SIGRTMIN);
    return info.si_value.sival_int;
}

int main(void) {
    CHECK_ERRNO(pidfd_open(0, 0), EINVAL);
    CHECK_ERRNO(pidfd_open(-1, 0), EINVAL);
    CHECK_ERRNO(pidfd_open(getpid(), 1), EINVAL);
    CHECK_ERRNO(pidfd_open(0x7ffffff, 0), ESRCH);

    pid_t pid = start(sleeper);
    int fd = pidfd_open(pid, 0);
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    CHECK(pidfd_send_signal(fd, 0, NULL, 0) == 0);
    CHECK_ERRNO(pidfd_send_signal(fd, 65, NULL, 0), EINVAL);
    CHECK_ERRNO(pidfd_send_signal(fd, 0, NULL, 1 << 20), EINVAL);
    CHECK_ERRNO(pidfd_send_signal(fd, SIGUSR1, (void *)8, 0), EFAULT);
    CHECK_ERRNO(pidfd_send_signal(0, SIGUSR1, NULL, 0), EBADF);
    siginfo_t other = {.si_signo = SIGUSR2, .si_code = SI_QUEUE};
    CHECK_ERRNO(pidfd_send_signal(fd, SIGUSR1, &other, 0), EINVAL);
    struct pollfd poll_fd = {fd, POLLIN, 0};
    CHECK(poll(&poll_fd, 1, 0) == 0);
    siginfo_t info = {0};
    CHECK(waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0);
    CHECK(pidfd_send_signal(fd, SIGKILL, NULL, 0) == 0);
    CHECK(poll(&poll_fd, 1, 30000) == 1 && poll_fd.revents == POLLIN);
    CHECK(waitid(P_PIDFD, fd, &info, WEXITED | WNOWAIT) == 0 && info.si_pid == pid && info.si_code == CLD_KILLED);
    CHECK(waitid(P_PIDFD, fd, &info, WEXITED) == 0 && info.si_status == SIGKILL);
    CHECK_ERRNO(pidfd_send_signal(fd, 0, NULL, 0), ESRCH);
    CHECK_ERRNO(waitid(P_PIDFD, fd, &info, WEXITED), ECHILD);
    CHECK_ERRNO(waitid(P_PIDFD, 0, &info, WEXITED), EBADF);
    CHECK_ERRNO(pidfd_open(pid, 0), ESRCH);
    close(fd);

    block(SIG_BLOCK, SIGRTMIN);
    pid = start(receiver);
    fd = pidfd_open(pid, 0);
    info = (siginfo_t){.si_signo = SIGRTMIN, .si_code = SI_QUEUE, .si_value.sival_int = 42};
    CHECK(pidfd_send_signal(fd, SIGRTMIN, &info, 0) == 0 && WEXITSTATUS(status_of(pid)) == 42);
    close(fd);

    handle(SIGUSR1, on_signal, 0);
    fd = pidfd_open(getpid(), 0);
    info = (siginfo_t){.si_signo = SIGUSR1, .si_code = SI_QUEUE, .si_value.sival_int = 9};
    CHECK(pidfd_send_signal(fd, SIGUSR1, &info, 0) == 0 && value == 9 && code == SI_QUEUE);
    CHECK(pidfd_send_signal(fd, SIGUSR1, NULL, 0) == 0 && code == SI_USER);

    int file = make_file("file", "x", 1);
    int copy = (int)syscall(SYS_pidfd_getfd, fd, file, 0);
    CHECK(copy >= 0 && copy != file && lseek(copy, 1, SEEK_SET) == 1 && lseek(file, 0, SEEK_CUR) == 1);
    CHECK_ERRNO(syscall(SYS_pidfd_getfd, fd, 10000, 0), EBADF);
    CHECK_ERRNO(syscall(SYS_pidfd_getfd, fd, file, 1), EINVAL);
}
