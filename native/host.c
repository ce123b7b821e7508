/* Host calls and caught signals.
 *
 * The host's kernel is the guest's signal queue (docs/design.md, D3): this handler takes one signal, blocks all others
 * and kicks the vCPU; Python builds the guest's frame and sets the mask anew.
 *
 * It also is the judge of what an interrupted call does. Where the guest's handler has SA_RESTART this one has it too, and
 * a call that signal(7) restarts is then seen here as one that has not been made yet. */
#include "host.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "copy.h"
#include "count.h"
#include "exitless.h"
#include "hidden.h"
#include "tree.h"
#include "waiters.h"
#include "watch.h"

enum { HANDLER_STACK = 64 * 1024 };

/* Where a caught signal waits: SIGBUS and SIGSEGV are never blocked, and may come while another one waits. */
enum { PLACE_ANY, PLACE_BUS, PLACE_SEGV, PLACE_KICK, PLACES };

/* Of each thread. Allocated with the thread, since a handler must not be the first to touch it. */
static __thread __attribute__((tls_model("initial-exec"))) struct {
    volatile int caught;    /* a bit for each place */
    volatile uint8_t *kick; /* kvm_run's immediate_exit */
    siginfo_t info[PLACES];
    void *stack;
    bool identity_changed;
} mine_;

volatile int *signal_caught(void) { return &mine_.caught; }

void signal_kicks(volatile uint8_t *immediate_exit) { mine_.kick = immediate_exit; }

static void (*stop_)(void);
static bool (*fault_)(uint64_t, long long *);

void signal_stops(void (*stop)(void), bool (*fault)(uint64_t, long long *)) { stop_ = stop, fault_ = fault; }

/* Calls that make the thread another than it was. */
static void note(long number, long result) {
    hidden_met(number, result);
    switch (number) {
    case SYS_setuid:
    case SYS_setgid:
    case SYS_setreuid:
    case SYS_setregid:
    case SYS_setresuid:
    case SYS_setresgid:
    case SYS_setns:
    case SYS_unshare: mine_.identity_changed |= !result; /* fallthrough */
    case SYS_setfsuid:
    case SYS_setfsgid:
    case SYS_setgroups:
    case SYS_capset:
    case SYS_sched_setaffinity:
    case SYS_close_range: /* CLOSE_RANGE_UNSHARE */
    case SYS_seccomp:
    case SYS_prctl: exitless_renew();
    }
}

bool host_identity_changed(void) {
    bool changed = mine_.identity_changed;
    mine_.identity_changed = false;
    return changed;
}

long host_syscall(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
    const long args[6] = {(long)a, (long)b, (long)c, (long)d, (long)e, (long)f};
    uint64_t from = count_on() ? count_now() : 0;
    uint32_t *waits = waiters_begin(number, args);
    long result = syscall_unless(&mine_.caught, number, args);
    waiters_end(waits);
    if (from) count_host(count_now() - from);
    int status;
    note(number, result);
    if (number == SYS_wait4 && result > 0 && b && !copy_safely(&status, (void *)b, sizeof status))
        tree_reaped((int)result, status);
    return result;
}

long host_syscall0(long number) { return host_syscall(number, 0, 0, 0, 0, 0, 0); }
long host_syscall1(long number, uint64_t a) { return host_syscall(number, a, 0, 0, 0, 0, 0); }
long host_syscall2(long number, uint64_t a, uint64_t b) { return host_syscall(number, a, b, 0, 0, 0, 0); }
long host_syscall3(long number, uint64_t a, uint64_t b, uint64_t c) { return host_syscall(number, a, b, c, 0, 0, 0); }
long host_syscall4(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    return host_syscall(number, a, b, c, d, 0, 0);
}
long host_syscall5(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e) {
    return host_syscall(number, a, b, c, d, e, 0);
}

/* What thread_kick() sends: SIGSEGV, which is never blocked here, with this value. */
enum { KICK = 0x6b69636b };

int thread_kick(int tid) {
    siginfo_t info = {.si_signo = SIGSEGV, .si_code = SI_QUEUE, .si_value = {.sival_int = KICK}};
    info.si_pid = getpid();
    return syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, SIGSEGV, &info) ? -errno : 0;
}

static bool is_kick(const siginfo_t *info) {
    return info->si_code == SI_QUEUE && info->si_value.sival_int == KICK && info->si_pid == getpid();
}

long host_syscall_now(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
    long result = syscall(number, a, b, c, d, e, f);
    if (result == -1) result = -errno;
    note(number, result);
    return result;
}

static int place_of(int number, const siginfo_t *info) {
    if (number == SIGBUS) return PLACE_BUS;
    if (number != SIGSEGV) return PLACE_ANY;
    return is_kick(info) ? PLACE_KICK : PLACE_SEGV;
}

