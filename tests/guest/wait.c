/* wait4 and waitid: every way a child can change state, every way to ask. */
#include "children.h"
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>

static int exits(void) { return 37; }
static int sleeps(void) {
    for (;;) pause();
    return 0;
}
static int aborts(void) { abort(); }
static int faults(void) { return *(volatile int *)8; }
static int divides(void) {
    volatile int zero = 0;
    return 5 / zero;
}
static int stops(void) {
    raise(SIGSTOP);
    return 4;
}
static int computes(void) {
    for (volatile long i = 0; i < 100000000; i++) continue;
    return 0;
}
static int exits_high(void) {
    syscall(SYS_exit_group, 0x12345);
    return 0;
}
static int thread_exits(void) {
    syscall(SYS_exit, 6);
    return 0;
}

static int siginfo_of(pid_t pid, int options, siginfo_t *info) {
    memset(info, 0xff, sizeof *info);
    return waitid(P_PID, pid, info, options);
}

static void ends(void) {
    int status;
    siginfo_t info;
    pid_t pid = start(exits);
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 37 && status == 37 << 8);
    pid = start(exits_high);
    CHECK(status_of(pid) == 0x45 << 8);
    pid = start(thread_exits);
    CHECK(status_of(pid) == 6 << 8);

    pid = start(exits);
    CHECK(siginfo_of(pid, WEXITED, &info) == 0);
    CHECK(info.si_signo == SIGCHLD && info.si_errno == 0 && info.si_code == CLD_EXITED && info.si_pid == pid);
    CHECK(info.si_uid == getuid() && info.si_status == 37);
    pid = start(sleeps);
    CHECK(kill(pid, SIGKILL) == 0 && siginfo_of(pid, WEXITED, &info) == 0);
    CHECK(info.si_code == CLD_KILLED && info.si_status == SIGKILL && info.si_pid == pid);

    CHECK(setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) == 0); /* no core: no core flag */
    struct {
        int (*run)(void);
        int number;
    } deaths[] = {{aborts, SIGABRT}, {faults, SIGSEGV}, {divides, SIGFPE}};
    for (int i = 0; i < 3; i++) {
        pid = start(deaths[i].run);
        CHECK(waitpid(pid, &status, 0) == pid && status == deaths[i].number);
        CHECK(WIFSIGNALED(status) && !WCOREDUMP(status));
    }
    int sent[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGALRM, SIGPIPE, SIGSEGV, SIGBUS, SIGSYS, SIGRTMIN, SIGRTMAX, 32};
    /* What glibc's posix_spawn starts ignores 32 and 33; its sigaction refuses both. */
    CHECK(syscall(SYS_rt_sigaction, 32, &(struct { long words[4]; }){0}, NULL, 8) == 0);
    for (size_t i = 0; i < sizeof sent / sizeof *sent; i++) {
        pid = start(sleeps);
        CHECK(kill(pid, sent[i]) == 0 && status_of(pid) == sent[i]);
    }
}

