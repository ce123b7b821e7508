/* rt_sigaction, rt_sigprocmask, rt_sigpending: flags, masks, what is refused, what comes back. */
#include "children.h"

struct kernel_action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

static long raw_action(int number, const struct kernel_action *new, struct kernel_action *old, size_t size) {
    return syscall(SYS_rt_sigaction, number, new, old, size);
}

static long raw_mask(int how, const uint64_t *set, uint64_t *old, size_t size) {
    return syscall(SYS_rt_sigprocmask, how, set, old, size);
}

static uint64_t mask_now(void) {
    uint64_t mask;
    CHECK(raw_mask(SIG_BLOCK, NULL, &mask, 8) == 0);
    return mask;
}

static uint64_t pending_now(void) {
    uint64_t set;
    CHECK(syscall(SYS_rt_sigpending, &set, 8) == 0);
    return set;
}

static volatile int count, last, depth, deepest, order[10];
static volatile uint64_t mask_inside;

static void on_signal(int number, siginfo_t *info, void *context) {
    (void)info, (void)context;
    order[count++ % 10] = number;
    last = number;
    mask_inside = mask_now();
}

static void on_nested(int number, siginfo_t *info, void *context) {
    (void)info, (void)context;
    if (++depth > deepest) deepest = depth;
    if (count++ < 5) raise(number);
    depth--;
}

static void refused(void) {
    struct kernel_action ignore = {SIG_IGN, 0, NULL, 0}, old;
    CHECK_ERRNO(raw_action(0, NULL, &old, 8), EINVAL);
    CHECK_ERRNO(raw_action(65, NULL, &old, 8), EINVAL);
    CHECK_ERRNO(raw_action(-1, NULL, &old, 8), EINVAL);
    CHECK_ERRNO(raw_action(SIGKILL, &ignore, NULL, 8), EINVAL);
    CHECK_ERRNO(raw_action(SIGSTOP, &ignore, NULL, 8), EINVAL);
    CHECK(raw_action(SIGKILL, NULL, &old, 8) == 0 && old.handler == SIG_DFL);
    CHECK_ERRNO(raw_action(SIGUSR1, &ignore, NULL, 4), EINVAL);
    CHECK_ERRNO(raw_action(SIGUSR1, (void *)8, NULL, 8), EFAULT);
    CHECK_ERRNO(raw_action(SIGUSR1, &ignore, (void *)8, 8), EFAULT);
    CHECK(raw_action(SIGUSR1, NULL, &old, 8) == 0 && old.handler == SIG_IGN); /* it was set by then */
    CHECK(raw_action(32, &ignore, NULL, 8) == 0 && raw_action(32, NULL, &old, 8) == 0 && old.handler == SIG_IGN);

    uint64_t set = 0;
    CHECK_ERRNO(raw_mask(3, &set, NULL, 8), EINVAL);
    CHECK(raw_mask(3, NULL, &set, 8) == 0);
    CHECK_ERRNO(raw_mask(SIG_BLOCK, &set, NULL, 4), EINVAL);
    CHECK_ERRNO(raw_mask(SIG_BLOCK, (void *)8, NULL, 8), EFAULT);
    CHECK_ERRNO(raw_mask(SIG_BLOCK, &set, (void *)8, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_rt_sigpending, &set, 9), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigpending, 8, 8), EFAULT);
    set = ~0ull;
    CHECK(syscall(SYS_rt_sigpending, &set, 4) == 0 && set == 0xffffffff00000000);
}

static void flags(void) {
    struct kernel_action old;
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0 && raw_action(SIGUSR1, NULL, &old, 8) == 0);
    CHECK((old.flags & ~0x04000000ul) == (unsigned long)action.sa_flags);
    CHECK(!(old.mask & (BIT(SIGKILL) | BIT(SIGSTOP))) && old.mask & BIT(SIGTERM));
    struct kernel_action given = old; /* flags that Linux does not know come back cleared (SA_UNSUPPORTED) */
    given.flags |= 0x400 | 0x800 | 0x2000 | 1ul << 40;
    CHECK(raw_action(SIGUSR1, &given, NULL, 8) == 0 && raw_action(SIGUSR1, NULL, &old, 8) == 0);
    CHECK(!(old.flags & (0x400 | 0x2000)));

    count = 0;
    handle(SIGUSR1, on_signal, SA_RESETHAND);
    raise(SIGUSR1);
    CHECK(count == 1 && raw_action(SIGUSR1, NULL, &old, 8) == 0 && old.handler == SIG_DFL);
    pid_t pid = fork();
    if (pid == 0) {
        raise(SIGUSR1);
        _exit(0);
    }
    CHECK(dies_of(pid, SIGUSR1));

    count = deepest = 0; /* SA_NODEFER: a handler interrupts itself */
    handle(SIGUSR1, on_nested, SA_NODEFER);
    raise(SIGUSR1);
    CHECK(count == 6 && deepest == 6);
    count = deepest = 0;
    handle(SIGUSR1, on_nested, 0);
    raise(SIGUSR1);
    CHECK(count == 6 && deepest == 1);

    signal(SIGUSR1, SIG_IGN); /* ignoring discards what waits */
    count = 0;
    block(SIG_BLOCK, SIGUSR1);
    signal(SIGUSR1, SIG_DFL);
    raise(SIGUSR1);
    CHECK(is_pending(SIGUSR1));
    signal(SIGUSR1, SIG_IGN);
    CHECK(!is_pending(SIGUSR1));
    raise(SIGUSR1);
    CHECK(is_pending(SIGUSR1) || 1); /* a blocked signal may be kept though ignored */
    handle(SIGUSR1, on_signal, 0);
    block(SIG_UNBLOCK, SIGUSR1);

    signal(SIGCHLD, SIG_DFL); /* ignored by default */
    raise(SIGCHLD), raise(SIGWINCH), raise(SIGURG), raise(SIGCONT);
}

