/* open(2), openat2(2): every flag, and the errors in the order in which Linux finds them. */
#include "check.h"
#include <linux/openat2.h>
#include <sys/stat.h>

static int mode_of(int fd) {
    struct stat st;
    CHECK(fstat(fd, &st) == 0);
    return st.st_mode & 07777;
}

static void creation(void) {
    umask(022);
    int fd = open("new", O_CREAT | O_EXCL | O_WRONLY, 0666);
    CHECK(fd >= 0 && mode_of(fd) == 0644);
    char byte;
    CHECK_ERRNO(read(fd, &byte, 1), EBADF);
    CHECK(write(fd, "hello", 5) == 5);
    CHECK(close(fd) == 0);
    CHECK_ERRNO(open("new", O_CREAT | O_EXCL | O_WRONLY, 0666), EEXIST);
    CHECK_ERRNO(open("absent", O_RDONLY), ENOENT);
    CHECK_ERRNO(open("", O_RDONLY), ENOENT);
    CHECK_ERRNO(open("absent/file", O_CREAT | O_WRONLY, 0600), ENOENT);
    CHECK_ERRNO(open("new/file", O_RDONLY), ENOTDIR);
    CHECK_ERRNO(open("new/", O_RDONLY), ENOTDIR);
    umask(077);
    fd = open("private", O_CREAT | O_RDWR, 0777);
    CHECK(fd >= 0 && mode_of(fd) == 0700);
    CHECK(close(fd) == 0);
    fd = creat("private", 0);
    CHECK(fd >= 0 && mode_of(fd) == 0700);
    CHECK(close(fd) == 0);
    umask(022);

    char name[PATH_MAX + 10];
    memset(name, 'n', sizeof name);
    name[255] = 0;
    CHECK((fd = open(name, O_CREAT | O_WRONLY, 0600)) >= 0 && close(fd) == 0 && unlink(name) == 0);
    name[255] = 'n', name[256] = 0;
    CHECK_ERRNO(open(name, O_CREAT | O_WRONLY, 0600), ENAMETOOLONG);
    for (int i = 0; i < PATH_MAX; i++) name[i] = i % 2 ? '/' : '.';
    strcpy(name + PATH_MAX - 4, "new");
    CHECK((fd = open(name, O_RDONLY)) >= 0 && close(fd) == 0);
    memmove(name + 1, name, PATH_MAX);
    name[0] = '.', name[1] = '/';
    CHECK_ERRNO(open(name, O_RDONLY), ENAMETOOLONG);
}

static void positions(void) {
    char text[16] = "";
    int fd = open("new", O_RDWR | O_APPEND);
    CHECK(write(fd, "!", 1) == 1 && lseek(fd, 0, SEEK_CUR) == 6);
    CHECK(pwrite(fd, "?", 1, 0) == 1); /* appends all the same: pwrite(2), BUGS */
    CHECK(pread(fd, text, sizeof text, 0) == 7 && !strcmp(text, "hello!?"));
    CHECK(close(fd) == 0);
    fd = open("new", O_RDWR | O_TRUNC);
    CHECK(read(fd, text, 1) == 0 && lseek(fd, 0, SEEK_END) == 0);
    CHECK((fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND)) == O_RDWR);
    CHECK(fcntl(fd, F_GETFD) == 0);
    CHECK(close(fd) == 0);
    fd = open("new", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFL) & O_NONBLOCK);
    CHECK_ERRNO(write(fd, "x", 1), EBADF);
    CHECK(close(fd) == 0);
    CHECK_ERRNO(close(fd), EBADF);
    fd = open("new", O_WRONLY | O_SYNC);
    CHECK((fcntl(fd, F_GETFL) & O_SYNC) == O_SYNC);
    CHECK(close(fd) == 0);
}

static void directories(void) {
    char byte;
    CHECK(mkdir("dir", 0755) == 0);
    int fd = open("dir", O_RDONLY | O_DIRECTORY);
    CHECK(fd >= 0);
    CHECK_ERRNO(read(fd, &byte, 1), EISDIR);
    CHECK(close(fd) == 0);
    CHECK((fd = open("dir/", O_RDONLY)) >= 0 && close(fd) == 0);
    CHECK_ERRNO(open("dir", O_WRONLY), EISDIR);
    CHECK_ERRNO(open("dir", O_RDWR), EISDIR);
    CHECK_ERRNO(open("dir", O_CREAT | O_RDONLY, 0600), EISDIR);
    CHECK_ERRNO(open("absent/", O_CREAT | O_WRONLY, 0600), EISDIR);
    CHECK_ERRNO(open("new", O_RDONLY | O_DIRECTORY), ENOTDIR);
}

