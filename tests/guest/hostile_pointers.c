/* Each pointer of each call, when it is bad: EFAULT, and nothing else happens. */
#include "check.h"
#include <asm/prctl.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>

/* `arguments` with the bad pointer in place `which`. */
struct row {
    const char *name;
    long number;
    int which;
    long arguments[6];
};

static const char FILE_NAME[] = "file", LINK[] = "link", NEW[] = "new", ATTRIBUTE[] = "user.x";
static char buffer[PAGE] __attribute__((aligned(64)));
static int zero, file, p[2], epoll, timer;

#define V(x) ((long)(x))
#define ROW(name, which, ...)                                                                                                  \
    {                                                                                                                          \
#name, SYS_##name, which, { __VA_ARGS__ }                                                                              \
    }

static void check_rows(const struct row *rows, size_t count, const long *bad, size_t bads) {
    for (size_t i = 0; i < count; i++)
        for (size_t b = 0; b < bads; b++) {
            long a[6];
            memcpy(a, rows[i].arguments, sizeof a);
            a[rows[i].which] = bad[b];
            errno = 0;
            long result = syscall(rows[i].number, a[0], a[1], a[2], a[3], a[4], a[5]);
            if (result != -1 || errno != EFAULT) {
                dprintf(2, "%s, argument %d = %#lx: %ld, errno %d\n", rows[i].name, rows[i].which + 1, bad[b], result, errno);
                _exit(1);
            }
        }
}

