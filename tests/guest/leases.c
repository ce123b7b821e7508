/* Leases of files: fcntl(2), F_SETLEASE. */
#include "children.h"

static volatile sig_atomic_t broken, broken_fd;

static void on_break(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    broken_fd = info->si_fd;
    broken++;
}

static int opens(void) {
    CHECK_ERRNO(open("leased", O_RDONLY | O_NONBLOCK), EWOULDBLOCK);
    int fd = open("leased", O_RDONLY); /* waits until the lease is given back */
    CHECK(fd >= 0);
    return 0;
}

int main(void) {
    int fd = make_file("leased", "x", 1);
    handle(SIGIO, on_break, SA_RESTART);
    CHECK(fcntl(fd, F_SETSIG, SIGIO) == 0 && fcntl(fd, F_GETSIG) == SIGIO);
    CHECK(fcntl(fd, F_GETLEASE) == F_UNLCK);
    CHECK_ERRNO(fcntl(fd, F_SETLEASE, 77), EINVAL);
    if (fcntl(fd, F_SETLEASE, F_WRLCK)) { /* not on every file system */
        CHECK(errno == EINVAL || errno == EAGAIN);
        return 0;
    }
    CHECK(fcntl(fd, F_GETLEASE) == F_WRLCK);
    pid_t pid = start(opens);
    while (!broken) usleep(1000);
    CHECK(broken_fd == fd);
    CHECK(fcntl(fd, F_GETLEASE) == F_RDLCK); /* what it is to become */
    usleep(20000);
    CHECK(fcntl(fd, F_SETLEASE, F_UNLCK) == 0);
    CHECK(succeeds(pid));
    CHECK(close(fd) == 0);
    return 0;
}
