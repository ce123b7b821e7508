/* SSE, AVX, AVX-512 and x87 registers and their control words survive thousands of system calls of every kind. */
#include "check.h"
#include <cpuid.h>

enum { CALLS = 2000 };

static unsigned char before[32 * 64] __attribute__((aligned(64))), after[32 * 64] __attribute__((aligned(64)));
static uint64_t masks_before[8], masks_after[8];
static int error;

/* Calls that cost nothing, that need an answer from far, that change memory, and that nobody knows. */
static const long numbers[] = {SYS_getppid, SYS_sched_yield, SYS_brk, SYS_umask, SYS_getpid, 1000, SYS_mlockall, SYS_times};

#define EACH_16(x) x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7) x(8) x(9) x(10) x(11) x(12) x(13) x(14) x(15)
#define EACH_32(x) EACH_16(x) x(16) x(17) x(18) x(19) x(20) x(21) x(22) x(23) x(24) x(25) x(26) x(27) x(28) x(29) x(30) x(31)
#define LOAD_XMM(n) "movaps 16*" #n "(%[from]), %%xmm" #n "\n\t"
#define STORE_XMM(n) "movaps %%xmm" #n ", 16*" #n "(%[to])\n\t"
#define LOAD_YMM(n) "vmovaps 32*" #n "(%[from]), %%ymm" #n "\n\t"
#define STORE_YMM(n) "vmovaps %%ymm" #n ", 32*" #n "(%[to])\n\t"
#define LOAD_ZMM(n) "vmovaps 64*" #n "(%[from]), %%zmm" #n "\n\t"
#define STORE_ZMM(n) "vmovaps %%zmm" #n ", 64*" #n "(%[to])\n\t"
#define EACH_8(x) x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7)
#define LOAD_MASK(n) "kmovw 8*" #n "(%[mfrom]), %%k" #n "\n\t"
#define STORE_MASK(n) "kmovw %%k" #n ", 8*" #n "(%[mto])\n\t"

/* `count` system calls, the numbers in turn, arguments 0. */
#define CALLS_LOOP                                                                                                             \
    "1: mov %[count], %%rax\n\tand $7, %%eax\n\tmov (%[numbers],%%rax,8), %%rax\n\txor %%edi, %%edi\n\txor %%esi, %%esi\n\t"   \
    "xor %%edx, %%edx\n\tsyscall\n\tdec %[count]\n\tjnz 1b\n\t"
#define OPERANDS                                                                                                               \
    [count] "+&r"(count)                                                                                                       \
        : [from] "r"(before), [to] "r"(after), [mfrom] "r"(masks_before), [mto] "r"(masks_after), [numbers] "r"(numbers)       \
        : "rax", "rcx", "r11", "rdi", "rsi", "rdx", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",    \
          "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

static void fill(void) {
    for (size_t i = 0; i < sizeof before; i++) before[i] = i * 37 + i / 64 + 1;
    for (int i = 0; i < 8; i++) masks_before[i] = 0x1234 * (i + 1) & 0xffff;
    memset(after, 0, sizeof after);
    memset(masks_after, 0, sizeof masks_after);
}

static void sse(void) {
    long count = CALLS;
    fill();
    __asm__ volatile(EACH_16(LOAD_XMM) CALLS_LOOP EACH_16(STORE_XMM) : OPERANDS);
    CHECK(!memcmp(before, after, 16 * 16));
}

static void avx(void) {
    long count = CALLS;
    fill();
    __asm__ volatile(EACH_16(LOAD_YMM) CALLS_LOOP EACH_16(STORE_YMM) "vzeroupper" : OPERANDS);
    CHECK(!memcmp(before, after, 16 * 32));
}

static void avx512(void) {
    long count = CALLS;
    fill();
    __asm__ volatile(EACH_32(LOAD_ZMM) EACH_8(LOAD_MASK) CALLS_LOOP EACH_32(STORE_ZMM) EACH_8(STORE_MASK) "vzeroupper"
                     : OPERANDS);
    CHECK(!memcmp(before, after, 32 * 64) && !memcmp(masks_before, masks_after, sizeof masks_before));
}

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

/* What the CPU says that it has, works. */
__attribute__((target("avx2"))) static void avx2_arithmetic(void) {
    static int a[1024], b[1024], c[1024];
    for (int i = 0; i < 1024; i++) a[i] = i, b[i] = i * i;
    for (int i = 0; i < 1024; i++) c[i] = a[i] * 3 + b[i];
    for (int i = 0; i < 1024; i++) error |= c[i] != i * (i + 3);
}

int main(void) {
    sse();
    x87_and_control();
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx")) avx();
    if (__builtin_cpu_supports("avx2")) avx2_arithmetic();
    if (__builtin_cpu_supports("avx512f")) avx512();
    CHECK(!error);
}
