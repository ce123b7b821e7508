/* Forks after the first, which C makes by itself: the child meets Python only when it needs it. */
#include "children.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>

static char *page;
static volatile int hits;
static pid_t parent;
static timer_t timer;

static void on_signal(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    CHECK(info->si_pid == parent);
    hits++;
}

static int nothing(void) { return 0; }

static int is_a_child(void) {
    CHECK(getpid() != parent && syscall(SYS_gettid) == getpid() && getppid() == parent);
    struct itimerval interval;
    CHECK(getitimer(ITIMER_REAL, &interval) == 0 && interval.it_value.tv_sec == 0 && interval.it_value.tv_usec == 0);
    struct itimerspec left;
    CHECK_ERRNO(timer_gettime(timer, &left), EINVAL);
    sigset_t mask;
    CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0 && sigismember(&mask, SIGUSR2) && !sigismember(&mask, SIGUSR1));
    CHECK(!is_pending(SIGUSR2));
    CHECK(page[0] == 7);
    page[0] = 8;
    return 0;
}

/* The first that leaves C here is what the parent sends. */
static int spins_until_told(void) {
    while (!hits) continue;
    return getppid() == parent ? hits : 100;
}

static int has_a_child(void) {
    pid_t pid = start(nothing), other = start(is_a_child);
    CHECK(succeeds(pid) && succeeds(other));
    return 0;
}

/* Its C library has told the kernel of its list; until then a child has none. */
static int has_a_robust_list_of_its_own(void) {
    void *head = NULL, *none = &head;
    size_t size;
    CHECK(syscall(SYS_get_robust_list, 0, &head, &size) == 0 && head);
    pid_t pid = (pid_t)syscall(SYS_fork);
    if (pid == 0) {
        CHECK(syscall(SYS_get_robust_list, 0, &none, &size) == 0 && !none);
        _exit(0);
    }
    return !succeeds(pid);
}

static int touches(void) { return page[0]; }

static int faults(void) { return *(volatile int *)8; }

int main(void) {
    parent = getpid();
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    page[0] = 7;
    CHECK(succeeds(start(nothing))); /* the first */
    CHECK(setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) == 0);

    handle(SIGUSR1, on_signal, 0);
    block(SIG_BLOCK, SIGUSR2);
    CHECK(raise(SIGUSR2) == 0 && is_pending(SIGUSR2));
    struct itimerval hour = {.it_value = {3600, 0}};
    CHECK(setitimer(ITIMER_REAL, &hour, NULL) == 0);
    CHECK(timer_create(CLOCK_MONOTONIC, &(struct sigevent){.sigev_notify = SIGEV_NONE}, &timer) == 0);
    for (int i = 0; i < 3; i++) CHECK(succeeds(start(is_a_child)));
    CHECK(page[0] == 7 && is_pending(SIGUSR2));

    for (int i = 0; i < 3; i++) {
        pid_t pid = start(spins_until_told);
        CHECK(kill(pid, SIGUSR1) == 0);
        CHECK(status_of(pid) == 1 << 8);
    }
    CHECK(dies_of(start(faults), SIGSEGV));
    CHECK(succeeds(start(has_a_robust_list_of_its_own)));

    pid_t pid = fork();
    if (pid == 0) {
        parent = getpid();
        _exit(has_a_child());
    }
    CHECK(succeeds(pid));

    int told = 0;
    pid = (pid_t)syscall(SYS_clone, CLONE_CHILD_SETTID | SIGCHLD, 0, 0, &told, 0);
    if (pid == 0) _exit(told == getpid() && told == syscall(SYS_gettid) ? 0 : 1);
    CHECK(succeeds(pid) && told == 0);
    pid = (pid_t)syscall(SYS_fork);
    if (pid == 0) _exit(getppid() == parent ? 0 : 1);
    CHECK(succeeds(pid));
    CHECK_ERRNO(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0), EINVAL);

    /* Memory that a child does not inherit is gone before it runs. */
    CHECK(madvise(page, 4096, MADV_DONTFORK) == 0);
    CHECK(dies_of(start(touches), SIGSEGV));
    CHECK(madvise(page, 4096, MADV_DOFORK) == 0 && status_of(start(touches)) == 7 << 8);
}
