/* All that PVM and plain KVM (VMX, SVM) do differently.
 *
 * Plain KVM runs the stubs at CPL 0, as a kernel's entry points: SYSCALL and exceptions enter them, OUT leaves the VM, and
 * SYSRET or IRET goes back. PVM runs both privilege levels at CPL 3: the stubs are user pages, SYSCALL keeps CS, and the
 * VMM sets the registers that user code goes on with. One layout serves both; PTE_U and the gates' selectors differ. */
#include <string.h>
#include <sys/ioctl.h>

#include "kvm.h"
#include "pagetable.h"

enum { KERNEL_CS = 0x10, USER_DS = 0x2b, USER_CS = 0x33, TSS_SELECTOR = 0x40 };
enum { CR4_SMEP = 1 << 20, CR4_SMAP = 1 << 21 };

/* The engine's pages in the guest. */
#define GDT OWN_BASE
#define IDT (OWN_BASE + 0x1000)
#define STUB (OWN_BASE + 0x2000)
#define PROBE (OWN_BASE + 0x3000)
#define VCPU_PAGES (OWN_BASE + 0x10000) /* of each vCPU: TSS, exception stack */

/* The stub page: 16 bytes each for SYSCALL and the 32 exceptions, then the ways back. */
enum { ENTRY = 16, VECTORS = 32, SYSRET = ENTRY * (1 + VECTORS), IRET = SYSRET + ENTRY };
static const uint8_t OUT_CODE[] = {0xe6, STUB_PORT};  /* out %al, $STUB_PORT */
static const uint8_t SYSRET_CODE[] = {0x48, 0x0f, 0x07}; /* sysretq */
static const uint8_t IRET_CODE[] = {0x48, 0xcf};         /* iretq */
static const uint8_t PROBE_CODE[] = {0x0f, 0x05, 0xeb, 0xfc}; /* 1: syscall; jmp 1b */

enum { VECTOR_BP = 3, VECTOR_OF = 4, VECTOR_UD = 6, VECTOR_GP = 13 };
/* #DF #TS #NP #SS #GP #PF #AC #CP #VC #SX push an error code. */
static const uint32_t HAS_ERROR_CODE = 1 << 8 | 0x1f << 10 | 1 << 17 | 1 << 21 | 1 << 29 | 1 << 30;

static enum { UNKNOWN, PVM, PLAIN } flavour_;
static uint64_t gdt_, idt_, stub_; /* guest-physical */

const char *flavour_name(void) { return flavour_ == PVM ? "PVM" : flavour_ == PLAIN ? "VMX/SVM" : "unknown"; }

