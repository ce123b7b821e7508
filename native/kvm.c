/* The engine on Linux' KVM (Documentation/virt/kvm/api.rst). */
#include "kvm.h"

#include <cpuid.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine.h"
#include "exitless.h"
#include "fast.h"
#include "hidden.h"
#include "host.h"
#include "inside.h"
#include "pagetable.h"
#include "sigmask.h"

static int kvm_ = -1, vm_ = -1;

int vm_fd(void) { return vm_; }

int kvm_ioctl(const int *fd, unsigned long request, void *argument) {
    int used, result;
    do {
        used = __atomic_load_n(fd, __ATOMIC_RELAXED);
        result = ioctl(used, request, argument);
    } while (result < 0 && (errno == EBADF || errno == ENOTTY) && used != __atomic_load_n(fd, __ATOMIC_RELAXED));
    return result;
}

static size_t run_size_;
static struct {
    struct kvm_cpuid2 head;
    struct kvm_cpuid_entry2 entry[256];
} cpuid_;
static bool cpuid_chosen_;

static int show(unsigned id, uint64_t gpa, void *host, uint64_t size) {
    struct kvm_userspace_memory_region region = {
        .slot = id, .guest_phys_addr = gpa, .memory_size = size, .userspace_addr = (uint64_t)host};
    return kvm_ioctl(&vm_, KVM_SET_USER_MEMORY_REGION, &region) ? -errno : 0;
}

/* Makes KVM drop all of its shadow page tables: needed where a 2 MiB entry becomes a table or a table a 2 MiB entry, which
 * no call on the memory itself tells it. Removing any slot does. */
static void flush(void) {
    static uint8_t *dummy;
    if (!dummy) {
        void *at = mmap(NULL, GUEST_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED) return;
        dummy = at;
    }
    enum { ID = 32000 };
    show(ID, POOL_MAX, dummy, GUEST_PAGE);
    show(ID, POOL_MAX, dummy, 0);
}

/* ---- VM and vCPUs ---- */

static int hide(int *fd) {
    int place = hidden_add(fd);
    return place < 0 ? fail(place, "no descriptor left above RLIMIT_NOFILE") : 0;
}

static int vm_create(void) {
    int fd;
    do fd = ioctl(kvm_, KVM_CREATE_VM, 0);
    while (fd < 0 && errno == EINTR);
    if (fd < 0) return fail(-errno, "KVM_CREATE_VM: %s", strerror(errno));
    vm_ = fd;
    return hide(&vm_);
}

static int check_capabilities(void) {
    static const struct {
        int number, least;
        const char *name;
    } need[] = {
        {KVM_CAP_USER_MEMORY, 1, "KVM_CAP_USER_MEMORY"},
        {KVM_CAP_IMMEDIATE_EXIT, 1, "KVM_CAP_IMMEDIATE_EXIT (Linux 4.13)"},
        {KVM_CAP_SYNC_REGS, KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS, "KVM_CAP_SYNC_REGS (Linux 4.17)"},
        {KVM_CAP_XSAVE, 1, "KVM_CAP_XSAVE"},
        {KVM_CAP_XCRS, 1, "KVM_CAP_XCRS"},
    };
    for (size_t i = 0; i < sizeof need / sizeof *need; i++)
        if ((ioctl(kvm_, KVM_CHECK_EXTENSION, need[i].number) & need[i].least) != need[i].least)
            return fail(-ENOSYS, "this KVM is too old: it lacks %s", need[i].name);
    return 0;
}

struct kvm_cpuid_entry2 *cpuid_leaf(uint32_t function, uint32_t index) {
    for (unsigned i = 0; i < cpuid_.head.nent; i++)
        if (cpuid_.entry[i].function == function && cpuid_.entry[i].index == index) return &cpuid_.entry[i];
    return NULL;
}

/* XCR0: x87, SSE and what of AVX, AVX-512, PKRU the host uses and KVM has. */
static uint64_t xcr0(void) {
    const struct kvm_cpuid_entry2 *leaf = cpuid_leaf(0xd, 0);
    uint32_t low, high;
    if (!leaf) return 3;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return leaf->eax & low & 0x2e7;
}

