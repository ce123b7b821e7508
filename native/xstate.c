/* A vCPU's extended state (x87, SSE, AVX, AVX-512), which signal frames hold.
 *
 * Where KVM's calls for it cost as much as an exit, the guest's own CPU does it: on its way to a handler it runs an XSAVE to
 * the frame, on the way back from one an XRSTOR, both on a page of the engine's that user code can run. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "engine.h"
#include "kvm.h"
#include "pagetable.h"

#define TRAMPOLINE own_page(OWN_TRAMPOLINE)

enum { XSAVE_LEGACY = XSAVE_HEADER + XSAVE_HEADER_SIZE, KVM_XSAVE = 4096, USER_CS = 0x33, USER_DS = 0x2b };
enum { AREA_AT = 1024 }; /* in scratch: a state to be loaded */

/* rcx: area, edx:eax: components, r10: rdx, r11: where to go on. A handler's rax is 0. */
static const uint8_t SAVE[] = {
    0x48, 0x0f, 0xae, 0x21, /* xsave64 (%rcx) */
    0x4c, 0x89, 0xd2,       /* mov %r10, %rdx */
    0x31, 0xc0,             /* xor %eax, %eax */
    0x41, 0xff, 0xe3,       /* jmp *%r11 */
};
/* rcx: area, edx:eax: components, rsp: rax, rdx, rcx and what IRET takes. */
static const uint8_t LOAD[] = {
    0x48, 0x0f, 0xae, 0x29, /* xrstor64 (%rcx) */
    0x58, 0x5a, 0x59,       /* pop %rax; pop %rdx; pop %rcx */
    0x48, 0xcf,             /* iretq */
};
#define LOAD_AT (TRAMPOLINE + 64)

int xstate_prepare(uint64_t features, size_t size) {
    uint64_t page = pool_page();
    if (!page) return -ENOMEM;
    xstate_is(features, size);
    memcpy(pool_address(page), SAVE, sizeof SAVE);
    memcpy((uint8_t *)pool_address(page) + (LOAD_AT - TRAMPOLINE), LOAD, sizeof LOAD);
    return pagetable_own(TRAMPOLINE, page, PTE_U);
}

int xstate_vcpu(struct kvm_vcpu *v) {
    uint64_t page = v->scratch ? 0 : pool_page();
    if (v->scratch) return 0;
    if (!page) return -ENOMEM;
    v->scratch = pool_address(page);
    return pagetable_own(vcpu_page(v, VCPU_SCRATCH), page, PTE_U | PTE_W | PTE_NX);
}

/* ---- by KVM's calls ---- */

/* Room for what these take: at least a page. To be freed. */
static void *kvm_area(bool *large) {
    static int need;
    if (!need) need = ioctl(vm_fd(), KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);
    *large = need > KVM_XSAVE;
    size_t size = *large ? ((size_t)need + 63) & ~63ul : KVM_XSAVE;
    void *area = aligned_alloc(64, size);
    if (area) memset(area, 0, size);
    return area;
}

static int set(struct kvm_vcpu *v, const void *area, size_t size) {
    bool large;
    if (size < XSAVE_LEGACY) return -EINVAL;
    uint8_t *whole = kvm_area(&large);
    if (!whole) return -ENOMEM;
    memcpy(whole, area, size);
    int error = kvm_ioctl(&v->fd, KVM_SET_XSAVE, whole) ? -errno : 0;
    free(whole);
    return error;
}

static uint64_t scratch_at(const struct kvm_vcpu *v, uint64_t offset) { return vcpu_page(v, VCPU_SCRATCH) + offset; }

/* Loads now what was to be loaded on the way in. */
static int load_now(struct kvm_vcpu *v) {
    int error = 0;
    if (!v->load) return 0;
    uint8_t *area = malloc(xstate_size());
    if (!area) return -ENOMEM;
    if (v->load == scratch_at(v, AREA_AT))
        memcpy(area, (uint8_t *)v->scratch + AREA_AT, xstate_size());
    else
        error = frame_read(area, v->load, v->load_features);
    if (!error) error = set(v, area, xstate_size());
    free(area);
    v->load = 0;
    return error;
}

