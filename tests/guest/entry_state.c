/* What a program finds at its very start, without a C library: registers, flags, control words, vectors, and the stack's layout;
 * and once more, when it has executed itself with registers full. For -nostdlib -static: exits with the number of what is wrong. */
typedef unsigned long word;

word start[18];
/* By XSAVE: x87, SSE, AVX, AVX-512; the SDM's vol. 1, 13.4. */
static struct {
    unsigned short control, status;
    unsigned char no_matter[20];
    unsigned mxcsr, mxcsr_mask;
    unsigned char registers[384], software[96];
    word used, rest[7];
    unsigned char extended[4096];
} area __attribute__((aligned(64)));
enum { COMPONENTS = 0xe7 };

__asm__(
    ".globl _start\n_start:\n\t"
    "mov %rax, start(%rip)\n\tmov %rbx, start+8(%rip)\n\tmov %rcx, start+16(%rip)\n\tmov %rdx, start+24(%rip)\n\t"
    "mov %rsi, start+32(%rip)\n\tmov %rdi, start+40(%rip)\n\tmov %rbp, start+48(%rip)\n\tmov %r8, start+56(%rip)\n\t"
    "mov %r9, start+64(%rip)\n\tmov %r10, start+72(%rip)\n\tmov %r11, start+80(%rip)\n\tmov %r12, start+88(%rip)\n\t"
    "mov %r13, start+96(%rip)\n\tmov %r14, start+104(%rip)\n\tmov %r15, start+112(%rip)\n\tpushfq\n\tpopq start+120(%rip)\n\t"
    "stmxcsr start+128(%rip)\n\tfnstcw start+136(%rip)\n\t"
    "mov $0xe7, %eax\n\txor %edx, %edx\n\txsave area(%rip)\n\t"
    "mov %rsp, %rdi\n\txor %ebp, %ebp\n\tcall check\n\tmov %eax, %edi\n\tmov $231, %eax\n\tsyscall\n");

static word arch_prctl(word code) {
    word result, value = ~0ul;
    __asm__ volatile("syscall" : "=a"(result) : "a"(158), "D"(code), "S"(&value) : "rcx", "r11", "memory");
    return result ? ~0ul : value;
}

static int all_zero(const unsigned char *bytes, word size) {
    for (word i = 0; i < size; i++)
        if (bytes[i]) return 0;
    return 1;
}

/* Registers full, this program is executed again, its first argument another. */
static int again(char **argv, char **envp) {
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    area.used = low & COMPONENTS;
    area.mxcsr = 0x1f80 | 3 << 13;
    area.control = 0x37f | 3 << 10;
    for (word i = 0; i < sizeof area.registers; i++) area.registers[i] = (unsigned char)(i | 1);
    for (word i = 0; i < sizeof area.extended; i++) area.extended[i] = (unsigned char)(i | 1);
    argv[1][0] = 'y';
    register char **environment __asm__("r10") = envp;
    __asm__ volatile("xrstor area(%%rip)\n\tmov %%r10, %%rdx\n\tmov $59, %%eax\n\tsyscall" ::"D"(argv[0]), "S"(argv), "d"(0),
                     "a"(low & COMPONENTS), "r"(environment));
    return 40;
}

__attribute__((used)) static int check(word *sp) {
    for (int i = 0; i < 15; i++)
        if (start[i]) return 1 + i; /* in the order above: 4 is RDX, which a C library would register as an exit handler */
    if (start[15] != 0x202) return 20;
    if ((unsigned)start[16] != 0x1f80) return 21;
    if ((unsigned short)start[17] != 0x37f) return 22;
    if (!all_zero(area.registers, sizeof area.registers) || !all_zero(area.extended, sizeof area.extended)) return 25;
    if (arch_prctl(0x1003) || arch_prctl(0x1004)) /* FS and GS bases */
        return 23;
    unsigned short ds, es, fs, gs, ss, cs;
    __asm__("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3; mov %%ss, %4; mov %%cs, %5"
            : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs), "=r"(ss), "=r"(cs));
    if (ds || es || fs || gs || ss != 0x2b || cs != 0x33) return 24;
    if ((word)sp % 16) return 30;
    word argc = *sp++;
    if (argc != 3) return 31;
    for (word i = 0; i < argc; i++)
        if (!sp[i]) return 32;
    char **argv = (char **)sp;
    if (argv[argc] || argv[0][0] != '/' || (argv[1][0] != 'x' && argv[1][0] != 'y') || argv[2][0]) return 33; /* NAME x "" */
    sp += argc + 1;
    while (*sp) sp++;
    int entries = 0;
    for (sp++; *sp; sp += 2) entries++;
    if (entries < 17) return 34;
    if (sp[1]) return 35;
    return argv[1][0] == 'y' ? 0 : again(argv, argv + argc + 1);
}
