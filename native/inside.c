/* Calls that are answered inside the guest, by the code at which its SYSCALL arrives (inside_x86_64.S): who the thread is, and
 * rt_sigaction(2) where it is no business of the host's kernel. That code leaves all else, and all that is unusual, to fast.c. */
#include "inside.h"

#include <string.h>
#include <sys/syscall.h>

#include "fast.h"
#include "pagetable.h"

#define INSIDE (OWN_BASE + 0x2000000) /* INSIDE_PAGES of each vCPU */

_Static_assert(INSIDE_PORT == STUB_PORT && INSIDE_SIGACTION == SYS_rt_sigaction, "as the assembler has it");

/* The labels of inside_x86_64.S. */
extern const uint8_t inside_code[], inside_kept[], inside_temporaries[], inside_commit[], inside_done[], inside_given[],
    inside_back[], inside_leave_guest[], inside_end[];

static uint64_t code_, actions_; /* guest-physical */

int inside_prepare(void) {
    if (!(code_ = pool_page()) || !(actions_ = pool_page())) return -ENOMEM;
    memcpy(pool_address(code_), inside_code, (size_t)(inside_end - inside_code));
    return 0;
}

void *inside_actions(void) { return pool_address(actions_); }

uint64_t inside_entry(const struct kvm_vcpu *v) { return INSIDE + (uint64_t)v->index * INSIDE_PAGES * GUEST_PAGE; }

int inside_vcpu(struct kvm_vcpu *v, bool kernel) {
    uint64_t user = kernel ? 0 : PTE_U, at = inside_entry(v);
    if (!v->inside) {
        if (!(v->inside = pool_page())) return -ENOMEM;
        for (int more = 0; more < 2; more++) /* behind the answers: counts, scratch. One after the other, as the pool grows */
            if (!pool_page()) return -ENOMEM;
    }
    int error = pagetable_own(at, code_, user);
    if (!error) error = pagetable_own(at + INSIDE_ANSWERS, v->inside, user | PTE_NX);
    if (!error) error = pagetable_own(at + INSIDE_COUNTS, v->inside + GUEST_PAGE, user | PTE_W | PTE_NX);
    if (!error) error = pagetable_own(at + INSIDE_SCRATCH, v->inside + 2 * GUEST_PAGE, user | PTE_W | PTE_NX);
    if (!error) error = pagetable_own(at + INSIDE_ACTIONS, actions_, user | PTE_W | PTE_NX);
    ((uint64_t *)pool_address(v->inside))[INSIDE_KERNEL] = kernel;
    return error;
}

/* ---- answers ---- */

static uint64_t *answers(const struct kvm_vcpu *v) { return pool_address(v->inside); }
static const uint64_t *counts(const struct kvm_vcpu *v) { return pool_address(v->inside + GUEST_PAGE); }

/* Calls whose result is the same until the thread becomes somebody else. */
static bool lasts(unsigned number) {
    switch (number) {
    case SYS_getpid:
    case SYS_gettid:
    case SYS_getuid:
    case SYS_geteuid:
    case SYS_getgid:
    case SYS_getegid: return true;
    default: return false;
    }
}

/* A user or group of no name in its namespace may get one, by another process's write to a file (user_namespaces(7)). */
void inside_learn(struct vcpu *v, unsigned number, uint64_t result) {
    enum { OVERFLOW_ID = 65534 };
    if (lasts(number) && result != OVERFLOW_ID) answers((struct kvm_vcpu *)v)[number] = result + 1;
}

void inside_forget(struct vcpu *v) { memset(answers((struct kvm_vcpu *)v), 0, INSIDE_CALLS * sizeof(uint64_t)); }

uint64_t inside_count(const struct kvm_vcpu *v, unsigned number) { return number < INSIDE_CALLS ? counts(v)[number] : 0; }

/* A kernel's code touches no memory of the guest's (SMAP), where actions are. */
void inside_enter(struct kvm_vcpu *v) { answers(v)[INSIDE_SIGACTION] = !answers(v)[INSIDE_KERNEL] && fast_sigaction_inside(); }

/* ---- a vCPU that was stopped in there ---- */

static const uint64_t *scratch(const struct kvm_vcpu *v) { return pool_address(v->inside + 2 * GUEST_PAGE); }

static uint64_t kept(const struct kvm_vcpu *v, int offset) { return scratch(v)[offset / 8]; }

static void restore_temporaries(struct kvm_vcpu *v) {
    struct registers *r = v->seen.regs;
    r->rbx = kept(v, INSIDE_RBX);
    r->rbp = kept(v, INSIDE_RBP);
    r->r8 = kept(v, INSIDE_R8);
    r->r9 = kept(v, INSIDE_R9);
    r->rcx = kept(v, INSIDE_RCX);
}

static void undo_action(const struct kvm_vcpu *v) {
    enum { ACTION = 32, SIGNALS = 64 };
    unsigned place = (unsigned)v->seen.regs->rdi - 1;
    if (place < SIGNALS) memcpy((uint8_t *)inside_actions() + place * ACTION, &scratch(v)[INSIDE_UNDO / 8], ACTION);
}

enum inside inside_leave(struct kvm_vcpu *v) {
    struct registers *r = v->seen.regs;
    uint64_t offset = r->rip - inside_entry(v);
    if (offset > (uint64_t)(inside_end - inside_code)) return NOT_INSIDE;
    const uint8_t *at = inside_code + offset;
    if (at < inside_kept || at >= inside_leave_guest) return INSIDE_ASKED;
    r->rsp = kept(v, INSIDE_RSP);
    r->r11 = kept(v, INSIDE_R11);
    if (at >= inside_temporaries && at < inside_given) restore_temporaries(v);
    if (at >= inside_commit && at < inside_done) undo_action(v);
    if (at < inside_done || (at >= inside_given && at < inside_back)) return INSIDE_ASKED;
    if (at < inside_given) r->rax = 0;
    r->rip = r->rcx = kept(v, INSIDE_RCX);
    r->rflags = r->r11;
    return INSIDE_DONE;
}
