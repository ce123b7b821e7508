/* The engine on Linux' KVM (Documentation/virt/kvm/api.rst). */
#include "kvm.h"

#include <cpuid.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "fast.h"
#include "hidden.h"
#include "host.h"
#include "pagetable.h"
#include "tree.h"

/* The window is shown to the VM by chunks, in the order of their first use: a CPU has fewer guest-physical addresses (39
 * bits on a laptop) than a guest has virtual ones. Neighbours that are first used together share a memslot: making one
 * costs 25 us up to a chunk's size, and 0.5 us for each MiB more. */
#define CHUNK (16ull << 20)
#define SLOT_MAX (1ull << 30)
#define FIRST_CHUNK (4ull << 30)

enum { ENGINE_FAILED = 125 }; /* exit status of noahpy's own */

struct slot {
    uint64_t gpa, size;
    void *host;
};

static int kvm_ = -1, vm_ = -1;

int vm_fd(void) { return vm_; }

static struct slot *slots_;
static unsigned slot_count_, slot_room_;
static uint32_t *chunk_of_; /* by gva / CHUNK: number of the chunk's place, from 1 on */
static uint64_t chunks_;
static uint64_t gpa_limit_ = 1ull << 39;
static size_t run_size_;
static char error_[160];
static struct {
    struct kvm_cpuid2 head;
    struct kvm_cpuid_entry2 entry[256];
} cpuid_;

const char *engine_error(void) { return error_; }
const char *engine_flavour(void) { return flavour_name(); }

__attribute__((format(printf, 2, 3))) static int fail(int number, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(error_, sizeof error_, format, args);
    va_end(args);
    return number;
}

/* ---- memslots ---- */

static int slot_show(unsigned id) {
    struct kvm_userspace_memory_region region = {.slot = id,
                                                 .guest_phys_addr = slots_[id].gpa,
                                                 .memory_size = slots_[id].size,
                                                 .userspace_addr = (uint64_t)slots_[id].host};
    return ioctl(vm_, KVM_SET_USER_MEMORY_REGION, &region) ? -errno : 0;
}

int slot_add(uint64_t gpa, void *host, uint64_t size) {
    if (slot_count_ == slot_room_) {
        unsigned room = slot_room_ ? 2 * slot_room_ : 64;
        struct slot *more = realloc(slots_, room * sizeof *slots_);
        if (!more) return -ENOMEM;
        slots_ = more, slot_room_ = room;
    }
    slots_[slot_count_] = (struct slot){gpa, size, host};
    int error = slot_show(slot_count_);
    if (!error) slot_count_++;
    return error;
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
    struct kvm_userspace_memory_region region = {
        .slot = 32000, .guest_phys_addr = POOL_MAX, .memory_size = GUEST_PAGE, .userspace_addr = (uint64_t)dummy};
    ioctl(vm_, KVM_SET_USER_MEMORY_REGION, &region);
    region.memory_size = 0;
    ioctl(vm_, KVM_SET_USER_MEMORY_REGION, &region);
}

/* Gives a memslot to the chunks from gva's on that have none and lie before `end`. */
static int show_chunks(uint64_t gva, uint64_t end) {
    uint64_t first = gva / CHUNK, count = 0, gpa = FIRST_CHUNK + chunks_ * CHUNK;
    do {
        chunk_of_[first + count] = (uint32_t)(chunks_ + count + 1);
        count++;
    } while ((first + count) * CHUNK < end && count < SLOT_MAX / CHUNK && !chunk_of_[first + count]);
    int error =
        gpa + count * CHUNK > gpa_limit_ ? -ENOMEM : slot_add(gpa, (void *)(window_base_ + first * CHUNK), count * CHUNK);
    if (error) {
        memset(chunk_of_ + first, 0, count * sizeof *chunk_of_);
        return error;
    }
    chunks_ += count;
    return 0;
}

