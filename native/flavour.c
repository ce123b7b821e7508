/* All that PVM and plain KVM (VMX, SVM) do differently.
 *
 * Plain KVM runs the stubs at CPL 0, as a kernel's entry points: SYSCALL and exceptions enter them, OUT leaves the VM, and
 * SYSRET or IRET goes back. PVM runs both privilege levels at CPL 3: the stubs are user pages, SYSCALL keeps CS, and the
 * VMM sets the registers that user code goes on with. One layout serves both; PTE_U and the gates' selectors differ.
 *
 * An OUT costs PVM 3 us to emulate, which it reads from the guest's memory by its page tables, and so the TSS that allows it. There the
 * stubs leave by a write to a page, the gate, that the guest's tables have and the host refuses: KVM_RUN ends with EFAULT. */
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>

#include "inside.h"
#include "kvm.h"
#include "operand.h"
#include "pagetable.h"

enum { KERNEL_CS = 0x10, USER_DS = 0x2b, USER_CS = 0x33, TSS_SELECTOR = 0x40 };

#define IDT own_page(OWN_IDT)
#define STUB own_page(OWN_STUB)
#define PROBE own_page(OWN_PROBE)
enum { GDT_AT = 0x800, GDT_ENTRIES = 16, CPU_NUMBER = 15 };

/* The stub page: 16 bytes for each of the 32 exceptions, then the ways back. SYSCALL leads elsewhere (inside.c). */
enum { ENTRY = 16, VECTORS = 32, SYSRET = ENTRY * VECTORS, IRET = SYSRET + ENTRY, GATE_WRITE = 6 };
static const uint8_t OUT_CODE[] = {0xe6, STUB_PORT};          /* out %al, $STUB_PORT */
static const uint8_t SYSRET_CODE[] = {0x48, 0x0f, 0x07};      /* sysretq */
static const uint8_t IRET_CODE[] = {0x48, 0xcf};              /* iretq */
static const uint8_t PROBE_CODE[] = {0x0f, 0x05, 0xeb, 0xfc}; /* 1: syscall; jmp 1b */

enum { VECTOR_DB = 1, VECTOR_BP = 3, VECTOR_OF = 4, VECTOR_UD = 6, VECTOR_SS = 12, VECTOR_GP = 13 };
/* #DF #TS #NP #SS #GP #PF #AC #CP #VC #SX push an error code. */
static const uint32_t HAS_ERROR_CODE = 1 << 8 | 0x1f << 10 | 1 << 17 | 1 << 21 | 1 << 29 | 1 << 30;

static enum { UNKNOWN, PVM, PLAIN } flavour_;
static uint64_t idt_, stub_, probe_; /* guest-physical */

const char *flavour_name(void) { return flavour_ == PVM ? "PVM" : flavour_ == PLAIN ? "VMX/SVM" : "unknown"; }

bool flavour_obeys_cpuid(void) { return flavour_ == PLAIN; }

bool flavour_dear_calls(void) { return flavour_ == PVM; }

static void fill_gates(uint16_t selector) {
    struct {
        uint16_t low, selector;
        uint8_t ist, type;
        uint16_t middle;
        uint32_t high, zero;
    } *gate = pool_address(idt_);
    for (int vector = 0; vector < VECTORS; vector++) {
        uint64_t to = STUB + (uint64_t)ENTRY * (unsigned)vector;
        int dpl = vector == VECTOR_BP || vector == VECTOR_OF ? 3 : 0; /* INT3 and INTO are for users */
        gate[vector].low = (uint16_t)to;
        gate[vector].selector = selector;
        gate[vector].ist = 1;
        gate[vector].type = (uint8_t)(0x8e | dpl << 5);
        gate[vector].middle = (uint16_t)(to >> 16);
        gate[vector].high = (uint32_t)(to >> 32);
    }
}

int flavour_prepare(void) {
    if (!(idt_ = pool_page()) || !(stub_ = pool_page()) || !(probe_ = pool_page())) return -ENOMEM;
    uint8_t *stub = pool_address(stub_);
    for (int i = 0; i < VECTORS; i++) memcpy(stub + i * ENTRY, OUT_CODE, sizeof OUT_CODE);
    memcpy(stub + SYSRET, SYSRET_CODE, sizeof SYSRET_CODE);
    memcpy(stub + IRET, IRET_CODE, sizeof IRET_CODE);
    memcpy(pool_address(probe_), PROBE_CODE, sizeof PROBE_CODE);
    fill_gates(USER_CS);
    /* Until the flavour is known all are user pages: PVM needs it, and without SMEP the others allow it. */
    int error = inside_prepare();
    if (!error) error = pagetable_own(IDT, idt_, PTE_U | PTE_NX);
    if (!error) error = pagetable_own(STUB, stub_, PTE_U);
    return error;
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, bool code) {
    return (struct kvm_segment){
        .limit = ~0u, .selector = selector, .type = type, .present = 1, .dpl = 3, .db = !code, .s = 1, .l = code, .g = 1};
}

