/* rt_sigprocmask(2) many times between other calls: what is blocked waits, what is not is taken, whoever sends it, whenever. */
#include "children.h"
#include <pthread.h>
#include <sched.h>
#include <sys/time.h>

enum { OFTEN = 100 };
static volatile sig_atomic_t runs, within, wrong;

static void on_signal(int number, siginfo_t *info, void *context) {
    (void)number, (void)info, (void)context;
    wrong |= within;
    runs++;
}

static sigset_t set_of(int number) {
    sigset_t set;
    sigemptyset(&set);
    if (number) sigaddset(&set, number);
    return set;
}

static void mask(int how, int number) {
    sigset_t set = set_of(number);
    CHECK(sigprocmask(how, &set, NULL) == 0);
}

static int is_blocked(int number) {
    sigset_t now;
    CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0);
    return sigismember(&now, number);
}

static int waits(int number) {
    sigset_t pending;
    CHECK(sigpending(&pending) == 0);
    return sigismember(&pending, number);
}

/* From here on the mask is changed so often that a tool might do it in a way of its own. */
static void change_often(void) {
    for (int i = 0; i < OFTEN; i++) {
        mask(SIG_BLOCK, SIGUSR2);
        CHECK(is_blocked(SIGUSR2));
        mask(SIG_UNBLOCK, SIGUSR2);
        CHECK(!is_blocked(SIGUSR2));
    }
}

static void check_arguments(void) {
    char *end = end_of_pages(1), *fixed = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t *set = (uint64_t *)(end - 8), none = 0, all = ~0ull, most = ~(1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1)), old;
    mprotect(fixed, PAGE, PROT_READ);
    change_often();
#define MASK(how, new, old, size) syscall(SYS_rt_sigprocmask, how, new, old, (size_t)size)
    CHECK_ERRNO(MASK(3, &none, &old, 8), EINVAL);
    CHECK_ERRNO(MASK(-1, &none, &old, 8), EINVAL);
    CHECK(MASK(3, NULL, &old, 8) == 0 && old == 0); /* how is not looked at */
    CHECK_ERRNO(MASK(SIG_SETMASK, &all, &old, 4), EINVAL);
    CHECK_ERRNO(MASK(SIG_SETMASK, &all, &old, 16), EINVAL);
    CHECK_ERRNO(MASK(SIG_SETMASK, end, &old, 8), EFAULT);
    CHECK_ERRNO(MASK(SIG_SETMASK, end - 4, &old, 8), EFAULT);
    CHECK_ERRNO(MASK(SIG_SETMASK, 8, &old, 8), EFAULT);
    CHECK_ERRNO(MASK(SIG_SETMASK, -8l, &old, 8), EFAULT);
    CHECK_ERRNO(MASK(SIG_SETMASK, 1ull << 62, &old, 8), EFAULT);
    CHECK(MASK(SIG_BLOCK, NULL, &old, 8) == 0 && old == 0);
    for (int i = 0; i < 2; i++) { /* the mask is another one all the same */
        void *bad[] = {fixed, end, end - 4, (void *)8, (void *)-8l, (void *)(1ull << 46)};
        for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
            CHECK_ERRNO(MASK(SIG_SETMASK, &all, bad[k], 8), EFAULT);
            CHECK(MASK(SIG_SETMASK, &none, &old, 8) == 0 && old == most);
        }
        change_often();
    }
    *set = all; /* one place for both */
    CHECK(MASK(SIG_SETMASK, set, set, 8) == 0 && *set == 0);
    CHECK(MASK(SIG_SETMASK, set, set, 8) == 0 && *set == most);
    *set = 1ull << (SIGUSR1 - 1);
    CHECK(MASK(SIG_BLOCK, set, set, 8) == 0 && *set == 0);
    *set = 1ull << (SIGUSR2 - 1);
    CHECK(MASK(SIG_BLOCK, set, set, 8) == 0 && *set == 1ull << (SIGUSR1 - 1));
    CHECK(MASK(SIG_UNBLOCK, set, &old, 8) == 0 && old == (1ull << (SIGUSR1 - 1) | 1ull << (SIGUSR2 - 1)));
    CHECK(MASK(SIG_SETMASK, &none, &old, 8) == 0 && old == 1ull << (SIGUSR2 - 1));
}

