/* readv(2) and its family: limits, order of checks, and vectors that end in a hole. */
#include "check.h"
#include <sys/uio.h>

static struct iovec many[IOV_MAX + 1];

int main(void) {
    char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    int fd = make_file("file", text, 36);
    char a[4] = "", b[8] = "", c[64] = "";
    struct iovec three[] = {{a, 3}, {NULL, 0}, {b, 7}};
    CHECK(readv(fd, three, 3) == 10 && !memcmp(a, "012", 4) && !memcmp(b, "3456789", 8));
    CHECK(preadv(fd, three, 3, 30) == 6 && !memcmp(b, "xyz", 3));
    CHECK(preadv2(fd, three, 1, -1, 0) == 3 && !memcmp(a, "abc", 3)); /* -1: at the file's position, and moves it */
    CHECK(lseek(fd, 0, SEEK_CUR) == 13);
    CHECK(pwritev(fd, three, 3, 0) == 10);
    CHECK(pread(fd, c, 10, 0) == 10 && !memcmp(c, "abcxyz6789", 10));
    CHECK_ERRNO(preadv2(fd, three, 3, 0, 1 << 30), EOPNOTSUPP);
    CHECK_ERRNO(preadv(fd, three, 3, -1), EINVAL);
    CHECK(pwritev2(fd, three, 1, 0, RWF_APPEND) == 3 && lseek(fd, 0, SEEK_END) == 39);

    CHECK(readv(fd, NULL, 0) == 0);
    CHECK_ERRNO(readv(fd, three, -1), EINVAL);
    CHECK_ERRNO(readv(fd, three, IOV_MAX + 1), EINVAL);
    CHECK_ERRNO(readv(fd, NULL, 1), EFAULT);
    CHECK_ERRNO(readv(-1, NULL, -1), EBADF);
    three[1].iov_len = (size_t)-1;
    CHECK_ERRNO(readv(fd, three, 3), EINVAL);
    three[1].iov_len = SSIZE_MAX;
    CHECK_ERRNO(preadv(fd, three, 3, 0), EFAULT); /* a NULL of that length reaches the kernel's half */
    three[1].iov_len = 0;

    for (int i = 0; i < IOV_MAX; i++) many[i] = (struct iovec){text + i % 36, 1};
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && ftruncate(fd, 0) == 0);
    CHECK(writev(fd, many, IOV_MAX) == IOV_MAX);
    CHECK(pread(fd, c, 36, 36) == 36 && !memcmp(c, text, 36));

    char *end = end_of_pages(1);
    struct iovec holed[] = {{c, 5}, {end - 3, 10}, {c + 5, 5}};
    CHECK(pwritev(fd, holed, 3, 0) == 8);
    CHECK(preadv(fd, holed, 3, 0) == 8);
    holed[1] = (struct iovec){end, 10};
    CHECK(pwritev(fd, holed, 3, 0) == 5);
    CHECK(preadv(fd, holed, 3, 0) == 5);
    CHECK_ERRNO(preadv(fd, holed + 1, 2, 0), EFAULT);
    holed[1].iov_base = (void *)(1ull << 63);
    CHECK_ERRNO(preadv(fd, holed, 3, 0), EFAULT); /* seen before anything is copied */

    /* The array itself ends in the hole. */
    struct iovec *last = (struct iovec *)end - 1;
    *last = (struct iovec){c, 5};
    CHECK(preadv(fd, last, 1, 0) == 5);
    CHECK_ERRNO(preadv(fd, last, 2, 0), EFAULT);
    CHECK(mprotect(end - PAGE, PAGE, PROT_READ) == 0);
    CHECK(preadv(fd, last, 1, 0) == 5); /* which need not be writable */

    /* One vector read into twice: the last one stays. */
    struct iovec twice[] = {{a, 3}, {a, 3}};
    CHECK(pwrite(fd, "abcdef", 6, 0) == 6 && preadv(fd, twice, 2, 0) == 6 && !memcmp(a, "def", 3));
}
