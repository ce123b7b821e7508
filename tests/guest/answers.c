/* Calls that need no exit: who the thread is, rt_sigaction(2), set_robust_list(2), what Linux has no more. Right over fork, threads,
 * setuid, and signals that come amid them. */
#include "children.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sys/time.h>

struct action { /* the kernel's */
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};

static long action(int number, const void *new, void *old) { return syscall(SYS_rt_sigaction, number, new, old, 8); }

static void check_numbers(pid_t pid, pid_t tid) {
    for (int i = 0; i < 3; i++) CHECK(syscall(SYS_getpid) == pid && syscall(SYS_gettid) == tid);
}

static void *in_thread(void *pid) {
    pid_t self = syscall(SYS_gettid);
    CHECK(self != *(pid_t *)pid);
    check_numbers(*(pid_t *)pid, self);
    return NULL;
}

static int in_child(void) {
    char link[16] = {0};
    CHECK(readlink("/proc/self", link, sizeof link) > 0);
    pid_t self = atoi(link);
    CHECK(self != getppid());
    check_numbers(self, self);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, in_thread, &self) == 0 && pthread_join(thread, NULL) == 0);
    check_numbers(self, self);
    return 0;
}

static void numbers(void) {
    pid_t self = getpid();
    check_numbers(self, self);
    for (int i = 0; i < 3; i++) CHECK(succeeds(start(in_child)));
    pid_t child = vfork();
    if (child == 0) _exit(syscall(SYS_getpid) == self || syscall(SYS_gettid) == self);
    CHECK(succeeds(child));
    check_numbers(self, self);
}

static void check_users(uid_t user, uid_t effective, gid_t group, gid_t effective_group) {
    for (int i = 0; i < 3; i++)
        CHECK(syscall(SYS_getuid) == user && syscall(SYS_geteuid) == effective && syscall(SYS_getgid) == group &&
              syscall(SYS_getegid) == effective_group);
}

static int change_users(void) {
    check_users(0, 0, 0, 0);
    CHECK(syscall(SYS_setresgid, 7, 8, 9) == 0);
    check_users(0, 0, 7, 8);
    CHECK(syscall(SYS_setregid, -1, 9) == 0 && syscall(SYS_setgid, 10) == 0);
    check_users(0, 0, 10, 10);
    CHECK(syscall(SYS_setreuid, 5, 0) == 0);
    check_users(5, 0, 10, 10);
    CHECK(syscall(SYS_setresuid, -1, 6, -1) == 0);
    check_users(5, 6, 10, 10);
    CHECK(syscall(SYS_setuid, 5) == 0);
    check_users(5, 5, 10, 10);
    CHECK_ERRNO(syscall(SYS_setuid, 77), EPERM);
    check_users(5, 5, 10, 10);
    return 0;
}

static struct robust_list_head heads[2] = {{{&heads[0].list}, 0, NULL}, {{&heads[1].list}, 0, NULL}};

static struct robust_list_head *robust_list(void) {
    struct robust_list_head *head;
    size_t size;
    CHECK(syscall(SYS_get_robust_list, 0, &head, &size) == 0 && size == sizeof *head);
    return head;
}

static void set_robust_list(struct robust_list_head *head) {
    CHECK(syscall(SYS_set_robust_list, head, sizeof *head) == 0);
    CHECK_ERRNO(syscall(SYS_set_robust_list, head + 1, sizeof *head - 1), EINVAL);
}

static void *own_list(void *others) {
    CHECK(robust_list() != others);
    set_robust_list(&heads[1]);
    CHECK(robust_list() == &heads[1]);
    return NULL;
}

static int forked_list(void) {
    CHECK(robust_list() != &heads[0]); /* the C library's, or none */
    set_robust_list(&heads[1]);
    CHECK(robust_list() == &heads[1]);
    return 0;
}

static void robust_lists(void) {
    struct robust_list_head *at_first = robust_list();
    pthread_t thread;
    for (int i = 0; i < 3; i++) {
        set_robust_list(&heads[0]);
        CHECK(succeeds(start(forked_list)));
        CHECK(pthread_create(&thread, NULL, own_list, &heads[0]) == 0 && pthread_join(thread, NULL) == 0);
        CHECK(robust_list() == &heads[0]);
    }
    set_robust_list(at_first);
}

static void on_signal(int number) { (void)number; }

