/* stat(2) and statx(2), chmod(2), utimensat(2), access(2), chown(2), umask(2), statfs(2). */
#include "check.h"
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/vfs.h>
#include <time.h>
#include <utime.h>

static struct stat look(const char *name) {
    struct stat st;
    CHECK(lstat(name, &st) == 0);
    return st;
}

static void stats(int fd) {
    struct stat st = look("file"), by_fd;
    CHECK(S_ISREG(st.st_mode) && st.st_size == 5 && st.st_nlink == 1 && st.st_uid == geteuid() && st.st_blksize >= 512);
    CHECK(fstat(fd, &by_fd) == 0 && by_fd.st_ino == st.st_ino && by_fd.st_dev == st.st_dev);
    CHECK(stat("/dev/null", &by_fd) == 0 && S_ISCHR(by_fd.st_mode) && by_fd.st_rdev == makedev(1, 3));

    struct statx sx;
    memset(&sx, 0xff, sizeof sx);
    CHECK(statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS | STATX_BTIME, &sx) == 0);
    CHECK((sx.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
    CHECK(sx.stx_ino == st.st_ino && sx.stx_size == 5 && sx.stx_mode == st.st_mode && sx.stx_nlink == 1);
    CHECK(sx.stx_dev_major == major(st.st_dev) && sx.stx_dev_minor == minor(st.st_dev));
    CHECK(sx.stx_mtime.tv_sec == st.st_mtim.tv_sec && sx.stx_mtime.tv_nsec == st.st_mtim.tv_nsec);
    CHECK(sx.stx_uid == st.st_uid && sx.stx_gid == st.st_gid && sx.stx_blocks == (uint64_t)st.st_blocks);
    CHECK(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &sx) == 0 && sx.stx_size == 5);
    CHECK(statx(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &sx) == 0 && S_ISLNK(sx.stx_mode));
    CHECK_ERRNO(syscall(SYS_statx, fd, "", 0, STATX_SIZE, &sx), ENOENT);
    CHECK_ERRNO(syscall(SYS_statx, AT_FDCWD, "file", 1 << 20, STATX_SIZE, &sx), EINVAL);
    CHECK_ERRNO(syscall(SYS_statx, AT_FDCWD, "file", 0, 0x80000000, &sx), EINVAL);
    CHECK_ERRNO(syscall(SYS_statx, AT_FDCWD, "file", 0, STATX_SIZE, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_stat, "file", 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_stat, "absent", 8), ENOENT);
    CHECK_ERRNO(syscall(SYS_fstat, 99, 8), EBADF);
    char *end = end_of_pages(1);
    CHECK_ERRNO(syscall(SYS_stat, "file", end - sizeof st + 1), EFAULT);
    CHECK(syscall(SYS_stat, "file", end - sizeof st) == 0);
}

static void modes(int fd) {
    static const int all[] = {0, 0400, 0755, 01777, 02755, 04711, 06777};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        CHECK(chmod("file", all[i]) == 0 && (look("file").st_mode & 07777) == (unsigned)all[i]);
        CHECK(fchmod(fd, all[i] ^ 0111) == 0 && (look("file").st_mode & 07777) == (unsigned)(all[i] ^ 0111));
    }
    CHECK(chmod("file", 0177644) == 0 && look("file").st_mode == (S_IFREG | 07644));
    CHECK(chmod("link", 0600) == 0 && look("file").st_mode == (S_IFREG | 0600));
    CHECK_ERRNO(chmod("absent", 0600), ENOENT);
    CHECK_ERRNO(fchmod(99, 0600), EBADF);
    CHECK(umask(0123) != 0123 && umask(07777) == 0123 && umask(022) == 0777);
    CHECK(mkdir("dir", 07777) == 0 && (look("dir").st_mode & 07777) == 01755);
}