/* Bytes of the standard format for what is in XCR0: the end of its last component. */
static size_t xsave_size(uint64_t features) {
    size_t size = 576;
    for (unsigned i = 0; i < cpuid_.head.nent; i++) {
        const struct kvm_cpuid_entry2 *e = &cpuid_.entry[i];
        bool component = e->function == 0xd && e->index > 1 && e->index < 63;
        if (component && features >> e->index & 1 && e->ebx + e->eax > size) size = e->ebx + e->eax;
    }
    return size;
}

/* Bits of the host's CPUID that the guest's must have: AT_HWCAP, which is the host's, and instructions of user code that no KVM can
 * forbid but PVM's forgets to name: LAHF, LZCNT, SSE4a, PREFETCHW; RDTSCP. */
static void show_of_the_host(void) {
    static const struct { uint32_t function, ecx, edx; } shown[] = {{1, 0, ~0u}, {0x80000001, 0x161, 1 << 27}};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        struct kvm_cpuid_entry2 *leaf = cpuid_leaf(shown[i].function, 0);
        uint32_t a, b, c, d;
        if (!leaf || !__get_cpuid_count(shown[i].function, 0, &a, &b, &c, &d)) continue;
        leaf->ecx = (leaf->ecx & ~shown[i].ecx) | (c & shown[i].ecx);
        leaf->edx = (leaf->edx & ~shown[i].edx) | (d & shown[i].edx);
    }
}

static int kvm_open(const char *device) {
    if (kvm_ >= 0) return -EBUSY;
    if ((kvm_ = open(device, O_RDWR | O_CLOEXEC)) < 0) return fail(-errno, "%s: %s", device, strerror(errno));
    int version = ioctl(kvm_, KVM_GET_API_VERSION, 0);
    if (version != 12) return fail(version < 0 ? -errno : -ENOSYS, "%s does not speak KVM API 12", device);
    int error = check_capabilities();
    if (error) return error;
    cpuid_.head.nent = sizeof cpuid_.entry / sizeof *cpuid_.entry;
    if (ioctl(kvm_, KVM_GET_SUPPORTED_CPUID, &cpuid_)) return fail(-errno, "KVM_GET_SUPPORTED_CPUID: %s", strerror(errno));
    struct kvm_cpuid_entry2 *leaf = cpuid_leaf(0x80000008, 0);
    physical_limit(1ull << (leaf ? leaf->eax & 0xff : 39));
    show_of_the_host();
    run_size_ = (size_t)ioctl(kvm_, KVM_GET_VCPU_MMAP_SIZE, 0);
    if ((error = hide(&kvm_))) return error;
    if ((error = vm_create())) return error;
    if ((error = flavour_prepare())) return fail(error, "no memory for page tables");
    return 0;
}

static struct cpuid_entry *cpuid(int *count) {
    _Static_assert(sizeof(struct cpuid_entry) == sizeof(struct kvm_cpuid_entry2), "as KVM has it");
    cpuid_chosen_ = true;
    *count = (int)cpuid_.head.nent;
    return (struct cpuid_entry *)cpuid_.entry;
}

/* The guest's TSC is the host's: the vDSO's clock needs it. KVM without the attribute starts it near zero. */
static void share_tsc(int fd) {
    uint64_t offset = 0;
    struct kvm_device_attr attr = {
        .group = 0 /* KVM_VCPU_TSC_CTRL */, .attr = 0 /* KVM_VCPU_TSC_OFFSET */, .addr = (uint64_t)&offset};
    ioctl(fd, KVM_SET_DEVICE_ATTR, &attr);
}

