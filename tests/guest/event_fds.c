/* eventfd(2), timerfd_create(2), inotify(7). */
#include "check.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>

static int ready(int fd, int wanted) {
    struct pollfd p = {fd, wanted, 0};
    return poll(&p, 1, 0) == 1;
}

static void counters(void) {
    uint64_t value = 5;
    int fd = eventfd(3, EFD_NONBLOCK);
    CHECK(fd >= 0 && ready(fd, POLLIN) && write(fd, &value, 8) == 8 && read(fd, &value, 8) == 8 && value == 8);
    CHECK(!ready(fd, POLLIN) && ready(fd, POLLOUT));
    CHECK_ERRNO(read(fd, &value, 8), EAGAIN);
    CHECK_ERRNO(read(fd, &value, 7), EINVAL);
    value = ~0ull;
    CHECK_ERRNO(write(fd, &value, 8), EINVAL);
    value--;
    CHECK(write(fd, &value, 8) == 8 && !ready(fd, POLLOUT));
    value = 1;
    CHECK_ERRNO(write(fd, &value, 8), EAGAIN);
    CHECK_ERRNO(read(fd, (void *)8, 8), EFAULT);
    fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    CHECK(read(fd, &value, 8) == 8 && value == 1 && read(fd, &value, 8) == 8 && value == 1);
    CHECK_ERRNO(read(fd, &value, 8), EAGAIN);
    CHECK_ERRNO(eventfd(0, 1 << 20), EINVAL);
    CHECK(syscall(SYS_eventfd, 1) >= 0);
}

static void timers(void) {
    uint64_t times;
    struct itimerspec set = {{0, 1000000}, {0, 1000000}}, left;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    CHECK(fd >= 0 && timerfd_settime(fd, 0, &set, NULL) == 0);
    CHECK(read(fd, &times, 8) == 8 && times >= 1 && read(fd, &times, 8) == 8 && times >= 1);
    CHECK(timerfd_gettime(fd, &left) == 0 && left.it_interval.tv_nsec == 1000000 && left.it_value.tv_nsec <= 1000000);
    set = (struct itimerspec){{0, 0}, {1000, 0}};
    CHECK(timerfd_settime(fd, 0, &set, &left) == 0 && left.it_interval.tv_nsec == 1000000 && !ready(fd, POLLIN));
    CHECK(timerfd_gettime(fd, &left) == 0 && left.it_value.tv_sec >= 900 && left.it_interval.tv_nsec == 0);
    set.it_value = (struct timespec){1, 0};
    CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &set, NULL) == 0 && read(fd, &times, 8) == 8 && times == 1);
    CHECK_ERRNO(timerfd_create(99, 0), EINVAL);
    set.it_value.tv_nsec = -1;
    CHECK_ERRNO(timerfd_settime(fd, 0, &set, NULL), EINVAL);
    CHECK_ERRNO(timerfd_settime(fd, 0, (void *)8, NULL), EFAULT);
    CHECK_ERRNO(timerfd_settime(0, 0, &(struct itimerspec){0}, NULL), EINVAL);
}

static void watches(void) {
    char buffer[PAGE] __attribute__((aligned(8)));
    int fd = inotify_init1(IN_NONBLOCK), watch = inotify_add_watch(fd, ".", IN_CREATE | IN_DELETE | IN_CLOSE_WRITE);
    CHECK(fd >= 0 && watch >= 0);
    CHECK_ERRNO(read(fd, buffer, sizeof buffer), EAGAIN);
    CHECK(close(make_file("watched", "x", 1)) == 0 && unlink("watched") == 0);
    ssize_t n = read(fd, buffer, sizeof buffer);
    static const uint32_t expected[] = {IN_CREATE, IN_CLOSE_WRITE, IN_DELETE};
    char *at = buffer;
    for (int i = 0; i < 3; i++) {
        struct inotify_event *e = (void *)at;
        CHECK(at < buffer + n && e->wd == watch && e->mask == expected[i] && !strcmp(e->name, "watched"));
        at += sizeof *e + e->len;
    }
    CHECK(at == buffer + n && inotify_rm_watch(fd, watch) == 0);
    CHECK_ERRNO(inotify_rm_watch(fd, watch), EINVAL);
    CHECK_ERRNO(inotify_add_watch(fd, "absent", IN_CREATE), ENOENT);
    CHECK_ERRNO(inotify_add_watch(fd, (char *)8, IN_CREATE), EFAULT);
}

int main(void) {
    counters();
    timers();
    watches();
}
