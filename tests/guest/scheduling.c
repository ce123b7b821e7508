/* Priorities, scheduling policies, affinity, and the times that a process and its children have used. */
#include "children.h"
#include <sys/resource.h>
#include <sys/times.h>
#include <time.h>

/* <linux/sched/types.h>, which does not go with <sched.h> */
struct attributes {
    uint32_t size, sched_policy;
    uint64_t sched_flags;
    int32_t sched_nice;
    uint32_t sched_priority;
    uint64_t sched_runtime, sched_deadline, sched_period;
    uint32_t sched_util_min, sched_util_max;
};

static int as_nobody(int (*run)(void)) {
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        if (geteuid() == 0) CHECK(setresuid(59999, 59999, 59999) == 0);
        _exit(run());
    }
    return succeeds(pid);
}

static int unprivileged_nice(void) {
    errno = 0;
    int now = getpriority(PRIO_PROCESS, 0);
    CHECK(errno == 0);
    if (now < 19) {
        CHECK(nice(1) == now + 1 && getpriority(PRIO_PROCESS, 0) == now + 1);
        struct rlimit limit = {0, 0};
        CHECK(setrlimit(RLIMIT_NICE, &limit) == 0);
        CHECK_ERRNO(setpriority(PRIO_PROCESS, 0, now), EACCES);
        CHECK_ERRNO(nice(-1), EPERM); /* the C library's own, since it is what POSIX says */
    }
    CHECK(setpriority(PRIO_PROCESS, 0, 100) == 0 && getpriority(PRIO_PROCESS, 0) == 19); /* cut off, no error */
    CHECK(syscall(SYS_getpriority, PRIO_PROCESS, 0) == 1);                               /* 20 minus the value */
    CHECK_ERRNO(setpriority(PRIO_PROCESS, 1, 19), EPERM);
    struct sched_param param = {1};
    struct rlimit none = {0, 0};
    CHECK(setrlimit(RLIMIT_RTPRIO, &none) == 0);
    CHECK_ERRNO(sched_setscheduler(0, SCHED_FIFO, &param), EPERM);
    return 0;
}

static void priorities(void) {
    errno = 0;
    int own = getpriority(PRIO_PROCESS, getpid());
    CHECK(errno == 0 && getpriority(PRIO_PROCESS, 0) == own && getpriority(PRIO_PGRP, 0) <= own && errno == 0);
    CHECK(getpriority(PRIO_USER, getuid()) <= own && errno == 0);
    CHECK_ERRNO(getpriority(3, 0), EINVAL);
    CHECK_ERRNO(getpriority(PRIO_PROCESS, 0x7ffffff), ESRCH);
    CHECK_ERRNO(setpriority(-1, 0, 0), EINVAL);
    CHECK_ERRNO(setpriority(PRIO_PROCESS, 0x7ffffff, 0), ESRCH);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(setpgid(0, 0) == 0 && setpriority(PRIO_PGRP, 0, 19) == 0 && getpriority(PRIO_PROCESS, 0) == 19);
        pid_t inner = fork(); /* a child inherits it */
        if (inner == 0) _exit(getpriority(PRIO_PROCESS, 0) != 19);
        CHECK(succeeds(inner));
        execl("/bin/sh", "sh", "-c", "test $(nice) = 19", NULL); /* and so does a program */
    }
    CHECK(succeeds(pid) && getpriority(PRIO_PROCESS, 0) == own);
    CHECK(as_nobody(unprivileged_nice));
}

static void policies(void) {
    struct sched_param param = {-1};
    CHECK(sched_getscheduler(0) == SCHED_OTHER && sched_getscheduler(getpid()) == SCHED_OTHER);
    CHECK(sched_getparam(0, &param) == 0 && param.sched_priority == 0);
    CHECK_ERRNO(sched_getparam(0, NULL), EINVAL);
    CHECK_ERRNO(sched_getparam(0, (void *)8), EFAULT);
    CHECK_ERRNO(sched_getscheduler(-1), EINVAL);
    CHECK_ERRNO(sched_getscheduler(0x7ffffff), ESRCH);
    CHECK_ERRNO(sched_setscheduler(0, 99, &param), EINVAL);
    CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER, NULL), EINVAL);
    CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER, (void *)8), EFAULT);
    param.sched_priority = 1;
    CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER, &param), EINVAL);
    CHECK_ERRNO(sched_setparam(0, &param), EINVAL);
    param.sched_priority = 0;
    CHECK(sched_setparam(0, &param) == 0);
    CHECK_ERRNO(sched_get_priority_max(99), EINVAL);
    CHECK(sched_get_priority_max(SCHED_RR) == 99 && sched_get_priority_min(SCHED_RR) == 1);
    CHECK(sched_get_priority_max(SCHED_BATCH) == 0 && sched_get_priority_min(SCHED_IDLE) == 0);
    struct timespec slice = {-1, -1};
    CHECK(sched_rr_get_interval(0, &slice) == 0 && slice.tv_sec == 0 && slice.tv_nsec >= 0);
    CHECK_ERRNO(sched_rr_get_interval(0, (void *)8), EFAULT);
    CHECK_ERRNO(sched_rr_get_interval(-1, &slice), EINVAL);

    pid_t pid = fork();
    if (pid == 0) {
        CHECK(sched_setscheduler(0, SCHED_BATCH, &param) == 0 && sched_getscheduler(0) == SCHED_BATCH);
        pid_t inner = fork();
        if (inner == 0) _exit(sched_getscheduler(0) != SCHED_BATCH);
        CHECK(succeeds(inner));
        CHECK(sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &param) == 0);
        CHECK(sched_getscheduler(0) == (SCHED_BATCH | SCHED_RESET_ON_FORK));

        struct attributes attr;
        memset(&attr, 0x55, sizeof attr);
        CHECK(syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0) == 0 && attr.size >= 48);
        CHECK(attr.sched_policy == SCHED_BATCH && attr.sched_flags == 1 && attr.sched_priority == 0);
        CHECK_ERRNO(syscall(SYS_sched_getattr, 0, &attr, 1, 0), EINVAL);
        CHECK_ERRNO(syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 1), EINVAL);
        CHECK_ERRNO(syscall(SYS_sched_getattr, 0, 8l, sizeof attr, 0), EFAULT);
        attr = (struct attributes){.size = 48, .sched_policy = SCHED_IDLE, .sched_flags = 1};
        CHECK(syscall(SYS_sched_setattr, 0, &attr, 0) == 0 && sched_getscheduler(0) == (SCHED_IDLE | SCHED_RESET_ON_FORK));
        attr.sched_policy = 77;
        CHECK_ERRNO(syscall(SYS_sched_setattr, 0, &attr, 0), EINVAL);
        attr.size = 4096 + 1;
        CHECK_ERRNO(syscall(SYS_sched_setattr, 0, &attr, 0), E2BIG);
        CHECK_ERRNO(syscall(SYS_sched_setattr, 0, 8l, 0), EFAULT);
        CHECK_ERRNO(syscall(SYS_sched_setattr, 0, NULL, 0), EINVAL);
        _exit(0);
    }
    CHECK(succeeds(pid) && sched_getscheduler(0) == SCHED_OTHER);
}