static int vcpu_open(struct kvm_vcpu *v) {
    if ((v->fd = ioctl(vm_, KVM_CREATE_VCPU, v->index)) < 0) return fail(-errno, "KVM_CREATE_VCPU: %s", strerror(errno));
    int error = hide(&v->fd);
    if (error) return error;
    void *run = mmap(NULL, run_size_, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
    if (run == MAP_FAILED) return fail(-errno, "mmap of a vCPU: %s", strerror(errno));
    madvise(run, run_size_, MADV_DONTFORK);
    v->run = run;
    v->seen.regs = (struct registers *)&v->run->s.regs.regs;
    sigmask_made(v);
    if (ioctl(v->fd, KVM_SET_CPUID2, &cpuid_)) return fail(-errno, "KVM_SET_CPUID2: %s", strerror(errno));
    /* Before CR4 has OSXSAVE: after that, it costs KVM as much as the whole CPUID once more. */
    struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs = {{.xcr = 0, .value = xcr0()}}};
    if (ioctl(v->fd, KVM_SET_XCRS, &xcrs)) return fail(-errno, "KVM_SET_XCRS: %s", strerror(errno));
    if ((error = flavour_vcpu(v)) || (error = xstate_vcpu(v)))
        return fail(error, "a vCPU's state was refused: %s", strerror(-error));
    share_tsc(v->fd);
    v->run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
    return 0;
}

/* The first vCPU finds out the flavour. Memslots are cheap up to then: later KVM must wait for its readers. */
static int probe(struct kvm_vcpu *v) {
    int error = flavour_probe_start(v);
    if (!error) error = xstate_prepare(xcr0(), xsave_size(xcr0()));
    if (error) return fail(error, "no memory for page tables");
    v->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
    if (ioctl(v->fd, KVM_RUN, 0)) return fail(-errno, "KVM_RUN: %s", strerror(errno));
    error = flavour_settle(v);
    if (error) return fail(error, "this KVM ends the first system call with exit %u", v->run->exit_reason);
    if (cpuid_chosen_ && !flavour_obeys_cpuid())
        return fail(-EOPNOTSUPP, "this KVM is %s, which shows programs the host's own CPU: no --cpu here", flavour_name());
    if (v->frame) return 0;
    flush(); /* the pages were user pages until now */
    error = flavour_vcpu(v);
    return error ? fail(error, "a vCPU's state was refused: %s", strerror(-error)) : 0;
}

/* All vCPUs of the VM. One that was made stays until the VM ends, so those of ended threads are used again. */
static struct kvm_vcpu *vcpus_;                                 /* linked by `next` */
static pthread_mutex_t vcpus_lock_ = PTHREAD_MUTEX_INITIALIZER; /* guards vcpus_, `idle` and the making of vCPUs */

static struct kvm_vcpu *idle_vcpu(void) {
    struct kvm_vcpu *v = vcpus_;
    while (v && !v->idle) v = v->next;
    if (!v) return NULL;
    v->idle = false;
    v->load = v->save = 0;
    v->run->immediate_exit = 0;
    return flavour_again(v) ? NULL : v;
}

static struct kvm_vcpu *new_vcpu(void) {
    struct kvm_vcpu *v = calloc(1, sizeof *v);
    if (!v) {
        fail(-ENOMEM, "no memory");
        return NULL;
    }
    v->fd = -1, v->index = vcpus_ ? vcpus_->index + 1 : 0;
    if (vcpu_open(v) || (!v->index && probe(v))) {
        if (v->run) munmap(v->run, run_size_);
        if (v->fd >= 0) hidden_remove(&v->fd);
        free(v);
        return NULL;
    }
    v->next = vcpus_;
    vcpus_ = v;
    return v;
}

static struct vcpu *create(bool anew) {
    pthread_mutex_lock(&vcpus_lock_);
    struct kvm_vcpu *v = idle_vcpu();
    if (!v && anew) v = new_vcpu();
    pthread_mutex_unlock(&vcpus_lock_);
    if (!v) return NULL;
    inside_forget(&v->seen);
    vcpu_clear(&v->seen);
    return &v->seen;
}

static uint64_t answered(unsigned number) {
    uint64_t all = 0;
    pthread_mutex_lock(&vcpus_lock_);
    for (const struct kvm_vcpu *v = vcpus_; v; v = v->next) all += inside_count(v, number);
    pthread_mutex_unlock(&vcpus_lock_);
    return all;
}

static void destroy(struct vcpu *seen) {
    pthread_mutex_lock(&vcpus_lock_);
    ((struct kvm_vcpu *)seen)->idle = true;
    pthread_mutex_unlock(&vcpus_lock_);
}

