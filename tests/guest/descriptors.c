/* dup(2) and its family, fcntl(2) on descriptors, close_range(2), RLIMIT_NOFILE, lowest free number. */
#include "check.h"
#include <linux/close_range.h>
#include <sys/resource.h>
#include <sys/stat.h>

static int is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

int main(void) {
    CHECK(syscall(SYS_close_range, 3, ~0u, 0) == 0); /* whatever was handed down */
    int a = open("/dev/null", O_RDWR), b = dup(a);
    CHECK(a == 3 && b == 4);
    CHECK(close(a) == 0 && dup(b) == 3);
    CHECK(dup2(a, 100) == 100 && fcntl(100, F_GETFD) == 0);
    CHECK(dup2(a, a) == a);
    CHECK_ERRNO(dup2(50, 50), EBADF);
    CHECK_ERRNO(dup2(50, 51), EBADF);
    CHECK_ERRNO(dup2(a, -1), EBADF);
    CHECK_ERRNO(dup(99), EBADF);
    CHECK(dup3(a, 101, O_CLOEXEC) == 101 && fcntl(101, F_GETFD) == FD_CLOEXEC);
    CHECK_ERRNO(dup3(a, a, 0), EINVAL);
    CHECK_ERRNO(dup3(a, 102, O_APPEND), EINVAL);
    CHECK(fcntl(a, F_DUPFD, 200) == 200 && fcntl(a, F_DUPFD, 200) == 201);
    CHECK(fcntl(a, F_DUPFD_CLOEXEC, 0) == 5 && fcntl(5, F_GETFD) == FD_CLOEXEC);
    CHECK(fcntl(5, F_SETFD, 0) == 0 && fcntl(5, F_GETFD) == 0);
    CHECK(fcntl(b, F_SETFL, O_NONBLOCK | O_APPEND) == 0 && (fcntl(a, F_GETFL) & O_NONBLOCK)); /* shared by the copies */
    CHECK_ERRNO(fcntl(a, 9999), EINVAL);
    CHECK_ERRNO(fcntl(99, F_GETFD), EBADF);

    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK_ERRNO(fcntl(a, F_DUPFD, limit.rlim_cur), EINVAL);
    CHECK_ERRNO(dup2(a, limit.rlim_cur), EBADF);
    CHECK(dup2(a, limit.rlim_cur - 1) == (int)limit.rlim_cur - 1);
    struct rlimit lower = {64, limit.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &lower) == 0);
    CHECK_ERRNO(dup2(a, 64), EBADF);
    CHECK(is_open(200)); /* what is open stays */
    int n = 0;
    while (dup(a) >= 0) n++;
    CHECK(errno == EMFILE && n == 64 - 6);
    CHECK_ERRNO(open("/dev/null", O_RDONLY), EMFILE);
    int fds[2];
    CHECK_ERRNO(pipe(fds), EMFILE);
    CHECK(close(40) == 0);
    CHECK_ERRNO(pipe(fds), EMFILE); /* and takes none of the two */
    CHECK(dup(a) == 40);
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0 && dup(a) == 64);
    struct rlimit higher = {limit.rlim_cur + 64 < limit.rlim_max ? limit.rlim_cur + 64 : limit.rlim_max, limit.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &higher) == 0);
    CHECK(dup2(a, higher.rlim_cur - 1) == (int)higher.rlim_cur - 1);

    CHECK(syscall(SYS_close_range, 10, 20, CLOSE_RANGE_CLOEXEC) == 0 && fcntl(10, F_GETFD) == FD_CLOEXEC);
    CHECK(fcntl(9, F_GETFD) == 0);
    CHECK(syscall(SYS_close_range, 10, 20, 0) == 0 && !is_open(10) && !is_open(20) && is_open(21) && is_open(9));
    CHECK_ERRNO(syscall(SYS_close_range, 20, 10, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_close_range, 3, 10, 1 << 10), EINVAL);
    CHECK(syscall(SYS_close_range, 3, ~0u, 0) == 0);
    for (int fd = 3; fd < (int)higher.rlim_cur; fd++) CHECK(!is_open(fd));
    CHECK(open("/dev/null", O_RDONLY) == 3);
    CHECK(close(0) == 0 && open("/dev/null", O_RDONLY) == 0);
}