static void times(int fd) {
    struct timespec when[2] = {{1, 2}, {1000000000, 999999999}};
    CHECK(utimensat(AT_FDCWD, "file", when, 0) == 0);
    struct stat st = look("file");
    CHECK(st.st_atim.tv_sec == 1 && st.st_atim.tv_nsec == 2);
    CHECK(st.st_mtim.tv_sec == 1000000000 && st.st_mtim.tv_nsec == 999999999);
    when[0].tv_nsec = UTIME_OMIT, when[1] = (struct timespec){5000000000, 0}; /* after 2038, and 2106 */
    CHECK(futimens(fd, when) == 0 && look("file").st_mtim.tv_sec == 5000000000 && look("file").st_atim.tv_sec == 1);
    when[1].tv_nsec = UTIME_NOW;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    CHECK(utimensat(AT_FDCWD, "file", when, 0) == 0 && llabs(look("file").st_mtim.tv_sec - now.tv_sec) < 60);
    when[0] = (struct timespec){7, 8};
    CHECK(utimensat(AT_FDCWD, "link", when, AT_SYMLINK_NOFOLLOW) == 0 && look("link").st_atim.tv_sec == 7);
    CHECK(look("file").st_atim.tv_sec == 1);
    when[0].tv_nsec = 1000000000;
    CHECK_ERRNO(utimensat(AT_FDCWD, "file", when, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_utimensat, AT_FDCWD, "file", 8, 0), EFAULT);
    CHECK_ERRNO(utimensat(AT_FDCWD, "absent", NULL, 0), ENOENT);
    struct timeval coarse[2] = {{11, 500000}, {12, 0}};
    CHECK(utimes("file", coarse) == 0 && look("file").st_atim.tv_nsec == 500000000 && look("file").st_mtim.tv_sec == 12);
    struct utimbuf seconds = {21, 22};
    CHECK(syscall(SYS_utime, "file", &seconds) == 0 && look("file").st_atim.tv_sec == 21);
    CHECK(look("file").st_mtim.tv_sec == 22);
    CHECK(utimensat(AT_FDCWD, "file", NULL, 0) == 0 && llabs(look("file").st_atim.tv_sec - now.tv_sec) < 60);
}

static void permissions(void) {
    CHECK(chmod("file", 0600) == 0 && access("file", F_OK) == 0 && access("file", R_OK | W_OK) == 0);
    CHECK_ERRNO(access("file", X_OK), EACCES); /* for root too, when no x is set */
    CHECK_ERRNO(access("absent", F_OK), ENOENT);
    CHECK_ERRNO(access("file", 8), EINVAL);
    CHECK_ERRNO(access("file/x", F_OK), ENOTDIR);
    CHECK(chmod("file", 0) == 0);
    if (geteuid()) {
        CHECK_ERRNO(access("file", R_OK), EACCES);
        CHECK_ERRNO(open("file", O_RDONLY), EACCES);
        CHECK_ERRNO(chown("file", 0, -1), EPERM);
        CHECK_ERRNO(chmod("/", 0755), EPERM);
    } else {
        CHECK(access("file", R_OK) == 0);
        CHECK(chown("file", 1234, 5678) == 0 && look("file").st_uid == 1234 && look("file").st_gid == 5678);
        CHECK(chmod("file", 06755) == 0 && chown("file", -1, 1) == 0 && (look("file").st_mode & 07777) == 0755);
        CHECK(lchown("link", 42, 43) == 0 && look("link").st_uid == 42 && look("file").st_uid == 1234);
        CHECK(chown("file", 0, 0) == 0);
    }
    CHECK(chown("file", -1, -1) == 0 && chown("file", geteuid(), getegid()) == 0);
    CHECK(chmod("file", 0600) == 0);
}

static void file_systems(int fd) {
    struct statfs by_path, by_fd;
    CHECK(statfs(".", &by_path) == 0 && fstatfs(fd, &by_fd) == 0);
    CHECK(by_path.f_type == by_fd.f_type && by_path.f_blocks == by_fd.f_blocks && by_path.f_namelen == 255);
    CHECK(statfs("/proc", &by_path) == 0 && by_path.f_type == 0x9fa0);
    CHECK_ERRNO(statfs("absent", &by_path), ENOENT);
    CHECK_ERRNO(syscall(SYS_statfs, ".", 8), EFAULT);
    sync();
    CHECK(syncfs(fd) == 0);
}

int main(void) {
    int fd = make_file("file", "12345", 5);
    CHECK(symlink("file", "link") == 0);
    stats(fd);
    modes(fd);
    times(fd);
    permissions();
    file_systems(fd);
}