static void masks(void) {
    handle(SIGUSR1, on_signal, 0);
    handle(SIGUSR2, on_signal, 0);
    uint64_t all = ~0ull, none = 0, old, before = mask_now();
    CHECK(raw_mask(SIG_SETMASK, &all, &old, 8) == 0 && old == before);
    CHECK(mask_now() == ~(BIT(SIGKILL) | BIT(SIGSTOP)));
    CHECK(raw_mask(SIG_SETMASK, &none, NULL, 8) == 0 && mask_now() == 0);
    uint64_t two = BIT(SIGUSR1) | BIT(SIGUSR2), one = BIT(SIGUSR1);
    CHECK(raw_mask(SIG_BLOCK, &two, NULL, 8) == 0 && mask_now() == two);
    CHECK(raw_mask(SIG_UNBLOCK, &one, NULL, 8) == 0 && mask_now() == BIT(SIGUSR2));
    CHECK(raw_mask(SIG_SETMASK, &two, &two, 8) == 0 && two == BIT(SIGUSR2)); /* set and old in one place */

    count = 0;
    raise(SIGUSR2), raise(SIGUSR1), raise(SIGUSR2), raise(SIGUSR1);
    CHECK(count == 0 && pending_now() == (BIT(SIGUSR1) | BIT(SIGUSR2)));
    CHECK(raw_mask(SIG_SETMASK, &none, NULL, 8) == 0); /* each once; the higher number's handler runs first */
    CHECK(count == 2 && order[0] == SIGUSR2 && order[1] == SIGUSR1 && pending_now() == 0);

    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO}; /* what is blocked inside a handler */
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGTERM);
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    block(SIG_BLOCK, SIGHUP);
    raise(SIGUSR1);
    CHECK(mask_inside == (BIT(SIGHUP) | BIT(SIGTERM) | BIT(SIGUSR1)) && mask_now() == BIT(SIGHUP));
    action.sa_flags |= SA_NODEFER;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    raise(SIGUSR1);
    CHECK(mask_inside == (BIT(SIGHUP) | BIT(SIGTERM)));
    block(SIG_UNBLOCK, SIGHUP);
}

/* SIGSEGV and SIGBUS that are sent, not raised by the CPU, are like any other. */
static void sent_faults(void) {
    int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    for (int i = 0; i < 6; i++) {
        int number = numbers[i];
        count = 0;
        handle(number, on_signal, 0);
        raise(number);
        kill(getpid(), number);
        CHECK(count == 2 && last == number && mask_inside == BIT(number));
        block(SIG_BLOCK, number);
        raise(number), raise(number);
        CHECK(count == 2 && is_pending(number) && pending_now() == BIT(number));
        block(SIG_UNBLOCK, number);
        CHECK(count == 3 && !is_pending(number));
        signal(number, SIG_IGN);
        raise(number);
        CHECK(count == 3);
        block(SIG_BLOCK, number);
        signal(number, SIG_DFL);
        raise(number);
        CHECK(is_pending(number));
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, number);
        siginfo_t info;
        CHECK(sigwaitinfo(&set, &info) == number && info.si_code == SI_USER && info.si_pid == getpid() && !is_pending(number));
        pid_t pid = fork();
        if (pid == 0) {
            raise(number);
            block(SIG_UNBLOCK, number);
            _exit(0);
        }
        CHECK(dies_of(pid, number));
        handle(number, on_signal, 0);
        raise(number);
        CHECK(is_pending(number));
        signal(number, SIG_IGN); /* what waits is gone */
        CHECK(!is_pending(number));
        handle(number, on_signal, 0);
        count = 0;
        block(SIG_UNBLOCK, number);
        CHECK(count == 0);
        signal(number, SIG_DFL);
    }
    handle(SIGSEGV, on_signal, 0), handle(SIGBUS, on_signal, 0), handle(SIGUSR1, on_signal, 0);
    uint64_t three = BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGUSR1), none = 0;
    CHECK(raw_mask(SIG_SETMASK, &three, NULL, 8) == 0);
    count = 0;
    raise(SIGSEGV), raise(SIGBUS), raise(SIGUSR1);
    CHECK(pending_now() == three && raw_mask(SIG_SETMASK, &none, NULL, 8) == 0 && count == 3);

    siginfo_t info = {.si_signo = SIGSEGV, .si_code = 1}; /* with the code of a fault, which a process may send to itself */
    count = 0;
    CHECK(syscall(SYS_rt_sigqueueinfo, getpid(), SIGSEGV, &info) == 0 && count == 1);
}

int main(void) {
    refused();
    flags();
    masks();
    sent_faults();
}
