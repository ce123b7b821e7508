/* A program that makes no system calls is interrupted all the same: by alarms, by others, by its death. */
#include "children.h"
#include <setjmp.h>
#include <sys/time.h>

static volatile int count;
static volatile int *shared;
static sigjmp_buf out;

static void on_signal(int number, siginfo_t *info, void *context) {
    (void)number, (void)info, (void)context;
    count++;
}

static void on_leave(int number, siginfo_t *info, void *context) {
    (void)number, (void)info, (void)context;
    siglongjmp(out, 1);
}

static int loops(void) {
    shared[0] = 1;
    for (;;) continue;
    return 0;
}

static int counts_signals(void) {
    handle(SIGUSR1, on_signal, 0);
    shared[0] = 1;
    while (count < 200) shared[1] = count;
    return 0;
}

/* Checked arithmetic over a long run with interrupts: nothing is disturbed. */
__attribute__((noipa)) static uint64_t mix(uint64_t x, long rounds) {
    double f = 1;
    for (long i = 0; i < rounds; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        f = f * 1.0000001 + (double)(x >> 60);
        if (f > 1e9) f -= 1e9;
    }
    return x ^ (uint64_t)f;
}

int main(void) {
    shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = start(loops);
    while (!shared[0]) usleep(1000);
    CHECK(kill(pid, SIGTERM) == 0 && dies_of(pid, SIGTERM));
    pid = start(loops);
    CHECK(kill(pid, SIGKILL) == 0 && dies_of(pid, SIGKILL));
    int status;
    shared[0] = 0;
    pid = start(loops);
    while (!shared[0]) usleep(1000);
    CHECK(kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    CHECK(kill(pid, SIGCONT) == 0 && kill(pid, SIGINT) == 0 && dies_of(pid, SIGINT));

    shared[0] = shared[1] = 0; /* each signal, one after the other, while it computes */
    pid = start(counts_signals);
    while (!shared[0]) usleep(1000);
    for (int i = 0; i < 200; i++) {
        CHECK(kill(pid, SIGUSR1) == 0);
        while (shared[1] <= i && kill(pid, 0) == 0 && i < 199) usleep(100);
    }
    CHECK(succeeds(pid));

    alarm(60);
    handle(SIGVTALRM, on_leave, 0);
    struct itimerval t = {{0, 0}, {0, 20000}};
    if (!sigsetjmp(out, 1)) {
        CHECK(setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL) == 0);
        CHECK(setitimer(ITIMER_VIRTUAL, &t, NULL) == 0);
        for (;;) continue;
    }

    uint64_t expected = mix(7, 20000000);
    handle(SIGALRM, on_signal, 0);
    t = (struct itimerval){{0, 1000}, {0, 1000}};
    count = 0;
    CHECK(setitimer(ITIMER_REAL, &t, NULL) == 0);
    CHECK(mix(7, 20000000) == expected);
    t = (struct itimerval){{0, 0}, {0, 0}};
    CHECK(setitimer(ITIMER_REAL, &t, NULL) == 0 && count > 0);
}
