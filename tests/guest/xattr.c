/* setxattr(2), getxattr(2), listxattr(2), removexattr(2) by path, by link and by descriptor. */
#include "check.h"
#include <sys/xattr.h>

static int names_hold(const char *list, ssize_t size, const char *name) {
    for (const char *p = list; p < list + size; p += strlen(p) + 1)
        if (!strcmp(p, name)) return 1;
    return 0;
}

int main(void) {
    char value[300];
    int fd = make_file("file", "", 0);
    CHECK(symlink("file", "link") == 0);
    CHECK(setxattr("file", "user.one", "first", 5, 0) == 0);
    CHECK(getxattr("link", "user.one", value, sizeof value) == 5 && !memcmp(value, "first", 5));
    CHECK(fgetxattr(fd, "user.one", NULL, 0) == 5);
    CHECK_ERRNO(getxattr("file", "user.one", value, 4), ERANGE);
    CHECK_ERRNO(getxattr("file", "user.two", value, 4), ENODATA);
    CHECK_ERRNO(getxattr("absent", "user.one", value, 4), ENOENT);
    CHECK_ERRNO(setxattr("file", "user.one", "x", 1, XATTR_CREATE), EEXIST);
    CHECK_ERRNO(setxattr("file", "user.two", "x", 1, XATTR_REPLACE), ENODATA);
    CHECK_ERRNO(setxattr("file", "user.two", "x", 1, 8), EINVAL);
    CHECK_ERRNO(setxattr("file", "nonsense.two", "x", 1, 0), EOPNOTSUPP);
    CHECK_ERRNO(setxattr("file", "user.two", "x", 1 << 20, 0), E2BIG);
    CHECK_ERRNO(setxattr("file", "", "x", 1, 0), ERANGE);
    CHECK_ERRNO(setxattr("file", NULL, "x", 1, 0), EFAULT);
    CHECK_ERRNO(setxattr("file", "user.two", (void *)8, 1, 0), EFAULT);
    memset(value, 'n', sizeof value), memcpy(value, "user.", 5), value[256] = 0;
    CHECK_ERRNO(setxattr("file", value, "x", 1, 0), ERANGE);
    CHECK(setxattr("file", "user.one", "x", 1, XATTR_REPLACE) == 0);
    CHECK(fsetxattr(fd, "user.empty", NULL, 0, 0) == 0 && getxattr("file", "user.empty", NULL, 0) == 0);

    ssize_t size = listxattr("file", NULL, 0);
    CHECK(size >= 20 && listxattr("file", value, sizeof value) == size);
    CHECK(names_hold(value, size, "user.one") && names_hold(value, size, "user.empty"));
    CHECK(flistxattr(fd, value, sizeof value) == size && llistxattr("link", value, sizeof value) >= 0);
    CHECK(!names_hold(value, llistxattr("link", value, sizeof value), "user.one"));
    CHECK_ERRNO(listxattr("file", value, 3), ERANGE);
    CHECK_ERRNO(listxattr("file", (void *)8, 100), EFAULT);

    CHECK_ERRNO(lsetxattr("link", "user.one", "x", 1, 0), EPERM); /* user.* is for files and directories: xattr(7) */
    CHECK_ERRNO(lgetxattr("link", "user.one", value, sizeof value), ENODATA);
    CHECK(removexattr("file", "user.one") == 0);
    CHECK_ERRNO(fremovexattr(fd, "user.one"), ENODATA);
    CHECK(fremovexattr(fd, "user.empty") == 0);
    CHECK_ERRNO(fgetxattr(99, "user.one", value, 1), EBADF);
}
