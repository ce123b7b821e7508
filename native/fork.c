/* fork(2), and clone(2) where it is one: of a process of one thread, as C libraries make it. */
#include "fork.h"

#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fast.h"
#include "own_memory.h"
#include "threads.h"

static bool may_fork_;

void fast_fork(int allowed) { may_fork_ = allowed; }

static long host_fork(struct vcpu *cpu, const struct clone_request *q) {
    struct clone_args args = {.flags = q->flags & CLONE_CHILD_SETTID, .exit_signal = SIGCHLD};
    if (args.flags) args.child_tid = host_address(q->child_tid);
    return engine_fork(cpu, &args, sizeof args);
}

/* Makes a child that goes on in the guest at once: Python hears of it when it is next needed there (EXIT_NEWS), so that
 * what it would touch of its memory need not be copied. */
static bool fork_(struct vcpu *cpu, const struct clone_request *q) {
    const uint64_t known = CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_VM | CLONE_VFORK;
    uint64_t mask, all = ~0ull;
    bool awaited = q->flags & CLONE_VFORK;
    if (!may_fork_ || q->flags & ~known || (q->flags & CLONE_VM && !awaited) || *signal_caught()) return false;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, sizeof mask);
    if (*signal_caught()) return false; /* which has blocked them already, until it is delivered */
    own_memory_before_fork();
    long result = awaited ? vfork_connect(q->flags & CLONE_VM) : 0;
    if (!result) result = host_fork(cpu, q);
    if (!result) {
        news(NEWS_FORKED);
        *cpu->clear_child_tid = q->flags & CLONE_CHILD_CLEARTID ? q->child_tid : 0;
        if (q->stack) cpu->regs->rsp = q->stack;
    } else if (awaited) {
        vfork_wait(result > 0);
    }
    cpu->regs->rax = (uint64_t)result;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
    return true;
}

bool finish_fork(struct vcpu *cpu) { return fork_(cpu, &(struct clone_request){0}); }
bool finish_vfork(struct vcpu *cpu) { return fork_(cpu, &(struct clone_request){.flags = CLONE_VM | CLONE_VFORK}); }

static bool clone_(struct vcpu *cpu, const struct clone_request *q, uint64_t exit_signal) {
    if (q->flags & CLONE_THREAD) return thread_spawn(cpu, q);
    return exit_signal == SIGCHLD && fork_(cpu, q);
}

bool finish_clone(struct vcpu *cpu) {
    const struct registers *r = cpu->regs;
    const uint64_t flags = (uint32_t)r->rdi & ~(uint64_t)CSIGNAL;
    const struct clone_request q = {flags, r->rsi, r->rdx, r->r10, r->r8};
    return clone_(cpu, &q, r->rdi & CSIGNAL);
}

bool finish_clone3(struct vcpu *cpu) {
    struct clone_args args = {0};
    size_t size = cpu->regs->rsi;
    if (size < CLONE_ARGS_SIZE_VER0 || size > sizeof args || window_read(&args, cpu->regs->rdi, size) < size) return false;
    if ((args.flags & CLONE_THREAD && args.exit_signal) || args.set_tid || args.set_tid_size || !args.stack != !args.stack_size)
        return false;
    if (args.stack >= WINDOW_MAX || args.stack_size >= WINDOW_MAX) return false;
    const struct clone_request q = {args.flags, args.stack + args.stack_size, args.parent_tid, args.child_tid, args.tls};
    return clone_(cpu, &q, args.exit_signal);
}