/* Where exceptions find their stack: its end. */
static uint64_t stack_top(const struct kvm_vcpu *v) { return vcpu_page(v, VCPU_STACK + 1); }

/* A TSS with the exception stack (IST 1) and an I/O bitmap, which forbids all ports: but, as long as it may be PVM's, the stubs'. */
static void fill_tss(uint8_t *tss, uint64_t stack) {
    enum { IST1 = 0x24, IOMAP_BASE = 0x66, IOMAP = 0x68, IOMAP_BYTES = 8192 / 8 };
    memcpy(tss + IST1, &stack, sizeof stack);
    uint16_t at = IOMAP;
    memcpy(tss + IOMAP_BASE, &at, sizeof at);
    memset(tss + IOMAP, 0xff, IOMAP_BYTES + 1);
    if (flavour_ == UNKNOWN) tss[IOMAP + STUB_PORT / 8] &= (uint8_t) ~(1 << STUB_PORT % 8);
}

static void fill_gdt(uint64_t *gdt) {
    gdt[2] = 0x00af9b000000ffff; /* 0x10: kernel code */
    gdt[3] = 0x00cf93000000ffff; /* 0x18: kernel data */
    gdt[4] = 0x00cffb000000ffff; /* 0x23: user code, 32 bit */
    gdt[5] = 0x00cff3000000ffff; /* 0x2b: user data */
    gdt[6] = 0x00affb000000ffff; /* 0x33: user code */
}

static uint64_t cr4(void) {
    enum { PAE = 1 << 5, OSFXSR = 1 << 9, OSXMMEXCPT = 1 << 10, FSGSBASE = 1 << 16, OSXSAVE = 1 << 18 };
    enum { SMEP = 1 << 20, SMAP = 1 << 21 };
    const struct kvm_cpuid_entry2 *leaf = cpuid_leaf(7, 0);
    uint32_t has = leaf ? leaf->ebx : 0;
    uint64_t bits = PAE | OSFXSR | OSXMMEXCPT | OSXSAVE | (has & 1 ? FSGSBASE : 0);
    if (flavour_ == PLAIN) bits |= (has >> 7 & 1 ? SMEP : 0) | (has >> 20 & 1 ? SMAP : 0);
    return bits;
}

static bool set_msrs(struct kvm_vcpu *v, unsigned count, const struct kvm_msr_entry *entries) {
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry[4];
    } msrs = {.head.nmsrs = count};
    memcpy(msrs.entry, entries, count * sizeof *entries);
    return ioctl(v->fd, KVM_SET_MSRS, &msrs) == (int)count;
}

/* As KVM makes a vCPU: the first one differs (its APIC's address says that it is). */
static int made_sregs(const struct kvm_vcpu *v, struct kvm_sregs *s) {
    static struct kvm_sregs made[2];
    static bool known[2];
    int kind = v->index != 0;
    if (!known[kind] && ioctl(v->fd, KVM_GET_SREGS, &made[kind])) return -errno;
    known[kind] = true;
    *s = made[kind];
    return 0;
}

int flavour_vcpu(struct kvm_vcpu *v) {
    uint64_t tss = vcpu_page(v, VCPU_TSS);
    if (!v->frame) {
        uint64_t tss_page = pool_page(), stack_page = pool_page();
        if (!tss_page || !stack_page) return -ENOMEM;
        uint64_t user = flavour_ == PLAIN ? 0 : PTE_U;
        int error = pagetable_own(tss, tss_page, user | PTE_NX);
        if (!error) error = pagetable_own(vcpu_page(v, VCPU_STACK), stack_page, user | PTE_W | PTE_NX);
        if (error) return error;
        fill_tss(pool_address(tss_page), stack_top(v));
        v->gdt = (uint64_t *)((uint8_t *)pool_address(tss_page) + GDT_AT);
        fill_gdt(v->gdt);
        v->frame = (uint64_t *)((uint8_t *)pool_address(stack_page) + GUEST_PAGE) - 5;
        if ((error = inside_vcpu(v, flavour_ == PLAIN))) return error;
    }
    struct kvm_sregs *s = &v->run->s.regs.sregs;
    int error = made_sregs(v, s);
    if (error) return error;
    s->cr0 = 0x80050033;
    s->cr3 = pagetable_root();
    s->cr4 = cr4();
    s->efer = 0xd01; /* SCE LME LMA NXE */
    s->gdt = (struct kvm_dtable){.base = tss + GDT_AT, .limit = GDT_ENTRIES * 8 - 1};
    s->idt = (struct kvm_dtable){.base = IDT, .limit = VECTORS * 16 - 1};
    s->cs = segment(USER_CS, 11, true);
    s->ss = segment(USER_DS, 3, false);
    s->ds = s->es = s->fs = s->gs = (struct kvm_segment){.unusable = 1}; /* selector 0, as Linux starts a program */
    s->tr = (struct kvm_segment){.base = tss, .limit = 0x68 + 1024, .selector = TSS_SELECTOR, .type = 11, .present = 1};
    v->cpu_number = ~0u;
    if (ioctl(v->fd, KVM_SET_SREGS, s)) return -errno;
    const struct kvm_msr_entry msrs[] = {
        {.index = 0xc0000081, .data = 0x0023001000000000}, /* STAR: SYSCALL to 0x10, SYSRET to 0x33 */
        {.index = 0xc0000082, .data = inside_entry(v)},    /* LSTAR */
        {.index = 0xc0000084, .data = 0x47700},            /* FMASK: TF IF DF IOPL NT AC */
    };
    return set_msrs(v, 3, msrs) ? 0 : -EIO;
}

