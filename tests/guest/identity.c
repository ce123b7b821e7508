/* Who the process is: pid, parent, group, session, users, groups, capabilities, priority, affinity. */
#include "check.h"
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/resource.h>

int main(void) {
    int pid = getpid();
    CHECK(pid > 0 && syscall(SYS_gettid) == pid && syscall(SYS_set_tid_address, 0l) == pid);
    CHECK(getppid() > 0 && getppid() != pid && getpgrp() == getpgid(0) && getpgid(pid) == getpgrp() && getsid(0) > 0);
    char path[64], target[64] = "";
    sprintf(path, "%d", pid);
    CHECK(readlink("/proc/self", target, sizeof target) > 0 && !strcmp(path, target));
    CHECK_ERRNO(getpgid(-1), ESRCH);
    CHECK_ERRNO(setpgid(pid, -1), EINVAL);
    CHECK(setpgid(0, 0) == 0 || (errno == EPERM && getsid(0) == pid));
    CHECK(getpgrp() == pid);
    CHECK_ERRNO(setsid(), EPERM); /* a leader of a group already */

    uid_t r, e, s;
    gid_t groups[65536];
    CHECK(getresuid(&r, &e, &s) == 0 && r == getuid() && e == geteuid() && s == e);
    CHECK(getauxval(AT_UID) == r && getauxval(AT_EUID) == e && getauxval(AT_GID) == getgid() &&
          getauxval(AT_EGID) == getegid());
    CHECK(getresgid(&r, &e, &s) == 0 && r == getgid() && e == getegid());
    int n = getgroups(0, NULL);
    CHECK(n >= 0 && getgroups(65536, groups) == n);
    CHECK_ERRNO(getgroups(-1, groups), EINVAL);
    CHECK(setuid(getuid()) == 0 && setresuid(-1, geteuid(), -1) == 0 && setresgid(-1, -1, getegid()) == 0);
    CHECK(setfsuid(-1) == (int)geteuid() && setfsgid(-1) == (int)getegid());
    if (geteuid()) {
        CHECK_ERRNO(setresuid(0, 0, 0), EPERM);
        CHECK_ERRNO(setgroups(0, NULL), EPERM);
    }

    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct caps[2];
    CHECK(syscall(SYS_capget, &header, caps) == 0);
    CHECK(geteuid() || caps[0].effective == 0 || caps[0].permitted);
    header.version = 1;
    CHECK_ERRNO(syscall(SYS_capget, &header, caps), EINVAL);
    CHECK(header.version == _LINUX_CAPABILITY_VERSION_3);

    errno = 0;
    int priority = getpriority(PRIO_PROCESS, 0);
    int lower = priority < 19 ? priority + 1 : 19;
    CHECK(errno == 0 && setpriority(PRIO_PROCESS, 0, lower) == 0 && getpriority(PRIO_PROCESS, 0) == lower);
    CHECK_ERRNO(setpriority(9, 0, 0), EINVAL);
    CHECK_ERRNO(getpriority(PRIO_PROCESS, -1), ESRCH);

    cpu_set_t cpus;
    CHECK(sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) >= 1);
    CHECK(sched_setaffinity(0, sizeof cpus, &cpus) == 0);
    long size = syscall(SYS_sched_getaffinity, 0, sizeof cpus, &cpus); /* the bytes that the kernel has */
    CHECK(size > 0 && size % 8 == 0);
    CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, 1l, &cpus), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, 128l, 8l), EFAULT);
    CHECK(sched_getscheduler(0) == SCHED_OTHER && sched_yield() == 0);
    CHECK(sched_get_priority_max(SCHED_FIFO) == 99 && sched_get_priority_min(SCHED_OTHER) == 0);
    unsigned cpu = ~0u, node;
    CHECK(syscall(SYS_getcpu, &cpu, &node, NULL) == 0 && CPU_ISSET(cpu, &cpus));
}
