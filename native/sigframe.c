/* Signals that reach a handler, and the way back from it, as linux_abi/signals.py and sigframe.py do both. Python's: whatever
 * is not a caught signal with a handler and a stack that can take its frame, or a frame that is as one was pushed. */
#include "sigframe.h"

#include <string.h>
#include <sys/mman.h>

#include "engine.h"
#include "fast.h"
#include "host.h"
#include "mmap.h"
#include "vma.h"

enum { RED_ZONE = 128, SYSCALL_LENGTH = 2, LEGACY = XSAVE_HEADER + XSAVE_HEADER_SIZE };
enum { FLAG_TF = 1 << 8, FLAG_DF = 1 << 10, FLAG_RF = 1 << 16, RESTORED_FLAGS = 0x50dd5, FIXED_FLAGS = 0x202 };
enum { UC_FP_XSTATE = 1, UC_SIGCONTEXT_SS = 2, UC_STRICT_RESTORE_SS = 4, USER_CS = 0x33, USER_SS = 0x2b };
enum { ONSTACK = 0x08000000, RESTORER = 0x04000000, NODEFER = 0x40000000 };
static const uint32_t RESETHAND = 0x80000000, AUTODISARM = 0x80000000, MAGIC1 = 0x46505853, MAGIC2 = 0x46505845;

/* From the stack's top upwards (arch/x86/kernel/signal_64.c); above it, aligned to 64 bytes, the extended state. */
struct frame {
    uint64_t restorer;
    uint64_t flags, link;
    uint64_t stack;
    int32_t stack_flags, padding;
    uint64_t stack_size;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
    uint16_t cs, gs, fs, ss;
    uint64_t error_code, vector, old_mask, address, fpstate, reserved[8];
    uint64_t mask;
    siginfo_t info;
};
enum { UCONTEXT = offsetof(struct frame, info) };

/* In the extended state's legacy area, of the software's bytes there (struct _fpx_sw_bytes). */
struct description {
    uint32_t magic, extended_size;
    uint64_t features;
    uint32_t size, padding[7];
};
enum { DESCRIPTION_AT = XSAVE_HEADER - sizeof(struct description), MOST = sizeof(struct frame) + 16 + 64 + LEGACY };

static bool off_;

void fast_watch_signals(void) { off_ = true; }

static bool on_altstack(const struct vcpu *v, uint64_t sp) {
    return !((uint32_t)v->altstack.flags & AUTODISARM) && sp - v->altstack.sp - 1 < v->altstack.size;
}

/* Where the frame and its extended state go; false: nowhere that is usual. */
static bool place(const struct vcpu *v, const struct guest_action *action, uint64_t *sp, uint64_t *fpstate) {
    uint64_t top = v->regs->rsp - RED_ZONE, size = xstate_size() + sizeof MAGIC2;
    bool nested = on_altstack(v, top), entering = action->flags & ONSTACK && !nested && v->altstack.size;
    if (entering) top = v->altstack.sp + v->altstack.size;
    if (top >= WINDOW_MAX || top < size + MOST) return false;
    *fpstate = (top - size) & ~63ull;
    *sp = ((*fpstate - sizeof(struct frame)) & ~15ull) - 8;
    return (!nested && !entering) || on_altstack(v, *sp);
}

static bool write_frame(const struct vcpu *v, const struct guest_action *action, const siginfo_t *info, uint64_t sp,
                        uint64_t fpstate) {
    const struct registers *r = v->regs;
    uint8_t image[MOST] = {0};
    const struct frame frame = {
        .restorer = action->restorer,
        .flags = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS,
        .stack = v->altstack.sp,
        .stack_flags = v->altstack.flags,
        .stack_size = v->altstack.size,
        .r8 = r->r8,
        .r9 = r->r9,
        .r10 = r->r10,
        .r11 = r->r11,
        .r12 = r->r12,
        .r13 = r->r13,
        .r14 = r->r14,
        .r15 = r->r15,
        .rdi = r->rdi,
        .rsi = r->rsi,
        .rbp = r->rbp,
        .rbx = r->rbx,
        .rdx = r->rdx,
        .rax = r->rax,
        .rcx = r->rcx,
        .rsp = r->rsp,
        .rip = r->rip,
        .rflags = r->rflags,
        .cs = USER_CS,
        .ss = USER_SS,
        .error_code = v->trap.error_code,
        .vector = v->trap.vector,
        .old_mask = v->blocked,
        .address = v->trap.address,
        .fpstate = fpstate,
        .mask = v->blocked,
        .info = *info,
    };
    size_t size = xstate_size();
    const struct description description = {
        .magic = MAGIC1,
        .extended_size = (uint32_t)(size + sizeof MAGIC2),
        .features = xstate_features(),
        .size = (uint32_t)size,
    };
    size_t whole = fpstate + LEGACY - sp; /* the CPU writes the rest */
    memcpy(image, &frame, sizeof frame);
    memcpy(image + (fpstate - sp) + DESCRIPTION_AT, &description, sizeof description);
    return window_write(fpstate + size, &MAGIC2, sizeof MAGIC2) == sizeof MAGIC2 && window_write(sp, image, whole) == whole;
}

/* A handler that is to run. */
struct entry {
    struct guest_action action;
    uint64_t sp, fpstate;
};

