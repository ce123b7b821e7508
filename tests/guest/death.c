/* Programs that die: `death NAME` does one thing that no program survives, `death` lists the names. */
#include "check.h"
#include <fenv.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>

enum { RW = PROT_READ | PROT_WRITE };

static volatile int zero;
static const char constant[] = "constant";
static volatile int five = 5;

static char *page(int prot) {
    char *p = mmap(NULL, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    return p;
}

static void load(const volatile void *p) { (void)*(const volatile char *)p; }

static void store(volatile void *p) { *(volatile char *)p = 1; }

static void call(const void *p) { ((void (*)(void))(uintptr_t)p)(); }

/* A page whose address held, and gave, something before. */
static char *warm(void) {
    char *p = page(RW);
    store(p);
    load(p);
    return p;
}

/* Two pages of a file, the second of which lies past its end. */
static char *past_the_end(void) {
    char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, make_file("file", "x", 1), 0);
    CHECK(p != MAP_FAILED);
    return p + PAGE;
}

/* The last page of what a program can own. */
static char *last_page(void) {
    for (uint64_t end = 1ull << 47; end; end -= PAGE) {
        char *p = mmap((void *)(end - PAGE), PAGE, RW | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if (p != MAP_FAILED) return p;
        if (end == (1ull << 47) - 16 * PAGE) end = (1ull << 46) + PAGE;
    }
    return NULL;
}

__attribute__((noinline)) static int recurse(int n) {
    volatile char frame[5000];
    frame[n % 5000] = n;
    return recurse(n + 1) + frame[n % 5000];
}

#define ASM(name, code)                                                                                                        \
    static void name(void) { __asm__ volatile(code); }

static void null_load(void) { load(NULL); }
static void null_store(void) { store(NULL); }
static void null_call(void) { call(NULL); }
static void kernel_load(void) { load((void *)0xffff888000000000); }
static void kernel_call(void) { call((void *)0xffffffff81000000); }
static void beyond_user_space(void) { load((void *)(1ull << 47)); }
static void non_canonical_load(void) { load((void *)(1ull << 63)); }
static void non_canonical_call(void) { call((void *)(1ull << 62)); }
static void divide_by_zero(void) { zero = five / zero; }
static void divide_overflow(void) { zero = INT_MIN, zero = zero / (five - 6); }
static void stack_overflow(void) { recurse(0); }
static void store_to_text(void) { store((void *)(uintptr_t)null_load); }
static void store_to_constant(void) { store((void *)(uintptr_t)constant); }
static void call_data(void) { call(page(RW)); }
static void call_stack(void) {
    volatile char code[] = {(char)0xc3, 0};
    call((void *)code);
}
static void load_past_file(void) { load(past_the_end()); }
static void store_past_file(void) { store(past_the_end()); }
static void call_past_file(void) {
    char *p = past_the_end();
    CHECK(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
    call(p);
}
static void call_past_file_of_data(void) {
    call(past_the_end());
} /* the kernel looks for the page before it looks at PROT_EXEC */
static void load_truncated(void) {
    char *p = past_the_end();
    int fd = open("file", O_RDWR);
    CHECK(ftruncate(fd, 2 * PAGE) == 0);
    store(p);
    CHECK(ftruncate(fd, 1) == 0);
    load(p);
}
static void unaligned_sse(void) { __asm__ volatile("movaps 1(%0), %%xmm0" : : "r"(page(RW)) : "xmm0"); }
static void unaligned_with_ac(void) {
    __asm__ volatile("pushfq\n\torl $0x40000, (%%rsp)\n\tpopfq\n\tmov 1(%0), %%eax" : : "r"(page(RW)) : "rax", "cc", "memory");
}
static void float_trap(void) {
    feenableexcept(FE_DIVBYZERO);
    volatile double x = 1.0, y = zero;
    x = x / y;
}
static void x87_trap(void) {
    unsigned short control = 0x37f & ~4;
    __asm__ volatile("fldcw %0\n\tfld1\n\tfldz\n\tfdivrp %%st, %%st(1)\n\tfwait" : : "m"(control));
}

/* What was allowed is not any more: a stale translation would let it pass. */
static void store_after_protect(void) {
    char *p = warm();
    CHECK(mprotect(p, PAGE, PROT_READ) == 0);
    load(p);
    store(p);
}
static void load_after_protect(void) {
    char *p = warm();
    CHECK(mprotect(p, PAGE, PROT_NONE) == 0);
    load(p);
}
static void load_after_unmap(void) {
    char *p = warm();
    CHECK(munmap(p, PAGE) == 0);
    load(p);
}
static void load_after_move(void) {
    char *p = warm();
    CHECK(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, page(RW)) != MAP_FAILED);
    load(p);
}
static void load_after_shrink(void) {
    char *p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    store(p + PAGE);
    CHECK(mremap(p, 2 * PAGE, PAGE, 0) == p);
    load(p + PAGE);
}
static void load_after_brk(void) {
    char *end = sbrk(0), *p = (char *)(((uintptr_t)end + 4 * PAGE) & -PAGE);
    CHECK(brk(p + 10 * PAGE) == 0);
    store(p + 5 * PAGE);
    CHECK(brk(end) == 0);
    load(p + 5 * PAGE);
}
static void store_after_map_over(void) {
    char *p = warm();
    CHECK(mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
    store(p);
}
static void call_after_protect(void) {
    char *p = page(RW | PROT_EXEC);
    p[0] = (char)0xc3;
    call(p);
    CHECK(mprotect(p, PAGE, RW) == 0);
    call(p);
}

static void off_the_end(void) {
    char *p = last_page();
    memset(p, 0x90, PAGE); /* nop */
    call(p + PAGE - 8);
}
static void syscall_at_the_end(void) {
    char *p = last_page();
    memcpy(p + PAGE - 7, "\xb8\x27\0\0\0\x0f\x05", 7); /* mov eax, SYS_getpid; syscall */
    call(p + PAGE - 7);
}
static void instruction_across_the_end(void) {
    char *p = last_page();
    p[PAGE - 1] = 0x48; /* a prefix, and nothing behind it */
    call(p + PAGE - 1);
}

ASM(undefined, "ud2")
ASM(undefined_opcode, ".byte 0x06") /* push es: none in 64-bit mode */
ASM(breakpoint, "int3")
ASM(single_step, "pushfq; orl $0x100, (%rsp); popfq; nop")
ASM(icebp, ".byte 0xf1")
ASM(halt, "hlt")
ASM(interrupt_gate, "int $0x81")
ASM(interrupt_page_fault, "int $14")
ASM(interrupt_double_fault, "int $8")
ASM(clear_interrupts, "cli")
ASM(set_interrupts, "sti")
ASM(move_to_cr0, "mov %rax, %cr0")
ASM(move_to_cr3, "mov %rax, %cr3")
ASM(move_from_cr4, "mov %cr4, %rax")
ASM(move_to_dr7, "mov %rax, %dr7")
ASM(write_msr, "mov $0xc0000082, %ecx; xor %eax, %eax; xor %edx, %edx; wrmsr") /* LSTAR */
ASM(read_msr, "mov $0xc0000080, %ecx; rdmsr")
ASM(load_gdt, "lgdt -16(%rsp)")
ASM(load_idt, "lidt -16(%rsp)")
ASM(load_task, "mov $0x40, %eax; ltr %ax")
ASM(swap_gs, "swapgs")
ASM(invalidate_page, "invlpg (%rsp)")
ASM(write_back_caches, "wbinvd")
ASM(sysret, "xor %ecx, %ecx; sysretq")
ASM(out_port, "xor %eax, %eax; out %al, $0x80")
ASM(out_port_dx, "mov $0x3f8, %edx; xor %eax, %eax; out %eax, %dx")
ASM(in_port, "in $0x60, %al")
ASM(bad_selector, "mov $0x10, %eax; mov %eax, %ss")
ASM(bad_far_return, "pushq $0x10; lea 1f(%rip), %rax; pushq %rax; lretq; 1:")
ASM(bad_interrupt_return, "pushq $0; pushq $0; pushq $0; pushq $0x10; pushq $0; iretq")
ASM(stack_non_canonical, "mov $1, %eax; shl $62, %rax; mov %rax, %rsp; push %rax")
ASM(stack_null, "xor %esp, %esp; push %rax")
ASM(lock_prefix, "lock; nop")
ASM(non_canonical_vector, "mov $1, %eax; shl $62, %rax; pcmpistri $0, 8(%rax), %xmm0")
ASM(stack_non_canonical_index, "mov $1, %eax; shl $62, %rax; movlpd (%rsp,%rax), %xmm1")
ASM(non_canonical_avx, "mov $1, %eax; shl $62, %rax; vpcmpeqb (%rax), %ymm0, %ymm1")
ASM(non_canonical_avx_high, "mov $1, %r9d; shl $60, %r9; vmovdqu 16(%r9,%rcx,8), %ymm9")
ASM(stack_non_canonical_vector, "mov $1, %eax; shl $62, %rax; xchg %rax, %rbp; movlpd 8(%rbp), %xmm1")
ASM(undefined_with_operand, "mov $1, %eax; shl $62, %rax; .byte 0x0f, 0xb9, 0x00")
ASM(non_canonical_jump, "mov $1, %eax; shl $47, %rax; jmp *%rax")

static void raise_kill(void) { raise(SIGKILL); }
static void raise_terminate(void) { raise(SIGTERM); }
static void raise_real_time(void) { raise(SIGRTMIN + 3); }
static void broken_pipe(void) {
    int p[2];
    CHECK(pipe(p) == 0 && close(p[0]) == 0);
    (void)!write(p[1], "x", 1);
}
static void file_too_large(void) {
    struct rlimit limit = {10, 10};
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    (void)!pwrite(make_file("file", "x", 1), "x", 1, 100);
}
static void small_stack(void) {
    struct rlimit limit = {1 << 20, 1 << 20};
    CHECK(setrlimit(RLIMIT_STACK, &limit) == 0); /* holds at once, for the stack that there is */
    volatile char *below = (volatile char *)&limit - (2 << 20);
    store(below);
}
static void handler_ignored(void) {
    signal(SIGSEGV, SIG_IGN); /* a fault kills all the same */
    store(NULL);
}

static const struct {
    const char *name;
    void (*die)(void);
} cases[] = {
#define CASE(name)                                                                                                             \
    { #name, name }
    CASE(null_load),
    CASE(null_store),
    CASE(null_call),
    CASE(kernel_load),
    CASE(kernel_call),
    CASE(beyond_user_space),
    CASE(non_canonical_load),
    CASE(non_canonical_call),
    CASE(non_canonical_jump),
    CASE(non_canonical_vector),
    CASE(stack_non_canonical_index),
    CASE(non_canonical_avx),
    CASE(non_canonical_avx_high),
    CASE(stack_non_canonical_vector),
    CASE(undefined_with_operand),
    CASE(divide_by_zero),
    CASE(divide_overflow),
    CASE(stack_overflow),
    CASE(small_stack),
    CASE(store_to_text),
    CASE(store_to_constant),
    CASE(call_data),
    CASE(call_stack),
    CASE(load_past_file),
    CASE(store_past_file),
    CASE(call_past_file),
    CASE(call_past_file_of_data),
    CASE(load_truncated),
    CASE(unaligned_sse),
    CASE(unaligned_with_ac),
    CASE(float_trap),
    CASE(x87_trap),
    CASE(store_after_protect),
    CASE(load_after_protect),
    CASE(load_after_unmap),
    CASE(load_after_move),
    CASE(load_after_shrink),
    CASE(load_after_brk),
    CASE(store_after_map_over),
    CASE(call_after_protect),
    CASE(off_the_end),
    CASE(syscall_at_the_end),
    CASE(instruction_across_the_end),
    CASE(undefined),
    CASE(undefined_opcode),
    CASE(breakpoint),
    CASE(single_step),
    CASE(icebp),
    CASE(halt),
    CASE(interrupt_gate),
    CASE(interrupt_page_fault),
    CASE(interrupt_double_fault),
    CASE(clear_interrupts),
    CASE(set_interrupts),
    CASE(move_to_cr0),
    CASE(move_to_cr3),
    CASE(move_from_cr4),
    CASE(move_to_dr7),
    CASE(write_msr),
    CASE(read_msr),
    CASE(load_gdt),
    CASE(load_idt),
    CASE(load_task),
    CASE(swap_gs),
    CASE(invalidate_page),
    CASE(write_back_caches),
    CASE(sysret),
    CASE(out_port),
    CASE(out_port_dx),
    CASE(in_port),
    CASE(bad_selector),
    CASE(bad_far_return),
    CASE(bad_interrupt_return),
    CASE(stack_non_canonical),
    CASE(stack_null),
    CASE(lock_prefix),
    CASE(abort),
    CASE(raise_kill),
    CASE(raise_terminate),
    CASE(raise_real_time),
    CASE(broken_pipe),
    CASE(file_too_large),
    CASE(handler_ignored),
};

int main(int argc, char **argv) {
    if (argc < 2)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) puts(cases[i].name);
    for (size_t i = 0; argc == 2 && i < sizeof cases / sizeof *cases; i++)
        if (!strcmp(cases[i].name, argv[1])) {
            cases[i].die();
            dprintf(2, "%s: lives\n", argv[1]);
            return 1;
        }
    return 2;
}
