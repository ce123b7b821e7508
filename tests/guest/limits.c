/* getrlimit(2), setrlimit(2), prlimit(2), and the limits at work: file size, address space, stack. */
#include "check.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

static void set(int resource, rlim_t soft) {
    struct rlimit limit;
    CHECK(getrlimit(resource, &limit) == 0);
    limit.rlim_cur = soft;
    CHECK(setrlimit(resource, &limit) == 0);
}

static void calls(void) {
    struct rlimit limit, again;
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        CHECK(getrlimit(i, &limit) == 0 && limit.rlim_cur <= limit.rlim_max);
        CHECK(prlimit(0, i, &limit, &again) == 0 && again.rlim_cur == limit.rlim_cur && again.rlim_max == limit.rlim_max);
    }
    CHECK_ERRNO(getrlimit(RLIM_NLIMITS, &limit), EINVAL);
    CHECK_ERRNO(syscall(SYS_getrlimit, RLIMIT_CORE, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_setrlimit, RLIMIT_CORE, 8), EFAULT);
    CHECK(getrlimit(RLIMIT_STACK, &limit) == 0);
    limit.rlim_cur = 9 << 20; /* which is not the host's from now on */
    CHECK(setrlimit(RLIMIT_STACK, &limit) == 0);
    CHECK(getrlimit(RLIMIT_STACK, &again) == 0 && again.rlim_cur == 9 << 20 && again.rlim_max == limit.rlim_max);
    CHECK(syscall(SYS_prlimit64, 0, RLIMIT_STACK, NULL, &again) == 0 && again.rlim_cur == 9 << 20);
    CHECK(syscall(SYS_prlimit64, 0, RLIMIT_STACK, NULL, NULL) == 0);
    CHECK_ERRNO(syscall(SYS_getrlimit, RLIMIT_STACK, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_getrlimit, RLIMIT_STACK, NULL), EFAULT);
    CHECK_ERRNO(syscall(SYS_prlimit64, 0, RLIMIT_STACK, NULL, 8), EFAULT);
    limit = (struct rlimit){2, 1};
    CHECK_ERRNO(setrlimit(RLIMIT_CORE, &limit), EINVAL);
    limit = (struct rlimit){0, 0};
    CHECK(setrlimit(RLIMIT_CORE, &limit) == 0 && getrlimit(RLIMIT_CORE, &again) == 0 && again.rlim_max == 0);
    limit.rlim_max = 1;
    if (geteuid()) CHECK_ERRNO(setrlimit(RLIMIT_CORE, &limit), EPERM);
    CHECK(prlimit(getpid(), RLIMIT_CORE, NULL, &again) == 0);
    CHECK_ERRNO(prlimit(0x7ffffff, RLIMIT_CORE, NULL, &again), ESRCH);
}

static void at_work(void) {
    signal(SIGXFSZ, SIG_IGN);
    static char data[PAGE];
    int fd = make_file("file", "", 0);
    set(RLIMIT_FSIZE, 1000);
    CHECK(write(fd, data, PAGE) == 1000);
    CHECK_ERRNO(write(fd, data, 1), EFBIG);
    CHECK_ERRNO(ftruncate(fd, 1001), EFBIG);
    set(RLIMIT_FSIZE, RLIM_INFINITY);

    set(RLIMIT_AS, 3ul << 30);
    CHECK(mmap(NULL, 4l << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED && errno == ENOMEM);
    char *p = mmap(NULL, 1l << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(p != MAP_FAILED && munmap(p, 1l << 30) == 0);
    set(RLIMIT_AS, RLIM_INFINITY);
}

/* Linux counts a stack as it grows: its limit may be larger than that of the whole address space. */
static void little_room(void) {
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        set(RLIMIT_STACK, 8 << 20);
        set(RLIMIT_AS, 7 << 20);
        execl("/proc/self/exe", "limits", "in little room", NULL);
        _exit(1);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Touches `size` bytes of stack, downwards as a program does. */
__attribute__((noinline)) static int deep(long size) {
    volatile char frame[1000];
    frame[0] = frame[999] = size;
    return size < (long)sizeof frame ? frame[0] : deep(size - sizeof frame) + frame[999];
}

int main(int argc, char **argv) {
    if (argc > 1) return 0;
    calls();
    at_work();
    set(RLIMIT_STACK, 8 << 20);
    deep(6 << 20);

    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0 && usage.ru_maxrss > 0 && usage.ru_minflt > 0);
    CHECK(getrusage(RUSAGE_THREAD, &usage) == 0 && getrusage(RUSAGE_CHILDREN, &usage) == 0 && usage.ru_maxrss == 0);
    CHECK_ERRNO(getrusage(99, &usage), EINVAL);
    struct tms ticks;
    CHECK(times(&ticks) > 0 && ticks.tms_cutime == 0);
    struct sysinfo info;
    CHECK(sysinfo(&info) == 0 && info.totalram > 0 && info.uptime > 0 && info.mem_unit > 0);
    struct utsname name;
    CHECK(uname(&name) == 0 && !strcmp(name.sysname, "Linux") && !strcmp(name.machine, "x86_64"));
    CHECK(strlen(name.release) && strlen(name.version) && strlen(name.nodename));
    little_room();
}