int flavour_again(struct kvm_vcpu *v) {
    const struct kvm_sregs *s = &v->run->s.regs.sregs;
    bool flat = !(s->ds.selector | s->es.selector | s->fs.selector | s->gs.selector) && s->ss.selector == USER_DS;
    return flat && s->cs.selector == USER_CS ? 0 : flavour_vcpu(v);
}

int flavour_probe_start(struct kvm_vcpu *v) {
    int error = pagetable_own(PROBE, probe_, PTE_U);
    *v->seen.regs = (struct registers){.rip = PROBE, .rsp = stack_top(v), .rflags = 0x202};
    return error;
}

void gate_write(uint8_t *code, uint64_t distance) {
    const uint8_t store[] = {0x89, 0x05}; /* mov %eax, ...(%rip) */
    const uint32_t from_end = (uint32_t)distance - GATE_WRITE;
    memcpy(code, store, sizeof store);
    memcpy(code + sizeof store, &from_end, sizeof from_end);
}

/* The stubs of PVM, once it is known to be one. */
static int leave_by_gate(struct kvm_vcpu *v) {
    for (unsigned at = 0; at < SYSRET; at += ENTRY)
        gate_write((uint8_t *)pool_address(stub_) + at, own_page(OWN_GATE) - STUB - at);
    inside_use_gate();
    fill_tss((uint8_t *)v->gdt - GDT_AT, stack_top(v));
    return pagetable_own(own_page(OWN_GATE), POOL_GATE, PTE_U | PTE_W | PTE_NX);
}

int flavour_settle(struct kvm_vcpu *v) {
    if (v->run->exit_reason != KVM_EXIT_IO || v->run->io.port != STUB_PORT) return -ENOSYS;
    flavour_ = v->run->s.regs.sregs.cs.selector == USER_CS ? PVM : PLAIN;
    if (flavour_ == PVM) return leave_by_gate(v);
    fill_gates(KERNEL_CS);
    int error = pagetable_own(IDT, idt_, PTE_NX);
    if (!error) error = pagetable_own(STUB, stub_, 0);
    if (!error) error = pagetable_own(PROBE, probe_, 0);
    v->frame = NULL; /* its pages are made anew, for the kernel alone */
    return error;
}

/* PVM emulates what raises #GP, and says #UD of what it cannot emulate. The CPU says #GP of INT n, where no gate is for CPL 3,
 * and #GP or #SS of a non-canonical address. */
static void correct_undefined(struct kvm_vcpu *v) {
    uint8_t code[15];
    size_t size = window_read(code, v->seen.regs->rip, sizeof code);
    uint64_t address;
    bool stack;
    if (size >= 2 && code[0] == 0xcd) {
        v->seen.vector = VECTOR_GP;
        v->seen.error_code = (uint32_t)code[1] << 3 | 2;
    } else if (operand_address(code, size, &v->seen, &address, &stack) && (address + (1ull << 47)) >> 48) {
        v->seen.vector = stack ? VECTOR_SS : VECTOR_GP;
        v->seen.error_code = 0;
    }
}

/* Of exceptions that are to come KVM has none from now on, and of the last one no number. */
static void forget_exceptions(struct kvm_vcpu *v) {
    struct kvm_vcpu_events none = {0};
    kvm_ioctl(&v->fd, KVM_SET_VCPU_EVENTS, &none);
}

/* A signal may stop KVM between an exception and its way to the stub. Registers that are set then make KVM forget it, or raise
 * it where they point to. A fault comes again when the guest goes on; of a trap, RIP is past its cause. KVM does not tell of
 * an INT3 that is to come, only that it was the last exception, which on PVM no other INT3 is (read_frame); plain KVM leaves
 * RIP on it. */