static void stopped_and_continued(void) {
    int status;
    siginfo_t info;
    pid_t pid = start(stops);
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    CHECK(waitpid(pid, &status, WUNTRACED | WNOHANG) == 0); /* told once */
    CHECK(kill(pid, SIGCONT) == 0);
    CHECK(status_of(pid) == 4 << 8);

    pid = start(sleeps);
    CHECK(kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid && kill(pid, SIGCONT) == 0);
    CHECK(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
    CHECK(waitpid(pid, &status, WCONTINUED | WNOHANG) == 0);
    CHECK(kill(pid, SIGKILL) == 0 && status_of(pid) == SIGKILL);

    pid = start(sleeps);
    int stopping[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
    CHECK(setpgid(pid, pid) == 0);
    for (int i = 0; i < 4; i++) {
        CHECK(kill(pid, stopping[i]) == 0 && siginfo_of(pid, WSTOPPED | WNOWAIT, &info) == 0);
        CHECK(info.si_code == CLD_STOPPED && info.si_status == stopping[i] && info.si_pid == pid);
        CHECK(siginfo_of(pid, WSTOPPED, &info) == 0 && info.si_status == stopping[i]);
        CHECK(siginfo_of(pid, WSTOPPED | WNOHANG, &info) == 0 && info.si_pid == 0 && info.si_signo == 0);
        CHECK(kill(pid, SIGCONT) == 0 && siginfo_of(pid, WCONTINUED, &info) == 0);
        CHECK(info.si_code == CLD_CONTINUED && info.si_status == SIGCONT && info.si_pid == pid);
    }
    CHECK(kill(pid, SIGSTOP) == 0 && siginfo_of(pid, WSTOPPED, &info) == 0);
    CHECK(kill(pid, SIGUSR1) == 0 && siginfo_of(pid, WEXITED | WNOHANG, &info) == 0 && info.si_pid == 0);
    CHECK(kill(pid, SIGCONT) == 0);
    CHECK(status_of(pid) == SIGUSR1); /* what came while it was stopped */

    pid = start(sleeps);
    CHECK(kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid && kill(pid, SIGKILL) == 0);
    CHECK(status_of(pid) == SIGKILL);
    pid = start(computes); /* stopped and continued amid computing */
    for (int i = 0; i < 5; i++) {
        if (kill(pid, SIGSTOP)) break;
        if (waitpid(pid, &status, WUNTRACED) != pid) break;
        if (WIFEXITED(status)) {
            pid = 0;
            break;
        }
        CHECK(kill(pid, SIGCONT) == 0);
    }
    if (pid) CHECK(status_of(pid) == 0);
}

static void ways_to_ask(void) {
    int status;
    siginfo_t info;
    CHECK_ERRNO(waitpid(-1, &status, WNOHANG), ECHILD);
    CHECK_ERRNO(waitpid(1, &status, 0), ECHILD);
    CHECK_ERRNO(waitpid(INT_MIN, &status, 0), ESRCH);
    CHECK_ERRNO(waitpid(-1, &status, 0x100), EINVAL);
    CHECK_ERRNO(siginfo_of(1, 0, &info), EINVAL);
    CHECK_ERRNO(waitid(P_PID, 0, &info, WEXITED), EINVAL);
    CHECK_ERRNO(waitid(P_PGID, -1, &info, WEXITED), EINVAL);
    CHECK_ERRNO(waitid(9, 0, &info, WEXITED), EINVAL);

    pid_t pid = start(sleeps);
    CHECK(waitpid(pid, &status, WNOHANG) == 0 && waitpid(-1, &status, WNOHANG) == 0 && waitpid(0, &status, WNOHANG) == 0);
    CHECK_ERRNO(waitpid(-pid, &status, WNOHANG), ECHILD); /* its group is this process's */
    CHECK(setpgid(pid, pid) == 0 && waitpid(-pid, &status, WNOHANG) == 0);
    CHECK_ERRNO(waitpid(0, &status, WNOHANG), ECHILD);
    CHECK(waitid(P_PGID, pid, &info, WEXITED | WNOHANG) == 0);
    CHECK_ERRNO(waitpid(pid, &status, __WCLONE), ECHILD);
    CHECK(kill(pid, SIGTERM) == 0);
    CHECK(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) == 0 && info.si_pid == pid);
    CHECK(waitid(P_ALL, 0, NULL, WEXITED | WNOWAIT) == 0);
    CHECK_ERRNO(syscall(SYS_wait4, pid, 8, WNOHANG, NULL), EFAULT); /* and it is gone all the same */
    CHECK_ERRNO(waitpid(pid, &status, 0), ECHILD);
    pid = start(exits);
    CHECK(waitpid(pid, NULL, __WALL) == pid);

    struct rusage usage, before, after;
    CHECK(getrusage(RUSAGE_CHILDREN, &before) == 0);
    memset(&usage, 0xff, sizeof usage);
    pid = start(computes);
    CHECK(wait4(pid, &status, 0, &usage) == pid && status == 0);
    CHECK(usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec > 10000 && usage.ru_maxrss > 0);
    CHECK(getrusage(RUSAGE_CHILDREN, &after) == 0 && timercmp(&after.ru_utime, &before.ru_utime, >));
    pid = start(exits);
    CHECK(syscall(SYS_waitid, P_PID, pid, &info, WEXITED, &usage) == 0 && usage.ru_maxrss > 0 && usage.ru_maxrss < 1 << 30);

    pid_t group[3];
    for (int i = 0; i < 3; i++) group[i] = start(exits);
    int seen = 0;
    for (int i = 0; i < 3; i++) {
        pid = wait(&status);
        for (int j = 0; j < 3; j++) seen += pid == group[j];
    }
    CHECK(seen == 3);
}

static volatile int children;
static void on_child(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    children++;
    CHECK(info->si_code == CLD_EXITED || info->si_code == CLD_STOPPED || info->si_code == CLD_CONTINUED);
}

/* What SIGCHLD's action says of children. */
static void nobody_waits(void) {
    signal(SIGCHLD, SIG_IGN);
    pid_t pid = start(exits);
    CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD); /* once it has ended */
    CHECK_ERRNO(kill(pid, 0), ESRCH);
    signal(SIGCHLD, SIG_DFL);
    struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_NOCLDWAIT | SA_RESTART};
    CHECK(sigaction(SIGCHLD, &action, NULL) == 0);
    pid = start(exits);
    CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD);
    CHECK(children == 1);
    handle(SIGCHLD, on_child, SA_NOCLDSTOP | SA_RESTART);
    children = 0;
    int status;
    pid = start(stops);
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) && children == 0);
    CHECK(kill(pid, SIGCONT) == 0 && status_of(pid) == 4 << 8 && children == 1);
    handle(SIGCHLD, on_child, SA_RESTART);
    children = 0;
    pid = start(stops);
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && children == 1);
    CHECK(kill(pid, SIGCONT) == 0 && status_of(pid) == 4 << 8 && children >= 2);
    signal(SIGCHLD, SIG_DFL);
}

int main(void) {
    ends();
    stopped_and_continued();
    ways_to_ask();
    nobody_waits();
}
