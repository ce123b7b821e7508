/* epoll(7): level and edge, one shot, data, nesting, errors. */
#include "check.h"
#include <signal.h>
#include <sys/epoll.h>

static int control(int epoll, int operation, int fd, unsigned wanted, uint64_t data) {
    struct epoll_event e = {wanted, {.u64 = data}};
    return epoll_ctl(epoll, operation, fd, &e);
}

int main(void) {
    struct epoll_event events[8];
    int p[2], q[2], epoll = epoll_create1(EPOLL_CLOEXEC);
    CHECK(epoll >= 0 && fcntl(epoll, F_GETFD) == FD_CLOEXEC && pipe(p) == 0 && pipe(q) == 0);
    CHECK(epoll_create(1) >= 0);
    CHECK_ERRNO(epoll_create(0), EINVAL);
    CHECK_ERRNO(epoll_create1(1), EINVAL);

    CHECK(control(epoll, EPOLL_CTL_ADD, p[0], EPOLLIN, 0x1122334455667788) == 0);
    CHECK(control(epoll, EPOLL_CTL_ADD, q[0], EPOLLIN | EPOLLET, 2) == 0);
    CHECK(epoll_wait(epoll, events, 8, 0) == 0);
    CHECK(write(p[1], "x", 1) == 1 && write(q[1], "x", 1) == 1);
    CHECK(epoll_wait(epoll, events, 8, -1) == 2);
    CHECK(events[0].events == EPOLLIN && events[0].data.u64 == 0x1122334455667788 && events[1].data.u64 == 2);
    CHECK(epoll_wait(epoll, events, 8, -1) == 1 && events[0].data.u64 == 0x1122334455667788); /* the edge was told */
    CHECK(write(q[1], "x", 1) == 1 && epoll_wait(epoll, events, 8, 0) == 2);
    CHECK(epoll_wait(epoll, events, 1, 0) == 1);

    CHECK(control(epoll, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT, 3) == 0);
    CHECK(epoll_wait(epoll, events, 8, 0) == 1 && events[0].data.u64 == 3 && epoll_wait(epoll, events, 8, 0) == 0);
    CHECK(control(epoll, EPOLL_CTL_MOD, p[0], EPOLLIN, 4) == 0 && epoll_wait(epoll, events, 8, 0) == 1);

    int outer = epoll_create1(0);
    CHECK(control(outer, EPOLL_CTL_ADD, epoll, EPOLLIN, 9) == 0 && epoll_wait(outer, events, 8, 0) == 1);
    CHECK(events[0].data.u64 == 9);
    CHECK_ERRNO(control(epoll, EPOLL_CTL_ADD, outer, EPOLLIN, 0), ELOOP);
    CHECK_ERRNO(control(epoll, EPOLL_CTL_ADD, epoll, EPOLLIN, 0), EINVAL);
    CHECK_ERRNO(control(epoll, EPOLL_CTL_ADD, p[0], EPOLLIN, 0), EEXIST);
    CHECK_ERRNO(control(epoll, EPOLL_CTL_DEL, p[1], EPOLLIN, 0), ENOENT);
    CHECK_ERRNO(control(epoll, EPOLL_CTL_MOD, p[1], EPOLLIN, 0), ENOENT);
    CHECK_ERRNO(control(epoll, EPOLL_CTL_ADD, make_file("file", "", 0), EPOLLIN, 0), EPERM);
    CHECK_ERRNO(control(epoll, EPOLL_CTL_ADD, 99, EPOLLIN, 0), EBADF);
    CHECK_ERRNO(control(p[0], EPOLL_CTL_ADD, p[1], EPOLLIN, 0), EINVAL);
    CHECK_ERRNO(control(epoll, 99, p[1], EPOLLIN, 0), EINVAL);
    CHECK_ERRNO(epoll_ctl(epoll, EPOLL_CTL_ADD, p[1], (void *)8), EFAULT);
    CHECK_ERRNO(epoll_wait(epoll, events, 0, 0), EINVAL);
    CHECK_ERRNO(epoll_wait(epoll, events, -1, 0), EINVAL);
    CHECK_ERRNO(epoll_wait(epoll, (void *)8, 8, 0), EFAULT);
    CHECK_ERRNO(epoll_wait(p[0], events, 8, 0), EINVAL);
    CHECK_ERRNO(epoll_wait(99, events, 8, 0), EBADF);

    /* At a page's end the array takes what fits; 12 bytes an event on x86-64. */
    CHECK(sizeof(struct epoll_event) == 12 && write(q[1], "x", 1) == 1);
    char *end = end_of_pages(1);
    CHECK(epoll_wait(epoll, (struct epoll_event *)(end - 12), 8, 0) == 1);

    CHECK(control(epoll, EPOLL_CTL_DEL, q[0], 0, 0) == 0);
    CHECK(close(p[1]) == 0 && epoll_wait(epoll, events, 8, 0) == 1 && events[0].events == (EPOLLIN | EPOLLHUP));
    CHECK(close(p[0]) == 0 && epoll_wait(epoll, events, 8, 0) == 0);
    sigset_t none;
    sigemptyset(&none);
    CHECK(epoll_pwait(epoll, events, 8, 10, &none) == 0);
    struct timespec t = {0, 1000};
    CHECK(syscall(SYS_epoll_pwait2, epoll, events, 8, &t, NULL, 0l) == 0);
}
