/* Counts of a tree's system calls, exits and times, in memory that all of its processes and the clerk share (docs/tracing.md). */
#include "count.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"

bool counting_;

static struct counts *counts_;
static struct count_process *process_;
static uint64_t inherited_[COUNT_CALLS]; /* answered inside the guest before this process was */

/* Of each thread: when its CPU was entered and left, and the call that is being served, or -1. */
static __thread __attribute__((tls_model("initial-exec"))) struct {
    uint64_t entered, left;
    const struct vcpu *cpu;
    int64_t number;
} mine_ = {.number = -1};

uint64_t count_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void add(uint64_t *to, uint64_t n) { __atomic_fetch_add(to, n, __ATOMIC_RELAXED); }

int count(int fd) {
    void *at = mmap(NULL, sizeof *counts_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (at == MAP_FAILED) return -errno;
    close(fd);
    counts_ = at;
    count_born();
    counting_ = true;
    return 0;
}

/* What is answered inside the guest makes no exit: the engine knows how often. */
static uint64_t answered(unsigned number) { return engine_ && engine_->answered ? engine_->answered(number) : 0; }

static void settle(void) {
    for (unsigned i = 0; i < COUNT_CALLS; i++) process_->call[SERVED_GUEST][i].calls = answered(i) - inherited_[i];
}

void count_born(void) {
    for (unsigned i = 0; i < COUNT_CALLS; i++) inherited_[i] = answered(i);
    uint32_t place = __atomic_fetch_add(&counts_->processes, 1, __ATOMIC_RELAXED);
    struct count_process *p = &counts_->process[place < COUNT_PROCESSES ? place : COUNT_PROCESSES - 1];
    if (process_) memcpy(p->program, process_->program, sizeof p->program);
    p->parent = getppid();
    p->start = count_now();
    __atomic_store_n(&p->pid, getpid(), __ATOMIC_RELEASE);
    process_ = p;
    mine_.number = -1;
    mine_.left = 0;
}

void count_named(const char *program) {
    settle();
    strncpy(process_->program, program, sizeof process_->program - 1);
}

void count_ends(int status) {
    settle();
    process_->status = status;
    process_->end = count_now();
}

void count_enter(void) {
    if (mine_.entered <= mine_.left) mine_.entered = count_now();
    if (mine_.left) add(&process_->outside_ns, mine_.entered - mine_.left);
}

void count_left(const struct vcpu *v, int exit) {
    mine_.left = count_now();
    add(&process_->guest_ns, mine_.left - mine_.entered);
    add(&process_->exits[exit], 1);
    if (exit != EXIT_SYSCALL) return;
    uint32_t number = (uint32_t)v->regs->rax;
    mine_.number = number < COUNT_CALLS ? number : COUNT_CALLS - 1;
    mine_.cpu = v;
}

void count_end(int served) {
    mine_.entered = 0;
    if (mine_.number < 0) return;
    struct count_call *c = &process_->call[served][mine_.number];
    uint64_t now = count_now(), ns = now - mine_.left, result = mine_.cpu->regs->rax;
    int bucket = 63 - __builtin_clzll(ns | 1);
    add(&c->calls, 1);
    add(&c->ns, ns);
    if (result >= (uint64_t)-4095) add(&c->errors, 1);
    add(&c->histogram[bucket < COUNT_BUCKETS ? bucket : COUNT_BUCKETS - 1], 1);
    if (served == SERVED_C) mine_.entered = now; /* which comes next: one look at the clock is enough */
    mine_.number = -1;
}

void count_host(uint64_t ns) { add(&process_->host_ns, ns); }
