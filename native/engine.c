/* Which engine is open, and all that engines have in common. */
#include "engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fast.h"
#include "fork.h"
#include "hidden.h"
#include "host.h"
#include "rlimit.h"
#include "robust.h"
#include "sigframe.h"
#include "tree.h"
#include "waiters.h"
#include "watch.h"

enum { FAILED = 125 }; /* exit status of noahpy's own */

static const struct engine *const engines_[] = {[ENGINE_KVM] = &kvm_engine, [ENGINE_SIM] = &sim_engine};
const struct engine *engine_;
static char error_[160];
static uint64_t xstate_features_;
static size_t xstate_size_;

const char *engine_error(void) { return error_; }

int fail(int number, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(error_, sizeof error_, format, args);
    va_end(args);
    return number;
}

int engine_use(const struct engine *engine, const char *path) {
    if (engine_) return -EBUSY;
    engine_ = engine;
    int error = engine_->open(path);
    if (error) engine_ = NULL;
    return error;
}

int engine_open(int kind, const char *path) { return engine_use(engines_[kind], path); }

int engine_is_open(void) { return engine_ != NULL; }

struct cpuid_entry *engine_cpuid(int *count) {
    return engine_->cpuid(count);
}
const char *engine_flavour(void) { return engine_->flavour(); }

/* ---- CPUs ---- */

struct vcpu *vcpu_create(void) {
    return engine_->create(true);
}
void vcpu_destroy(struct vcpu *v) {
    signal_kicks(NULL); /* what comes now is not for who has it next */
    engine_->destroy(v);
}

void vcpu_clear(struct vcpu *v) {
    *v = (struct vcpu){
        .regs = v->regs, .robust_list = v->robust_list, .clear_child_tid = v->clear_child_tid, .number = -1, .kept_exit = -1};
    *v->regs = (struct registers){.rflags = 0x202};
    *v->robust_list = *v->clear_child_tid = 0;
}

struct vcpu *vcpu_copy(struct vcpu *v, int anew) {
    struct vcpu *copy = engine_->create(anew);
    void *area = malloc(xstate_size_);
    if (copy && area && !engine_->get_xstate(v, area) && !engine_->set_xstate(copy, area, xstate_size_)) {
        *copy->regs = *v->regs;
        copy->fs_base = v->fs_base, copy->gs_base = v->gs_base;
    } else if (copy) {
        engine_->destroy(copy);
        copy = NULL;
    }
    free(area);
    return copy;
}

/* Finishes an exit in C; false: it is Python's, as what it has become. */
static bool finish(struct vcpu *v, int *exit) {
    if (*exit == EXIT_FAULT) return sigframe_fault(v);
    if (*exit == EXIT_SYSCALL && fast_finish(v)) {
        if (watch_on()) watch_end(SERVED_C);
        if (v->number < 0) return true;
    } else if (*exit == EXIT_SYSCALL && !(*signal_caught() && sigframe_before_call(v))) {
        return false;
    } else if (*exit != EXIT_SYSCALL && *exit != EXIT_SIGNAL) {
        return false;
    }
    *exit = EXIT_SIGNAL;
    return sigframe_deliver(v);
}

/* Runs until an exit that C does not finish. */
static int run(struct vcpu *v) {
    const bool watched = watch_on();
    if (watched) watch_end(SERVED_PYTHON);
    for (;;) {
        if (fast_has_news() & NEWS_CROWDED) return EXIT_NEWS;
        v->number = -1;
        if (host_identity_changed() && engine_->forget) engine_->forget(v);
        if (watched) watch_enter();
        robust_enter(v);
        int exit = engine_->run(v);
        if (watched) watch_left(v, exit);
        if (!finish(v, &exit)) return exit;
    }
}

long vcpu_run(struct vcpu *v) {
    int exit = v->kept_exit;
    v->kept_exit = -1;
    if (exit < 0) {
        exit = run(v);
        if (exit != EXIT_NEWS && fast_has_news()) {
            v->kept_exit = exit;
            exit = EXIT_NEWS;
        }
    }
    return exit == EXIT_SYSCALL ? (long)(uint32_t)v->regs->rax : -exit;
}

void xstate_is(uint64_t features, size_t size) { xstate_features_ = features, xstate_size_ = size; }
uint64_t xstate_features(void) { return xstate_features_; }
size_t xstate_size(void) { return xstate_size_; }

enum { LEGACY_USED = 464 }; /* SDM vol. 1, 13.4 */

int frame_write(uint64_t gva, const void *area) {
    /* What lies between is the software's, and here the frame's. */
    size_t rest = xstate_size_ - XSAVE_HEADER;
    bool written = window_write(gva, area, LEGACY_USED) == LEGACY_USED &&
                   window_write(gva + XSAVE_HEADER, (const uint8_t *)area + XSAVE_HEADER, rest) == rest;
    return written ? 0 : -EFAULT;
}

