/* The calls that take a directory's descriptor: relative, absolute, empty paths, and what is no directory. */
#include "check.h"
#include <sys/stat.h>

int main(void) {
    char text[PATH_MAX], here[PATH_MAX];
    struct stat st, other;
    CHECK(getcwd(here, sizeof here));
    CHECK(mkdirat(AT_FDCWD, "dir", 0755) == 0);
    int dir = open("dir", O_RDONLY | O_DIRECTORY), file = make_file("file", "x", 1);

    CHECK(mkdirat(dir, "sub", 0700) == 0 && access("dir/sub", F_OK) == 0);
    int fd = openat(dir, "sub/f", O_CREAT | O_RDWR, 0600);
    CHECK(fd >= 0 && write(fd, "data", 4) == 4);
    CHECK(fstatat(dir, "sub/f", &st, 0) == 0 && st.st_size == 4);
    CHECK(fstatat(fd, "", &other, AT_EMPTY_PATH) == 0 && other.st_ino == st.st_ino);
    CHECK_ERRNO(fstatat(fd, "", &other, 0), ENOENT);
    CHECK_ERRNO(fstatat(fd, "x", &other, 0), ENOTDIR);
    CHECK_ERRNO(fstatat(dir, "sub/f", &other, 0x40000), EINVAL);
    CHECK_ERRNO(fstatat(99, "x", &other, 0), EBADF);
    CHECK(fstatat(99, here, &other, 0) == 0);
    CHECK(fstatat(AT_FDCWD, "", &other, AT_EMPTY_PATH) == 0 && S_ISDIR(other.st_mode));

    CHECK(symlinkat("sub/f", dir, "link") == 0);
    CHECK(readlinkat(dir, "link", text, sizeof text) == 5 && !memcmp(text, "sub/f", 5));
    CHECK(readlinkat(dir, "link", text, 2) == 2);
    CHECK_ERRNO(readlinkat(dir, "link", text, 0), EINVAL);
    CHECK_ERRNO(readlinkat(dir, "sub", text, sizeof text), EINVAL);
    CHECK(fstatat(dir, "link", &other, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(other.st_mode));
    CHECK(fstatat(dir, "link", &other, 0) == 0 && other.st_ino == st.st_ino);
    CHECK(linkat(dir, "sub/f", AT_FDCWD, "hard", 0) == 0 && stat("hard", &other) == 0 && other.st_ino == st.st_ino);
    CHECK(linkat(dir, "link", dir, "hard2", AT_SYMLINK_FOLLOW) == 0 && fstatat(dir, "hard2", &other, 0) == 0);
    CHECK(other.st_ino == st.st_ino && other.st_nlink == 3);
    CHECK(renameat(dir, "hard2", AT_FDCWD, "hard") == 0 && renameat(dir, "link", dir, "sub/link") == 0);
    CHECK(unlinkat(dir, "sub/link", 0) == 0);
    CHECK_ERRNO(unlinkat(dir, "sub", 0), EISDIR);
    CHECK_ERRNO(unlinkat(dir, "sub", AT_REMOVEDIR), ENOTEMPTY);
    CHECK_ERRNO(unlinkat(dir, "sub/f", AT_REMOVEDIR), ENOTDIR);
    CHECK_ERRNO(unlinkat(dir, "sub/f", 1), EINVAL);

    CHECK(fchmodat(dir, "sub/f", 0640, 0) == 0 && fstatat(dir, "sub/f", &st, 0) == 0 && (st.st_mode & 07777) == 0640);
    CHECK(fchownat(dir, "sub/f", -1, getgid(), 0) == 0 && fchownat(fd, "", -1, -1, AT_EMPTY_PATH) == 0);
    CHECK(faccessat(dir, "sub/f", R_OK | W_OK, 0) == 0);
    CHECK_ERRNO(faccessat(dir, "sub/f", X_OK, 0), EACCES);
    CHECK(syscall(SYS_faccessat2, fd, "", R_OK, AT_EMPTY_PATH) == 0);
    CHECK_ERRNO(syscall(SYS_faccessat2, dir, "sub/f", 8, 0), EINVAL);
    CHECK(mknodat(dir, "fifo", S_IFIFO | 0600, 0) == 0 && fstatat(dir, "fifo", &st, 0) == 0 && S_ISFIFO(st.st_mode));

    CHECK(fchdir(dir) == 0 && access("sub/f", F_OK) == 0 && access("../file", F_OK) == 0);
    CHECK(getcwd(text, sizeof text) && !strncmp(text, here, strlen(here)) && !strcmp(text + strlen(here), "/dir"));
    CHECK(syscall(SYS_getcwd, text, strlen(here) + 5l) == (long)strlen(here) + 5);
    CHECK_ERRNO(syscall(SYS_getcwd, text, strlen(here) + 4l), ERANGE);
    CHECK_ERRNO(syscall(SYS_getcwd, (void *)8, (long)PATH_MAX), EFAULT);
    CHECK_ERRNO(fchdir(file), ENOTDIR);
    CHECK_ERRNO(chdir("sub/f"), ENOTDIR);
    CHECK_ERRNO(chdir("absent"), ENOENT);
    CHECK(chdir("..") == 0 && access("file", F_OK) == 0);

    /* A path through a descriptor of /proc. */
    sprintf(text, "/proc/self/fd/%d/sub/f", dir);
    CHECK(stat(text, &st) == 0 && st.st_ino == other.st_ino);
    sprintf(text, "/dev/fd/%d", fd);
    int again = open(text, O_RDONLY);
    CHECK(again >= 0 && read(again, text, 10) == 4 && lseek(fd, 0, SEEK_CUR) == 4);
}
