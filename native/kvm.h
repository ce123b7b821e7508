/* What the files of the KVM engine share. */
#pragma once
#include <linux/kvm.h>

#include "physical.h"
#include "private.h"

struct kvm_vcpu {
    struct vcpu seen; /* by Python; first */
    int fd, index;
    bool idle;           /* no thread has it */
    bool asks;           /* the helper, for calls (exitless.c) */
    bool held, own_mask; /* the thread blocks all signals during the run; KVM_RUN blocks `waiting` alone (sigmask.c) */
    uint64_t waiting, changes;
    struct kvm_vcpu *next;
    struct kvm_run *run;
    struct registers user;        /* of the guest, while the vCPU's own are at a way back in */
    uint64_t load, load_features; /* from where the extended state is to be loaded on the way in */
    uint64_t save;                /* the frame to which it is to be saved */
    struct registers after_load;
    uint64_t *scratch; /* a page that user code can use, in the VMM */
    uint64_t *gdt;
    uint32_t cpu_number; /* of the host's CPU, as last told to the guest */
    uint64_t inside;     /* guest-physical: what calls are answered with (inside.c) */
    uint64_t *frame;     /* where exceptions push rip, cs, rflags, rsp, ss, and the error code before them */
};

/* The engine's pages in the guest: those that all vCPUs share, and then 16 of each vCPU. */
enum { OWN_IDT = 1, OWN_STUB, OWN_PROBE, OWN_TRAMPOLINE, OWN_GATE };
enum { VCPU_INSIDE, VCPU_TSS = 8, VCPU_STACK /* for exceptions */, VCPU_SCRATCH, VCPU_PAGES = 16 };
static inline uint64_t own_page(unsigned page) { return OWN_BASE + (uint64_t)page * GUEST_PAGE; }
static inline uint64_t vcpu_page(const struct kvm_vcpu *v, unsigned page) {
    return own_page(((unsigned)v->index + 1) * VCPU_PAGES + page);
}

int vm_fd(void);
/* ioctl(2) on a descriptor of the VMM's, which another thread may be moving (hidden.c). */
int kvm_ioctl(const int *fd, unsigned long request, void *argument);
/* What the guest's CPU answers to CPUID; NULL: nothing. */
struct kvm_cpuid_entry2 *cpuid_leaf(uint32_t function, uint32_t index);

/* ---- xstate.c ---- */

int xstate_prepare(uint64_t features, size_t size);
int xstate_vcpu(struct kvm_vcpu *);
/* As vcpu_get_xstate() and its like (api.h). */
int xstate_get(struct vcpu *, void *area);
int xstate_set(struct vcpu *, const void *area, size_t size);
int xstate_save(struct vcpu *, uint64_t gva);
int xstate_load(struct vcpu *, uint64_t gva, uint64_t features);
int xstate_settle(struct vcpu *);
/* Before a run, while regs are the guest's, and after one that something was to be loaded or saved in. */
void xstate_enter(struct kvm_vcpu *);
void xstate_leave(struct kvm_vcpu *, bool faulted);

/* ---- flavour.c: all that PVM and VMX/SVM do differently ---- */

enum { STUB_PORT = 0x80, FLAG_TF = 1 << 8, FLAG_RF = 1 << 16 };

enum state { IN_USER, ANSWERED /* behind a call */, AT_CALL, AT_EXCEPTION };

/* Makes the pages that all vCPUs share (GDT, IDT, stubs) and turns to user code that calls for ever: the probe. */
int flavour_prepare(void);
/* Makes a vCPU's own pages (TSS, exception stack) and its initial segments: ready to run user code. */
int flavour_vcpu(struct kvm_vcpu *);
/* Makes one that has run, and whose thread has ended, ready to run user code again. */
int flavour_again(struct kvm_vcpu *);
/* Points a fresh vCPU at the probe's code. */
int flavour_probe_start(struct kvm_vcpu *);
/* After the probe's first exit: settles the flavour. */
int flavour_settle(struct kvm_vcpu *);
/* Writes code that leaves the VM by the gate, which is `distance` bytes behind it. */
void gate_write(uint8_t *code, uint64_t distance);
const char *flavour_name(void);
bool flavour_obeys_cpuid(void); /* whether KVM_SET_CPUID2 and XCR0 have their effect */
bool flavour_dear_calls(void);  /* whether KVM's calls cost as much as an exit */
/* After a run that has ended with `failed`, an errno or 0: whether the engine's own code has left the VM. */
bool flavour_left(const struct kvm_vcpu *, int failed);
/* After any exit: where the guest was; its registers become those that its user code had. */
enum state flavour_leave(struct kvm_vcpu *);
/* After a run that a signal ended in user code: whether it has met a trap, which is then the vCPU's exception. */
bool flavour_trapped(struct kvm_vcpu *);
/* Before the next run: the registers go where this flavour takes them from. */
void flavour_enter(struct kvm_vcpu *);