/* The guest-physical address of gva's chunk, which the VM can see from now on; [gva, end) is to be used. 0: none left. */
static uint64_t chunk_gpa(uint64_t gva, uint64_t end) {
    if (!chunk_of_) {
        void *at = mmap(NULL, WINDOW_MAX / CHUNK * sizeof *chunk_of_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED) return 0;
        chunk_of_ = at;
    }
    uint32_t *place = &chunk_of_[gva / CHUNK];
    if (!*place && show_chunks(gva, end)) return 0;
    return FIRST_CHUNK + (*place - 1) * CHUNK;
}

/* ---- what window.c tells ---- */

static uint64_t bits_of(int prot) {
    if (!(prot & (PROT_READ | PROT_WRITE | PROT_EXEC))) return 0;
    return PTE_P | PTE_U | (prot & PROT_WRITE ? PTE_W : 0) | (prot & PROT_EXEC ? 0 : PTE_NX);
}

void engine_lower(uint64_t gva, uint64_t length, int prot) {
    bool restructured = false;
    if (vm_ < 0) return;
    pagetable_limit(gva, length, bits_of(prot), &restructured);
    if (restructured) flush();
}

int engine_raise(uint64_t gva, uint64_t length, int prot, bool huge) {
    bool restructured = false;
    int error = 0;
    for (uint64_t end = gva + length, next; vm_ >= 0 && gva < end && !error; gva = next) {
        next = (gva | (CHUNK - 1)) + 1 < end ? (gva | (CHUNK - 1)) + 1 : end;
        uint64_t gpa = chunk_gpa(gva, end);
        if (!gpa) return -ENOMEM;
        error = pagetable_map(gva, gpa + gva % CHUNK, next - gva, bits_of(prot), huge, &restructured);
    }
    if (restructured) flush();
    return error;
}

/* A memslot around [host, host+length), wide enough for neighbours to find it again: theirs too is the host's vDSO data. */
static const struct slot *slot_around(const void *host, uint64_t length) {
    enum { WIDTH = 128 << 10 };
    uint64_t from = (uint64_t)host, start = from & -(uint64_t)WIDTH;
    for (unsigned i = 0; i < slot_count_; i++) {
        uint64_t at = (uint64_t)slots_[i].host;
        if (at <= from && from + length <= at + slots_[i].size) return &slots_[i];
    }
    uint64_t size = from + length - start <= WIDTH ? WIDTH : 2 * WIDTH, gpa = FIRST_CHUNK + chunks_ * CHUNK;
    if (size < from + length - start || gpa + CHUNK > gpa_limit_ || slot_add(gpa, (void *)start, size)) return NULL;
    chunks_++;
    return &slots_[slot_count_ - 1];
}

int engine_alias(uint64_t gva, const void *host, uint64_t length) {
    bool restructured = false;
    if (vm_ < 0) return 0;
    const struct slot *slot = slot_around(host, length);
    if (!slot) return -ENOMEM;
    return pagetable_map(gva, slot->gpa + ((uint64_t)host - (uint64_t)slot->host), length, bits_of(PROT_READ), false,
                         &restructured);
}

