/* sendfile(2), copy_file_range(2), splice(2), tee(2), vmsplice(2): offsets, partial results, errors. */
#include "check.h"
#include <sys/sendfile.h>
#include <sys/uio.h>

static char data[3 * PAGE], back[4 * PAGE];

static void by_sendfile(int in, int out) {
    off_t offset = 100;
    CHECK(sendfile(out, in, &offset, 1000) == 1000 && offset == 1100);
    CHECK(lseek(in, 0, SEEK_CUR) == 0 && lseek(out, 0, SEEK_CUR) == 1000);
    CHECK(sendfile(out, in, NULL, 50) == 50 && lseek(in, 0, SEEK_CUR) == 50);
    CHECK(pread(out, back, 1050, 0) == 1050 && !memcmp(back, data + 100, 1000) && !memcmp(back + 1000, data, 50));
    CHECK(sendfile(out, in, NULL, 0x7ffff000) == sizeof data - 50);
    CHECK(sendfile(out, in, NULL, 10) == 0);
    offset = -1;
    CHECK_ERRNO(sendfile(out, in, &offset, 10), EINVAL);
    CHECK_ERRNO(sendfile(out, in, (off_t *)8, 10), EFAULT);
    CHECK_ERRNO(sendfile(99, in, NULL, 10), EBADF);
    CHECK_ERRNO(sendfile(open("in", O_RDONLY), in, NULL, 10), EBADF);
}

static void by_copy_file_range(int in, int out) {
    loff_t from = 1, to = PAGE;
    CHECK(ftruncate(out, 0) == 0);
    CHECK(copy_file_range(in, &from, out, &to, 2000, 0) == 2000 && from == 2001 && to == PAGE + 2000);
    CHECK(pread(out, back, 2000, PAGE) == 2000 && !memcmp(back, data + 1, 2000));
    from = sizeof data - 5;
    CHECK(copy_file_range(in, &from, out, &to, 100, 0) == 5);
    CHECK(copy_file_range(in, &from, out, &to, 100, 0) == 0);
    CHECK_ERRNO(copy_file_range(in, &from, out, &to, 100, 1 << 20), EINVAL);
    from = 0, to = 10;
    CHECK_ERRNO(copy_file_range(in, &from, in, &to, 100, 0), EINVAL); /* they overlap */
    CHECK_ERRNO(copy_file_range(in, (loff_t *)8, out, &to, 100, 0), EFAULT);
}

static void by_splice(int in, int out) {
    int p[2], q[2];
    CHECK(pipe(p) == 0 && pipe(q) == 0);
    loff_t offset = 7;
    CHECK(splice(in, &offset, p[1], NULL, 5000, 0) == 5000 && offset == 5007);
    CHECK(tee(p[0], q[1], 3000, 0) == 3000);
    CHECK(read(q[0], back, sizeof back) == 3000 && !memcmp(back, data + 7, 3000));
    CHECK(ftruncate(out, 0) == 0 && lseek(out, 0, SEEK_SET) == 0);
    CHECK(splice(p[0], NULL, out, NULL, 5000, SPLICE_F_MOVE) == 5000);
    CHECK(pread(out, back, 5000, 0) == 5000 && !memcmp(back, data + 7, 5000));
    CHECK_ERRNO(splice(p[0], NULL, q[1], NULL, 10, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_ERRNO(splice(in, NULL, out, NULL, 10, 0), EINVAL); /* one of them must be a pipe */
    CHECK_ERRNO(splice(p[0], &offset, out, NULL, 10, 0), ESPIPE);
    CHECK_ERRNO(splice(in, (loff_t *)8, p[1], NULL, 10, 0), EFAULT);

    struct iovec two[] = {{data, 100}, {data + PAGE, 200}};
    CHECK(vmsplice(p[1], two, 2, 0) == 300);
    CHECK(read(p[0], back, sizeof back) == 300 && !memcmp(back, data, 100) && !memcmp(back + 100, data + PAGE, 200));
    two[1].iov_base = (void *)8;
    CHECK(vmsplice(p[1], two, 2, 0) == 100 && read(p[0], back, 200) == 100);
    CHECK_ERRNO(vmsplice(p[1], two + 1, 1, 0), EFAULT);
    CHECK_ERRNO(vmsplice(in, two, 1, 0), EBADF);
}

int main(void) {
    for (size_t i = 0; i < sizeof data; i++) data[i] = i * 31 + i / 251;
    int in = make_file("in", data, sizeof data), out = make_file("out", "", 0);
    by_sendfile(in, out);
    by_copy_file_range(in, out);
    by_splice(in, out);
}
