/* Signal frames: what a handler finds in its ucontext, what becomes of what it writes there, nesting, jumps out of it. */
#include "children.h"
#include <setjmp.h>
#include <ucontext.h>

static volatile int count;
static volatile greg_t seen[NGREG];

static void on_record(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    memcpy((void *)seen, ((ucontext_t *)context)->uc_mcontext.gregs, sizeof seen);
    count++;
    __asm__ volatile(
        "xor %%rbx, %%rbx; xor %%r12, %%r12; xor %%r13, %%r13; xor %%r14, %%r14; xor %%r15, %%r15; xor %%rax, %%rax;"
        "xor %%rdi, %%rdi; xor %%r8, %%r8; xor %%r9, %%r9; xor %%r10, %%r10; std; cld"
        :
        :
        : "rbx", "r12", "r13", "r14", "r15", "rax", "rdi", "r8", "r9", "r10", "cc");
}

/* All registers survive, and the frame shows them. */
static void registers(void) {
    handle(SIGTRAP, on_record, 0);
    uint64_t after[6];
    __asm__ volatile(
        "mov $0x1111, %%rbx; mov $0x2222, %%r12; mov $0x3333, %%r13; mov $0x4444, %%r14; mov $0x5555, %%r8;"
        "mov $0x6666, %%r9; stc; int3; setc %%al; movzx %%al, %%rax;"
        "mov %%rbx, 0(%0); mov %%r12, 8(%0); mov %%r13, 16(%0); mov %%r14, 24(%0); mov %%r8, 32(%0); mov %%rax, 40(%0)"
        :
        : "r"(after)
        : "rbx", "r12", "r13", "r14", "r8", "r9", "rax", "memory", "cc");
    CHECK(count == 1 && after[0] == 0x1111 && after[1] == 0x2222 && after[2] == 0x3333 && after[3] == 0x4444);
    CHECK(after[4] == 0x5555 && after[5] == 1);
    CHECK(seen[REG_RBX] == 0x1111 && seen[REG_R12] == 0x2222 && seen[REG_R8] == 0x5555 && seen[REG_R9] == 0x6666);
    CHECK(seen[REG_EFL] & 1 && seen[REG_TRAPNO] == 3 && seen[REG_OLDMASK] == 0);
    CHECK((seen[REG_CSGSFS] & 0xffff) == 0x33 && ((uint64_t)seen[REG_CSGSFS] >> 48) == 0x2b);
}

static void on_change(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    r[REG_RBX] = 0x7777;
    r[REG_R15] = 0x8888;
    r[REG_RAX] = 0x9999;
    r[REG_EFL] |= 1;       /* carry */
    r[REG_EFL] |= 3 << 12; /* IOPL: not for a program to set */
    r[REG_RIP] += 2;       /* past ud2 */
    sigaddset(&((ucontext_t *)context)->uc_sigmask, SIGUSR2);
    sigaddset(&((ucontext_t *)context)->uc_sigmask, SIGKILL);
}

static void changed_context(void) {
    handle(SIGILL, on_change, 0);
    uint64_t rbx, r15, rax, flags;
    __asm__ volatile("xor %%ebx, %%ebx; xor %%r15, %%r15; clc; ud2; pushfq; pop %3; mov %%rbx, %0; mov %%r15, %1; mov %%rax, %2"
                     : "=r"(rbx), "=r"(r15), "=r"(rax), "=r"(flags)
                     :
                     : "rbx", "r15", "rax", "cc");
    CHECK(rbx == 0x7777 && r15 == 0x8888 && rax == 0x9999 && flags & 1 && !(flags & 3 << 12));
    sigset_t mask;
    CHECK(sigprocmask(SIG_SETMASK, NULL, &mask) == 0 && sigismember(&mask, SIGUSR2) && !sigismember(&mask, SIGKILL));
    block(SIG_UNBLOCK, SIGUSR2);
}

static void arrived(long word) {
    dprintf(2, "%s", word == 0x1234 && count == 7 ? "" : "wrong word\n");
    _exit(word == 0x1234 && count == 7 ? 0 : 1);
}

static void on_divert(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    r[REG_RIP] = (greg_t)arrived;
    r[REG_RDI] = 0x1234;
    r[REG_RSP] = (r[REG_RSP] - 512) & -16;
    r[REG_RSP] -= 8;
    count = 7;
}