/* What is set comes back, all of it; what is bad is told as ever, and changes nothing. */
static void actions(void) {
    struct action old, new = {on_signal, 0x04000000, (void *)0x1234, 0x55};
    CHECK(action(SIGUSR2, NULL, &old) == 0 && !old.handler && !old.flags && !old.mask);
    CHECK(action(SIGUSR2, &new, NULL) == 0);
    for (int i = 0; i < 3; i++) {
        struct action next = {(char *)on_signal + i, 0x04000000 | 0x40000000 * (i & 1), (void *)(long)i, ~0ul << i};
        CHECK(action(SIGUSR2, &next, &old) == 0 && memcmp(&old, &new, sizeof old) == 0);
        new = next, new.mask &= ~(BIT(SIGKILL) | BIT(SIGSTOP));
        CHECK(action(SIGUSR2, NULL, &old) == 0 && memcmp(&old, &new, sizeof old) == 0);
    }
    new.flags = 0xffffffffffffffff; /* those that the kernel does not know are not kept */
    CHECK(action(SIGUSR2, &new, NULL) == 0 && action(SIGUSR2, &new, NULL) == 0 && action(SIGUSR2, NULL, &old) == 0);
    CHECK((old.flags & ~0x04000000ul) == 0xd8000807);
    struct action both = {NULL, 0, NULL, 3};
    CHECK(action(SIGUSR2, &both, &both) == 0 && both.handler == old.handler);
    CHECK(action(SIGUSR2, NULL, &both) == 0 && !both.handler && both.mask == 3);

    char *end = end_of_pages(1);
    struct action *cut = (void *)(end - 16), *kernel = (void *)0xffff800000000000, *high = (void *)0x7fff02001000;
    memset(end - 32, 7, 32);
    CHECK_ERRNO(action(SIGUSR2, cut, NULL), EFAULT);
    CHECK_ERRNO(action(SIGUSR2, NULL, cut), EFAULT);
    CHECK_ERRNO(action(SIGUSR2, kernel, NULL), EFAULT);
    CHECK_ERRNO(action(SIGUSR2, NULL, kernel), EFAULT);
    CHECK_ERRNO(action(SIGUSR2, high, NULL), EFAULT);
    CHECK_ERRNO(action(SIGUSR2, NULL, high), EFAULT);
    CHECK_ERRNO(action(SIGUSR2, (void *)8, NULL), EFAULT);
    CHECK(action(SIGUSR2, NULL, &old) == 0 && old.mask == 3);
    both.mask = 12;
    CHECK_ERRNO(action(SIGUSR2, &both, cut), EFAULT); /* but it was done */
    CHECK(action(SIGUSR2, NULL, &old) == 0 && old.mask == 12);
    CHECK_ERRNO(action(0, NULL, &old), EINVAL);
    CHECK_ERRNO(action(65, NULL, &old), EINVAL);
    CHECK_ERRNO(action(-1, NULL, &old), EINVAL);
    CHECK_ERRNO(action(SIGKILL, &both, NULL), EINVAL);
    CHECK_ERRNO(action(SIGSTOP, &both, NULL), EINVAL);
    CHECK(action(SIGKILL, NULL, &old) == 0 && action(64, NULL, &old) == 0);
    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR2, NULL, &old, 16), EINVAL);
    CHECK(syscall(SYS_rt_sigaction, 0xffffffff00000000 | SIGUSR2, NULL, &old, 8) == 0 && old.mask == 12);
}

/* To ignore a signal, or to leave it to a default that does, drops those that wait. */
static void dropped(void) {
    static const int numbers[] = {SIGUSR1, SIGCHLD, SIGURG, SIGWINCH};
    for (int i = 0; i < 4; i++) {
        struct action it = {i ? SIG_DFL : SIG_IGN, 0, NULL, 0};
        CHECK(action(numbers[i], &it, NULL) == 0);
        block(SIG_BLOCK, numbers[i]);
        CHECK(raise(numbers[i]) == 0 && is_pending(numbers[i]));
        CHECK(action(numbers[i], &it, NULL) == 0 && !is_pending(numbers[i]));
        block(SIG_UNBLOCK, numbers[i]);
    }
}

static volatile int alarms;

static void on_alarm(int number) {
    (void)number;
    alarms++;
    struct action old;
    CHECK(syscall(SYS_getpid) > 0 && action(SIGUSR1, NULL, &old) == 0);
}

static void alarm_in(int microseconds) {
    struct itimerval once = {.it_value = {0, microseconds}};
    CHECK(setitimer(ITIMER_REAL, &once, NULL) == 0);
}

/* Signals come amid the calls, hundreds of times. */
static void interrupted(void) {
    enum { ALARMS = 600 };
    pid_t self = getpid();
    uid_t user = getuid();
    struct sigaction handler = {.sa_handler = on_alarm};
    CHECK(sigaction(SIGALRM, &handler, NULL) == 0);
    struct action old, last = {on_signal, 0, NULL, 0};
    CHECK(action(SIGUSR2, &last, NULL) == 0);
    uint64_t i = 0;
    for (int seen = 0; seen < ALARMS; seen++) {
        alarm_in(20 + seen % 200);
        while (alarms == seen) {
            i++;
            struct action next = {(char *)on_signal + i % 16, i & 1 ? 0x40000000 : 0, (void *)i, i << 20};
            CHECK(action(SIGUSR2, &next, &old) == 0 && memcmp(&old, &last, sizeof old) == 0);
            CHECK(action(SIGUSR2, NULL, &old) == 0 && memcmp(&old, &next, sizeof old) == 0);
            CHECK(syscall(SYS_getpid) == self && syscall(SYS_gettid) == self && syscall(SYS_getuid) == user);
            CHECK(syscall(SYS_set_robust_list, &heads[i % 2], sizeof *heads) == 0);
            CHECK_ERRNO(syscall(SYS_create_module, 0, 0), ENOSYS);
            if (i % 64 == 0) CHECK(robust_list() == &heads[i % 2]);
            last = next;
        }
    }
}

int main(void) {
    numbers();
    robust_lists();
    if (getuid() == 0) CHECK(succeeds(start(change_users)));
    actions();
    dropped();
    interrupted();
}
