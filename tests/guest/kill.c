/* kill, tkill, killpg: whom a number means, and who may signal whom. */
#include "children.h"

static volatile int count;
static int *shared;

static void on_signal(int number, siginfo_t *info, void *context) {
    (void)number, (void)info, (void)context;
    __atomic_add_fetch(&shared[0], 1, __ATOMIC_SEQ_CST);
    count++;
}

static int waits(void) {
    for (;;) pause();
    return 0;
}

static void groups(void) {
    handle(SIGUSR1, on_signal, SA_RESTART);
    pid_t leader = start(waits), member = start(waits), other = start(waits);
    CHECK(setpgid(leader, leader) == 0 && setpgid(member, leader) == 0 && setpgid(other, other) == 0);
    CHECK(getpgid(member) == leader && getpgid(0) == getpgrp());
    shared[0] = 0;
    CHECK(kill(-leader, SIGUSR1) == 0);
    for (int i = 0; i < 30000 && shared[0] < 2; i++) usleep(1000);
    CHECK(shared[0] == 2 && count == 0);
    CHECK(killpg(other, SIGUSR1) == 0);
    for (int i = 0; i < 30000 && shared[0] < 3; i++) usleep(1000);
    CHECK(shared[0] == 3);
    CHECK_ERRNO(setpgid(1, 0), ESRCH);
    CHECK_ERRNO(setpgid(member, -1), EINVAL);
    CHECK_ERRNO(kill(-0x7ffffff, 0), ESRCH);
    CHECK(kill(-leader, SIGKILL) == 0 && dies_of(leader, SIGKILL) && dies_of(member, SIGKILL));
    CHECK_ERRNO(kill(-leader, 0), ESRCH);
    CHECK(kill(other, SIGKILL) == 0 && dies_of(other, SIGKILL));

    pid_t pid = fork(); /* 0: one's own group, oneself included, before kill comes back */
    if (pid == 0) {
        CHECK(setpgid(0, 0) == 0);
        shared[0] = 0, count = 0;
        pid_t inner = start(waits);
        CHECK(kill(0, SIGUSR1) == 0 && count == 1);
        for (int i = 0; i < 30000 && shared[0] < 2; i++) usleep(1000);
        CHECK(shared[0] == 2);
        signal(SIGTERM, SIG_IGN);
        CHECK(kill(0, SIGTERM) == 0 && dies_of(inner, SIGTERM));
        _exit(0);
    }
    CHECK(succeeds(pid));
    pid = fork();
    if (pid == 0) {
        CHECK(setsid() == getpid() && getsid(0) == getpid() && getpgrp() == getpid());
        CHECK_ERRNO(setsid(), EPERM);
        CHECK_ERRNO(setpgid(0, 0), EPERM);
        _exit(0);
    }
    CHECK(succeeds(pid));
    pid = fork(); /* another session's group is out of reach */
    if (pid == 0) {
        CHECK(setsid() > 0);
        CHECK_ERRNO(setpgid(0, getppid()), EPERM);
        _exit(0);
    }
    CHECK(succeeds(pid));
}

/* A user's processes; -1 means all that one may signal but oneself. */
static void permissions(void) {
    if (getuid()) return;
    uid_t user = 100000 + getpid(); /* nobody else's, whatever runs beside this */
    pid_t privileged = start(waits), pid = fork();
    if (pid == 0) {
        CHECK(setgid(user) == 0 && setuid(user) == 0);
        CHECK_ERRNO(kill(1, 0), EPERM);
        CHECK_ERRNO(kill(privileged, SIGTERM), EPERM);
        CHECK_ERRNO(syscall(SYS_tkill, privileged, SIGTERM), EPERM);
        CHECK_ERRNO(sigqueue(privileged, SIGTERM, (union sigval){1}), EPERM);
        CHECK(kill(getpid(), 0) == 0);
        pid_t inner = start(waits), second = start(waits);
        CHECK(kill(inner, 0) == 0 && kill(-1, SIGUSR2) == 0);
        CHECK(dies_of(inner, SIGUSR2) && dies_of(second, SIGUSR2));
        CHECK_ERRNO(kill(-1, 65), EINVAL);
        _exit(0);
    }
    CHECK(succeeds(pid));
    pid = fork(); /* SIGCONT within a session is always allowed */
    if (pid == 0) {
        CHECK(setuid(user) == 0 && kill(privileged, SIGCONT) == 0);
        _exit(0);
    }
    CHECK(succeeds(pid));
    pid = fork(); /* the saved user counts too */
    if (pid == 0) {
        CHECK(setresuid(user, user, 0) == 0);
        pid_t inner = fork();
        if (inner == 0) {
            CHECK(setresuid(54322, 54322, 54322) == -1 || 1);
            for (;;) pause();
        }
        CHECK(kill(inner, SIGTERM) == 0 && dies_of(inner, SIGTERM));
        _exit(0);
    }
    CHECK(succeeds(pid));
    CHECK(kill(privileged, SIGKILL) == 0 && dies_of(privileged, SIGKILL));
}

/* SIGCONT and stop signals take each other out of the queue; a stopped process handles what came once it goes on. */
static void stops(void) {
    block(SIG_BLOCK, SIGTSTP), block(SIG_BLOCK, SIGCONT);
    handle(SIGTSTP, on_signal, 0), handle(SIGCONT, on_signal, 0);
    raise(SIGTSTP);
    CHECK(is_pending(SIGTSTP));
    raise(SIGCONT);
    CHECK(!is_pending(SIGTSTP) && is_pending(SIGCONT));
    raise(SIGTSTP);
    CHECK(is_pending(SIGTSTP) && !is_pending(SIGCONT));
    raise(SIGCONT);
    count = 0;
    block(SIG_UNBLOCK, SIGCONT), block(SIG_UNBLOCK, SIGTSTP);
    CHECK(count == 1);

    shared[0] = 0;
    pid_t pid = start(waits);
    int status;
    CHECK(kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    CHECK(kill(pid, SIGUSR1) == 0 && kill(pid, SIGUSR1) == 0);
    usleep(20000);
    CHECK(shared[0] == 0 && kill(pid, SIGCONT) == 0); /* handled, as SIGUSR1 is then */
    for (int i = 0; i < 30000 && shared[0] < 2; i++) usleep(1000);
    CHECK(shared[0] == 2 && kill(pid, SIGKILL) == 0 && dies_of(pid, SIGKILL));
}

int main(void) {
    shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    groups();
    permissions();
    stops();
}
