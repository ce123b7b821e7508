/* All vector and mask registers that the CPU has, at once: loaded, something done, and stored, with nothing of a compiler's in
 * between. */
#ifndef VECTORS_H
#define VECTORS_H

#include "check.h"
#include <cpuid.h>

struct vectors {
    unsigned char registers[32][64];
    uint64_t masks[8];
} __attribute__((aligned(64)));

#define EACH_8(x) x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7)
#define EACH_16(x) EACH_8(x) x(8) x(9) x(10) x(11) x(12) x(13) x(14) x(15)
#define EACH_32(x) EACH_16(x) x(16) x(17) x(18) x(19) x(20) x(21) x(22) x(23) x(24) x(25) x(26) x(27) x(28) x(29) x(30) x(31)
#define LOAD_XMM(n) "movaps 64*" #n "(%[from]), %%xmm" #n "\n\t"
#define STORE_XMM(n) "movaps %%xmm" #n ", 64*" #n "(%[to])\n\t"
#define LOAD_YMM(n) "vmovaps 64*" #n "(%[from]), %%ymm" #n "\n\t"
#define STORE_YMM(n) "vmovaps %%ymm" #n ", 64*" #n "(%[to])\n\t"
#define LOAD_ZMM(n) "vmovaps 64*" #n "(%[from]), %%zmm" #n "\n\t"
#define STORE_ZMM(n) "vmovaps %%zmm" #n ", 64*" #n "(%[to])\n\t"
#define LOAD_MASK(n) "kmovq 64*32+8*" #n "(%[from]), %%k" #n "\n\t"
#define STORE_MASK(n) "kmovq %%k" #n ", 64*32+8*" #n "(%[to])\n\t"

/* What is done between loading and storing: a system call, of this number; or one of these. */
enum { BREAKPOINT = -1, SPIN = -2 /* while the word at the first argument is not zero, which it is made first */ };

/* A child of a clone(2) or vfork(2) that shares this memory stores to `child` and ends; another child goes on as its parent does,
 * and `child` is NULL. */
#define VECTORS_OVER(name, load, store)                                                                                        \
    __attribute__((noinline)) static long name(const struct vectors *from, struct vectors *to, struct vectors *child,          \
                                               const long *call) {                                                             \
        long result = call[0], a = call[1], b = call[2], c = call[3];                                                          \
        register long d __asm__("r10") = call[4], e __asm__("r8") = call[5];                                                   \
        __asm__ volatile(load                                                                                                  \
                         "cmp $-1, %%rax\n\tje 2f\n\tcmp $-2, %%rax\n\tje 3f\n\tsyscall\n\ttest %%rax, %%rax\n\tjnz 4f\n\t"    \
                         "test %[child], %[child]\n\tjz 4f\n\tmov %[child], %[to]\n\t" store                                   \
                         "xor %%edi, %%edi\n\tmov $60, %%eax\n\tsyscall\n\t2: int3\n\tjmp 4f\n\t3: movl $1, (%%rdi)\n\t"       \
                         "5: cmpl $0, (%%rdi)\n\tjne 5b\n\t4: " store                                                          \
                         : "+a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(d), "+r"(e), [to] "+&r"(to)                           \
                         : [from] "r"(from), [child] "r"(child)                                                                \
                         : "rcx", "r11", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",       \
                           "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");                              \
        return result;                                                                                                         \
    }
VECTORS_OVER(sse_over, EACH_16(LOAD_XMM), EACH_16(STORE_XMM))
VECTORS_OVER(avx_over, EACH_16(LOAD_YMM), EACH_16(STORE_YMM) "vzeroupper\n\t")
VECTORS_OVER(avx512_over, EACH_32(LOAD_ZMM) EACH_8(LOAD_MASK), EACH_32(STORE_ZMM) EACH_8(STORE_MASK) "vzeroupper\n\t")

/* Bytes of a vector register: 16, 32, or 64 where there are 32 of them and masks. */
static size_t width(void) {
    static size_t found;
    if (found) return found;
    __builtin_cpu_init();
    return found = __builtin_cpu_supports("avx512bw") ? 64 : __builtin_cpu_supports("avx") ? 32 : 16;
}

/* Contents for what there is, zero for what there is not. */
static struct vectors contents(unsigned seed) {
    struct vectors v = {0};
    for (size_t i = 0; i < (width() == 64 ? 32 : 16); i++)
        for (size_t j = 0; j < width(); j++) v.registers[i][j] = (unsigned char)((seed += 0x9e3779b9) * 0x85ebca6bu >> 24);
    for (size_t i = 0; i < 8 && width() == 64; i++) v.masks[i] = ((uint64_t)(seed += 0x9e3779b9) * 0xff51afd7ed558ccd) ^ i;
    return v;
}

__attribute__((unused)) static int same(const struct vectors *a, const struct vectors *b) { return !memcmp(a, b, sizeof *a); }

static long vectors_over(const struct vectors *from, struct vectors *to, struct vectors *child, const long *call) {
    memset(to, 0, sizeof *to);
    return (width() == 64 ? avx512_over : width() == 32 ? avx_over : sse_over)(from, to, child, call);
}

#endif
