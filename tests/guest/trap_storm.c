/* Steps that a program makes of itself (the trap flag): each is told once, none twice. */
#include "children.h"
#include <ucontext.h>

enum { STEPS = 8 };

static volatile int traps, misplaced;
static volatile greg_t last;

static void on_trap(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    greg_t rip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    misplaced += rip <= last; /* straight code */
    last = rip;
    traps++;
}

static void steps(void) {
    __asm__ volatile("sub $128, %%rsp\n\tpushfq\n\tpushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\t"
                     "nop\n\tnop\n\tnop\n\tnop\n\tnop\n\tnop\n\tnop\n\tpopfq\n\tadd $128, %%rsp" ::
                         : "memory", "cc");
}

int main(void) {
    handle(SIGTRAP, on_trap, 0);
    steps();
    CHECK(traps == STEPS && !misplaced);
}
