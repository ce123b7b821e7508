/* Threads that fork, vfork, start threads and look at RLIMIT_NOFILE, all at once; a fork beside threads that is refused, and what
 * only clone3 can say. */
#include "children.h"
#include <linux/sched.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/resource.h>

enum { ROUNDS = 12 };
static struct rlimit files;
static atomic_int busy = 1;
static char *const command[] = {"true", NULL};

static void *forks(void *arg) {
    for (int i = 0; i < ROUNDS; i++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) _exit(i);
        CHECK(status_of(pid) == i << 8);
    }
    return arg;
}

static void *spawns(void *arg) {
    for (int i = 0; i < ROUNDS; i++) {
        pid_t pid;
        CHECK(posix_spawn(&pid, "/bin/true", NULL, NULL, command, NULL) == 0 && succeeds(pid));
        CHECK(posix_spawn(&pid, "/absent", NULL, NULL, command, NULL) == ENOENT);
    }
    return arg;
}

static long clone3(struct clone_args *args) { return syscall(SYS_clone3, args, sizeof *args); }

static void ends_with(int status, uint64_t flags, int signal) {
    struct clone_args args = {.flags = flags, .exit_signal = signal};
    pid_t pid = clone3(&args);
    if (pid == 0) _exit(status); /* other threads may have held the C library's locks */
    CHECK(pid > 0 && status_of(pid) == status << 8);
}

static int leaves(void *place) {
    *(int *)place = 1;
    return 5;
}

static void *clones(void *arg) {
    static char stack[16 * PAGE] __attribute__((aligned(16)));
    for (int i = 0; i < ROUNDS; i++) {
        ends_with(i, 0, 0);
        ends_with(i, CLONE_FS | CLONE_VFORK, SIGWINCH);
        if (geteuid()) continue;
        int left = 0; /* as Go starts a program in namespaces */
        pid_t pid = clone(leaves, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_NEWUTS | SIGCHLD, &left);
        CHECK(pid > 0 && left == 1 && status_of(pid) == 5 << 8);
    }
    return arg;
}

static void *ends(void *arg) { return arg; }

static void *starts(void *arg) {
    pthread_t thread;
    for (int i = 0; i < 5 * ROUNDS; i++)
        CHECK(pthread_create(&thread, NULL, ends, NULL) == 0 && pthread_join(thread, NULL) == 0);
    return arg;
}

static void *looks(void *arg) {
    struct rlimit now;
    while (busy) CHECK(getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur == files.rlim_cur && now.rlim_max == files.rlim_max);
    return arg;
}

static void all_at_once(void) {
    static void *(*const work[])(void *) = {forks, spawns, starts, forks, spawns, clones, looks};
    pthread_t threads[7];
    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = files.rlim_max / 2;
    CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
    for (int i = 0; i < 7; i++) CHECK(pthread_create(&threads[i], NULL, work[i], NULL) == 0);
    for (int i = 0; i < 7; i++) {
        busy = i < 6;
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

static void *waits(void *arg) {
    pause();
    return arg;
}

/* Signals, namespaces and parents: what a C library's fork never asks for. */
static volatile int told;
static void on_end(int number, siginfo_t *info, void *context) {
    (void)info, (void)context;
    told = number;
}

static void unusual(void) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, waits, NULL) == 0);
    handle(SIGUSR1, on_end, SA_RESTART);
    ends_with(3, 0, SIGUSR1);
    CHECK(told == SIGUSR1);
    struct clone_args args = {.exit_signal = SIGUSR1};
    pid_t pid = clone3(&args);
    if (pid == 0) _exit(0);
    CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD);
    CHECK(waitpid(pid, NULL, __WCLONE) == pid);

    int number = -1, pidfd = -1;
    args = (struct clone_args){.flags = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_PIDFD | CLONE_FS,
                               .exit_signal = SIGCHLD,
                               .parent_tid = (uintptr_t)&number,
                               .child_tid = (uintptr_t)&number,
                               .pidfd = (uintptr_t)&pidfd};
    pid = clone3(&args);
    if (pid == 0) _exit(number != getpid());
    CHECK(pid > 0 && number == pid && fcntl(pidfd, F_GETFD) == FD_CLOEXEC && succeeds(pid));

    pid = fork(); /* CLONE_PARENT: its child is this process's */
    if (pid == 0) {
        CHECK(pthread_create(&thread, NULL, waits, NULL) == 0);
        struct clone_args sibling = {.flags = CLONE_PARENT};
        pid_t inner = clone3(&sibling);
        if (inner == 0) _exit(7);
        _exit(inner < 0);
    }
    CHECK(succeeds(pid));
    int status;
    CHECK(wait(&status) > 0 && status == 7 << 8);

    pid_t taken = 1;
    args = (struct clone_args){.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&taken, .set_tid_size = 1};
    CHECK_ERRNO(clone3(&args), geteuid() ? EPERM : EEXIST);
    args.set_tid_size = 33;
    CHECK_ERRNO(clone3(&args), EINVAL);
    if (geteuid()) return;
    args = (struct clone_args){.flags = CLONE_NEWPID | CLONE_NEWUTS, .exit_signal = SIGCHLD};
    pid = clone3(&args);
    if (pid == 0) _exit(getpid() != 1 || sethostname("other", 5));
    char name[100];
    CHECK(pid > 1 && succeeds(pid) && gethostname(name, sizeof name) == 0 && strcmp(name, "other"));
}

static void refused(void) {
    if (geteuid() == 0) CHECK(setresuid(59999, 59999, 59999) == 0); /* root may have as many as it likes */
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, waits, NULL) == 0);
    struct rlimit limit = {1, 1};
    CHECK(setrlimit(RLIMIT_NPROC, &limit) == 0);
    CHECK_ERRNO(fork(), EAGAIN);
    CHECK_ERRNO(vfork(), EAGAIN);
    CHECK(pthread_create(&thread, NULL, waits, NULL) == EAGAIN);
}

int main(void) {
    all_at_once();
    unusual();
    refused();
}
