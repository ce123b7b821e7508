/* execve(2) in a thread: all others end, and the process keeps its number. */
#include "check.h"
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>

__attribute__((noreturn)) static void *sleeps(void *unused) {
    (void)unused;
    for (;;) pause();
}

__attribute__((noreturn)) static void *spins(void *unused) {
    (void)unused;
    for (volatile long i = 0;; i++)
        ;
}

static void *executes(void *path) {
    char number[16];
    snprintf(number, sizeof number, "%d", getpid());
    usleep(20000);
    execl(path, path, number, NULL);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc == 2) {
        CHECK(atoi(argv[1]) == getpid() && syscall(SYS_gettid) == getpid());
        CHECK(access("/proc/self/task", F_OK) == 0);
        return 0;
    }
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, sleeps, NULL) == 0);
    CHECK(pthread_create(&thread, NULL, spins, NULL) == 0);
    CHECK(pthread_create(&thread, NULL, executes, "/proc/self/exe") == 0);
    (void)argv;
    sleeps(NULL);
}
