/* poll(2), ppoll(2), select(2), pselect(2): readiness, time-outs, what is left of them, errors. */
#include "check.h"
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <time.h>

static int64_t now(void) {
    struct timespec t;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    return t.tv_sec * 1000000000 + t.tv_nsec;
}

static int events(int fd, int wanted) {
    struct pollfd p = {fd, wanted, -1};
    int n = poll(&p, 1, 0);
    CHECK(n == (p.revents != 0));
    return p.revents;
}

static void polls(int r, int w) {
    int file = make_file("file", "x", 1);
    CHECK(events(r, POLLIN) == 0 && events(w, POLLOUT) == POLLOUT && events(file, POLLIN | POLLOUT) == (POLLIN | POLLOUT));
    CHECK(events(99, POLLIN) == POLLNVAL && events(-1, POLLIN) == 0);
    CHECK(write(w, "x", 1) == 1 && events(r, POLLIN | POLLPRI) == POLLIN && events(r, 0) == 0);
    struct pollfd three[] = {{r, POLLIN, 0}, {-5, POLLIN, 7}, {w, POLLOUT, 0}};
    CHECK(poll(three, 3, -1) == 2 && three[0].revents == POLLIN && three[1].revents == 0 && three[2].revents == POLLOUT);
    char byte;
    CHECK(read(r, &byte, 1) == 1);
    int64_t start = now();
    CHECK(poll(three, 1, 20) == 0 && now() - start >= 20000000);
    CHECK(poll(NULL, 0, 1) == 0);
    CHECK_ERRNO(poll((void *)8, 1, 0), EFAULT);
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK_ERRNO(poll(three, limit.rlim_cur + 1, 0), EINVAL);
    struct timespec t = {0, 20000000};
    start = now();
    CHECK(syscall(SYS_ppoll, three, 1, &t, NULL, 8l) == 0 && now() - start >= 20000000);
    CHECK(t.tv_sec == 0 && t.tv_nsec == 0); /* the rest is written back by the call itself */
    t.tv_nsec = -1;
    CHECK_ERRNO(ppoll(three, 1, &t, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_ppoll, three, 1, 8l, NULL, 8l), EFAULT);
    sigset_t none;
    sigemptyset(&none);
    t = (struct timespec){5, 0};
    CHECK(write(w, "x", 1) == 1 && ppoll(three, 1, &t, &none) == 1);
    CHECK_ERRNO(syscall(SYS_ppoll, three, 1, NULL, &none, 4l), EINVAL);
    CHECK(read(r, &byte, 1) == 1);
}

static void selects(int r, int w) {
    fd_set in, out, except;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_ZERO(&except);
    FD_SET(r, &in), FD_SET(w, &out), FD_SET(r, &except);
    struct timeval t = {5, 0};
    CHECK(select(w + 1, &in, &out, &except, &t) == 1 && !FD_ISSET(r, &in) && FD_ISSET(w, &out) && !FD_ISSET(r, &except));
    CHECK(t.tv_sec >= 4);
    FD_SET(r, &in);
    t = (struct timeval){0, 20000};
    int64_t start = now();
    CHECK(select(r + 1, &in, NULL, NULL, &t) == 0 && now() - start >= 20000000 && !FD_ISSET(r, &in));
    CHECK(t.tv_sec == 0 && t.tv_usec == 0);
    FD_SET(r, &in);
    CHECK(write(w, "x", 1) == 1 && select(FD_SETSIZE, &in, NULL, NULL, NULL) == 1 && FD_ISSET(r, &in));
    CHECK(select(r, &in, NULL, NULL, &t) == 0);    /* r itself is not below nfds */
    CHECK(dup2(r, 100) == 100 && close(100) == 0); /* what is beyond the room for descriptors is not looked at */
    FD_ZERO(&in);
    FD_SET(100, &in);
    CHECK_ERRNO(select(101, &in, NULL, NULL, &t), EBADF);
    CHECK_ERRNO(select(-1, NULL, NULL, NULL, &t), EINVAL);
    CHECK_ERRNO(select(1, (void *)8, NULL, NULL, &t), EFAULT);
    t.tv_sec = -1;
    CHECK_ERRNO(select(0, NULL, NULL, NULL, &t), EINVAL);
    struct timespec ts = {0, 1000000};
    CHECK(pselect(0, NULL, NULL, NULL, &ts, NULL) == 0);
    sigset_t none;
    sigemptyset(&none);
    FD_ZERO(&in);
    FD_SET(r, &in);
    CHECK(pselect(r + 1, &in, NULL, NULL, NULL, &none) == 1);
    struct {
        const void *set;
        size_t size;
    } mask = {(void *)8, 8};
    CHECK_ERRNO(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &ts, &mask), EFAULT);
    CHECK_ERRNO(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &ts, 8l), EFAULT);
}

int main(void) {
    int p[2];
    CHECK(pipe(p) == 0);
    polls(p[0], p[1]);
    selects(p[0], p[1]);
    char byte;
    CHECK(read(p[0], &byte, 1) == 1 && close(p[1]) == 0 && events(p[0], POLLIN) == POLLHUP);
    CHECK(pipe(p) == 0 && close(p[0]) == 0 && events(p[1], POLLOUT) == (POLLOUT | POLLERR));
}
