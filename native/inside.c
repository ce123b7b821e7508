/* Calls that are answered inside the guest, by the code at which its SYSCALL arrives (inside_x86_64.S): who the thread is, that a call
 * is refused, what concerns the thread alone (set_robust_list(2), set_tid_address(2), its FS base), brk(0), rt_sigaction(2) where it is no
 * business of the host's kernel, rt_sigprocmask(2) (sigmask.c), and futex(2) where nobody waits (waiters.c). That code leaves all else, and
 * all that is unusual, to fast.c. */
#include "inside.h"

#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include "count.h"
#include "exitless.h"
#include "fast.h"
#include "mmap.h"
#include "pagetable.h"
#include "sigmask.h"
#include "waiters.h"

enum { HWCAP2_FSGSBASE = 2 }; /* asm/hwcap2.h */

_Static_assert(INSIDE_PORT == STUB_PORT && INSIDE_SIGACTION == SYS_rt_sigaction && INSIDE_SIGPROCMASK == SYS_rt_sigprocmask &&
                   INSIDE_FUTEX == SYS_futex && INSIDE_SET_ROBUST_LIST == SYS_set_robust_list && INSIDE_BRK == SYS_brk &&
                   INSIDE_ARCH_PRCTL == SYS_arch_prctl && INSIDE_GETTID == SYS_gettid &&
                   INSIDE_SET_TID_ADDRESS == SYS_set_tid_address,
               "as the assembler has it");

/* The labels of inside_x86_64.S. */
extern const uint8_t inside_code[], inside_kept[], inside_temporaries[], inside_masked[], inside_mask_counted[],
    inside_mask_told[], inside_asked[], inside_collected[], inside_commit[], inside_done[], inside_given[], inside_back[],
    inside_leave_guest[], inside_end[];

static uint64_t code_, actions_, waiters_; /* guest-physical */
static bool sets_fs_;                      /* user code may write its FS base */

int inside_prepare(void) {
    if (!(code_ = pool_page()) || !(actions_ = pool_page()) || !(waiters_ = pool_page())) return -ENOMEM;
    waiters_are_at(pool_address(waiters_));
    sets_fs_ = getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE; /* PVM's guests run with the host's CR4 */
    memcpy(pool_address(code_), inside_code, (size_t)(inside_end - inside_code));
    return 0;
}

void *inside_actions(void) { return pool_address(actions_); }

uint64_t inside_entry(const struct kvm_vcpu *v) { return vcpu_page(v, VCPU_INSIDE); }

uint64_t inside_exit(const struct kvm_vcpu *v) { return inside_entry(v) + (uint64_t)(inside_leave_guest - inside_code); }

void inside_use_gate(void) {
    uint64_t at = (uint64_t)(inside_leave_guest - inside_code);
    gate_write((uint8_t *)pool_address(code_) + at, INSIDE_GATE - at);
}

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
    if (!error) error = pagetable_own(at + INSIDE_WAITERS, waiters_, user | PTE_NX);
    if (!error) error = pagetable_own(at + INSIDE_GATE, POOL_GATE, user | PTE_W | PTE_NX);
    ((uint64_t *)pool_address(v->inside))[INSIDE_KERNEL] = kernel;
    v->seen.robust_list = &inside_scratch(v)[INSIDE_ROBUST_LIST / 8];
    v->seen.clear_child_tid = &inside_scratch(v)[INSIDE_CLEAR_TID / 8];
    return error;
}

/* ---- answers ---- */

static const int64_t BRIEF = 1ll << INSIDE_BRIEF;

static int64_t *answers(const struct kvm_vcpu *v) { return pool_address(v->inside); }
static uint64_t *counts(const struct kvm_vcpu *v) { return pool_address(v->inside + GUEST_PAGE); }

void inside_learn(struct vcpu *v, unsigned number, int64_t result) {
    if (number < INSIDE_CALLS) answers((struct kvm_vcpu *)v)[number] = result + 1;
}

void inside_forget(struct vcpu *v) {
    int64_t *of = answers((struct kvm_vcpu *)v);
    for (unsigned number = 0; number < INSIDE_CALLS; number++)
        if (of[number] > 0 && of[number] != BRIEF) of[number] = 0;
}

