/* read(2), write(2), pread(2), pwrite(2): partial results where memory ends, order of checks, offsets. */
#include "check.h"
#include <sys/stat.h>

static char data[3 * PAGE];

static void at_a_hole(int fd) {
    char *end = end_of_pages(1);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    CHECK(read(fd, end - 10, 100) == 10 && !memcmp(end - 10, data, 10));
    CHECK(lseek(fd, 0, SEEK_CUR) == 10);
    CHECK_ERRNO(read(fd, end, 100), EFAULT);
    CHECK(lseek(fd, 0, SEEK_CUR) == 10);
    CHECK(read(fd, end, 0) == 0);
    CHECK(pread(fd, end - PAGE, 2 * PAGE, 5) == PAGE && !memcmp(end - PAGE, data + 5, PAGE));
    CHECK_ERRNO(pread(fd, end, 1, 0), EFAULT);
    CHECK(pread(fd, end, 1, sizeof data) == 0); /* at the end of the file nothing is copied */

    int out = make_file("out", "", 0);
    memset(end - 8, 'w', 8);
    CHECK(write(out, end - 8, 100) == 8);
    CHECK_ERRNO(write(out, end, 100), EFAULT);
    CHECK(write(out, end, 0) == 0);
    CHECK(lseek(out, 0, SEEK_END) == 8);
    CHECK(pwrite(out, end - PAGE, 2 * PAGE, 1) == PAGE);
    CHECK_ERRNO(pwrite(out, end, 1, 0), EFAULT);
    CHECK(close(out) == 0);

    CHECK(munmap(end, PAGE) == 0); /* a real hole behaves as a forbidden page does */
    CHECK(pread(fd, end - 10, 100, 0) == 10);
    CHECK_ERRNO(pread(fd, end, 100, 0), EFAULT);

    char *pipe_end = end_of_pages(1);
    int fds[2];
    CHECK(pipe(fds) == 0);
    CHECK(write(fds[1], data, 100) == 100);
    CHECK_ERRNO(read(fds[0], pipe_end, 10), EFAULT);
    CHECK(read(fds[0], pipe_end - 100, 100) == 100 && !memcmp(pipe_end - 100, data, 100));
    CHECK_ERRNO(write(fds[1], pipe_end, 1), EFAULT);
}

static void errors(int fd) {
    char byte;
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    CHECK_ERRNO(read(-1, &byte, 1), EBADF);
    CHECK_ERRNO(read(1000, &byte, 1), EBADF);
    CHECK_ERRNO(read(-1, NULL, 1), EBADF); /* the descriptor comes first */
    CHECK_ERRNO(read(fd, NULL, 1), EFAULT);
    CHECK_ERRNO(read(fd, (void *)-PAGE, 1), EFAULT);
    CHECK_ERRNO(write(fd, (void *)(1ull << 47), 1), EFAULT);
    CHECK_ERRNO(write(fd, (void *)(1ull << 63), 1), EFAULT);
    CHECK_ERRNO(read(fd, &byte, -1), EFAULT); /* the end lies outside of what a program can own */
    CHECK_ERRNO(pread(fd, &byte, 1, -1), EINVAL);
    CHECK_ERRNO(pwrite(fd, &byte, 1, INT64_MIN), EINVAL);
    int fds[2];
    CHECK(pipe(fds) == 0);
    CHECK_ERRNO(pread(fds[0], &byte, 1, 0), ESPIPE);
    CHECK_ERRNO(pwrite(fds[1], &byte, 1, 0), ESPIPE);
    CHECK_ERRNO(lseek(fds[0], 0, SEEK_SET), ESPIPE);
    CHECK_ERRNO(read(fds[1], &byte, 1), EBADF);
    CHECK_ERRNO(write(fds[0], &byte, 1), EBADF);
    CHECK_ERRNO(pread(fd, &byte, 1, INT64_MAX), EINVAL);
    /* Only the low 32 bits of a descriptor count. */
    CHECK(syscall(SYS_pread64, 0x100000000l | fd, &byte, 1l, 7l) == 1 && byte == data[7]);
}

static void devices(void) {
    char buffer[64];
    int fd = open("/dev/zero", O_RDWR);
    memset(buffer, 1, sizeof buffer);
    CHECK(read(fd, buffer, sizeof buffer) == sizeof buffer && buffer[63] == 0);
    CHECK(write(fd, buffer, sizeof buffer) == sizeof buffer);
    char *end = end_of_pages(4);
    long n = read(fd, end - 3 * PAGE - 1, 9 * PAGE);
    CHECK(n == 3 * PAGE + 1 || n == 3 * PAGE); /* some kernels clear whole words only */
    CHECK((fd = open("/dev/null", O_RDWR)) >= 0 && read(fd, buffer, 1) == 0 && write(fd, NULL, 10) == 10);
    CHECK((fd = open("/dev/full", O_RDWR)) >= 0);
    CHECK_ERRNO(write(fd, buffer, 1), ENOSPC);
}

int main(void) {
    for (size_t i = 0; i < sizeof data; i++) data[i] = i * 7 + i / 256;
    int fd = make_file("data", data, sizeof data);
    static char back[sizeof data + 1];
    CHECK(read(fd, back, sizeof back) == sizeof data && !memcmp(back, data, sizeof data));
    CHECK(read(fd, back, sizeof back) == 0);
    CHECK(pread(fd, back, 10, sizeof data - 3) == 3);
    CHECK(pwrite(fd, "tail", 4, sizeof data + PAGE) == 4);
    CHECK(pread(fd, back, 1, sizeof data + 5) == 1 && back[0] == 0);
    CHECK(lseek(fd, 0, SEEK_CUR) == sizeof data);
    CHECK(ftruncate(fd, sizeof data) == 0);
    errors(fd);
    at_a_hole(fd);
    devices();
}
