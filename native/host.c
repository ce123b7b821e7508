/* Host calls and caught signals.
 *
 * The host's kernel is the guest's signal queue (docs/design.md, D3): this handler takes one signal, blocks all others
 * and kicks the vCPU; Python builds the guest's frame and sets the mask anew. */
#include "host.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "copy.h"

enum { HANDLER_STACK = 64 * 1024 };

/* Of each thread. Allocated with the thread, since a handler must not be the first to touch it. */
static __thread __attribute__((tls_model("initial-exec"))) struct {
    volatile int caught;
    volatile uint8_t *kick; /* kvm_run's immediate_exit */
    siginfo_t info;
    void *stack;
} mine_;

volatile int *signal_caught(void) { return &mine_.caught; }

void signal_kicks(volatile uint8_t *immediate_exit) { mine_.kick = immediate_exit; }

long host_syscall(long number, long a, long b, long c, long d, long e, long f) {
    const long args[6] = {a, b, c, d, e, f};
    return syscall_unless(&mine_.caught, number, args);
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

static void caught(int number, siginfo_t *info, void *context) {
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    if ((number == SIGSEGV || number == SIGBUS) && info->si_code > 0) { /* raised by the CPU, not sent */
        uint64_t resume = copy_fixup(regs[REG_RIP]);
        if (resume) {
            regs[REG_RIP] = resume;
        } else { /* the VMM's own fault: die of it */
            signal(number, SIG_DFL);
        }
        return;
    }
    if (number == SIGSEGV && is_kick(info)) {
        if (!mine_.caught) mine_.caught = SIGNAL_KICK;
    } else {
        mine_.info = *info;
        mine_.caught = number;
    }
    if (mine_.kick) *mine_.kick = 1;
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

#define OURS (1ull << (SIGSEGV - 1) | 1ull << (SIGBUS - 1)) /* never blocked: copy_safely() needs them */
#define RESTORER 0x04000000ul

extern void signal_return(void) __attribute__((visibility("hidden")));

static int set_action(int number, const struct action *action) {
    return syscall(SYS_rt_sigaction, number, action, NULL, sizeof action->mask) ? -errno : 0;
}

static int catch(int number, unsigned long flags) {
    flags = (flags & (SA_NOCLDSTOP | SA_NOCLDWAIT)) | SA_SIGINFO | SA_ONSTACK | RESTORER;
    return set_action(number, &(struct action){(void *)caught, flags, (void *)signal_return, ~OURS});
}

int signal_action(int number, int action, unsigned long flags) {
    if (number == SIGSEGV || number == SIGBUS) return 0;
    if (action == ACTION_CATCH) return catch(number, flags);
    return set_action(number, &(struct action){.handler = action == ACTION_IGNORE ? (void *)SIG_IGN : (void *)SIG_DFL,
                                               .flags = flags & (SA_NOCLDSTOP | SA_NOCLDWAIT)});
}

__asm__(".text\n.globl signal_return\n.hidden signal_return\n"
        "signal_return:\n"
        "    mov $15, %eax\n"
        "    syscall\n");

int signal_take(void *siginfo) {
    int number = mine_.caught;
    if (number) memcpy(siginfo, &mine_.info, sizeof mine_.info);
    mine_.caught = 0;
    if (mine_.kick) *mine_.kick = 0;
    return number;
}

int signal_mask(uint64_t mask) {
    mask &= ~OURS;
    return syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask) ? -errno : 0;
}

int signal_start(void) {
    if (!mine_.stack && !(mine_.stack = malloc(HANDLER_STACK))) return -ENOMEM;
    stack_t alternate = {.ss_sp = mine_.stack, .ss_size = HANDLER_STACK};
    if (sigaltstack(&alternate, NULL)) return -errno;
    int error = catch(SIGSEGV, 0);
    return error ? error : catch(SIGBUS, 0);
}

void signal_die(int number) {
    set_action(number, &(struct action){0});
    uint64_t mask = ~(1ull << (number - 1));
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
    _exit(128 + number);
}

void signal_end(void) {
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    free(mine_.stack);
    mine_.stack = NULL;
}
