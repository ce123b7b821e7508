/* sigaltstack: on it and off it, what is refused, overflow, SS_AUTODISARM. */
#include "children.h"
#include <setjmp.h>
#include <sys/resource.h>
#include <ucontext.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

enum { SIZE = 64 * 1024 };
static char *stack;
static volatile int count, inside, depth, flags_inside, error_inside;
static volatile uintptr_t where;
static volatile stack_t in_frame;
static sigjmp_buf back;

static int on_it(const volatile void *p) {
    return (const volatile char *)p >= stack && (const volatile char *)p < stack + SIZE;
}

static void on_signal(int number, siginfo_t *info, void *context) {
    char here;
    (void)number, (void)info;
    where = (uintptr_t)&here;
    inside = on_it(&here);
    stack_t now, off = {.ss_flags = SS_DISABLE};
    CHECK(sigaltstack(NULL, &now) == 0);
    flags_inside = now.ss_flags;
    error_inside = sigaltstack(&off, NULL) ? errno : 0;
    in_frame = ((ucontext_t *)context)->uc_stack;
    if (error_inside == 0) sigaltstack(&now, NULL);
    count++;
}

static void on_nested(int number, siginfo_t *info, void *context) {
    (void)info, (void)context;
    char here;
    CHECK(on_it(&here));
    if (++depth < 3) {
        uintptr_t before = (uintptr_t)&here;
        raise(number);
        CHECK(where < before); /* the nested frame is below, on the same stack */
    }
    where = (uintptr_t)&here;
}

static void on_overflow(int number, siginfo_t *info, void *context) {
    (void)context;
    char here;
    if (number != SIGSEGV || !on_it(&here) || info->si_code != SEGV_MAPERR) _exit(3);
    siglongjmp(back, 1);
}

__attribute__((noinline)) static int recurse(int n) {
    volatile char frame[5000];
    frame[n % 5000] = n;
    return recurse(n + 1) + frame[n % 5000];
}

static void on_deep(int number, siginfo_t *info, void *context) {
    (void)info, (void)context;
    volatile char frame[4000];
    frame[0] = 1;
    raise(number); /* until the alternate stack is full */
    (void)frame[0];
}

static void refused(void) {
    stack_t s = {stack, 0, MINSIGSTKSZ - 1}, old;
    s.ss_size = 2047;
    CHECK_ERRNO(sigaltstack(&s, NULL), ENOMEM);
    s = (stack_t){stack, 4, SIZE};
    CHECK_ERRNO(sigaltstack(&s, NULL), EINVAL);
    s.ss_flags = SS_DISABLE | SS_ONSTACK;
    CHECK_ERRNO(sigaltstack(&s, NULL), EINVAL);
    CHECK_ERRNO(sigaltstack((void *)8, NULL), EFAULT);
    CHECK(sigaltstack(NULL, &old) == 0 && old.ss_flags == SS_DISABLE && old.ss_size == 0);
    CHECK_ERRNO(sigaltstack(NULL, (void *)8), EFAULT);
    s.ss_flags = SS_ONSTACK; /* means nothing */
    CHECK(sigaltstack(&s, &old) == 0 && old.ss_flags == SS_DISABLE);
    CHECK(sigaltstack(NULL, &old) == 0 && old.ss_sp == stack && old.ss_size == SIZE && old.ss_flags == 0);
}

static void use(void) {
    handle(SIGUSR1, on_signal, 0);
    raise(SIGUSR1);
    CHECK(count == 1 && !inside && flags_inside == 0 && error_inside == 0 && in_frame.ss_sp == stack &&
          in_frame.ss_size == SIZE);
    handle(SIGUSR1, on_signal, SA_ONSTACK);
    raise(SIGUSR1);
    CHECK(count == 2 && inside && flags_inside == SS_ONSTACK && error_inside == EPERM);
    CHECK(in_frame.ss_flags == SS_ONSTACK); /* as it was given */
    handle(SIGUSR1, on_nested, SA_ONSTACK | SA_NODEFER);
    raise(SIGUSR1);
    CHECK(depth == 3);
    stack_t off = {.ss_flags = SS_DISABLE}, old;
    CHECK(sigaltstack(&off, &old) == 0 && old.ss_size == SIZE && sigaltstack(NULL, &old) == 0 && old.ss_flags == SS_DISABLE);
    handle(SIGUSR1, on_signal, SA_ONSTACK);
    raise(SIGUSR1);
    CHECK(count == 3 && !inside);
}

