/* 20,000 queued signals against a process that blocks and wakes: none is lost, none comes twice, none out of order. */
#include "children.h"
#include <poll.h>
#include <sys/resource.h>

enum { SIGNALS = 20000, AHEAD = 500 };

static volatile int *handled; /* shared: how many so far */
static volatile int wrong;

static void on_signal(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    if (info->si_value.sival_int != *handled) wrong++;
    ++*handled;
}

static int tube[2];

static void send_all(pid_t to, int total) {
    for (int i = 0; i < total;) {
        while (i - *handled >= AHEAD) usleep(200); /* the queue is of limited length */
        if (sigqueue(to, SIGRTMIN + 1, (union sigval){i}) == 0)
            i++;
        else
            CHECK(errno == EAGAIN);
        if (i % 16 == 0) CHECK(write(tube[1], "x", 1) == 1 || errno == EAGAIN); /* lets a read end now and then */
    }
    _exit(0);
}

static void by_read(int total) {
    char byte;
    while (*handled < total) {
        ssize_t n = read(tube[0], &byte, 1);
        CHECK(n == 1 || (n == -1 && errno == EINTR));
    }
}

static void by_poll(int total) {
    while (*handled < total) {
        struct pollfd p = {tube[0], POLLPRI, 0};
        int n = poll(&p, 1, 1000);
        CHECK(n == 0 || (n == -1 && errno == EINTR));
    }
}

static void by_suspend(int total) {
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 1);
    CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
    while (*handled < total) CHECK_ERRNO(sigsuspend(&old), EINTR); /* never sleeps while one waits */
    CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
}

static void by_calls(int total) {
    char text[64];
    while (*handled < total) {
        CHECK(getppid() > 0);
        int fd = open("/proc/self/comm", O_RDONLY);
        CHECK(fd >= 0 && read(fd, text, sizeof text) > 0 && close(fd) == 0);
        void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(p != MAP_FAILED && munmap(p, PAGE) == 0);
    }
}

static void by_wait(int total) {
    siginfo_t info;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 1);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    for (; *handled < total; ++*handled) {
        int number;
        while ((number = sigwaitinfo(&set, &info)) == -1) CHECK(errno == EINTR);
        CHECK(number == SIGRTMIN + 1 && info.si_value.sival_int == *handled);
    }
    CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
}

int main(void) {
    CHECK(setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){20000, 20000}) == 0 || errno == EPERM);
    CHECK(pipe2(tube, 0) == 0 && fcntl(tube[1], F_SETFL, O_NONBLOCK) == 0);
    handled = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    handle(SIGRTMIN + 1, on_signal, 0);
    void (*ways[])(int) = {by_read, by_suspend, by_poll, by_calls, by_wait};
    for (int i = 0; i < 5; i++) {
        int total = i < 2 ? SIGNALS * 2 / 5 : SIGNALS / 15;
        *handled = 0;
        pid_t parent = getpid(), pid = fork();
        if (pid == 0) send_all(parent, total);
        ways[i](total);
        CHECK(wrong == 0 && *handled == total && !is_pending(SIGRTMIN + 1) && succeeds(pid));
    }
}