/* ---- running ---- */

static void enter(struct kvm_vcpu *v) {
    struct kvm_sregs *s = &v->run->s.regs.sregs;
    v->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
    if (s->fs.base != v->seen.fs_base || s->gs.base != v->seen.gs_base) {
        s->fs.base = v->seen.fs_base;
        s->gs.base = v->seen.gs_base;
        v->run->kvm_dirty_regs |= KVM_SYNC_X86_SREGS;
    }
    xstate_enter(v);
    flavour_enter(v);
}

static int leave(struct kvm_vcpu *v, enum state *state) {
    v->seen.fs_base = v->run->s.regs.sregs.fs.base;
    v->seen.gs_base = v->run->s.regs.sregs.gs.base;
    *state = flavour_leave(v);
    if (v->load || v->save) xstate_leave(v, *state == AT_EXCEPTION);
    return *state == AT_CALL ? EXIT_SYSCALL : *state == AT_EXCEPTION ? EXIT_FAULT : EXIT_SIGNAL;
}

/* What only a fault of the engine's own, of KVM's or of the CPU's leads to. */
static int unexpected(const struct kvm_vcpu *v) {
    const struct kvm_run *run = v->run;
    unsigned long rip = v->seen.regs->rip;
    switch (run->exit_reason) {
    case KVM_EXIT_MMIO: fail(0, "no memory at guest-physical %#llx, used at %#lx", run->mmio.phys_addr, rip); break;
    case KVM_EXIT_SHUTDOWN: fail(0, "the virtual CPU shut down: a triple fault"); break;
    case KVM_EXIT_FAIL_ENTRY:
        fail(0, "the CPU refuses to run the VM: hardware reason %#llx", run->fail_entry.hardware_entry_failure_reason);
        break;
    case KVM_EXIT_INTERNAL_ERROR: fail(0, "KVM's internal error %u at %#lx", run->internal.suberror, rip); break;
    default: fail(0, "KVM's exit %u at %#lx", run->exit_reason, rip);
    }
    return EXIT_ERROR;
}

/* KVM starts a thread for each VM at its first run. */
static void start_thread(struct kvm_vcpu *v) {
    v->run->immediate_exit = 1;
    ioctl(v->fd, KVM_RUN, 0);
    v->run->immediate_exit = 0;
    if (*signal_caught()) v->run->immediate_exit = 1;
}

/* The user may have no more threads (RLIMIT_NPROC). The hard limit, which for the guest's own is not lowered
 * (linux_abi/syscalls/limits.py), is room for that of the VM; without, another process must end first. */
static void start_thread_above_limit(struct kvm_vcpu *v) {
    struct rlimit guest;
    if (getrlimit(RLIMIT_NPROC, &guest)) return;
    struct rlimit wide = {guest.rlim_max, guest.rlim_max};
    if (guest.rlim_cur == guest.rlim_max || setrlimit(RLIMIT_NPROC, &wide)) {
        usleep(1000);
        return;
    }
    start_thread(v);
    setrlimit(RLIMIT_NPROC, &guest);
}

static int run(struct vcpu *seen) {
    struct kvm_vcpu *v = (struct kvm_vcpu *)seen;
    enum state state;
    signal_kicks(&v->run->immediate_exit);
    if (*signal_caught()) return EXIT_SIGNAL;
    enter(v);
    int failed = kvm_ioctl(&v->fd, KVM_RUN, NULL) ? errno : 0;
    bool left = flavour_left(v, failed);
    int exit = leave(v, &state);
    sigmask_leave(v, failed == EINTR);
    if (left) {
        if (exit != EXIT_SYSCALL) return exit;
        exitless_called(v);
        sigmask_called(v);
        return exit;
    }
    if (!failed) return unexpected(v);
    if (failed == EAGAIN) start_thread_above_limit(v);
    if (failed == EINTR && state == IN_USER && flavour_trapped(v)) return EXIT_FAULT;
    if (failed == EINTR || failed == EAGAIN) return exit;
    if (failed == EFAULT) return EXIT_MEMORY;
    fail(-failed, "KVM_RUN: %s", strerror(failed));
    return EXIT_ERROR;
}