static void fill_gates(uint16_t selector) {
    struct {
        uint16_t low, selector;
        uint8_t ist, type;
        uint16_t middle;
        uint32_t high, zero;
    } *gate = pool_address(idt_);
    for (int vector = 0; vector < VECTORS; vector++) {
        uint64_t to = STUB + ENTRY * (1 + vector);
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
    uint64_t probe = 0;
    if (!(gdt_ = pool_page()) || !(idt_ = pool_page()) || !(stub_ = pool_page()) || !(probe = pool_page())) return -ENOMEM;
    uint64_t *gdt = pool_address(gdt_);
    gdt[2] = 0x00af9b000000ffff; /* 0x10: kernel code */
    gdt[3] = 0x00cf93000000ffff; /* 0x18: kernel data */
    gdt[4] = 0x00cffb000000ffff; /* 0x23: user code, 32 bit */
    gdt[5] = 0x00cff3000000ffff; /* 0x2b: user data */
    gdt[6] = 0x00affb000000ffff; /* 0x33: user code */
    uint8_t *stub = pool_address(stub_);
    for (int i = 0; i <= VECTORS; i++) memcpy(stub + i * ENTRY, OUT_CODE, sizeof OUT_CODE);
    memcpy(stub + SYSRET, SYSRET_CODE, sizeof SYSRET_CODE);
    memcpy(stub + IRET, IRET_CODE, sizeof IRET_CODE);
    memcpy(pool_address(probe), PROBE_CODE, sizeof PROBE_CODE);
    fill_gates(USER_CS);
    /* Until the flavour is known all are user pages: PVM needs it, and without SMEP the others allow it. */
    int error = pagetable_own(GDT, gdt_, PTE_U | PTE_NX);
    if (!error) error = pagetable_own(IDT, idt_, PTE_U | PTE_NX);
    if (!error) error = pagetable_own(STUB, stub_, PTE_U);
    if (!error) error = pagetable_own(PROBE, probe, PTE_U);
    return error;
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, bool code) {
    return (struct kvm_segment){.limit = ~0u, .selector = selector, .type = type, .present = 1, .dpl = 3, .db = !code,
                                .s = 1, .l = code, .g = 1};
}

static uint64_t own_pages(const struct kvm_vcpu *v) { return VCPU_PAGES + (uint64_t)v->index * 2 * GUEST_PAGE; }

/* A TSS with the exception stack (IST 1) and an I/O bitmap. PVM's stubs need the bitmap to open their port; it opens no
 * other, and an OUT to it from elsewhere is told by its address. */
static void fill_tss(uint8_t *tss, uint64_t stack_top) {
    enum { IST1 = 0x24, IOMAP_BASE = 0x66, IOMAP = 0x68, IOMAP_BYTES = 8192 / 8 };
    memcpy(tss + IST1, &stack_top, sizeof stack_top);
    uint16_t at = IOMAP;
    memcpy(tss + IOMAP_BASE, &at, sizeof at);
    memset(tss + IOMAP, 0xff, IOMAP_BYTES + 1);
    if (flavour_ != PLAIN) tss[IOMAP + STUB_PORT / 8] &= (uint8_t)~(1 << STUB_PORT % 8);
}

int flavour_vcpu(struct kvm_vcpu *v) {
    uint64_t tss = own_pages(v), stack_top = tss + 2 * GUEST_PAGE;
    if (!v->frame) {
        uint64_t tss_page = pool_page(), stack_page = pool_page();
        if (!tss_page || !stack_page) return -ENOMEM;
        uint64_t user = flavour_ == PLAIN ? 0 : PTE_U;
        int error = pagetable_own(tss, tss_page, user | PTE_NX);
        if (!error) error = pagetable_own(tss + GUEST_PAGE, stack_page, user | PTE_W | PTE_NX);
        if (error) return error;
        fill_tss(pool_address(tss_page), stack_top);
        v->frame = (uint64_t *)((uint8_t *)pool_address(stack_page) + GUEST_PAGE) - 5;
    }
    struct kvm_sregs *s = &v->run->s.regs.sregs;
    if (ioctl(v->fd, KVM_GET_SREGS, s)) return -errno;
    s->cr0 = 0x80050033;
    s->cr3 = pagetable_root();
    s->cr4 = 0x50620; /* PAE PGE OSFXSR OSXMMEXCPT FSGSBASE OSXSAVE */
    if (flavour_ == PLAIN) s->cr4 |= CR4_SMEP | CR4_SMAP;
    s->efer = 0xd01; /* SCE LME LMA NXE */
    s->gdt = (struct kvm_dtable){.base = GDT, .limit = 7 * 8 - 1};
    s->idt = (struct kvm_dtable){.base = IDT, .limit = VECTORS * 16 - 1};
    s->cs = segment(USER_CS, 11, true);
    s->ss = s->ds = s->es = s->fs = s->gs = segment(USER_DS, 3, false);
    s->tr = (struct kvm_segment){.base = tss, .limit = 0x68 + 1024, .selector = TSS_SELECTOR, .type = 11, .present = 1};
    if (ioctl(v->fd, KVM_SET_SREGS, s)) return -errno;
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry[3];
    } msrs = {{.nmsrs = 3},
              {{.index = 0xc0000081, .data = 0x0023001000000000}, /* STAR: SYSCALL to 0x10, SYSRET to 0x33 */
               {.index = 0xc0000082, .data = STUB},               /* LSTAR */
               {.index = 0xc0000084, .data = 0x47700}}};          /* FMASK: TF IF DF IOPL NT AC */
    return ioctl(v->fd, KVM_SET_MSRS, &msrs) == 3 ? 0 : -EIO;
}