static void on_bad_rip(int number, siginfo_t *info, void *context) {
    (void)number;
    if (count++ > 0) _exit(info->si_code == SI_KERNEL || info->si_code == SEGV_MAPERR ? 5 : 6);
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] = 1ll << 62;
}

static void on_bad_fpstate(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    ((ucontext_t *)context)->uc_mcontext.fpregs = (void *)8;
}

static void on_bad_mxcsr(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    ((ucontext_t *)context)->uc_mcontext.fpregs->mxcsr = 0xffffffff;
}

static void diverted(void) {
    pid_t pid = fork();
    if (pid == 0) {
        handle(SIGUSR1, on_divert, 0);
        raise(SIGUSR1);
        _exit(2);
    }
    CHECK(succeeds(pid));
    pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        count = 0;
        handle(SIGUSR1, on_bad_rip, 0);
        raise(SIGUSR1);
        _exit(2);
    }
    CHECK(dies_of(pid, SIGSEGV));
    pid = fork();
    if (pid == 0) {
        count = 0;
        handle(SIGSEGV, on_bad_rip, 0);
        raise(SIGSEGV);
        _exit(2);
    }
    CHECK(status_of(pid) == 5 << 8);
    void (*bad[])(int, siginfo_t *, void *) = {on_bad_fpstate, on_bad_mxcsr};
    for (int i = 0; i < 2; i++) {
        pid = fork();
        if (pid == 0) {
            handle(SIGUSR1, bad[i], 0);
            raise(SIGUSR1);
            _exit(2);
        }
        int status = status_of(pid);
        CHECK(status == SIGSEGV || (i == 1 && status == 2 << 8)); /* a bad MXCSR may be masked */
    }
    long stacks[] = {0, 8, 0x10000, 1l << 46, 1l << 47, 1l << 62, -8, -1};
    for (size_t i = 0; i < sizeof stacks / sizeof *stacks; i++) { /* rt_sigreturn out of nowhere */
        pid = fork();
        if (pid == 0) __asm__ volatile("mov %0, %%rsp\n\tmov $15, %%eax\n\tsyscall" : : "r"(stacks[i]));
        CHECK(dies_of(pid, SIGSEGV));
    }
    pid = fork();
    if (pid == 0) {
        char *junk = malloc(4096);
        memset(junk, 0x5a, 4096);
        __asm__ volatile("mov %0, %%rsp\n\tmov $15, %%eax\n\tsyscall" : : "r"(junk));
    }
    CHECK(dies_of(pid, SIGSEGV));
}

/* ---- Floating point and vectors ---- */

static volatile int change_vectors;

static void on_vectors(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    __asm__ volatile("pxor %%xmm3, %%xmm3; pcmpeqd %%xmm5, %%xmm5; fninit; fldpi" : : : "xmm3", "xmm5");
    unsigned mxcsr = 0x1f80;
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    count++;
    if (change_vectors) {
        struct _libc_fpstate *fp = ((ucontext_t *)context)->uc_mcontext.fpregs;
        fp->_xmm[3].element[0] = 0xabcd;
        fp->cwd = 0x27f;
        fp->mxcsr = 0x1fa0;
    }
}