int main(void) {
    zero = open("/dev/zero", O_RDWR), file = make_file(FILE_NAME, "0123456789", 10), epoll = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, 0);
    CHECK(symlink(FILE_NAME, LINK) == 0 && pipe(p) == 0 && write(p[1], "0123456789", 10) == 10);
    char *end = end_of_pages(1);
    char *hole = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(munmap(hole, PAGE) == 0);

    const struct row rows[] = {
        ROW(read, 1, zero, 0, 10),
        ROW(write, 1, p[1], 0, 10),
        ROW(open, 0, 0, O_RDONLY),
        ROW(stat, 0, 0, V(buffer)),
        ROW(stat, 1, V(FILE_NAME), 0),
        ROW(fstat, 1, file, 0),
        ROW(lstat, 0, 0, V(buffer)),
        ROW(lstat, 1, V(LINK), 0),
        ROW(poll, 0, 0, 1, 0),
        ROW(pread64, 1, file, 0, 10, 0),
        ROW(pwrite64, 1, file, 0, 10, 0),
        ROW(readv, 1, zero, 0, 1),
        ROW(writev, 1, p[1], 0, 1),
        ROW(preadv, 1, file, 0, 1, 0),
        ROW(preadv2, 1, file, 0, 1, 0, 0, 0),
        ROW(pwritev, 1, file, 0, 1, 0),
        ROW(access, 0, 0, F_OK),
        ROW(pipe, 0, 0),
        ROW(pipe2, 0, 0, 0),
        ROW(select, 1, 1, 0, 0, 0, 0),
        ROW(select, 4, 0, 0, 0, 0, 0),
        ROW(pselect6, 4, 0, 0, 0, 0, 0, 0),
        ROW(ppoll, 2, 0, 0, 0, 0, 8),
        ROW(mincore, 2, V(buffer) & -PAGE, PAGE, 0),
        ROW(nanosleep, 0, 0, 0),
        ROW(clock_nanosleep, 2, CLOCK_MONOTONIC, 0, 0, 0),
        ROW(getitimer, 1, 0, 0),
        ROW(sendfile, 2, p[1], file, 0, 1),
        ROW(uname, 0, 0),
        ROW(fcntl, 2, file, F_SETLK, 0),
        ROW(fcntl, 2, file, F_GETLK, 0),
        ROW(truncate, 0, 0, 5),
        ROW(getcwd, 0, 0, PAGE),
        ROW(chdir, 0, 0),
        ROW(rename, 0, 0, V(NEW)),
        ROW(rename, 1, V(FILE_NAME), 0),
        ROW(renameat2, 3, AT_FDCWD, V(FILE_NAME), AT_FDCWD, 0, 0),
        ROW(mkdir, 0, 0, 0755),
        ROW(rmdir, 0, 0),
        ROW(creat, 0, 0, 0644),
        ROW(link, 0, 0, V(NEW)),
        ROW(link, 1, V(FILE_NAME), 0),
        ROW(unlink, 0, 0),
        ROW(symlink, 0, 0, V(NEW)),
        ROW(symlink, 1, V(FILE_NAME), 0),
        ROW(readlink, 0, 0, V(buffer), 100),
        ROW(readlink, 1, V(LINK), 0, 100),
        ROW(chmod, 0, 0, 0644),
        ROW(chown, 0, 0, -1, -1),
        ROW(lchown, 0, 0, -1, -1),
        ROW(gettimeofday, 0, 0, 0),
        ROW(gettimeofday, 1, 0, 0),
        ROW(getrlimit, 1, RLIMIT_NOFILE, 0),
        ROW(setrlimit, 1, RLIMIT_NOFILE, 0),
        ROW(prlimit64, 2, 0, RLIMIT_NOFILE, 0, 0),
        ROW(prlimit64, 3, 0, RLIMIT_NOFILE, 0, 0),
        ROW(getrusage, 1, 0, 0),
        ROW(sysinfo, 0, 0),
        ROW(times, 0, 0),
        ROW(getresuid, 0, 0, V(buffer), V(buffer)),
        ROW(getresuid, 2, V(buffer), V(buffer), 0),
        ROW(getresgid, 1, V(buffer), 0, V(buffer)),
        ROW(capget, 0, 0, V(buffer)),
        ROW(utime, 0, 0, 0),
        ROW(utime, 1, V(FILE_NAME), 0),
        ROW(utimes, 1, V(FILE_NAME), 0),
        ROW(utimensat, 1, AT_FDCWD, 0, 0, 0),
        ROW(utimensat, 2, AT_FDCWD, V(FILE_NAME), 0, 0),
        ROW(futimesat, 2, AT_FDCWD, V(FILE_NAME), 0),
        ROW(statfs, 0, 0, V(buffer)),
        ROW(statfs, 1, V(FILE_NAME), 0),
        ROW(fstatfs, 1, file, 0),
        ROW(sched_getparam, 1, 0, 0),
        ROW(sched_getaffinity, 2, 0, 128, 0),
        ROW(sched_setaffinity, 2, 0, 128, 0),
        ROW(sched_getattr, 1, 0, 0, 48, 0),
        ROW(prctl, 1, PR_SET_NAME, 0),
        ROW(prctl, 1, PR_GET_NAME, 0),
        ROW(prctl, 1, PR_GET_PDEATHSIG, 0),
        ROW(arch_prctl, 1, ARCH_GET_FS, 0),
        ROW(time, 0, 0),
        ROW(getxattr, 0, 0, V(ATTRIBUTE), V(buffer), 10),
        ROW(getxattr, 1, V(FILE_NAME), 0, V(buffer), 10),
        ROW(setxattr, 1, V(FILE_NAME), 0, V(buffer), 10, 0),
        ROW(setxattr, 2, V(FILE_NAME), V(ATTRIBUTE), 0, 10, 0),
        ROW(listxattr, 0, 0, V(buffer), 10),
        ROW(removexattr, 1, V(FILE_NAME), 0),
        ROW(epoll_ctl, 3, epoll, EPOLL_CTL_ADD, p[0], 0),
        ROW(timerfd_settime, 2, timer, 0, 0, 0),
        ROW(timerfd_gettime, 1, timer, 0),
        ROW(clock_gettime, 1, CLOCK_MONOTONIC, 0),
        ROW(clock_getres, 1, CLOCK_MONOTONIC, 0),
        ROW(openat, 1, AT_FDCWD, 0, O_RDONLY),
        ROW(openat2, 2, AT_FDCWD, V(FILE_NAME), 0, 24),
        ROW(mkdirat, 1, AT_FDCWD, 0, 0755),
        ROW(mknodat, 1, AT_FDCWD, 0, 0100644, 0),
        ROW(fchownat, 1, AT_FDCWD, 0, -1, -1, 0),
        ROW(newfstatat, 1, AT_FDCWD, 0, V(buffer), 0),
        ROW(newfstatat, 2, AT_FDCWD, V(FILE_NAME), 0, 0),
        ROW(unlinkat, 1, AT_FDCWD, 0, 0),
        ROW(linkat, 1, AT_FDCWD, 0, AT_FDCWD, V(NEW), 0),
        ROW(linkat, 3, AT_FDCWD, V(FILE_NAME), AT_FDCWD, 0, 0),
        ROW(symlinkat, 2, V(FILE_NAME), AT_FDCWD, 0),
        ROW(readlinkat, 1, AT_FDCWD, 0, V(buffer), 100),
        ROW(readlinkat, 2, AT_FDCWD, V(LINK), 0, 100),
        ROW(fchmodat, 1, AT_FDCWD, 0, 0644),
        ROW(faccessat, 1, AT_FDCWD, 0, F_OK),
        ROW(faccessat2, 1, AT_FDCWD, 0, F_OK, 0),
        ROW(splice, 1, file, 0, p[1], 0, 1, 0),
        ROW(copy_file_range, 1, file, 0, file, 0, 1, 0),
        ROW(vmsplice, 1, p[1], 0, 1, 0),
        ROW(getcpu, 0, 0, 0),
        ROW(getcpu, 1, 0, 0),
        ROW(getrandom, 0, 0, 10, 0),
        ROW(memfd_create, 0, 0, 0),
        ROW(statx, 1, AT_FDCWD, 0, 0, 0xfff, V(buffer)),
        ROW(statx, 4, AT_FDCWD, V(FILE_NAME), 0, 0xfff, 0),
        ROW(inotify_add_watch, 1, 0, 0, 1),
        ROW(execve, 0, 0, 0, 0),
    };
    const long bad[] = {
        8,                            /* the first page */
        V(end),                       /* a page that may not be touched */
        V(end + 1),                   /* inside of it */
        V(hole),                      /* nothing there */
        0x7fffffffeff0,               /* near the end of what a program can have */
        0x7ffffffff000,               /* at it */
        0x0000800000000000,           /* the first address that is none */
        V(0xffff800000000000),        /* the kernel's */
        V(0xffffffffff600000) - PAGE, /* below vsyscall */
        V(0x8000000000000008),        /* no address at all */
        -PAGE,                        /* the last page */
    };
    struct row *all = malloc(sizeof rows);
    memcpy(all, rows, sizeof rows);
    size_t count = sizeof rows / sizeof *rows;
    for (size_t i = 0; i < count; i++)
        if (all[i].number == SYS_inotify_add_watch) all[i].arguments[0] = (int)syscall(SYS_inotify_init1, 0);
    check_rows(all, count, bad, sizeof bad / sizeof *bad);
    CHECK(access(FILE_NAME, F_OK) == 0 && access(NEW, F_OK) == -1);
    char text[16];
    CHECK(pread(file, text, sizeof text, 0) == 10 && !memcmp(text, "0123456789", 10));
}
