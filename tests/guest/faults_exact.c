/* Faults that a simulated CPU may not have: SSE's exceptions, alignment. */
#include "faults.h"
#include <fenv.h>

/* These SSE exceptions (of fenv.h) become faults from now on. */
static void unmask(unsigned exceptions) {
    unsigned mxcsr = 0x1f80 & ~(exceptions << 7);
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
}

static void sse(void) {
    volatile double x = 1, y = 0, big = 1e308, third = 3;
    unmask(FE_DIVBYZERO);
    FAULTS(x = x / y, SIGFPE, FPE_FLTDIV, -1);
    CHECK(trap == 19 && got.si_addr == (void *)rip);
    unmask(FE_INVALID);
    x = 0;
    FAULTS(x = x / y, SIGFPE, FPE_FLTINV, -1);
    unmask(FE_OVERFLOW);
    FAULTS(x = big * big, SIGFPE, FPE_FLTOVF, -1);
    unmask(FE_UNDERFLOW);
    FAULTS(x = 1 / big / big, SIGFPE, FPE_FLTUND, -1);
    unmask(FE_INEXACT);
    x = 1;
    FAULTS(x = x / third, SIGFPE, FPE_FLTRES, -1);
    unmask(0);
}

static void alignment(void) {
    char *aligned = page(PROT_READ | PROT_WRITE);
    FAULTS(__asm__ volatile("movaps 1(%0), %%xmm0" : : "r"(aligned) : "xmm0"), SIGSEGV, SI_KERNEL, 0);
    FAULTS(__asm__ volatile("pushfq; orl $0x40000, (%%rsp); popfq; mov 1(%0), %%eax"
                            :
                            : "r"(aligned)
                            : "rax", "cc", "memory"),
           SIGBUS, BUS_ADRALN, -1);
    __asm__ volatile("pushfq; andl $~0x40000, (%%rsp); popfq" : : : "cc", "memory");
}

int main(void) {
    int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    for (int i = 0; i < 5; i++) handle(numbers[i], on_fault, 0);
    sse();
    alignment();
}