static void vectors(void) {
    handle(SIGUSR1, on_vectors, 0);
    long tid = syscall(SYS_gettid), pid = getpid();
    for (change_vectors = 0; change_vectors < 2; change_vectors++) {
        uint32_t low[4] = {1, 2, 3, 4}, out[4], mxcsr = 0x1f00, mxcsr_out;
        uint16_t control = 0x37e, control_out;
        long result;
        double x = 2.5, y = 0;
        __asm__ volatile("fninit; fldcw %[cw]; ldmxcsr %[mx]; movdqu %[low], %%xmm3; fldl %[x]; syscall;"
                         "fstpl %[y]; movdqu %%xmm3, %[out]; stmxcsr %[mxo]; fnstcw %[cwo]"
                         : "=a"(result), [out] "=m"(out), [mxo] "=m"(mxcsr_out), [cwo] "=m"(control_out), [y] "=m"(y)
                         : "a"(SYS_tgkill), "D"(pid), "S"(tid),
                           "d"(SIGUSR1), [low] "m"(low), [cw] "m"(control), [mx] "m"(mxcsr), [x] "m"(x)
                         : "rcx", "r11", "xmm3", "xmm5", "memory");
        CHECK(result == 0 && y == 2.5);
        CHECK(out[0] == (change_vectors ? 0xabcd : 1) && out[1] == 2 && out[3] == 4);
        CHECK(mxcsr_out == (change_vectors ? 0x1fa0 : 0x1f00) && control_out == (change_vectors ? 0x27f : 0x37e));
        mxcsr = 0x1f80;
        __asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
    }
    if (__builtin_cpu_supports("avx2")) {
        change_vectors = 0;
        uint64_t in[4] = {11, 22, 33, 44}, out[4];
        __asm__ volatile("vmovdqu %1, %%ymm3; syscall; vmovdqu %%ymm3, %0; vzeroupper"
                         : "=m"(out)
                         : "m"(in), "a"(SYS_tgkill), "D"(pid), "S"(tid), "d"(SIGUSR1)
                         : "rcx", "r11", "memory", "xmm3", "xmm5");
        CHECK(out[0] == 11 && out[2] == 33 && out[3] == 44);
    }
    if (__builtin_cpu_supports("avx512f")) {
        uint64_t in[8] = {1, 2, 3, 4, 5, 6, 7, 8}, out[8], mask = 0xa5, mask_out;
        __asm__ volatile("vmovdqu64 %2, %%zmm20; kmovw %k3, %%k3; syscall; vmovdqu64 %%zmm20, %0; kmovw %%k3, %k1; vzeroupper"
                         : "=m"(out), "=r"(mask_out)
                         : "m"(in), "r"(mask), "a"(SYS_tgkill), "D"(pid), "S"(tid), "d"(SIGUSR1)
                         : "rcx", "r11", "memory");
        CHECK(out[0] == 1 && out[7] == 8 && (uint16_t)mask_out == 0xa5);
    }
}

/* ---- Nesting and jumps ---- */

static volatile int depth, deepest;
static void on_nested(int number, siginfo_t *info, void *context) {
    (void)info, (void)context;
    if (++depth > deepest) deepest = depth;
    if (number == SIGUSR1) raise(SIGUSR2);
    if (number == SIGUSR2) raise(SIGHUP);
    depth--;
    count++;
}

static sigjmp_buf back;
static void on_jump(int number, siginfo_t *info, void *context) {
    (void)number, (void)info, (void)context;
    count++;
    siglongjmp(back, 1);
}
static jmp_buf plain_back;
static void on_plain_jump(int number, siginfo_t *info, void *context) {
    (void)number, (void)info, (void)context;
    count++;
    longjmp(plain_back, 1);
}

static void nesting(void) {
    int numbers[] = {SIGUSR1, SIGUSR2, SIGHUP};
    for (int i = 0; i < 3; i++) handle(numbers[i], on_nested, 0);
    count = 0;
    raise(SIGUSR1);
    CHECK(count == 3 && deepest == 3);

    handle(SIGSEGV, on_jump, 0); /* out of the same fault again and again: the mask comes back */
    count = 0;
    for (volatile int i = 0; i < 50; i++)
        if (!sigsetjmp(back, 1)) *(volatile int *)8 = 1;
    CHECK(count == 50);
    handle(SIGUSR1, on_plain_jump, 0); /* longjmp leaves the signal blocked */
    sigset_t mask;
    count = 0;
    if (!setjmp(plain_back)) raise(SIGUSR1);
    CHECK(count == 1 && sigprocmask(SIG_SETMASK, NULL, &mask) == 0 && sigismember(&mask, SIGUSR1));
    block(SIG_UNBLOCK, SIGUSR1);
    handle(SIGALRM, on_jump, 0); /* out of a blocking call */
    int p[2];
    char byte;
    CHECK(pipe(p) == 0);
    count = 0;
    if (!sigsetjmp(back, 1)) {
        ualarm(10000, 0);
        CHECK(read(p[0], &byte, 1) == -2);
    }
    CHECK(count == 1);

    static ucontext_t here, there; /* and ucontexts of the C library's */
    static volatile int passed;
    CHECK(getcontext(&here) == 0);
    if (passed++ < 3) setcontext(&here);
    CHECK(passed == 4);
    static char own_stack[1 << 16];
    CHECK(getcontext(&there) == 0);
    there.uc_stack.ss_sp = own_stack, there.uc_stack.ss_size = sizeof own_stack, there.uc_link = &here;
    passed = 0;
    makecontext(&there, (void (*)(void))(uintptr_t)getpid, 0);
    volatile int turns = 0;
    CHECK(getcontext(&here) == 0);
    if (turns++ == 0) CHECK(setcontext(&there) == 0);
    CHECK(turns == 2);
}

int main(void) {
    registers();
    changed_context();
    diverted();
    vectors();
    nesting();
}
