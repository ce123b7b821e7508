/* rt_sigprocmask(2) inside the guest (inside_x86_64.S), while the host's kernel stays the queue (docs/design.md, D23).
 *
 * The host thread blocks all signals before a run, and KVM_RUN has a mask of its own that blocks none: what comes ends the run and is
 * still pending when the thread gets the mask that the guest has by then. Signals that wait under that mask are blocked in the next run,
 * too, and to unblock them is an exit.
 *
 * That is two host calls a run, so it is done for a while after the guest has changed its mask. */
#include "sigmask.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fast.h"
#include "host.h"
#include "inside.h"

enum { WHILE = 64 }; /* runs, of all threads */
static int runs_;

#define GET(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)
#define SET(place, value) __atomic_store_n(&(place), value, __ATOMIC_RELAXED)

/* KVM_RUN blocks `waiting`, or what the thread does. */
static bool set_run_mask(struct kvm_vcpu *v, bool own, uint64_t waiting) {
    struct {
        struct kvm_signal_mask head;
        uint8_t set[sizeof waiting];
    } mask = {.head.len = sizeof waiting};
    memcpy(mask.head.sigset, &waiting, sizeof waiting);
    if (kvm_ioctl(&v->fd, KVM_SET_SIGNAL_MASK, own ? &mask : NULL)) return false;
    v->own_mask = own;
    v->waiting = waiting;
    return true;
}

void sigmask_made(struct kvm_vcpu *v) { v->own_mask = v->held = false, v->waiting = 0; }

static bool is_inside(const struct kvm_vcpu *v) { return GET(runs_) > 0 && !v->seen.keeps && fast_inside(SYS_rt_sigprocmask); }

void sigmask_enter(struct kvm_vcpu *v) {
    uint64_t *scratch = inside_scratch(v), waiting = v->waiting & v->seen.blocked;
    v->held = is_inside(v);
    if (!v->held) waiting = 0;
    if ((v->held != v->own_mask || waiting != v->waiting) && !set_run_mask(v, v->held, waiting)) v->held = false;
    inside_do(v, SYS_rt_sigprocmask, v->held);
    if (!v->held) return;
    SET(runs_, GET(runs_) - 1);
    v->changes = inside_count(v, SYS_rt_sigprocmask);
    scratch[INSIDE_MASK / 8] = v->seen.blocked;
    scratch[INSIDE_WAITING / 8] = waiting;
    signal_mask(~0ull);
}

void sigmask_leave(struct kvm_vcpu *v, bool stopped) {
    if (!v->held) return;
    if (inside_count(v, SYS_rt_sigprocmask) != v->changes) SET(runs_, WHILE);
    v->seen.blocked = inside_scratch(v)[INSIDE_MASK / 8] & ~SIGNALS_UNBLOCKABLE;
    signal_mask(v->seen.blocked);
    if (!stopped || *signal_caught()) return;
    uint64_t pending = 0;
    syscall(SYS_rt_sigpending, &pending, sizeof pending);
    if (pending & ~v->waiting) set_run_mask(v, true, (v->waiting | pending) & v->seen.blocked & ~SIGNALS_OURS);
}

void sigmask_called(const struct kvm_vcpu *v) {
    if ((uint32_t)v->seen.regs->rax == SYS_rt_sigprocmask) SET(runs_, WHILE);
}