/* ---- fork ---- */

/* The child's VM and vCPU, with the parent's state: a VM cannot be used by another process than its maker. */
static struct {
    struct registers regs;
    void *xstate;
} saved_;

static int fork_prepare(struct vcpu *cpu) {
    signal_kicks(NULL); /* the child has no kvm_run: SIGBUS and SIGSEGV may come before it has */
    if (!saved_.xstate && !(saved_.xstate = malloc(xstate_size()))) return -ENOMEM;
    saved_.regs = *cpu->regs;
    return xstate_get(cpu, saved_.xstate);
}

/* Forgets the parent's vCPUs, all but `kept`. */
static void forget(struct kvm_vcpu *kept) {
    pthread_mutex_init(&vcpus_lock_, NULL); /* another thread of the parent's may have held it */
    for (struct kvm_vcpu *v = vcpus_, *next; v; v = next) {
        next = v->next;
        hidden_remove(&v->fd);
        if (v != kept) free(v);
    }
    kept->run = NULL;
    kept->next = NULL;
    vcpus_ = kept;
}

/* Copies pages that the guest writes at once. Where KVM finds that a page is still shared with the parent, it is entered three times: for
 * a look, for the copy, and for the page that has come of it. */
static void make_own(const struct kvm_vcpu *v) {
    const uint64_t stack = (saved_.regs.rsp & -(uint64_t)GUEST_PAGE) - GUEST_PAGE,
                   thread = v->seen.fs_base & -(uint64_t)GUEST_PAGE;
    inside_touch(v);
    window_fill(stack, 2 * GUEST_PAGE);
    window_fill(thread, GUEST_PAGE);
}

/* A VM and vCPU with the state that fork_prepare() has saved. */
static int make_anew(struct kvm_vcpu *v) {
    struct vcpu *cpu = &v->seen;
    struct rlimit guest;
    hidden_widen(&guest);
    int error = vm_create();
    if (!error) error = slots_show();
    if (!error) error = vcpu_open(v);
    hidden_narrow(&guest);
    if (error) return error;
    inside_forget(cpu);
    if (fast_inside(SYS_gettid)) inside_learn(cpu, SYS_gettid, gettid());
    make_own(v);
    *cpu->regs = saved_.regs;
    return xstate_set(cpu, saved_.xstate, xstate_size());
}

static int fork_child(struct vcpu *cpu) {
    struct kvm_vcpu *v = (struct kvm_vcpu *)cpu;
    exitless_born(v);
    forget(v); /* `run` is not inherited (MADV_DONTFORK) */
    hidden_remove(&vm_);
    return make_anew(v);
}

/* ---- without a VM ---- */

static int unmake(struct vcpu *cpu) {
    exitless_end();
    int error = fork_prepare(cpu);
    if (error) return error;
    for (struct kvm_vcpu *v = vcpus_; v; v = v->next) munmap(v->run, run_size_);
    forget((struct kvm_vcpu *)cpu);
    hidden_remove(&vm_);
    return 0;
}

static int remake(struct vcpu *cpu) {
    struct kvm_vcpu *v = (struct kvm_vcpu *)cpu;
    int error = make_anew(v);
    if (error) return error;
    start_thread(v);
    *cpu->regs = saved_.regs;
    return 0;
}

static int call_for_ever(struct vcpu *v) { return flavour_probe_start((struct kvm_vcpu *)v); }

const struct engine kvm_engine = {
    .open = kvm_open,
    .cpuid = cpuid,
    .flavour = flavour_name,
    .show = show,
    .flush = flush,
    .create = create,
    .destroy = destroy,
    .run = run,
    .call_for_ever = call_for_ever,
    .get_xstate = xstate_get,
    .set_xstate = xstate_set,
    .save_xstate = xstate_save,
    .load_xstate = xstate_load,
    .settle_xstate = xstate_settle,
    .actions = inside_actions,
    .learn = inside_learn,
    .forget = inside_forget,
    .answered = answered,
    .fork_prepare = fork_prepare,
    .fork_child = fork_child,
    .unmake = unmake,
    .remake = remake,
};