/* A child that sends `number` when it is told to, and tells when it has. */
static volatile struct { int go, done, end; } * told;

static pid_t sender(int number) {
    pid_t pid = fork();
    if (pid) return pid;
    while (!told->end) {
        if (told->go != told->done + 1) {
            sched_yield();
            continue;
        }
        CHECK(kill(getppid(), number) == 0);
        told->done++;
    }
    _exit(0);
}

/* Told by memory alone, so that this process makes no other call in between. */
static void have_sent(void) {
    int number = ++told->go;
    while (told->done != number) {}
}

static void check_sent(int number, int caught) {
    told->go = told->done = told->end = 0;
    pid_t pid = sender(number);
    change_often();
    for (int i = 0; i < 20; i++) {
        int before = runs;
        mask(SIG_BLOCK, number);
        within = 1;
        have_sent();
        CHECK(is_blocked(number));
        CHECK(runs == before);
        if (i % 2) CHECK(waits(number));
        mask(SIG_BLOCK, SIGUSR2); /* more: it waits still */
        mask(SIG_UNBLOCK, SIGUSR2);
        if (i % 4 == 3) {
            sigset_t set = set_of(number);
            CHECK(sigwaitinfo(&set, NULL) == number);
            before--;
        }
        within = 0;
        mask(SIG_UNBLOCK, number);
        CHECK(runs == before + caught || !caught || i % 4 == 3);
        if (i % 4 == 3) CHECK(runs == before + 1);
        CHECK(!waits(number));
        before = runs;
        have_sent(); /* it is not blocked */
        while (caught && runs == before) {}
        CHECK(!wrong);
    }
    told->end = 1;
    CHECK(waitpid(pid, NULL, 0) == pid);
}

/* How a child ends to which `number` is sent while it blocks it, with the default action. */
static int end_of(int number, int unblocks) {
    told->go = told->done = told->end = 0;
    int status;
    pid_t pid = fork();
    if (!pid) {
        setpgid(0, 0); /* an orphaned group is not stopped */
        change_often();
        mask(SIG_BLOCK, number);
        told->go = 1;
        while (!told->done) {}
        CHECK(is_blocked(number));
        CHECK(waits(number));
        if (unblocks) mask(SIG_UNBLOCK, number);
        _exit(7);
    }
    while (!told->go) sched_yield();
    CHECK(kill(pid, number) == 0);
    told->done = 1;
    CHECK(waitpid(pid, &status, unblocks ? WUNTRACED : 0) == pid);
    if (WIFSTOPPED(status)) {
        CHECK(kill(pid, SIGCONT) == 0);
        CHECK(waitpid(pid, NULL, 0) == pid);
    }
    return status;
}

static void check_default_actions(void) {
    CHECK(WTERMSIG(end_of(SIGTERM, 1)) == SIGTERM);
    CHECK(WTERMSIG(end_of(SIGRTMIN + 1, 1)) == SIGRTMIN + 1);
    CHECK(WSTOPSIG(end_of(SIGTSTP, 1)) == SIGTSTP);
    CHECK(WEXITSTATUS(end_of(SIGCHLD, 1)) == 7); /* ignored, but kept as long as it is blocked */
    CHECK(WEXITSTATUS(end_of(SIGTERM, 0)) == 7);
    CHECK(WEXITSTATUS(end_of(SIGTSTP, 0)) == 7);
}

