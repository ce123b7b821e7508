/* Real-time signals: queued each with its value, the lowest number first; sigwaitinfo and sigtimedwait; RLIMIT_SIGPENDING. */
#include "children.h"
#include <sys/resource.h>
#include <time.h>

static volatile int values[100], numbers[100], count;

static void on_signal(int number, siginfo_t *info, void *context) {
    (void)context;
    numbers[count] = number;
    values[count++] = info->si_value.sival_int;
}

static void send(int number, int value) { CHECK(sigqueue(getpid(), number, (union sigval){value}) == 0); }

int main(void) {
    sigset_t all, none, old;
    sigemptyset(&none);
    sigfillset(&all);
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO, .sa_mask = all};
    for (int i = SIGRTMIN; i <= SIGRTMAX; i++) CHECK(sigaction(i, &action, NULL) == 0);
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);

    CHECK(sigprocmask(SIG_SETMASK, &all, &old) == 0);
    for (int i = 0; i < 10; i++) send(SIGRTMIN + 2, i);
    for (int i = 10; i < 20; i++) send(SIGRTMIN + 1, i);
    send(SIGRTMAX, 20);
    send(SIGUSR1, 21), send(SIGUSR1, 22); /* a standard one waits once, with what came first */
    CHECK(is_pending(SIGRTMAX) && is_pending(SIGRTMIN + 1) && !is_pending(SIGRTMIN) && count == 0);
    CHECK(sigprocmask(SIG_SETMASK, &none, NULL) == 0);
    CHECK(count == 22);
    for (int i = 0; i < 10; i++) CHECK(numbers[1 + i] == SIGRTMIN + 1 && values[1 + i] == 10 + i);
    for (int i = 0; i < 10; i++) CHECK(numbers[11 + i] == SIGRTMIN + 2 && values[11 + i] == i);
    CHECK(numbers[0] == SIGUSR1 && values[0] == 21 && numbers[21] == SIGRTMAX && values[21] == 20);

    /* Waiting takes them in the same order. */
    CHECK(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
    for (int i = 0; i < 3; i++) send(SIGRTMIN + 5, i);
    send(SIGRTMIN + 4, 9);
    siginfo_t info;
    CHECK(sigwaitinfo(&all, &info) == SIGRTMIN + 4 && info.si_value.sival_int == 9 && info.si_code == SI_QUEUE);
    for (int i = 0; i < 3; i++) CHECK(sigwaitinfo(&all, &info) == SIGRTMIN + 5 && info.si_value.sival_int == i);
    struct timespec now = {0, 0}, bad = {0, 1000000000}, some = {0, 20000000};
    CHECK_ERRNO(sigtimedwait(&all, &info, &now), EAGAIN);
    CHECK_ERRNO(sigtimedwait(&all, &info, &some), EAGAIN);
    CHECK_ERRNO(sigtimedwait(&all, &info, &bad), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigtimedwait, &all, NULL, &now, 4), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigtimedwait, 8, NULL, &now, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_rt_sigtimedwait, &all, NULL, 8, 8), EFAULT);
    send(SIGRTMIN, 1); /* what can't be told is taken all the same */
    CHECK_ERRNO(syscall(SYS_rt_sigtimedwait, &all, 8, &now, 8), EFAULT);
    CHECK(!is_pending(SIGRTMIN));
    CHECK(sigqueue(getpid(), 0, (union sigval){0}) == 0);
    CHECK_ERRNO(sigqueue(getpid(), 65, (union sigval){0}), EINVAL);

    /* Process and thread: what is sent to the thread comes first. */
    count = 0;
    CHECK(kill(getpid(), SIGUSR1) == 0 && syscall(SYS_tkill, syscall(SYS_gettid), SIGUSR1) == 0);
    CHECK(sigprocmask(SIG_SETMASK, &none, NULL) == 0 && count == 2);

    /* A limit on the queue: sigqueue fails, kill goes on without information. */
    CHECK(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (getuid() == 0) CHECK(setresuid(100000 + getpid(), 100000 + getpid(), 100000 + getpid()) == 0);
        struct rlimit few = {5, 5};
        CHECK(setrlimit(RLIMIT_SIGPENDING, &few) == 0);
        int sent = 0;
        while (sent < 10 && sigqueue(getpid(), SIGRTMIN, (union sigval){sent}) == 0) sent++;
        CHECK(errno == EAGAIN && sent <= 5);
        CHECK(kill(getpid(), SIGUSR1) == 0 && is_pending(SIGUSR1));
        count = 0;
        CHECK(sigprocmask(SIG_SETMASK, &none, NULL) == 0 && count == sent + 1);
        _exit(0);
    }
    CHECK(succeeds(pid));

    /* 2,000 in the queue. */
    static int next;
    CHECK(setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){5000, 5000}) == 0 || errno == EPERM);
    for (int i = 0; i < 2000; i++) send(SIGRTMIN + 3, i);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGRTMIN + 3);
    for (; next < 2000; next++) CHECK(sigwaitinfo(&one, &info) == SIGRTMIN + 3 && info.si_value.sival_int == next);
    CHECK(!is_pending(SIGRTMIN + 3));
}