static void overflow(void) {
    stack_t s = {stack, 0, SIZE};
    CHECK(sigaltstack(&s, NULL) == 0);
    handle(SIGSEGV, on_overflow, SA_ONSTACK);
    CHECK(setrlimit(RLIMIT_STACK, &(struct rlimit){1 << 20, RLIM_INFINITY}) == 0);
    for (volatile int i = 0; i < 3; i++)
        if (!sigsetjmp(back, 1)) recurse(0);

    pid_t pid = fork(); /* no room for a frame on the normal stack and none elsewhere */
    if (pid == 0) {
        stack_t off = {.ss_flags = SS_DISABLE};
        sigaltstack(&off, NULL);
        recurse(0);
    }
    CHECK(dies_of(pid, SIGSEGV));
    pid = fork(); /* the alternate stack overflows */
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        handle(SIGUSR1, on_deep, SA_ONSTACK | SA_NODEFER);
        raise(SIGUSR1);
        _exit(0);
    }
    CHECK(dies_of(pid, SIGSEGV));
    pid = fork(); /* it is not there */
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        s.ss_sp = (void *)0x10000;
        CHECK(sigaltstack(&s, NULL) == 0);
        handle(SIGUSR1, on_signal, SA_ONSTACK);
        raise(SIGUSR1);
        _exit(0);
    }
    CHECK(dies_of(pid, SIGSEGV));
    pid = fork(); /* nor is the stack pointer anywhere */
    if (pid == 0) {
        handle(SIGSEGV, on_signal, 0);
        __asm__ volatile("mov %0, %%rsp\n\tud2" : : "r"(0x20000l));
    }
    CHECK(dies_of(pid, SIGILL));
    pid = fork();
    if (pid == 0) {
        handle(SIGILL, on_signal, 0);
        signal(SIGSEGV, SIG_DFL);
        __asm__ volatile("mov %0, %%rsp\n\tud2" : : "r"(0x20000l));
    }
    CHECK(dies_of(pid, SIGSEGV));
}

static void autodisarm(void) {
    stack_t s = {stack, SS_AUTODISARM, SIZE}, old;
    CHECK(sigaltstack(&s, NULL) == 0 && sigaltstack(NULL, &old) == 0 && old.ss_flags == (int)SS_AUTODISARM);
    handle(SIGUSR1, on_signal, SA_ONSTACK);
    count = 0;
    raise(SIGUSR1); /* inside, there is none, and another may be set */
    CHECK(count == 1 && inside && flags_inside == SS_DISABLE && error_inside == 0);
    CHECK(in_frame.ss_flags == (int)SS_AUTODISARM && in_frame.ss_sp == stack && in_frame.ss_size == SIZE);
    CHECK(sigaltstack(NULL, &old) == 0 && old.ss_flags == (int)SS_AUTODISARM && old.ss_sp == stack && old.ss_size == SIZE);
}

/* A handler's end sets what its frame says, if sigaltstack would. */
static stack_t wanted;
static void on_change(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    ((ucontext_t *)context)->uc_stack = wanted;
}

static void becomes(stack_t in_its_frame, void *sp, int flags, size_t size) {
    stack_t now;
    wanted = in_its_frame;
    raise(SIGUSR1);
    CHECK(sigaltstack(NULL, &now) == 0 && now.ss_sp == sp && now.ss_flags == flags && now.ss_size == size);
}

static void changed_by_handlers(void) {
    stack_t off = {stack, SS_DISABLE | SS_AUTODISARM, SIZE}, now;
    CHECK(sigaltstack(&off, NULL) == 0 && sigaltstack(NULL, &now) == 0 && now.ss_flags == (int)(SS_DISABLE | SS_AUTODISARM));
    handle(SIGUSR1, on_change, 0);
    becomes((stack_t){stack, 0, SIZE}, stack, 0, SIZE);
    becomes((stack_t){stack, 0, 100}, stack, 0, SIZE);
    becomes((stack_t){stack, 77, PAGE}, stack, 0, SIZE);
    becomes((stack_t){stack, SS_ONSTACK, PAGE}, stack, 0, PAGE);
    becomes((stack_t){stack, SS_AUTODISARM, SIZE}, stack, SS_AUTODISARM, SIZE);
    becomes((stack_t){stack, SS_DISABLE, SIZE}, NULL, SS_DISABLE, 0);
    becomes((stack_t){NULL, 0, 0}, NULL, SS_DISABLE, 0);
}

int main(void) {
    stack = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    refused();
    use();
    overflow();
    autodisarm();
    changed_by_handlers();
}
