/* Faults of the CPU as signals: number, code, address, the frame's trap fields; and that none can be escaped. */
#include "faults.h"

enum { NOT_PRESENT = 0, PROTECTION = 1, WRITE = 2, USER = 4, FETCH = 16 };

static void load(const volatile char *p) { (void)*p; }
static void store(volatile char *p) { *p = 1; }
static void call(const void *p) { ((void (*)(void))(uintptr_t)p)(); }

static void pages(void) {
    FAULTS(load(NULL), SIGSEGV, SEGV_MAPERR, 0);
    CHECK(trap == 14 && error_code == USER && cr2 == 0);
    FAULTS(load((char *)0x123), SIGSEGV, SEGV_MAPERR, 0x123);
    FAULTS(store((char *)0x123), SIGSEGV, SEGV_MAPERR, 0x123);
    CHECK(error_code == (USER | WRITE) && cr2 == 0x123);
    FAULTS(call((char *)0x5000), SIGSEGV, SEGV_MAPERR, 0x5000);
    CHECK((error_code & ~FETCH) == USER && rip == 0x5000);

    char *none = page(PROT_NONE), *readable = page(PROT_READ), *both = page(PROT_READ | PROT_WRITE);
    load(readable), store(both);
    FAULTS(load(none + 5), SIGSEGV, SEGV_ACCERR, none + 5);
    FAULTS(store(readable + 7), SIGSEGV, SEGV_ACCERR, readable + 7);
    CHECK(error_code & WRITE && error_code & USER);
    FAULTS(call(both), SIGSEGV, SEGV_ACCERR, both);
    FAULTS(store((char *)(uintptr_t)pages), SIGSEGV, SEGV_ACCERR, pages);
    CHECK(munmap(none, PAGE) == 0);
    FAULTS(load(none), SIGSEGV, SEGV_MAPERR, none);

    FAULTS(load((char *)0xffff888000000000), SIGSEGV, SEGV_MAPERR, 0xffff888000000000); /* the kernel's */
    CHECK(error_code == (USER | PROTECTION));
    FAULTS(load((char *)0x8000000000000000), SIGSEGV, SI_KERNEL, 0); /* no address at all */
    CHECK(trap == 13);
    FAULTS(call((char *)0x4000000000000000), SIGSEGV, SI_KERNEL, 0);

    int fd = make_file("file", "x", 1);
    char *mapped = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    load(mapped), load(mapped + PAGE - 1);
    FAULTS(load(mapped + PAGE + 9), SIGBUS, BUS_ADRERR, mapped + PAGE + 9);
    FAULTS(store(mapped + PAGE), SIGBUS, BUS_ADRERR, mapped + PAGE);
    CHECK(ftruncate(fd, 0) == 0);
    FAULTS(load(mapped + 3), SIGBUS, BUS_ADRERR, mapped + 3);
    CHECK(ftruncate(fd, 2 * PAGE) == 0);
    load(mapped + PAGE);
    char *copy = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    FAULTS(store(copy + 2 * PAGE), SIGBUS, BUS_ADRERR, copy + 2 * PAGE);
}

static volatile int zero, five = 5;

static void arithmetic(void) {
    FAULTS(five = five / zero, SIGFPE, FPE_INTDIV, -1);
    CHECK(trap == 0 && got.si_addr == (void *)rip);
    five = INT_MIN;
    zero = -1;
    FAULTS(five = five / zero, SIGFPE, FPE_INTDIV, -1);
    zero = 0, five = 5;
    unsigned short control = 0x37f & ~4;
    FAULTS(__asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp %%st, %%st(1); fwait"
                            :
                            : "m"(control)),
           SIGFPE, FPE_FLTDIV, -1);
    CHECK(trap == 16);
    __asm__ volatile("fninit");
}

static void instructions(void) {
    FAULTS(__asm__ volatile("ud2"), SIGILL, ILL_ILLOPN, -1);
    CHECK(trap == 6 && got.si_addr == (void *)rip);
    FAULTS(__asm__ volatile(".byte 0x06"), SIGILL, ILL_ILLOPN, -1);
    FAULTS(__asm__ volatile("int3"), SIGTRAP, SI_KERNEL, 0);
    CHECK(trap == 3 && *(uint8_t *)(rip - 1) == 0xcc);
    FAULTS(__asm__ volatile(".byte 0xf1"), SIGTRAP, TRAP_BRKPT, -1);
    FAULTS(__asm__ volatile("pushfq; orl $0x100, (%rsp); popfq; nop; nop"), SIGTRAP, TRAP_TRACE, -1);
    CHECK(trap == 1 && got.si_addr == (void *)rip);
    FAULTS(__asm__ volatile("hlt"), SIGSEGV, SI_KERNEL, 0);
    CHECK(trap == 13 && error_code == 0);
    FAULTS(__asm__ volatile("cli"), SIGSEGV, SI_KERNEL, 0);
    FAULTS(__asm__ volatile("mov %%cr0, %%rax" : : : "rax"), SIGSEGV, SI_KERNEL, 0);
    FAULTS(__asm__ volatile("int $0x7f"), SIGSEGV, SI_KERNEL, 0);
    CHECK(error_code == 0x7f * 8 + 2);
}

/* A handler that returns to a mended place goes on there. */
static char *mended;
static volatile int times;
static void on_mend(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    CHECK((char *)info->si_addr >= mended && (char *)info->si_addr < mended + 100 * PAGE);
    CHECK(mprotect((char *)((uintptr_t)info->si_addr & -PAGE), PAGE, PROT_READ | PROT_WRITE) == 0);
    times++;
}

static void mending(void) {
    mended = mmap(NULL, 100 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    handle(SIGSEGV, on_mend, 0);
    for (int i = 0; i < 100; i++) mended[i * PAGE] = (char)i;
    CHECK(times == 100);
    for (int i = 0; i < 100; i++) CHECK(mended[i * PAGE] == (char)i);
    CHECK(times == 100);
}

/* Blocked or ignored, a fault kills all the same. */
static void no_escape(void) {
    struct {
        int number;
        int kind;
    } cases[] = {{SIGSEGV, 0}, {SIGILL, 1}, {SIGFPE, 2}, {SIGTRAP, 3}, {SIGBUS, 4}};
    for (int i = 0; i < 5; i++)
        for (int how = 0; how < 3; how++) {
            pid_t pid = fork();
            if (pid == 0) {
                int number = cases[i].number;
                signal(number, how == 1 ? SIG_IGN : SIG_DFL);
                if (how == 2) handle(number, on_fault, 0);
                if (how != 1) block(SIG_BLOCK, number);
                switch (cases[i].kind) {
                case 0: store(NULL); break;
                case 1: __asm__ volatile("ud2"); break;
                case 2: five = five / zero; break;
                case 3: __asm__ volatile("int3"); break;
                case 4: store((char *)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, make_file("empty", "", 0), 0));
                }
                _exit(1);
            }
            CHECK(dies_of(pid, cases[i].number));
        }
}

int main(void) {
    int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    for (int i = 0; i < 5; i++) handle(numbers[i], on_fault, 0);
    pages();
    arithmetic();
    instructions();
    mending();
    no_escape();
}
