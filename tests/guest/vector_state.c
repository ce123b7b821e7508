/* SSE, AVX, AVX-512 and x87 registers and their control words survive thousands of system calls of every kind. */
#include "vectors.h"

enum { CALLS = 2000 };

/* Calls that cost nothing, that need an answer from far, that change memory, and that nobody knows. */
static const long numbers[] = {SYS_getppid, SYS_sched_yield, SYS_brk, SYS_umask, SYS_getpid, 1000, SYS_mlockall, SYS_times};

static void vectors_and_masks(void) {
    for (int i = 0; i < CALLS; i++) {
        struct vectors before = contents(i), after;
        vectors_over(&before, &after, NULL, (long[]){numbers[i % 8], 0, 0, 0, 0, 0});
        CHECK(same(&before, &after));
    }
}

/* `count` system calls, the numbers in turn, arguments 0. */
#define CALLS_LOOP                                                                                                             \
    "1: mov %[count], %%rax\n\tand $7, %%eax\n\tmov (%[numbers],%%rax,8), %%rax\n\txor %%edi, %%edi\n\txor %%esi, %%esi\n\t"   \
    "xor %%edx, %%edx\n\tsyscall\n\tdec %[count]\n\tjnz 1b\n\t"

static void x87_and_control(void) {
    long count = CALLS;
    double in[3] = {1.5, -2.25, 3e300}, out[3];
    uint32_t mxcsr = 0x1f80 | 3 << 13, mxcsr_after, mxcsr_usual = 0x1f80; /* round towards zero */
    uint16_t control = 0x037f | 1 << 10, control_after, control_usual = 0x037f;
    __asm__ volatile("ldmxcsr %[mxcsr]\n\tfldcw %[control]\n\t"
                     "fldl (%[in])\n\tfldl 8(%[in])\n\tfldl 16(%[in])\n\t" CALLS_LOOP
                     "fstpl 16(%[out])\n\tfstpl 8(%[out])\n\tfstpl (%[out])\n\t"
                     "stmxcsr %[mxcsr_after]\n\tfnstcw %[control_after]\n\tldmxcsr %[mxcsr_usual]\n\tfldcw %[control_usual]\n\t"
                     : [count] "+&r"(count), [mxcsr_after] "=m"(mxcsr_after), [control_after] "=m"(control_after)
                     : [in] "r"(in), [out] "r"(out), [numbers] "r"(numbers), [mxcsr] "m"(mxcsr), [control] "m"(control),
                       [mxcsr_usual] "m"(mxcsr_usual), [control_usual] "m"(control_usual)
                     : "rax", "rcx", "r11", "rdi", "rsi", "rdx", "memory", "cc");
    CHECK(mxcsr_after == mxcsr && control_after == control && !memcmp(in, out, sizeof in));
}

int main(void) {
    vectors_and_masks();
    x87_and_control();
}