static void keep(int number, const siginfo_t *info) {
    int place = place_of(number, info);
    if (!(mine_.caught >> place & 1)) mine_.info[place] = *info;
    __atomic_or_fetch(&mine_.caught, 1 << place, __ATOMIC_SEQ_CST);
    if (mine_.kick) *mine_.kick = 1;
    if (stop_) stop_();
}

static void caught(int number, siginfo_t *info, void *context) {
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    bool sent = info->si_code <= 0 || syscall_left(regs[REG_RIP]); /* a process may send itself any code: sigqueue(3) */
    if ((number == SIGSEGV || number == SIGBUS) && !sent) {
        uint64_t resume = copy_fixup(regs[REG_RIP]);
        if (resume) {
            regs[REG_RIP] = resume;
        } else if (!fault_ || !fault_((uint64_t)info->si_addr, regs)) { /* the VMM's own fault: die of it */
            signal(number, SIG_DFL);
        }
        return;
    }
    keep(number, info);
    regs[REG_RIP] = syscall_fixup(regs[REG_RIP]);
    sigset_t *mask = &((ucontext_t *)context)->uc_sigmask;
    sigfillset(mask);
    sigdelset(mask, SIGSEGV);
    sigdelset(mask, SIGBUS);
}

/* The kernel's struct sigaction. Set by the bare call: libc's refuses its own two real-time signals, the guest's here. */
struct action {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};

#define RESTORER 0x04000000ul

extern void signal_return(void) __attribute__((visibility("hidden")));

static int set_action(int number, const struct action *action) {
    return syscall(SYS_rt_sigaction, number, action, NULL, sizeof action->mask) ? -errno : 0;
}

static int catch_it(int number, unsigned long flags) {
    flags = (flags & (SA_NOCLDSTOP | SA_NOCLDWAIT | SA_RESTART)) | SA_SIGINFO | SA_ONSTACK | RESTORER;
    return set_action(number, &(struct action){(void *)caught, flags, (void *)signal_return, ~SIGNALS_OURS});
}

int signal_action(int number, int action, unsigned long flags) {
    if (watch_on()) watch_action(number, action);
    if (action == ACTION_DEFAULT && watch_catches(number)) action = ACTION_CATCH;
    if (action == ACTION_CATCH || number == SIGSEGV || number == SIGBUS) return catch_it(number, flags);
    return set_action(number, &(struct action){.handler = action == ACTION_IGNORE ? (void *)SIG_IGN : (void *)SIG_DFL,
                                               .flags = flags & (SA_NOCLDSTOP | SA_NOCLDWAIT)});
}

__asm__(".text\n.globl signal_return\n.hidden signal_return\n"
        "signal_return:\n"
        "    mov $15, %eax\n"
        "    syscall\n");

int signal_take(void *siginfo) {
    if (!mine_.caught) return 0;
    int place = __builtin_ctz((unsigned)mine_.caught);
    int number = place == PLACE_KICK ? SIGNAL_KICK : mine_.info[place].si_signo;
    memcpy(siginfo, &mine_.info[place], sizeof *mine_.info);
    if (!__atomic_and_fetch(&mine_.caught, ~(1 << place), __ATOMIC_SEQ_CST) && mine_.kick) *mine_.kick = 0;
    if (watch_on() && number > 0) watch_signal(siginfo);
    return number;
}

const siginfo_t *signal_waits(void) { return mine_.caught >> PLACE_ANY & 1 ? &mine_.info[PLACE_ANY] : NULL; }

void signal_forced(const void *siginfo) {
    if (watch_on()) watch_signal(siginfo);
}

void signal_put(const void *siginfo) { keep(((const siginfo_t *)siginfo)->si_signo, siginfo); }

int signal_mask(uint64_t mask) {
    mask &= ~SIGNALS_OURS;
    long result = host_syscall(SYS_rt_sigprocmask, SIG_SETMASK, (uint64_t)&mask, 0, sizeof mask, 0, 0);
    return result == -ERESTARTSYS ? 0 : (int)result;
}

int signal_start(void) {
    if (!mine_.stack && !(mine_.stack = malloc(HANDLER_STACK))) return -ENOMEM;
    stack_t alternate = {.ss_sp = mine_.stack, .ss_size = HANDLER_STACK};
    if (sigaltstack(&alternate, NULL)) return -errno;
    int error = catch_it(SIGSEGV, 0);
    return error ? error : catch_it(SIGBUS, 0);
}

void signal_die(int number) {
    tree_end(number);
    set_action(number, &(struct action){0});
    uint64_t mask = ~(1ull << (number - 1));
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
    _exit(128 + number);
}

void signal_end(void) {
    if (watch_on()) watch_thread_ends();
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    free(mine_.stack);
    mine_.stack = NULL;
}
