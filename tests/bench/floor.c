/* What this machine's KVM costs at the least, in nanoseconds: `floor exit` of one exit by OUT and re-entry, `floor call` of one by
 * SYSCALL, whose entry point is that OUT (on PVM a write to a page that the host refuses, which is cheaper), `floor inside` of a SYSCALL
 * whose entry point goes back at once, without an exit, `floor asked` of one for which another CPU makes a host call (getppid(2)), by a
 * word that both look at (nan: there is one CPU), `floor page` of the first look at a page of a file that the host has and the VM has not
 * met, and `floor fork` of a fork whose child makes a VM and a vCPU, runs to its first exit and ends, until its parent has waited for it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STAR 0xc0000081
#define LSTAR 0xc0000082
#define FMASK 0xc0000084
enum {
    MEMORY = 16 << 20,
    TABLES = 0x1000,
    CODE = 0x8000,
    ENTRY = 0x8100,
    STACK = 0x7000,
    TSS = 0x9000,
    FORKS = 400,
    EXITS = 4000,
    INSIDE = 20000,
    WORD = 0xa000,
    REFUSED = 0xb000,
    FILE_AT = 8 << 20,
    PAGES = 1024,
    PORT = 1
};

static int kvm, run_size;
static uint8_t *memory;
static struct {
    struct kvm_cpuid2 head;
    struct kvm_cpuid_entry2 entry[256];
} cpuid = {.head = {.nent = 256}};

static void need(int result, const char *what) {
    if (result >= 0) return;
    perror(what);
    exit(1);
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static const uint8_t OUTS[] = {0xe6, PORT, 0xeb, 0xfc};  /* 1: out; jmp 1b */
static const uint8_t CALLS[] = {0x0f, 0x05, 0xeb, 0xfc}; /* 1: syscall; jmp 1b */
static const uint8_t MANY[] = {0x0f, 0x05, 0xff, 0xcb, 0x75,
                               0xfa, 0xe6, PORT, 0xeb, 0xfe};              /* 1: syscall; dec ebx; jnz 1b; out; 2: jmp 2b */
static const uint8_t WRITES[] = {0x89, 0x04, 0x25, 0, REFUSED >> 8, 0, 0}; /* mov %eax, REFUSED */
static const uint8_t ENTERED[] = {0xe6, PORT, 0x48, 0x0f, 0x07};           /* out; sysretq */
/* movl $1, WORD; 1: pause; cmpl $2, WORD; jne 1b; movl $0, WORD */
static const uint8_t ASKS[] = {0xc7, 0x04, 0x25, 0,         WORD >> 8, 0,         0, 1, 0, 0,    0,    0xf3,
                               0x90, 0x83, 0x3c, 0x25,      0,         WORD >> 8, 0, 0, 2, 0x75, 0xf4, 0xc7,
                               0x04, 0x25, 0,    WORD >> 8, 0,         0,         0, 0, 0, 0};
/* 1: mov (%rsi), %al; add $4096, %rsi; dec %ebx; jnz 1b; out; 2: jmp 2b */
static const uint8_t LOOKS[] = {0x8a, 0x06, 0x48, 0x81, 0xc6, 0, 0x10, 0, 0, 0xff, 0xcb, 0x75, 0xf3, 0xe6, PORT, 0xeb, 0xfe};
static const uint8_t BACK_FROM_KERNEL[] = {0x48, 0x0f, 0x07}, BACK_FROM_USER[] = {0xff, 0xe1}; /* sysretq; jmp *rcx, on PVM */