bool inside_asks(const struct kvm_vcpu *v, unsigned number) { return number < INSIDE_CALLS && answers(v)[number] == BRIEF; }
void inside_ask(struct kvm_vcpu *v, unsigned number, bool asks) { answers(v)[number] = asks ? BRIEF : 0; }
void inside_do(struct kvm_vcpu *v, unsigned number, bool inside) { answers(v)[number] = inside; }
uint64_t *inside_scratch(const struct kvm_vcpu *v) { return pool_address(v->inside + 2 * GUEST_PAGE); }

void inside_counted(const struct kvm_vcpu *v, uint64_t number) {
    if (number < INSIDE_CALLS) counts(v)[number]++;
}

void inside_touch(const struct kvm_vcpu *v) { __atomic_fetch_add(counts(v), 0, __ATOMIC_RELAXED); }

uint64_t inside_count(const struct kvm_vcpu *v, unsigned number) { return number < INSIDE_CALLS ? counts(v)[number] : 0; }

/* A kernel's code touches no memory of the guest's (SMAP), where actions are. */
void inside_enter(struct kvm_vcpu *v) {
    inside_do(v, SYS_set_robust_list, fast_inside(SYS_set_robust_list));
    if (answers(v)[INSIDE_KERNEL]) return;
    inside_do(v, SYS_rt_sigaction, fast_inside(SYS_rt_sigaction));
    inside_do(v, SYS_futex, fast_inside(SYS_futex) && !count_on()); /* which counts errors */
    inside_do(v, SYS_set_tid_address, fast_inside(SYS_set_tid_address));
    inside_do(v, SYS_arch_prctl, sets_fs_ && fast_inside(SYS_arch_prctl));
    bool tells = memory_book() && fast_plain() && fast_inside(SYS_brk);
    answers(v)[INSIDE_BRK] = tells ? (int64_t)memory_book()->brk_end + 1 : 0;
    exitless_enter(v);
    sigmask_enter(v);
}

/* ---- a vCPU that was stopped in there ---- */

static uint64_t kept(const struct kvm_vcpu *v, int offset) { return inside_scratch(v)[offset / 8]; }

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
    if (place < SIGNALS) memcpy((uint8_t *)inside_actions() + place * ACTION, &inside_scratch(v)[INSIDE_UNDO / 8], ACTION);
}

/* The end of rt_sigprocmask(2), which has its effect also where the old mask can't be told. */
static void tell_mask(struct kvm_vcpu *v, bool counts) {
    struct registers *r = v->seen.regs;
    uint64_t old = kept(v, INSIDE_UNDO);
    bool told = !r->rdx || window_write(r->rdx, &old, sizeof old) == sizeof old;
    r->rax = told ? 0 : (uint64_t)-EFAULT;
    if (counts) inside_counted(v, INSIDE_SIGPROCMASK);
}

enum inside inside_leave(struct kvm_vcpu *v) {
    struct registers *r = v->seen.regs;
    uint64_t offset = r->rip - inside_entry(v);
    if (offset > (uint64_t)(inside_end - inside_code)) return NOT_INSIDE;
    const uint8_t *at = inside_code + offset;
    bool asks = (at >= inside_asked && at < inside_collected) || exitless_asked(v);
    if (!asks && (at < inside_kept || at >= inside_leave_guest)) return INSIDE_ASKED;
    r->rsp = kept(v, INSIDE_RSP);
    r->r11 = kept(v, INSIDE_R11);
    if (asks && !exitless_settle(v)) return INSIDE_ASKED;
    if (at >= inside_temporaries && at < inside_given) restore_temporaries(v);
    if (at >= inside_commit && at < inside_done) undo_action(v);
    bool masked = at >= inside_masked && at < inside_mask_told;
    bool answered = asks || masked || (at >= inside_collected && at < inside_temporaries);
    if ((at < inside_done && !answered) || (at >= inside_given && at < inside_back)) return INSIDE_ASKED;
    if (at >= inside_done && at < inside_given) r->rax = 0;
    if (masked) tell_mask(v, at < inside_mask_counted);
    r->rip = r->rcx = kept(v, INSIDE_RCX);
    r->rflags = r->r11;
    return INSIDE_DONE;
}
