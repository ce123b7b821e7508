/* RLIMIT_NOFILE as the guest sets it: numbers below it are all the guest's, at and above it there are none. */
#include "check.h"

#include <sys/resource.h>

static struct rlimit limit;

static void check_numbers(void) {
    struct rlimit now;
    CHECK(getrlimit(RLIMIT_NOFILE, &now) == 0);
    CHECK(now.rlim_cur == limit.rlim_cur && now.rlim_max == limit.rlim_max);
    int last = (int)limit.rlim_cur - 1;
    CHECK(dup2(0, last) == last);
    CHECK(close(last) == 0);
    for (int fd = last; fd < last + 20; fd++) CHECK_ERRNO(close(fd), EBADF);
    CHECK_ERRNO(dup2(0, last + 1), EBADF);
    CHECK_ERRNO(fcntl(0, F_DUPFD, last + 1), EINVAL);
}

static void set_soft(rlim_t soft) {
    limit.rlim_cur = soft;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    check_numbers();
}

int main(void) {
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    set_soft(100);
    for (rlim_t soft = 101; soft < 110; soft++) set_soft(soft);
    set_soft(140);
    set_soft(50);
    set_soft(60);

    /* Open ones stay open when the limit falls below them. */
    CHECK(dup2(0, 55) == 55);
    limit.rlim_cur = 40;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(fcntl(55, F_GETFD) == 0);
    CHECK(close(55) == 0);
    check_numbers();

    int fd, opened = 0;
    while ((fd = dup(0)) >= 0) CHECK(fd < 40), opened++;
    CHECK(errno == EMFILE && opened > 30);
    CHECK(syscall(SYS_close_range, 3, ~0u, 0) == 0 || errno == ENOSYS);

    /* Up to the hard limit, where another program has nothing else. */
    limit.rlim_cur = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    for (int number = (int)limit.rlim_max - 1; number > 100 && number > (int)limit.rlim_max - 4000; number -= 100) {
        int copy = fcntl(0, F_DUPFD, number);
        CHECK(copy == number && fcntl(copy, F_GETFD) == 0 && close(copy) == 0);
    }

    limit.rlim_cur = limit.rlim_max + 1;
    if (limit.rlim_cur) CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
    return 0;
}