/* Finds out what the process does at a signal, and writes the frame. False: this is Python's, and nothing is lost. */
static bool prepare(struct vcpu *v, const siginfo_t *info, struct entry *e) {
    if (off_ || !fast_owns()) return false;
    fast_action(info->si_signo, &e->action);
    if (e->action.handler <= (uint64_t)SIG_IGN || !(e->action.flags & RESTORER) || e->action.flags & RESETHAND ||
        (uint32_t)v->altstack.flags & AUTODISARM)
        return false;
    return !vcpu_settle_xstate(v) && place(v, &e->action, &e->sp, &e->fpstate) &&
           write_frame(v, &e->action, info, e->sp, e->fpstate);
}

/* The handler runs when the guest goes on. */
static void enter(struct vcpu *v, int number, const struct entry *e) {
    struct registers *r = v->regs;
    r->rdi = (uint64_t)number;
    r->rsi = e->sp + UCONTEXT;
    r->rdx = e->sp + sizeof r->rip;
    r->rax = 0;
    r->rsp = e->sp;
    r->rip = e->action.handler;
    r->rflags &= ~(uint64_t)(FLAG_DF | FLAG_RF | FLAG_TF);
    v->number = -1;
    vcpu_save_xstate(v, e->fpstate);
    uint64_t more = e->action.mask | (e->action.flags & NODEFER ? 0 : signal_bit(number));
    v->blocked |= more & ~SIGNALS_UNBLOCKABLE;
    signal_mask(v->blocked);
}

/* False: nothing was done. */
static bool deliver_one(struct vcpu *v) {
    const siginfo_t *waits = signal_waits();
    struct entry e;
    siginfo_t info;
    if (!waits || !prepare(v, waits, &e)) return false;
    enter(v, signal_take(&info), &e);
    return true;
}

bool sigframe_deliver(struct vcpu *v) {
    while (*signal_caught())
        if (!deliver_one(v)) return false;
    return true;
}

bool sigframe_before_call(struct vcpu *v) {
    v->regs->rip -= SYSCALL_LENGTH;
    if (deliver_one(v)) return true;
    v->regs->rip += SYSCALL_LENGTH;
    return false;
}

/* ---- page faults ---- */

enum { PAGE_FAULT = 14, PF_WRITE = 2, PF_RESERVED = 8, PF_FETCH = 16, PF_KEY = 32 };

/* Whether a page fault is an access that its mapping forbids. */
static bool forbidden(uint64_t address, uint32_t error_code) {
    struct book *book = memory_book();
    if (error_code & (PF_RESERVED | PF_KEY)) return false;
    int needed = error_code & PF_WRITE ? PROT_WRITE : error_code & PF_FETCH ? PROT_EXEC : PROT_READ | PROT_WRITE | PROT_EXEC;
    book_lock(book);
    const struct vma *vma = book_find(book, address);
    /* Linux brings a page in before it looks at PROT_EXEC: past a file's end there is none. */
    bool known = vma && !(vma->flags & VMA_ALIAS) && !(error_code & PF_FETCH && vma->flags & VMA_SIZED);
    bool allowed = !known || vma->prot & needed;
    book_unlock(book);
    return !allowed;
}

bool sigframe_fault(struct vcpu *v) {
    struct entry e;
    if (v->vector != PAGE_FAULT || v->blocked & signal_bit(SIGSEGV) || !memory_book() || !forbidden(v->address, v->error_code))
        return false;
    siginfo_t info = {.si_signo = SIGSEGV, .si_code = SEGV_ACCERR};
    info.si_addr = (void *)v->address;
    v->trap.address = v->address;
    v->trap.vector = v->vector;
    v->trap.error_code = v->error_code;
    if (!prepare(v, &info, &e)) return false;
    signal_forced(&info);
    enter(v, SIGSEGV, &e);
    return true;
}

/* ---- rt_sigreturn(2) ---- */

/* Whether the extended state is one of all features that the CPU has, as XSAVE writes it. */
static bool is_whole(uint64_t fpstate) {
    struct description d;
    uint32_t magic2;
    return fpstate && fpstate < WINDOW_MAX && window_read(&d, fpstate + DESCRIPTION_AT, sizeof d) == sizeof d &&
           d.magic == MAGIC1 && d.size == xstate_size() && (d.features & xstate_features()) == xstate_features() &&
           window_read(&magic2, fpstate + d.size, sizeof magic2) == sizeof magic2 && magic2 == MAGIC2;
}

bool finish_sigreturn(struct vcpu *v) {
    struct registers *r = v->regs;
    struct frame f;
    uint64_t at = r->rsp - sizeof f.restorer;
    if (*signal_caught() || at >= WINDOW_MAX || window_read(&f, at, UCONTEXT) < UCONTEXT) return false;
    if (f.stack != v->altstack.sp || f.stack_flags != v->altstack.flags || f.stack_size != v->altstack.size) return false;
    if (v->keeps && v->blocked & ~f.mask & SIGNALS_OURS) return false;
    if (!is_whole(f.fpstate) || vcpu_load_xstate(v, f.fpstate, xstate_features())) return false;
    *r = (struct registers){
        .rax = f.rax,
        .rbx = f.rbx,
        .rcx = f.rcx,
        .rdx = f.rdx,
        .rsi = f.rsi,
        .rdi = f.rdi,
        .rsp = f.rsp,
        .rbp = f.rbp,
        .r8 = f.r8,
        .r9 = f.r9,
        .r10 = f.r10,
        .r11 = f.r11,
        .r12 = f.r12,
        .r13 = f.r13,
        .r14 = f.r14,
        .r15 = f.r15,
        .rip = f.rip,
        .rflags = (f.rflags & RESTORED_FLAGS) | FIXED_FLAGS,
    };
    v->blocked = f.mask & ~SIGNALS_UNBLOCKABLE;
    signal_mask(v->blocked);
    return true;
}