void engine_clear(void) {
    if (vm_ < 0) return;
    pagetable_clear();
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

/* XCR0: x87, SSE and what of AVX, AVX-512 KVM has. */
static uint64_t xcr0(void) {
    const struct kvm_cpuid_entry2 *leaf = cpuid_leaf(0xd, 0);
    return leaf ? leaf->eax & 0xe7 : 3;
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

int engine_open(const char *device) {
    if (kvm_ >= 0) return -EBUSY;
    if ((kvm_ = open(device, O_RDWR | O_CLOEXEC)) < 0) return fail(-errno, "%s: %s", device, strerror(errno));
    int version = ioctl(kvm_, KVM_GET_API_VERSION, 0);
    if (version != 12) return fail(version < 0 ? -errno : -ENOSYS, "%s does not speak KVM API 12", device);
    int error = check_capabilities();
    if (error) return error;
    cpuid_.head.nent = sizeof cpuid_.entry / sizeof *cpuid_.entry;
    if (ioctl(kvm_, KVM_GET_SUPPORTED_CPUID, &cpuid_)) return fail(-errno, "KVM_GET_SUPPORTED_CPUID: %s", strerror(errno));
    struct kvm_cpuid_entry2 *leaf = cpuid_leaf(0x80000008, 0);
    if (leaf) gpa_limit_ = 1ull << (leaf->eax & 0xff);
    uint32_t a, b, c, d;
    if ((leaf = cpuid_leaf(1, 0)) && __get_cpuid(1, &a, &b, &c, &d)) leaf->edx = d; /* AT_HWCAP, which is the host's */
    run_size_ = (size_t)ioctl(kvm_, KVM_GET_VCPU_MMAP_SIZE, 0);
    if ((error = hide(&kvm_))) return error;
    if ((error = vm_create())) return error;
    if ((error = flavour_prepare()) || (error = xstate_prepare(xcr0(), xsave_size(xcr0()))))
        return fail(error, "no memory for page tables");
    return 0;
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
    if (ioctl(v->fd, KVM_SET_CPUID2, &cpuid_)) return fail(-errno, "KVM_SET_CPUID2: %s", strerror(errno));
    if ((error = flavour_vcpu(v)) || (error = xstate_vcpu(v)))
        return fail(error, "a vCPU's state was refused: %s", strerror(-error));
    struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs = {{.xcr = 0, .value = xcr0()}}};
    if (ioctl(v->fd, KVM_SET_XCRS, &xcrs)) return fail(-errno, "KVM_SET_XCRS: %s", strerror(errno));
    share_tsc(v->fd);
    v->run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
    return 0;
}

/* The first vCPU finds out the flavour. Memslots are cheap up to then: later KVM must wait for its readers. */
static int probe(struct kvm_vcpu *v) {
    int error = flavour_probe_start(v);
    if (error) return fail(error, "no memory for page tables");
    v->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
    if (ioctl(v->fd, KVM_RUN, 0)) return fail(-errno, "KVM_RUN: %s", strerror(errno));
    error = flavour_settle(v);
    if (error) return fail(error, "this KVM ends the first system call with exit %u", v->run->exit_reason);
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
    return flavour_vcpu(v) ? NULL : v;
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

struct vcpu *vcpu_create(void) {
    pthread_mutex_lock(&vcpus_lock_);
    struct kvm_vcpu *v = idle_vcpu();
    if (!v) v = new_vcpu();
    pthread_mutex_unlock(&vcpus_lock_);
    if (!v) return NULL;
    *v->seen.regs = (struct registers){.rflags = 0x202};
    v->seen.fs_base = v->seen.gs_base = 0;
    return &v->seen;
}

void vcpu_destroy(struct vcpu *seen) {
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
    *state = flavour_leave(v);
    if (v->load || v->save) xstate_leave(v, *state == AT_EXCEPTION);
    v->seen.fs_base = v->run->s.regs.sregs.fs.base;
    v->seen.gs_base = v->run->s.regs.sregs.gs.base;
    return *state == AT_CALL ? EXIT_SYSCALL : *state == AT_EXCEPTION ? EXIT_FAULT : EXIT_SIGNAL;
}

/* The guest's own OUT to the stubs' port, which PVM's I/O bitmap must leave open: what Linux makes of it. */
static int forbidden_out(struct kvm_vcpu *v) {
    enum { VECTOR_GP = 13 };
    v->seen.regs->rip -= 2;
    v->seen.vector = VECTOR_GP;
    v->seen.error_code = 0;
    return EXIT_FAULT;
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

static int run_once(struct kvm_vcpu *v) {
    enum state state;
    if (*signal_caught()) return EXIT_SIGNAL;
    enter(v);
    int failed = ioctl(v->fd, KVM_RUN, 0) ? errno : 0;
    int exit = leave(v, &state);
    if (!failed) {
        if (v->run->exit_reason != KVM_EXIT_IO) return unexpected(v);
        return state == IN_USER ? forbidden_out(v) : exit;
    }
    if (failed == EINTR || failed == EAGAIN) return exit;
    if (failed == EFAULT) return EXIT_MEMORY;
    fail(-failed, "KVM_RUN: %s", strerror(failed));
    return EXIT_ERROR;
}

int vcpu_run(struct vcpu *seen) {
    struct kvm_vcpu *v = (struct kvm_vcpu *)seen;
    signal_kicks(&v->run->immediate_exit);
    seen->number = -1;
    for (;;) {
        int exit = run_once(v);
        if (exit != EXIT_SYSCALL || !fast_finish(seen)) return exit;
        if (seen->number >= 0 && *signal_caught()) return EXIT_SIGNAL;
        seen->number = -1;
    }
}

/* ---- fork ---- */

/* The child's VM and vCPU, with the parent's state: a VM cannot be used by another process than its maker. */
static struct {
    struct registers regs;
    void *xstate;
} saved_;

int engine_fork_prepare(struct vcpu *cpu) {
    signal_kicks(NULL); /* the child has no kvm_run: SIGBUS and SIGSEGV may come before it has */
    if (!saved_.xstate && !(saved_.xstate = malloc(xstate_size()))) return -ENOMEM;
    saved_.regs = *cpu->regs;
    return vcpu_get_xstate(cpu, saved_.xstate);
}

/* Forgets the parent's vCPUs, all but `kept`. */
static void forget(struct kvm_vcpu *kept) {
    pthread_mutex_init(&vcpus_lock_, NULL); /* another thread of the parent's may have held it */
    for (struct kvm_vcpu *v = vcpus_, *next; v; v = next) {
        next = v->next;
        hidden_remove(&v->fd);
        if (v != kept) free(v);
    }
    kept->run = NULL; /* not inherited (MADV_DONTFORK) */
    kept->next = NULL;
    vcpus_ = kept;
}

int engine_fork_child(struct vcpu *cpu) {
    struct kvm_vcpu *v = (struct kvm_vcpu *)cpu;
    forget(v);
    hidden_remove(&vm_);
    int error = vm_create();
    for (unsigned i = 0; i < slot_count_ && !error; i++) error = slot_show(i);
    if (error || (error = vcpu_open(v))) return error;
    tree_born();
    *cpu->regs = saved_.regs;
    return vcpu_set_xstate(cpu, saved_.xstate, xstate_size());
}

long engine_fork(struct vcpu *cpu, const void *clone_args, size_t size) {
    int error = engine_fork_prepare(cpu);
    if (error) return error;
    long pid = syscall(SYS_clone3, clone_args, size);
    if (pid < 0) return -errno;
    if (pid == 0 && engine_fork_child(cpu)) {
        dprintf(STDERR_FILENO, "noahpy: no VM for a child process: %s\n", error_);
        _exit(ENGINE_FAILED);
    }
    return pid;
}

double engine_exit_cost(int rounds) {
    struct kvm_vcpu *v = (struct kvm_vcpu *)vcpu_create();
    double *took = malloc((size_t)rounds * sizeof *took);
    double median = -1;
    if (!v || !took || flavour_probe_start(v)) goto done;
    for (int i = 0; i < rounds; i++) {
        struct timespec from, to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        if (run_once(v) != EXIT_SYSCALL) goto done;
        clock_gettime(CLOCK_MONOTONIC, &to);
        took[i] = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
        for (int j = i; j > 0 && took[j] < took[j - 1]; j--) {
            double swap = took[j];
            took[j] = took[j - 1];
            took[j - 1] = swap;
        }
    }
    median = took[rounds / 2];
done:
    free(took);
    if (v) vcpu_destroy(&v->seen);
    return median;
}
