/* Threads that start where others have ended before: what is left must not be seen, and whatever such a thread does is done. */
#include "children.h"
#include <dirent.h>
#include <linux/sched.h>
#include <pthread.h>

enum { WARM = 4, ROUNDS = 200, PAIRS = 10, WILD = 8, ROUND_UP = 0x5f80 }; /* the last: of MXCSR */
enum { THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM };

static pthread_barrier_t barrier;

static void *waits(void *unused) {
    (void)unused;
    pthread_barrier_wait(&barrier);
    return NULL;
}

/* So many have been there at once. */
static void warm_up(void) {
    pthread_t threads[WARM];
    pthread_barrier_init(&barrier, NULL, WARM);
    for (int i = 0; i < WARM; i++) CHECK(pthread_create(&threads[i], NULL, waits, NULL) == 0);
    for (int i = 0; i < WARM; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

static void run(void *(*body)(void *), void *argument) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, argument) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

/* ---- what it starts with ---- */

static void *looks(void *mask) {
    stack_t stack;
    sigset_t own;
    CHECK(__builtin_ia32_stmxcsr() == ROUND_UP);
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &own) == 0 && !memcmp(&own, mask, 8));
    CHECK(sigaltstack(NULL, &stack) == 0 && stack.ss_flags == SS_DISABLE);
    CHECK(gettid() != getpid());
    return NULL;
}

static void starts_as_its_parent(void) {
    static char memory[16384];
    sigset_t mask, old;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    CHECK(pthread_sigmask(SIG_SETMASK, &mask, &old) == 0);
    CHECK(sigaltstack(&(stack_t){.ss_sp = memory, .ss_size = sizeof memory}, NULL) == 0);
    unsigned usual = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(ROUND_UP);
    run(looks, &mask);
    __builtin_ia32_ldmxcsr(usual);
    CHECK(sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL) == 0);
    CHECK(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
}

static volatile pid_t parents_word, childs_word, cleared_word;
static volatile int went_wrong;
static _Alignas(16) char stack[65536];

static int compares(void *unused) {
    (void)unused;
    pid_t own = (pid_t)syscall(SYS_gettid);
    went_wrong = parents_word != own || childs_word != own;
    return 0;
}

static int does_nothing(void *unused) { return (void)unused, 0; }

static void wait_for_end(pid_t tid) {
    while (!syscall(SYS_tgkill, getpid(), tid, 0)) sched_yield();
    CHECK(errno == ESRCH);
}

static void numbers_are_there_before_it_runs(void) {
    const int told = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
    for (int i = 0; i < ROUNDS; i++) {
        parents_word = childs_word = 0;
        pid_t tid = clone(compares, stack + sizeof stack, THREAD | told, NULL, &parents_word, NULL, &childs_word);
        CHECK(tid > 0 && parents_word == tid);
        while (childs_word) sched_yield();
        CHECK(!went_wrong);
        wait_for_end(tid);
    }
}

static void bad_addresses(void) {
    const int told = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
    pid_t tid = clone(does_nothing, stack + sizeof stack, THREAD | told, NULL, WILD, NULL, WILD);
    CHECK(tid > 0);
    wait_for_end(tid);
    struct clone_args args = {.flags = THREAD | CLONE_SETTLS, .stack = (uint64_t)stack, .stack_size = sizeof stack};
    args.tls = 1ull << 63;
    CHECK_ERRNO(syscall(SYS_clone3, &args, sizeof args), EPERM);
    args.exit_signal = SIGCHLD;
    CHECK_ERRNO(syscall(SYS_clone3, &args, sizeof args), EINVAL);
}

/* ---- what it does ---- */

static pthread_mutex_t robust;

static void *locks_and_ends(void *unused) {
    pthread_mutex_lock(&robust);
    return unused;
}

static void leaves_a_lock(void) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &attributes);
    run(locks_and_ends, NULL);
    CHECK(pthread_mutex_lock(&robust) == EOWNERDEAD && pthread_mutex_consistent(&robust) == 0);
    CHECK(pthread_mutex_unlock(&robust) == 0);
}

static volatile pid_t handled_by;

static void handler(int signal) {
    (void)signal;
    handled_by = gettid();
}

static void *is_interrupted(void *told) {
    *(volatile pid_t *)told = gettid();
    while (handled_by != gettid()) usleep(100000);
    return NULL;
}

static void handles_a_signal(void) {
    volatile pid_t tid = 0;
    pthread_t thread;
    signal(SIGUSR1, handler);
    CHECK(pthread_create(&thread, NULL, is_interrupted, (void *)&tid) == 0);
    while (!tid) sched_yield();
    CHECK(syscall(SYS_tgkill, getpid(), tid, SIGUSR1) == 0);
    CHECK(pthread_join(thread, NULL) == 0 && handled_by == tid);
}

static void *forks(void *unused) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        if (gettid() != getpid()) _exit(1);
        warm_up();
        run(locks_and_ends, NULL);
        _exit(7);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
    return unused;
}

static int entries(const char *folder) {
    int count = 0;
    DIR *listed = opendir(folder);
    CHECK(listed);
    while (readdir(listed)) count++;
    closedir(listed);
    return count - 2;
}

static void is_listed(void) {
    pthread_t thread;
    pthread_barrier_init(&barrier, NULL, 2);
    int files = entries("/proc/self/fd");
    while (entries("/proc/self/task") != 1) sched_yield(); /* one that was joined may not be all gone */
    CHECK(pthread_create(&thread, NULL, waits, NULL) == 0);
    CHECK(entries("/proc/self/task") == 2);
    pthread_barrier_wait(&barrier);
    CHECK(pthread_join(thread, NULL) == 0);
    for (int i = 0; i < ROUNDS; i++) run(locks_and_ends, NULL), pthread_mutex_init(&robust, NULL);
    CHECK(entries("/proc/self/fd") == files);
}

/* ---- how it ends, or all do ---- */

static void *exits(void *unused) {
    (void)unused;
    _exit(5);
}

static int exits_for_all(void) {
    warm_up();
    run(exits, NULL);
    return 99;
}

static void begin(void *(*body)(void *), void *argument) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, argument) == 0);
}

/* The last ones end at the same time. */
static int two_end_last(void) {
    warm_up();
    pthread_barrier_init(&barrier, NULL, 3);
    begin(waits, NULL);
    begin(waits, NULL);
    pthread_barrier_wait(&barrier);
    return (int)syscall(SYS_exit, 3);
}

static void *executes(void *unused) {
    execl("/proc/self/exe", "thread_after", "executed", NULL);
    return unused;
}

__attribute__((noreturn)) static void *spins(void *unused) {
    (void)unused;
    for (volatile long i = 0;; i++) {}
}

static int executes_beside_others(void) {
    warm_up();
    pthread_barrier_init(&barrier, NULL, 2);
    begin(spins, NULL);
    begin(waits, NULL);
    begin(executes, NULL);
    for (;;) pause();
}

int main(int argc, char **argv) {
    (void)argv;
    if (argc == 2) return syscall(SYS_gettid) == getpid() && entries("/proc/self/task") == 1 ? 8 : 1;
    warm_up();
    starts_as_its_parent();
    numbers_are_there_before_it_runs();
    bad_addresses();
    leaves_a_lock();
    handles_a_signal();
    is_listed();
    run(forks, NULL);
    int status = status_of(start(exits_for_all));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
    status = status_of(start(executes_beside_others));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 8);
    for (int i = 0; i < PAIRS; i++) {
        status = status_of(start(two_end_last));
        CHECK(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3));
    }
    return 0;
}