int frame_read(void *area, uint64_t gva, uint64_t features) {
    if (window_read(area, gva, xstate_size_) < xstate_size_) return -EFAULT;
    uint64_t saved, *header = (uint64_t *)((uint8_t *)area + XSAVE_HEADER);
    memcpy(&saved, header, sizeof saved);
    memset(header, 0, XSAVE_HEADER_SIZE);
    *header = saved & features;
    return 0;
}

int vcpu_get_xstate(struct vcpu *v, void *area) { return engine_->get_xstate(v, area); }
int vcpu_set_xstate(struct vcpu *v, const void *area, size_t size) { return engine_->set_xstate(v, area, size); }
int vcpu_save_xstate(struct vcpu *v, uint64_t gva) { return engine_->save_xstate(v, gva); }
int vcpu_load_xstate(struct vcpu *v, uint64_t gva, uint64_t features) { return engine_->load_xstate(v, gva, features); }
int vcpu_settle_xstate(struct vcpu *v) { return engine_->settle_xstate(v); }

/* A program's start (the ABI's Initial Process Stack and Register State): FCW, MXCSR, and in XSAVE's header x87 and SSE. */
int vcpu_start(struct vcpu *v) {
    uint8_t area[XSAVE_HEADER + XSAVE_HEADER_SIZE] = {[0] = 0x7f, [1] = 0x03, [24] = 0x80, [25] = 0x1f, [XSAVE_HEADER] = 3};
    *v->regs = (struct registers){.rflags = 0x202};
    v->fs_base = v->gs_base = 0;
    return vcpu_set_xstate(v, area, sizeof area);
}

/* ---- fork ---- */

int engine_fork_prepare(struct vcpu *cpu) {
    limits_save();
    return engine_->fork_prepare(cpu);
}

int engine_fork_child(struct vcpu *cpu) {
    vfork_born();
    robust_forked();
    waiters_forget();
    int error = engine_->fork_child(cpu);
    *cpu->robust_list = *cpu->clear_child_tid = 0; /* here, since the child may set them before Python hears of the fork */
    if (error) return error;
    tree_born();
    if (watch_on()) watch_born();
    return 0;
}

void engine_fork_parent(void) {
    if (engine_->fork_parent) engine_->fork_parent();
}

static void no_vm(const char *whose) {
    dprintf(STDERR_FILENO, "noahpy: no VM for %s: %s\n", whose, error_);
    _exit(FAILED);
}

long engine_clone(struct vcpu *cpu, const void *clone_args, size_t size) {
    long pid = syscall(SYS_clone3, clone_args, size);
    if (pid) {
        if (pid < 0) pid = -errno;
        engine_fork_parent();
    } else if (engine_fork_child(cpu)) {
        no_vm("a child process");
    }
    return pid;
}

long engine_fork(struct vcpu *cpu, const void *clone_args, size_t size) {
    int error = engine_fork_prepare(cpu);
    return error ? error : engine_clone(cpu, clone_args, size);
}

static int stat_proc(const char *name, struct stat *status) {
    int proc = exec_host()->proc;
    return proc < 0 ? -1 : fstatat(hidden_fd(proc), name, status, 0);
}

/* Whether the host's kernel sees one thread. That of a VM takes a moment to end. */
static bool one_thread(void) {
    struct stat status;
    return stat_proc("self/task", &status) || status.st_nlink <= 3;
}

/* After unshare(2) of the namespace of processes there may be none. */
static bool may_have_threads(void) {
    struct stat own, childrens;
    return !stat_proc("self/ns/pid", &own) && !stat_proc("self/ns/pid_for_children", &childrens) &&
           own.st_ino == childrens.st_ino;
}

long engine_without_vm(struct vcpu *cpu, long number, long first, long second) {
    if (!engine_->unmake || !may_have_threads()) return -EINVAL;
    int error = engine_->unmake(cpu);
    if (error) return error;
    while (!one_thread()) usleep(100);
    long result = syscall(number, first, second) < 0 ? -errno : 0;
    if (engine_->remake(cpu)) no_vm("the process");
    return result;
}

/* ---- what an exit costs ---- */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double engine_exit_cost(int rounds) {
    struct vcpu *v = vcpu_create();
    double *took = malloc((size_t)rounds * sizeof *took);
    double median = -1;
    if (!v || !took || engine_->call_for_ever(v)) goto done;
    for (int i = 0; i < rounds; i++) {
        v->regs->rax = ~0ull; /* no call that fast.c could finish */
        double from = now();
        if (vcpu_run(v) < 0) goto done;
        took[i] = now() - from;
    }
    qsort(took, (size_t)rounds, sizeof *took, ascending);
    median = took[rounds / 2];
done:
    free(took);
    if (v) vcpu_destroy(v);
    return median;
}