/* A VM whose one vCPU runs what is at CODE at CPL 3, with all of its memory mapped. */
static int make(struct kvm_run **run) {
    int vm = ioctl(kvm, KVM_CREATE_VM, 0);
    need(vm, "KVM_CREATE_VM");
    struct kvm_userspace_memory_region slot = {.memory_size = MEMORY, .userspace_addr = (uint64_t)memory};
    need(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
    int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    need(vcpu, "KVM_CREATE_VCPU");
    *run = mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    need(ioctl(vcpu, KVM_SET_CPUID2, &cpuid), "KVM_SET_CPUID2");
    struct kvm_sregs s;
    need(ioctl(vcpu, KVM_GET_SREGS, &s), "KVM_GET_SREGS");
    s.cr0 = 0x80050033, s.cr3 = TABLES, s.cr4 = 0x620, s.efer = 0xd01;
    s.cs = (struct kvm_segment){.limit = ~0u, .selector = 0x33, .type = 11, .present = 1, .dpl = 3, .s = 1, .l = 1, .g = 1};
    s.ss = (struct kvm_segment){.limit = ~0u, .selector = 0x2b, .type = 3, .present = 1, .dpl = 3, .db = 1, .s = 1, .g = 1};
    s.tr = (struct kvm_segment){.base = TSS, .limit = 0x68 + 1024, .selector = 0x40, .type = 11, .present = 1};
    need(ioctl(vcpu, KVM_SET_SREGS, &s), "KVM_SET_SREGS");
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry[3];
    } msrs = {.head.nmsrs = 3,
              .entry = {{.index = STAR, .data = 0x2300100000000000}, {.index = LSTAR, .data = ENTRY}, {.index = FMASK}}};
    if (ioctl(vcpu, KVM_SET_MSRS, &msrs) != 3) need(-1, "KVM_SET_MSRS");
    (*run)->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
    struct kvm_regs regs = {.rip = CODE, .rsp = STACK, .rflags = 0x202};
    need(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
    return vcpu;
}

/* Runs to the exit; on PVM, where SYSRET does not work and the entry point is the user's, it is the VMM that goes back from there. */
static bool step(int vcpu, struct kvm_run *run) {
    struct kvm_regs *regs = &run->s.regs.regs;
    bool refused = ioctl(vcpu, KVM_RUN, 0) && errno == EFAULT && regs->rip == ENTRY;
    if (!refused && (run->exit_reason != KVM_EXIT_IO || run->io.port != PORT)) {
        fprintf(stderr, "exit %u instead of one by OUT\n", run->exit_reason);
        exit(1);
    }
    const struct kvm_sregs *s = &run->s.regs.sregs;
    if (regs->rip < ENTRY || s->cs.selector != 0x33) return false;
    regs->rip = regs->rcx, regs->rflags = regs->r11;
    run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
    return true;
}

static double exits(int vcpu, struct kvm_run *run) {
    int64_t start = now();
    for (int i = 0; i < EXITS; i++) step(vcpu, run);
    return (double)(now() - start) / EXITS;
}

/* What SYSCALL enters: it asks, or does nothing, and goes back. */
static void enter_inside(bool asks, bool user) {
    size_t size = asks ? sizeof ASKS : 0;
    memcpy(memory + ENTRY, ASKS, size);
    memcpy(memory + ENTRY + size, user ? BACK_FROM_USER : BACK_FROM_KERNEL,
           user ? sizeof BACK_FROM_USER : sizeof BACK_FROM_KERNEL);
}

static void *answers(void *unused) {
    _Atomic uint32_t *word = (_Atomic uint32_t *)(memory + WORD);
    for (;;)
        if (atomic_load(word) == 1) {
            syscall(SYS_getppid);
            atomic_store(word, 2);
        }
    return unused;
}

/* Starts who answers, on another CPU than this thread stays on from now on. */
static bool start_answering(void) {
    cpu_set_t all, own, others;
    pthread_t thread;
    need(sched_getaffinity(0, sizeof all, &all), "sched_getaffinity");
    int here = sched_getcpu();
    CPU_ZERO(&own);
    CPU_SET(here, &own);
    CPU_XOR(&others, &all, &own);
    if (!CPU_COUNT(&others)) return false;
    need(sched_setaffinity(0, sizeof others, &others), "sched_setaffinity"); /* which the thread inherits */
    bool starts = !pthread_create(&thread, NULL, answers, NULL);
    need(sched_setaffinity(0, sizeof own, &own), "sched_setaffinity");
    return starts;
}

static double inside(int vcpu, struct kvm_run *run, bool asks) {
    if (asks && !start_answering()) return NAN;
    enter_inside(asks, step(vcpu, run));
    memcpy(memory + CODE, MANY, sizeof MANY);
    run->s.regs.regs.rip = CODE, run->s.regs.regs.rbx = INSIDE;
    run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
    int64_t start = now();
    step(vcpu, run);
    return (double)(now() - start) / INSIDE;
}

static double looks(int vcpu, struct kvm_run *run) {
    int file = memfd_create("pages", 0);
    need(ftruncate(file, PAGES * 4096), "ftruncate");
    volatile uint8_t *at = memory + FILE_AT;
    if (mmap((void *)at, PAGES * 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0) == MAP_FAILED) need(-1, "mmap");
    for (int i = 0; i < PAGES; i++) (void)at[i * 4096];
    memcpy(memory + CODE, LOOKS, sizeof LOOKS);
    run->s.regs.regs.rip = CODE, run->s.regs.regs.rbx = PAGES, run->s.regs.regs.rsi = FILE_AT;
    run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
    int64_t start = now();
    step(vcpu, run);
    return (double)(now() - start) / PAGES;
}

static double forks(struct kvm_run *run) {
    int64_t start = now();
    for (int i = 0; i < FORKS; i++) {
        pid_t pid = fork();
        if (!pid) {
            step(make(&run), run);
            _exit(0);
        }
        int status;
        if (waitpid(pid, &status, 0) != pid || status) exit(1);
    }
    return (double)(now() - start) / FORKS;
}

int main(int argc, char **argv) {
    kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    need(kvm, "/dev/kvm");
    need(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid), "KVM_GET_SUPPORTED_CPUID");
    run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t *tables = (uint64_t *)(memory + TABLES);
    tables[0] = (TABLES + 0x1000) | 7, tables[0x1000 / 8] = (TABLES + 0x2000) | 7;
    for (uint64_t i = 0; i < MEMORY >> 21; i++) tables[0x2000 / 8 + i] = i << 21 | 0x87;
    const char *what = argc > 1 ? argv[1] : "";
    bool asks = !strcmp(what, "asked"), stays = asks || !strcmp(what, "inside"), calls = stays || !strcmp(what, "call");
    memcpy(memory + CODE, calls ? CALLS : OUTS, sizeof OUTS);
    memcpy(memory + ENTRY, ENTERED, sizeof ENTERED);
    struct kvm_run *run;
    int vcpu = make(&run);
    bool user = step(vcpu, run);
    if (calls && !stays && user) {
        memcpy(memory + ENTRY, WRITES, sizeof WRITES);
        need(mprotect(memory + REFUSED, 4096, PROT_NONE), "mprotect");
    }
    if (stays)
        printf("%.2f\n", inside(vcpu, run, asks));
    else if (!strcmp(what, "page"))
        printf("%.2f\n", looks(vcpu, run));
    else if (!strcmp(what, "fork"))
        printf("%.2f\n", forks(run));
    else
        printf("%.2f\n", exits(vcpu, run));
    return 0;
}
