/* getdents64(2): a directory of 5000 entries by buffers of every size, positions, changes while reading. */
#include "check.h"
#include <dirent.h>
#include <sys/stat.h>

enum { COUNT = 5000 };

struct entry {
    uint64_t d_ino;
    int64_t d_off;
    unsigned short d_reclen;
    unsigned char d_type;
    char d_name[];
};

static unsigned char seen[COUNT];

/* Reads to the end with a buffer of `room` bytes; the number of entries, each of which is checked. */
static int count_entries(int fd, size_t room) {
    static char buffer[1 << 16];
    int files = 0, all = 0;
    long n;
    memset(seen, 0, sizeof seen);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    while ((n = syscall(SYS_getdents64, fd, buffer, room)) > 0) {
        CHECK((size_t)n <= room);
        for (long at = 0; at < n;) {
            struct entry *e = (struct entry *)(buffer + at);
            CHECK(e->d_reclen % 8 == 0 && e->d_reclen >= 19 + strlen(e->d_name) + 1 && at + e->d_reclen <= n);
            int number;
            if (sscanf(e->d_name, "file-%d", &number) == 1) {
                CHECK(!seen[number]++ && e->d_ino && (e->d_type == DT_REG || e->d_type == DT_UNKNOWN));
                files++;
            }
            all++;
            at += e->d_reclen;
        }
    }
    CHECK(n == 0);
    CHECK(all == files + 2); /* . and .. */
    return files;
}

int main(void) {
    CHECK(mkdir("dir", 0755) == 0 && chdir("dir") == 0);
    char name[32];
    for (int i = 0; i < COUNT; i++) {
        sprintf(name, "file-%04d", i);
        CHECK(mknod(name, S_IFREG | 0600, 0) == 0);
    }
    int fd = open(".", O_RDONLY | O_DIRECTORY);
    CHECK(count_entries(fd, 1 << 16) == COUNT);
    CHECK(count_entries(fd, 1000) == COUNT);
    CHECK(count_entries(fd, 32) == COUNT);

    char small[8];
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    CHECK_ERRNO(syscall(SYS_getdents64, fd, small, sizeof small), EINVAL);
    CHECK_ERRNO(syscall(SYS_getdents64, fd, (void *)8, 4096l), EFAULT);
    CHECK_ERRNO(syscall(SYS_getdents64, 99, small, 4096l), EBADF);
    CHECK_ERRNO(syscall(SYS_getdents64, open("file-0000", O_RDONLY), small, 4096l), ENOTDIR);

    /* A buffer that runs into a hole holds what fits. */
    char *end = end_of_pages(1);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    long n = syscall(SYS_getdents64, fd, end - 200, 4096l);
    CHECK(n > 0 && n <= 200);

    DIR *dir = opendir(".");
    for (int i = 0; i < 100; i++) CHECK(readdir(dir));
    long position = telldir(dir);
    char next[256];
    strcpy(next, readdir(dir)->d_name);
    for (int i = 0; i < 3000; i++) CHECK(readdir(dir));
    seekdir(dir, position);
    CHECK(!strcmp(readdir(dir)->d_name, next));
    closedir(dir);

    for (int i = 0; i < COUNT; i++) {
        sprintf(name, "file-%04d", i);
        CHECK(unlink(name) == 0);
    }
    CHECK(count_entries(fd, 4096) == 0);
    CHECK(rmdir("../dir") == 0);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    CHECK_ERRNO(syscall(SYS_getdents64, fd, small, 4096l), ENOENT);
    CHECK_ERRNO(open("new", O_CREAT | O_WRONLY, 0600), ENOENT);
    CHECK_ERRNO((long)getcwd(name, 32) ?: -1, ENOENT);
}