void flavour_probe_start(struct kvm_vcpu *v) {
    *v->seen.regs = (struct registers){.rip = PROBE, .rsp = own_pages(v), .rflags = 0x202};
}

int flavour_settle(struct kvm_vcpu *v) {
    if (v->run->exit_reason != KVM_EXIT_IO || v->run->io.port != STUB_PORT) return -ENOSYS;
    flavour_ = v->run->s.regs.sregs.cs.selector == USER_CS ? PVM : PLAIN;
    if (flavour_ == PVM) return 0;
    fill_gates(KERNEL_CS);
    int error = pagetable_own(GDT, gdt_, PTE_NX);
    if (!error) error = pagetable_own(IDT, idt_, PTE_NX);
    if (!error) error = pagetable_own(STUB, stub_, 0);
    v->frame = NULL; /* its pages are made anew, for the kernel alone */
    return error;
}

/* The exception's frame as the CPU pushed it at the top of the exception stack (SDM vol. 3, 6.14.2). */
static void read_frame(struct kvm_vcpu *v, unsigned vector) {
    v->seen.vector = vector;
    v->seen.error_code = HAS_ERROR_CODE >> vector & 1 ? (uint32_t)v->frame[-1] : 0;
    v->seen.address = v->run->s.regs.sregs.cr2;
    v->seen.regs->rip = v->frame[0];
    v->seen.regs->rflags = v->frame[2];
    v->seen.regs->rsp = v->frame[3];
    /* PVM says #UD of INT $0x80; without a gate for it the CPU says #GP. */
    uint8_t code[2];
    if (vector == VECTOR_UD && window_read(code, v->frame[0], 2) == 2 && code[0] == 0xcd && code[1] == 0x80) {
        v->seen.vector = VECTOR_GP;
        v->seen.error_code = 0x80 << 3 | 2;
    }
}

enum state flavour_leave(struct kvm_vcpu *v) {
    struct registers *r = v->seen.regs;
    uint64_t at = r->rip - STUB;
    /* PVM's exits are behind the OUT, plain KVM's on it. */
    if (at >= SYSRET + 2 * ENTRY || (at < SYSRET && at % ENTRY && at % ENTRY != sizeof OUT_CODE)) return IN_USER;
    if (at >= SYSRET) { /* interrupted on the way back in */
        *r = v->user;
        return IN_USER;
    }
    if (at >= ENTRY) {
        read_frame(v, (unsigned)(at / ENTRY) - 1);
        return AT_EXCEPTION;
    }
    r->rip = r->rcx;
    r->rflags = r->r11;
    return AT_CALL;
}

void flavour_enter(struct kvm_vcpu *v) {
    struct registers *r = v->seen.regs;
    if (flavour_ != PLAIN || v->run->s.regs.sregs.cs.selector != KERNEL_CS) return;
    v->user = *r;
    if (r->rip == r->rcx && r->rflags == r->r11 && r->rip < OWN_BASE) {
        r->rip = STUB + SYSRET;
    } else {
        uint64_t frame[5] = {r->rip, USER_CS, r->rflags, r->rsp, USER_DS};
        memcpy(v->frame, frame, sizeof frame);
        r->rsp = own_pages(v) + 2 * GUEST_PAGE - sizeof frame;
        r->rip = STUB + IRET;
    }
    r->rflags = 2;
}