bool flavour_trapped(struct kvm_vcpu *v) {
    struct kvm_vcpu_events events;
    if (kvm_ioctl(&v->fd, KVM_GET_VCPU_EVENTS, &events)) return false;
    unsigned vector = events.exception.nr;
    bool coming = events.exception.injected;
    if (!vector && !coming) return false;
    forget_exceptions(v);
    v->seen.vector = vector;
    v->seen.error_code = 0;
    return vector == VECTOR_BP ? flavour_ == PVM : coming && vector == VECTOR_DB;
}

/* The exception's frame as the CPU pushed it at the top of the exception stack (SDM vol. 3, 6.14.2). */
static void read_frame(struct kvm_vcpu *v, unsigned vector) {
    v->seen.vector = vector;
    v->seen.error_code = HAS_ERROR_CODE >> vector & 1 ? (uint32_t)v->frame[-1] : 0;
    v->seen.address = v->run->s.regs.sregs.cr2;
    if (v->frame[1] == KERNEL_CS) { /* raised by the way back in itself: IRET or SYSRET can't go where the guest wants to */
        *v->seen.regs = v->user;
        return;
    }
    if (vector == VECTOR_BP && flavour_ == PVM) forget_exceptions(v);
    v->seen.regs->rip = v->frame[0];
    v->seen.regs->rflags = v->frame[2];
    v->seen.regs->rsp = v->frame[3];
    if (vector == VECTOR_UD && flavour_ == PVM) correct_undefined(v);
}

/* The state of a vCPU that was at a call, wherever in the code that answers it; else `other`. */
static enum state at_call(struct kvm_vcpu *v, enum state other) {
    struct registers *r = v->seen.regs;
    enum inside was = inside_leave(v);
    if (was == NOT_INSIDE) return other;
    if (was == INSIDE_DONE) return ANSWERED;
    r->rip = r->rcx;
    r->rflags = r->r11;
    return AT_CALL;
}

/* KVM may be emulating where PVM can't run code: then it writes to the gate by itself, and its exit is behind that. */
bool flavour_left(const struct kvm_vcpu *v, int failed) {
    const struct kvm_run *run = v->run;
    if (flavour_ != PVM) return !failed && run->exit_reason == KVM_EXIT_IO && run->io.port == STUB_PORT;
    bool emulated = !failed && run->exit_reason == KVM_EXIT_MMIO && run->mmio.phys_addr == POOL_GATE;
    uint64_t rip = v->seen.regs->rip - (emulated ? GATE_WRITE : 0), at = rip - STUB;
    return (emulated || failed == EFAULT) && ((at < SYSRET && !(at % ENTRY)) || rip == inside_exit(v));
}

enum state flavour_leave(struct kvm_vcpu *v) {
    struct registers *r = v->seen.regs;
    uint64_t at = r->rip - STUB;
    if (at >= SYSRET + 2 * ENTRY || (at < SYSRET && at % ENTRY && at % ENTRY != GATE_WRITE)) return at_call(v, IN_USER);
    if (at >= SYSRET) { /* interrupted on the way back in */
        *r = v->user;
        return IN_USER;
    }
    read_frame(v, (unsigned)(at / ENTRY));
    return at_call(v, AT_EXCEPTION);
}

/* The host's CPU and node, where the vDSO's getcpu() and RDTSCP look for them: a segment's limit, or TSC_AUX. On PVM these
 * are the host's own. */
static void tell_cpu_number(struct kvm_vcpu *v) {
    unsigned cpu = 0, node = 0;
    getcpu(&cpu, &node);
    uint32_t number = node << 12 | cpu;
    if (number == v->cpu_number) return;
    v->cpu_number = number;
    v->gdt[CPU_NUMBER] = 0x0040f50000000000 | (number & 0xffff) | (uint64_t)(number >> 16 & 0xf) << 48;
    set_msrs(v, 1, &(struct kvm_msr_entry){.index = 0xc0000103, .data = number}); /* refused where the CPU has no RDTSCP */
}

void flavour_enter(struct kvm_vcpu *v) {
    struct registers *r = v->seen.regs;
    inside_enter(v);
    if (flavour_ == PLAIN) tell_cpu_number(v);
    if (flavour_ != PLAIN || v->run->s.regs.sregs.cs.selector != KERNEL_CS) return;
    v->user = *r;
    if (r->rip == r->rcx && r->rflags == r->r11 && r->rip < OWN_BASE && !(r->rflags & (FLAG_TF | FLAG_RF))) {
        r->rip = STUB + SYSRET;
    } else {
        uint64_t frame[5] = {r->rip, USER_CS, r->rflags, r->rsp, USER_DS};
        memcpy(v->frame, frame, sizeof frame);
        r->rsp = stack_top(v) - sizeof frame;
        r->rip = STUB + IRET;
    }
    r->rflags = 2;
}
