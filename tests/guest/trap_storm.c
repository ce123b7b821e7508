/* Traps, alone and where a signal from outside meets them: each is told once, none twice. RIP is behind what raised it, so one that
 * were lost would not come again. */
#include "children.h"
#include <sys/time.h>
#include <ucontext.h>

enum { ALARMS = 1000, STEPS = 8 };

static volatile int alarms, traps, misplaced;
static volatile greg_t last;

static void on_alarm(int number, siginfo_t *info, void *context) {
    (void)number, (void)info, (void)context;
    alarms++;
}

static void on_trap(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    greg_t rip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    misplaced += rip <= last; /* straight code */
    last = rip;
    traps++;
}

/* Runs `code`, which raises `count` traps, again and again until it has met that many signals. */
static void under_signals(void (*code)(void), int count) {
    alarms = 0;
    for (int i = 0; i < ALARMS; i++) {
        CHECK(!setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = 1 + i * 37 % 500}, NULL));
        do {
            traps = misplaced = last = 0;
            code();
            CHECK(traps == count && !misplaced);
        } while (alarms <= i);
    }
}

static void breakpoint(void) { __asm__ volatile("int3\n\tnop\n\tint3" ::: "memory"); }
static void long_breakpoint(void) { __asm__ volatile(".byte 0xcd, 3\n\tnop\n\t.byte 0xcd, 3" ::: "memory"); }

static void steps(void) {
    __asm__ volatile("sub $128, %%rsp\n\tpushfq\n\tpushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\t"
                     "nop\n\tnop\n\tnop\n\tnop\n\tnop\n\tnop\n\tnop\n\tpopfq\n\tadd $128, %%rsp" ::
                         : "memory", "cc");
}

int main(void) {
    handle(SIGTRAP, on_trap, 0);
    handle(SIGALRM, on_alarm, 0);
    steps();
    CHECK(traps == STEPS && !misplaced);
    under_signals(breakpoint, 2);
    under_signals(long_breakpoint, 2);
    under_signals(steps, STEPS);
}