static void affinity(void) {
    cpu_set_t all, one, now;
    CHECK(sched_getaffinity(0, sizeof all, &all) == 0 && CPU_COUNT(&all) >= 1);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &all)) cpu++;
    CPU_ZERO(&one);
    CHECK_ERRNO(sched_setaffinity(0, sizeof one, &one), EINVAL);
    CPU_SET(1023, &one);
    if (!CPU_ISSET(1023, &all)) CHECK_ERRNO(sched_setaffinity(0, sizeof one, &one), EINVAL);
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    CHECK_ERRNO(sched_setaffinity(0, sizeof one, (void *)8), EFAULT);
    CHECK_ERRNO(sched_setaffinity(0x7ffffff, sizeof one, &one), ESRCH);
    CHECK_ERRNO(sched_getaffinity(0x7ffffff, sizeof one, &one), ESRCH);
    CHECK_ERRNO(sched_getaffinity(0, 7, &now), EINVAL);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(sched_setaffinity(0, sizeof one, &one) == 0 && sched_getaffinity(getpid(), sizeof now, &now) == 0);
        CHECK(CPU_EQUAL(&one, &now) && sched_getcpu() == cpu && sysconf(_SC_NPROCESSORS_CONF) >= CPU_COUNT(&all));
        execl("/bin/sh", "sh", "-c", "test $(nproc) = 1", NULL);
    }
    CHECK(succeeds(pid) && sched_getaffinity(0, sizeof now, &now) == 0 && CPU_EQUAL(&all, &now));
}

static double seconds(struct timeval t) { return t.tv_sec + t.tv_usec / 1e6; }

static void spin(double much) {
    struct rusage usage;
    do CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    while (seconds(usage.ru_utime) + seconds(usage.ru_stime) < much);
}

static void used(void) {
    struct rusage before, self, thread, children;
    struct tms first, ticks;
    CHECK(getrusage(RUSAGE_CHILDREN, &before) == 0 && times(&first) != -1);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(times(&ticks) != -1 && ticks.tms_cutime == 0 && ticks.tms_cstime == 0); /* a child begins anew */
        spin(0.3);
        _exit(0);
    }
    siginfo_t info;
    CHECK(waitid(P_PID, pid, &info, WEXITED | WNOWAIT) == 0); /* not counted until it is waited for */
    CHECK(getrusage(RUSAGE_CHILDREN, &children) == 0 && seconds(children.ru_utime) == seconds(before.ru_utime));
    int status;
    CHECK(wait4(pid, &status, 0, &self) == pid && status == 0 && seconds(self.ru_utime) + seconds(self.ru_stime) >= 0.3);
    CHECK(getrusage(RUSAGE_CHILDREN, &children) == 0 && children.ru_maxrss > 0);
    CHECK(seconds(children.ru_utime) + seconds(children.ru_stime) >= 0.3);
    CHECK(times(&ticks) != -1 && ticks.tms_cutime + ticks.tms_cstime >= 0.2 * sysconf(_SC_CLK_TCK));

    struct timespec process, own;
    CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &process) == 0);
    spin(process.tv_sec + process.tv_nsec / 1e9 + 0.05);
    CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own) == 0);
    CHECK((own.tv_sec - process.tv_sec) + (own.tv_nsec - process.tv_nsec) / 1e9 >= 0.04);
    CHECK(getrusage(RUSAGE_SELF, &self) == 0 && getrusage(RUSAGE_THREAD, &thread) == 0);
    CHECK(seconds(thread.ru_utime) <= seconds(self.ru_utime) + 0.01 && thread.ru_maxrss == self.ru_maxrss);
    CHECK_ERRNO(getrusage(RUSAGE_SELF, (void *)8), EFAULT);
    CHECK_ERRNO(getrusage(2, &self), EINVAL);
    CHECK_ERRNO(syscall(SYS_times, 8l), EFAULT);
    CHECK(times(NULL) != -1);
}

int main(void) {
    priorities();
    policies();
    affinity();
    used();
}