static void links(void) {
    CHECK(symlink("new", "link") == 0 && symlink("nowhere", "dangling") == 0);
    CHECK_ERRNO(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_ERRNO(open("dangling", O_RDONLY), ENOENT);
    CHECK_ERRNO(open("dangling", O_CREAT | O_EXCL | O_WRONLY, 0600), EEXIST);
    int fd = open("dangling", O_CREAT | O_WRONLY, 0600);
    CHECK(fd >= 0 && close(fd) == 0 && access("nowhere", F_OK) == 0);

    struct stat st;
    fd = open("link", O_PATH | O_NOFOLLOW);
    CHECK(fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == 3);
    char target[8] = "";
    CHECK(readlinkat(fd, "", target, sizeof target) == 3 && !strcmp(target, "new"));
    CHECK_ERRNO(read(fd, target, 1), EBADF);
    CHECK_ERRNO(fchmod(fd, 0600), EBADF);
    CHECK(fcntl(fd, F_GETFL) == (O_PATH | O_NOFOLLOW));
    CHECK(close(fd) == 0);
    fd = open("dir", O_PATH);
    CHECK((fd = openat(fd, "inner", O_CREAT | O_RDWR, 0600)) >= 0 && access("dir/inner", F_OK) == 0);
}

static void temporary(void) {
    int fd = open(".", O_TMPFILE | O_RDWR, 0640);
    struct stat st;
    CHECK(fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink == 0 && (st.st_mode & 0777) == 0640);
    CHECK(write(fd, "kept", 4) == 4);
    char path[64];
    sprintf(path, "/proc/self/fd/%d", fd);
    CHECK(linkat(AT_FDCWD, path, AT_FDCWD, "linked", AT_SYMLINK_FOLLOW) == 0);
    CHECK(stat("linked", &st) == 0 && st.st_size == 4 && st.st_nlink == 1);
    CHECK_ERRNO(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
    CHECK_ERRNO(open("new", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
}

static long openat2(const char *path, uint64_t flags, uint64_t mode, uint64_t resolve, size_t size) {
    struct {
        struct open_how how;
        uint64_t more;
    } arg = {{flags, mode, resolve}, size > sizeof(struct open_how)};
    return syscall(SYS_openat2, AT_FDCWD, path, &arg, size);
}

static void extended(void) {
    enum { SIZE = sizeof(struct open_how) };
    long fd = openat2("new", O_RDONLY, 0, RESOLVE_BENEATH, SIZE);
    CHECK(fd >= 0 && close(fd) == 0);
    CHECK_ERRNO(openat2("../", O_RDONLY, 0, RESOLVE_BENEATH, SIZE), EXDEV);
    CHECK_ERRNO(openat2("/", O_RDONLY, 0, RESOLVE_BENEATH, SIZE), EXDEV);
    CHECK_ERRNO(openat2("link", O_RDONLY, 0, RESOLVE_NO_SYMLINKS, SIZE), ELOOP);
    CHECK_ERRNO(openat2("/proc/self/exe", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS, SIZE), ELOOP);
    CHECK_ERRNO(openat2("new", O_RDONLY, 0600, 0, SIZE), EINVAL);
    CHECK_ERRNO(openat2("new", 1ull << 40, 0, 0, SIZE), EINVAL);
    CHECK_ERRNO(openat2("new", O_RDONLY, 0, 1 << 20, SIZE), EINVAL);
    CHECK_ERRNO(openat2("new", O_RDONLY, 0, 0, SIZE - 1), EINVAL);
    CHECK_ERRNO(openat2("new", O_RDONLY, 0, 0, SIZE + 8), E2BIG);
    CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, "new", NULL, (long)SIZE), EFAULT);
}

int main(void) {
    creation();
    positions();
    directories();
    links();
    temporary();
    extended();
    CHECK_ERRNO(open(NULL, O_RDONLY), EFAULT);
    CHECK_ERRNO(openat(-1, "new", O_RDONLY), EBADF);
    CHECK_ERRNO(openat(99, "new", O_RDONLY), EBADF);
    CHECK_ERRNO(openat(0x7fffffff, "new", O_RDONLY), EBADF);
    int fd = openat(-1, "/dev/null", O_RDWR); /* the descriptor is not looked at */
    CHECK(fd >= 0 && openat(fd, "new", O_RDONLY) == -1 && errno == ENOTDIR);
}
