/* A fault, done and looked at. */
#pragma once
#include "children.h"
#include <setjmp.h>
#include <ucontext.h>

static sigjmp_buf back;
static volatile siginfo_t got;
static volatile greg_t trap, error_code, cr2, rip;

static void on_fault(int number, siginfo_t *info, void *context) {
    const greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    CHECK(number == info->si_signo);
    got = *info;
    trap = r[REG_TRAPNO], error_code = r[REG_ERR], cr2 = r[REG_CR2], rip = r[REG_RIP];
    siglongjmp(back, 1);
}

/* Does `action` and expects this signal, code and address (-1: whatever). */
#define FAULTS(action, number, code, address)                                                                                  \
    do {                                                                                                                       \
        memset((void *)&got, 0xff, sizeof got);                                                                                \
        if (!sigsetjmp(back, 1)) {                                                                                             \
            action;                                                                                                            \
            CHECK(!"it went on");                                                                                              \
        }                                                                                                                      \
        if (got.si_signo != (number) || got.si_code != (code)) dprintf(2, "signal %d code %d\n", got.si_signo, got.si_code);   \
        CHECK(got.si_signo == (number) && got.si_code == (code) && got.si_errno == 0);                                         \
        CHECK((long)(address) == -1 || got.si_addr == (void *)(address));                                                      \
    } while (0)

static char *page(int prot) {
    char *p = mmap(NULL, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    return p;
}
