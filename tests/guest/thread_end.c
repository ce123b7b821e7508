/* Ends of threads: the first one's before others, a process's while they run, a lock's owner. */
#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void *later(void *unused) {
    (void)unused;
    usleep(30000);
    _exit(5);
}

__attribute__((noreturn)) static void *sleeps(void *unused) {
    (void)unused;
    for (;;) pause();
}

static void *jumps_to_8(void *unused) {
    (void)unused;
    ((void (*)(void))8)();
    return NULL;
}

static int status_of(void (*body)(void)) {
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        body();
        _exit(99);
    }
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

static void start(void *(*body)(void *)) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, NULL) == 0);
}

static void first_ends_first(void) {
    start(later);
    pthread_exit(NULL);
}

static void ends_beside_sleepers(void) {
    start(sleeps);
    start(sleeps);
    _exit(6);
}

static void dies_by_a_thread(void) {
    start(jumps_to_8);
    sleeps(NULL);
}

static pthread_mutex_t robust;

static void *locks_and_ends(void *unused) {
    (void)unused;
    pthread_mutex_lock(&robust);
    return NULL;
}

static volatile int handled_by;

static void handler(int signal) {
    (void)signal;
    handled_by = gettid();
}

enum { THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM };

static int does_nothing(void *unused) {
    (void)unused;
    return 0;
}

/* Only a thread that has asked for it zeroes a word at its end. */
static void clears_its_own_word_alone(void) {
    static _Alignas(16) char stack[16384];
    static volatile pid_t word = 7;
    CHECK(clone(does_nothing, stack + sizeof stack, THREAD | CLONE_CHILD_CLEARTID, NULL, NULL, NULL, &word) > 0);
    while (word) usleep(1000);
    word = 7;
    pid_t second = clone(does_nothing, stack + sizeof stack, THREAD, NULL);
    CHECK(second > 0);
    while (!syscall(SYS_tgkill, getpid(), second, 0)) usleep(1000);
    CHECK(errno == ESRCH && word == 7);
}

int main(void) {
    clears_its_own_word_alone();
    int status = status_of(first_ends_first);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
    status = status_of(ends_beside_sleepers);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 6);
    status = status_of(dies_by_a_thread);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);

    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &attributes);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, locks_and_ends, NULL) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(pthread_mutex_lock(&robust) == EOWNERDEAD && pthread_mutex_consistent(&robust) == 0);
    CHECK(pthread_mutex_unlock(&robust) == 0);

    /* A signal to a thread is that thread's; one to the process is for whoever does not block it. */
    signal(SIGUSR1, handler);
    CHECK(pthread_create(&thread, NULL, sleeps, NULL) == 0);
    CHECK(pthread_kill(thread, SIGUSR1) == 0);
    while (!handled_by) usleep(1000);
    CHECK(handled_by != getpid());
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    handled_by = 0;
    CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0 && kill(getpid(), SIGUSR1) == 0);
    while (!handled_by) usleep(1000);
    CHECK(handled_by != getpid());
}