/* One that is not blocked kills at once, in the middle of all this. */
static void check_killed(void) {
    pid_t pid = fork();
    int status;
    if (!pid)
        for (;;) change_often();
    usleep(20000);
    CHECK(kill(pid, SIGTERM) == 0);
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void check_storm(void) {
    struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    handle(SIGALRM, on_signal, SA_RESTART);
    runs = 0;
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    for (int i = 0; runs < 500; i++) {
        mask(SIG_BLOCK, SIGALRM);
        within = 1;
        for (int k = 0; k < i % 700; k++) __asm__ volatile("" ::: "memory");
        if (i % 16 == 0) getpgid(0);
        within = 0;
        mask(SIG_UNBLOCK, SIGALRM);
        CHECK(!wrong);
    }
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
}

/* Signals for a thread stay its own, and signals for the process go to a thread that takes them. */
static volatile int stage, taken_by;
static __thread int me;

static void on_taken(int number, siginfo_t *info, void *context) {
    (void)number, (void)info, (void)context;
    taken_by = me;
}

static void *blocker(void *unused) {
    (void)unused;
    me = 2;
    change_often();
    for (int i = 0; i < 20; i++) {
        mask(SIG_BLOCK, SIGUSR1);
        stage = 3 * i + 1;
        while (stage == 3 * i + 1) {}
        mask(SIG_UNBLOCK, SIGUSR1);
        while (stage == 3 * i + 2) {}
    }
    return NULL;
}

static void check_threads(void) {
    pthread_t thread;
    union sigval value = {.sival_int = 3};
    handle(SIGUSR1, on_taken, 0);
    me = 1;
    stage = 0;
    CHECK(pthread_create(&thread, NULL, blocker, NULL) == 0);
    for (int i = 0; i < 20; i++) {
        while (stage != 3 * i + 1) {}
        taken_by = 0;
        if (i % 2) {
            CHECK(pthread_sigqueue(thread, SIGUSR1, value) == 0);
            CHECK(taken_by == 0);
            stage = 3 * i + 2;
            while (!taken_by) {}
            CHECK(taken_by == 2);
        } else {
            CHECK(sigqueue(getpid(), SIGUSR1, value) == 0);
            CHECK(taken_by == 1);
            stage = 3 * i + 2;
        }
        stage = 3 * i + 3;
    }
    CHECK(pthread_join(thread, NULL) == 0);
}

/* A thread that computes and blocks a signal leaves it to one that waits in a call. */
static void *sleeper(void *unused) {
    me = 3;
    stage = (int)syscall(SYS_gettid);
    while (taken_by != 3) pause();
    return unused;
}

static void check_left_to_another(void) {
    pthread_t thread;
    told->go = told->done = told->end = 0;
    handle(SIGUSR1, on_taken, 0);
    stage = taken_by = 0;
    CHECK(pthread_create(&thread, NULL, sleeper, NULL) == 0);
    while (!stage) {}
    wait_until_asleep(stage);
    pid_t pid = sender(SIGUSR1);
    change_often();
    mask(SIG_BLOCK, SIGUSR1);
    have_sent();
    while (taken_by != 3) {}
    mask(SIG_UNBLOCK, SIGUSR1);
    CHECK(taken_by == 3 && pthread_join(thread, NULL) == 0);
    told->end = 1;
    CHECK(waitpid(pid, NULL, 0) == pid);
}

static void check_fork(void) {
    change_often();
    mask(SIG_BLOCK, SIGUSR1);
    pid_t pid = fork();
    CHECK(is_blocked(SIGUSR1));
    if (!pid) {
        CHECK(raise(SIGUSR1) == 0);
        CHECK(waits(SIGUSR1));
        execl("/bin/sh", "sh", "-c", "kill -USR1 $$; exit 5", NULL); /* which blocks it, too */
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 5);
    CHECK(!waits(SIGUSR1));
    mask(SIG_UNBLOCK, SIGUSR1);
}

int main(void) {
    told = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check_arguments();
    handle(SIGUSR1, on_signal, SA_RESTART);
    handle(SIGRTMIN + 2, on_signal, SA_RESTART);
    check_sent(SIGUSR1, 1);
    check_sent(SIGRTMIN + 2, 1);
    check_sent(SIGURG, 0);
    check_default_actions();
    check_killed();
    check_storm();
    check_threads();
    check_left_to_another();
    check_fork();
    return 0;
}
