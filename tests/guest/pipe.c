/* pipe(7): capacity, atomic writes, ends that close, packets, named pipes. */
#include "check.h"
#include <signal.h>
#include <sys/stat.h>

static char data[1 << 20];

int main(void) {
    int p[2];
    signal(SIGPIPE, SIG_IGN);
    CHECK(pipe2(p, O_NONBLOCK | O_CLOEXEC) == 0 && fcntl(p[0], F_GETFD) == FD_CLOEXEC);
    CHECK((fcntl(p[0], F_GETFL) & O_ACCMODE) == O_RDONLY && (fcntl(p[1], F_GETFL) & O_ACCMODE) == O_WRONLY);
    CHECK_ERRNO(read(p[0], data, 1), EAGAIN);
    CHECK(fcntl(p[0], F_GETPIPE_SZ) == 65536);
    CHECK(write(p[1], data, sizeof data) == 65536);
    CHECK_ERRNO(write(p[1], data, 1), EAGAIN);
    CHECK(read(p[0], data, PAGE - 1) == PAGE - 1);
    CHECK_ERRNO(write(p[1], data, PAGE), EAGAIN); /* all of it or none: PIPE_BUF */
    CHECK(read(p[0], data, 1) == 1 && write(p[1], data, PAGE) == PAGE);
    CHECK(read(p[0], data, 2 * PAGE) == 2 * PAGE);
    CHECK(write(p[1], data, 5 * PAGE) == 2 * PAGE); /* more than PIPE_BUF may be cut */
    CHECK(read(p[0], data, sizeof data) == 65536);
    CHECK(fcntl(p[1], F_SETPIPE_SZ, 1 << 17) == 1 << 17 && write(p[1], data, sizeof data) == 1 << 17);
    CHECK_ERRNO(fcntl(p[1], F_SETPIPE_SZ, PAGE), EBUSY);
    CHECK(read(p[0], data, sizeof data) == 1 << 17 && fcntl(p[1], F_SETPIPE_SZ, 1) == PAGE);

    CHECK(write(p[1], "tail", 4) == 4 && close(p[1]) == 0);
    CHECK(read(p[0], data, 10) == 4 && read(p[0], data, 10) == 0 && read(p[0], data, 10) == 0);
    CHECK(close(p[0]) == 0 && pipe(p) == 0 && close(p[0]) == 0);
    CHECK_ERRNO(write(p[1], "x", 1), EPIPE);
    CHECK(close(p[1]) == 0);

    CHECK(pipe2(p, O_DIRECT) == 0 && write(p[1], "first", 5) == 5 && write(p[1], "second", 6) == 6);
    CHECK(read(p[0], data, 100) == 5 && read(p[0], data, 3) == 3 && write(p[1], "3", 1) == 1 && read(p[0], data, 9) == 1);
    CHECK_ERRNO(pipe2(p, O_APPEND), EINVAL);
    CHECK_ERRNO(pipe((int *)8), EFAULT);

    CHECK(mkfifo("fifo", 0600) == 0);
    CHECK_ERRNO(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
    int r = open("fifo", O_RDONLY | O_NONBLOCK), w = open("fifo", O_WRONLY);
    CHECK(r >= 0 && w >= 0 && read(r, data, 1) == -1 && errno == EAGAIN && write(w, "via", 3) == 3);
    CHECK(read(r, data, 9) == 3 && close(w) == 0 && read(r, data, 9) == 0);
    CHECK((w = open("fifo", O_RDWR)) >= 0 && write(w, "own", 3) == 3 && read(w, data, 9) == 3);
}