int xstate_settle(struct vcpu *seen) { return load_now((struct kvm_vcpu *)seen); }

int xstate_get(struct vcpu *seen, void *area) {
    struct kvm_vcpu *v = (struct kvm_vcpu *)seen;
    bool large;
    int error = load_now(v);
    void *whole = kvm_area(&large);
    if (!whole) error = -ENOMEM;
    if (!error && kvm_ioctl(&v->fd, large ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, whole)) error = -errno;
    if (!error) memcpy(area, whole, xstate_size());
    free(whole);
    return error;
}

/* Whether an XRSTOR of it raises no exception (SDM vol. 1, 13.8). */
static bool is_valid(const uint8_t *area) {
    uint64_t header[XSAVE_HEADER_SIZE / 8];
    uint32_t mxcsr;
    memcpy(header, area + XSAVE_HEADER, sizeof header);
    memcpy(&mxcsr, area + 24, sizeof mxcsr);
    for (size_t i = 1; i < sizeof header / sizeof *header; i++)
        if (header[i]) return false;
    return !(header[0] & ~xstate_features()) && !(mxcsr >> 16);
}

int xstate_set(struct vcpu *seen, const void *area, size_t size) {
    struct kvm_vcpu *v = (struct kvm_vcpu *)seen;
    uint8_t *to = (uint8_t *)v->scratch + AREA_AT;
    v->load = 0;
    if (size > xstate_size()) size = xstate_size();
    if (!flavour_dear_calls() || size < XSAVE_LEGACY || xstate_size() > GUEST_PAGE - AREA_AT || !is_valid(area))
        return set(v, area, size);
    memcpy(to, area, size);
    memset(to + size, 0, xstate_size() - size);
    v->load = scratch_at(v, AREA_AT), v->load_features = xstate_features();
    return 0;
}

/* ---- by the guest's CPU ---- */

int xstate_save(struct vcpu *seen, uint64_t gva) {
    struct kvm_vcpu *v = (struct kvm_vcpu *)seen;
    int error = load_now(v);
    if (error) return error;
    if (!v->save && flavour_dear_calls()) {
        v->save = gva;
        return 0;
    }
    uint8_t *area = malloc(xstate_size());
    if (!area) return -ENOMEM;
    error = xstate_get(seen, area);
    if (!error) error = frame_write(gva, area);
    free(area);
    return error;
}

int xstate_load(struct vcpu *seen, uint64_t gva, uint64_t features) {
    struct kvm_vcpu *v = (struct kvm_vcpu *)seen;
    v->load = gva, v->load_features = features & xstate_features();
    return flavour_dear_calls() ? 0 : load_now(v);
}

void xstate_enter(struct kvm_vcpu *v) {
    struct registers *r = v->seen.regs;
    if (v->load) {
        uint64_t way[] = {r->rax, r->rdx, r->rcx, r->rip, USER_CS, r->rflags, r->rsp, USER_DS};
        v->after_load = *r;
        memcpy(v->scratch, way, sizeof way);
        r->rsp = scratch_at(v, 0);
        r->rcx = v->load;
        r->rax = (uint32_t)v->load_features;
        r->rdx = v->load_features >> 32;
        r->rip = LOAD_AT;
        r->rflags &= ~(uint64_t)FLAG_TF; /* a step is one of the program's own */
    } else if (v->save) {
        r->r10 = r->rdx;
        r->r11 = r->rip;
        r->rcx = v->save;
        r->rax = (uint32_t)xstate_features();
        r->rdx = xstate_features() >> 32;
        r->rip = TRAMPOLINE;
    }
}

void xstate_leave(struct kvm_vcpu *v, bool faulted) {
    uint64_t at = v->seen.regs->rip - LOAD_AT;
    if (at < sizeof LOAD) *v->seen.regs = v->after_load;
    if (at || faulted) v->load = 0; /* else the XRSTOR is still to be done */
    v->save = 0;
}
