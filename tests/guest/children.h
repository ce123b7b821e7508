/* What tests with child processes share. */
#ifndef CHILDREN_H
#define CHILDREN_H

#include "check.h"
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

/* A child that ends with what `run` returns. */
__attribute__((unused)) static pid_t start(int (*run)(void)) {
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) _exit(run());
    return pid;
}

/* The child's status once it has ended. */
__attribute__((unused)) static int status_of(pid_t pid) {
    int status = -1;
    CHECK(waitpid(pid, &status, __WALL) == pid);
    return status;
}

/* The child has ended with exit status 0: all that it checked holds. */
__attribute__((unused)) static int succeeds(pid_t pid) {
    int status = status_of(pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

__attribute__((unused)) static int dies_of(pid_t pid, int number) {
    int status = status_of(pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == number;
}

/* Has this thread, or a process by its number, fallen asleep (proc_pid_stat(5), field 3)? Waits until it has. */
__attribute__((unused)) static void wait_until_asleep(pid_t pid) {
    char name[40], text[400];
    snprintf(name, sizeof name, "/proc/%d/stat", pid);
    for (;;) {
        int fd = open(name, O_RDONLY);
        CHECK(fd >= 0);
        ssize_t n = read(fd, text, sizeof text - 1);
        CHECK(n > 0);
        text[n] = 0;
        close(fd);
        if (strchr("SZ", strrchr(text, ')')[2])) return;
        usleep(1000);
    }
}

/* No handler: a signal number's bit in a mask of the kernel's. */
#define BIT(number) (1ull << ((number)-1))

/* The handler of `number` from now on. */
__attribute__((unused)) static void handle(int number, void (*handler)(int, siginfo_t *, void *), int flags) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    CHECK(sigaction(number, &action, NULL) == 0);
}

__attribute__((unused)) static void block(int how, int number) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    CHECK(sigprocmask(how, &set, NULL) == 0);
}

__attribute__((unused)) static int is_pending(int number) {
    sigset_t set;
    CHECK(sigpending(&set) == 0);
    return sigismember(&set, number);
}

#endif
