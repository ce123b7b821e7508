/* Hot paths: system calls that the host serves as they are, finished in C, by the table that is made from their declarations
 * (linux_abi/syscall.py). linux_abi/forward.py says what becomes of each kind of argument; this is the same in C. */
#include "fast.h"

#include <asm/prctl.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "count.h"
#include "engine.h"
#include "exec.h"
#include "fork.h"
#include "hidden.h"
#include "host.h"
#include "link.h"
#include "message.h"
#include "mmap.h"
#include "robust.h"
#include "sigframe.h"
#include "tree.h"
#include "watch.h"

enum { NAME_END = 10 };

static struct {
    bool known, opens;
    bool watched; /* Python's, whatever C could do */
    int refusal;  /* errno */
    uint8_t count, kinds[ARGUMENTS];
    uint64_t finished;
} table_[CALLS];

int fast_forward(unsigned number, unsigned count, const uint8_t *kinds, int opens) {
    if (number >= CALLS || count > ARGUMENTS) return -EINVAL;
    for (unsigned i = 0; i < count; i++)
        if (kinds[i] > ARG_MASK) return -EINVAL;
    table_[number].count = (uint8_t)count;
    memcpy(table_[number].kinds, kinds, count);
    table_[number].opens = opens;
    table_[number].known = true;
    return 0;
}

void fast_refuse(unsigned number, int errno_) {
    if (number < CALLS) table_[number].refusal = errno_;
}

void fast_watch(unsigned number) {
    if (number < CALLS) table_[number].watched = true;
}

uint64_t fast_count(unsigned number) {
    if (number >= CALLS) return 0;
    return table_[number].finished + (engine_ && engine_->answered ? engine_->answered(number) : 0);
}

static long visible(uint64_t fd) {
    int number = (int)fd;
    return is_hidden(number) ? INT_MAX : number;
}

/* Only the end of a path is looked at: `end`, `size` bytes of it. */
static bool plain_end(const char *end, size_t size) {
    uint64_t number = 0, place = 1;
    for (size_t i = size; i-- && end[i] >= '0' && end[i] <= '9'; place *= 10) number += place * (uint64_t)(end[i] - '0');
    if (place > 1 && visible(number) == INT_MAX) return false;
    return size < 3 || memcmp(end + size - 3, "exe", 3) != 0 || (size > 3 && end[size - 4] != '/');
}

bool fast_plain_name(const char *path, size_t length) {
    size_t size = length < NAME_END ? length : NAME_END;
    return plain_end(path + length - size, size);
}

/* What may be a link to the VMM's program or to a descriptor of its own is Python's: a name `exe`, or that number
 * (linux_abi/procfs.py). An unreadable path is left to the host to refuse. */
bool fast_plain_path(uint64_t gva) {
    long length = window_strnlen(gva, PATH_MAX);
    if (length < 1) return true;
    char end[NAME_END];
    size_t size = length < NAME_END ? (size_t)length : NAME_END;
    return window_read(end, gva + (uint64_t)length - size, size) < size || plain_end(end, size);
}

/* Whether a descriptor that the host has just opened is of procfs, where some files are views: Python's. */
static bool plain_file(long fd) {
    struct statfs status;
    return fstatfs((int)fd, &status) || status.f_type != PROC_SUPER_MAGIC;
}

bool fast_iovecs(struct iovec *out, uint64_t gva, size_t count) {
    if (window_read(out, gva, count * sizeof *out) < count * sizeof *out) return false;
    for (size_t i = 0; i < count; i++) out[i].iov_base = (void *)host_address((uint64_t)out[i].iov_base);
    return true;
}

/* The guest's iovecs with host addresses in `out`: what to pass to the host, or 0 for "too many for here". */
static long translate_iovec(uint64_t gva, uint64_t count, struct iovec *out) {
    count = (uint32_t)count; /* as import_iovec() does; the guest's own array must never be what the host reads */
    if (count - 1 >= UIO_MAXIOV) return (long)BAD_ADDRESS;
    if (count > IOVECS) return 0;
    return fast_iovecs(out, gva, count) ? (long)out : (long)BAD_ADDRESS;
}

/* The fourth argument of futex(2): an address where the operation waits, else a number. */
static long translate_futex(uint64_t timeout, uint64_t operation) {
    switch ((int)operation & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
    case FUTEX_LOCK_PI:
    case FUTEX_WAIT_BITSET:
    case FUTEX_WAIT_REQUEUE_PI:
    case FUTEX_LOCK_PI2: return (long)host_address(timeout);
    default: return (long)timeout;
    }
}

/* The third argument of fcntl(2), for the commands that programs are full of. */
static bool translate_fcntl(uint64_t arg, uint64_t command, long *to) {
    *to = (long)arg;
    switch ((int)command) {
    case F_GETFD:
    case F_SETFD:
    case F_GETFL:
    case F_SETFL: return true;
    case F_DUPFD:
    case F_DUPFD_CLOEXEC: return (uint32_t)arg < (uint32_t)hidden_base() / 2; /* far from what is hidden */
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW: *to = (long)host_address(arg); return true;
    default: return false;
    }
}

bool fast_translate(unsigned number, const uint64_t *args, long *to, struct iovec *vectors, bool (*plain)(uint64_t)) {
    if (!table_[number].known) return false;
    for (unsigned i = 0; i < table_[number].count; i++) {
        switch (table_[number].kinds[i]) {
        case ARG_VALUE: to[i] = (long)args[i]; break;
        case ARG_FD:
        case ARG_LISTED:
            to[i] = visible(args[i]);
            if (to[i] == INT_MAX || (table_[number].kinds[i] == ARG_LISTED && !plain_file(to[i]))) return false;
            break;
        case ARG_PATH:
            if (!plain(args[i])) return false;
            /* fallthrough */
        case ARG_POINTER: to[i] = (long)host_address(args[i]); break;
        case ARG_IOVEC:
            to[i] = translate_iovec(args[i], args[i + 1], vectors);
            if (!to[i]) return false;
            break;
        case ARG_FUTEX: to[i] = translate_futex(args[i], args[1]); break;
        case ARG_FCNTL:
            if (!translate_fcntl(args[i], args[1], &to[i])) return false;
            break;
        case ARG_MASK:
            if (args[i]) return false;
            break;
        }
    }
    return true;
}

static bool may_exit_;
static int lingers_;

void fast_exit(int allowed) { may_exit_ = allowed; }
void fast_linger(int pid) { lingers_ = pid; }

/* ---- calls that concern the thread alone ---- */

static bool own_calls_, alone_;

void fast_own(int allowed) { own_calls_ = allowed; }
bool fast_owns(void) { return own_calls_; }
bool fast_plain(void) { return own_calls_ && alone_ && !watch_records(); }
void fast_alone(int alone) { alone_ = alone; }

/* rt_sigprocmask(2), as linux_abi/syscalls/signal.py does it. Python's: bad arguments, and SIGSEGV and SIGBUS where it has kept
 * them. */
static bool finish_sigprocmask(struct vcpu *cpu) {
    struct registers *r = cpu->regs;
    uint64_t old = cpu->blocked, mask = old, given;
    if (r->r10 != sizeof given || *signal_caught()) return false;
    if (r->rsi) {
        if (window_read(&given, r->rsi, sizeof given) < sizeof given) return false;
        switch ((int)r->rdi) {
        case SIG_BLOCK: mask |= given; break;
        case SIG_UNBLOCK: mask &= ~given; break;
        case SIG_SETMASK: mask = given; break;
        default: return false;
        }
        mask &= ~SIGNALS_UNBLOCKABLE;
        if (cpu->keeps && old & ~mask & SIGNALS_OURS) return false;
    }
    if (mask != old) {
        cpu->blocked = mask;
        signal_mask(mask);
    }
    bool told = !r->rdx || window_write(r->rdx, &old, sizeof old) == sizeof old;
    r->rax = told ? 0 : (uint64_t)-EFAULT;
    return true;
}

/* ---- rt_sigaction(2), as linux_abi/syscalls/signal.py does it; bad arguments are Python's ---- */

enum { SIGNALS = 64, KNOWN_FLAGS = 0xdc000807 };

static struct guest_action own_actions_[SIGNALS], *actions_ = own_actions_;

void fast_action(int number, struct guest_action *action) {
    struct guest_action before;
    do {
        before = *(volatile struct guest_action *)&actions_[number - 1];
        *action = *(volatile struct guest_action *)&actions_[number - 1];
    } while (memcmp(&before, action, sizeof before) != 0);
}

uint64_t *fast_actions(void) {
    if (engine_ && engine_->actions) actions_ = engine_->actions();
    return (uint64_t *)actions_;
}

static bool finish_sigaction(struct vcpu *cpu) {
    struct registers *r = cpu->regs;
    int number = (int)r->rdi;
    if (r->r10 != sizeof(uint64_t) || number < 1 || number > SIGNALS) return false;
    struct guest_action old = actions_[number - 1], given;
    if (r->rsi) {
        if (number == SIGKILL || number == SIGSTOP || window_read(&given, r->rsi, sizeof given) < sizeof given) return false;
        if ((number == SIGSEGV || number == SIGBUS) && cpu->blocked & signal_bit(number))
            return false; /* one may wait, in Python */
        given.flags &= (uint64_t)(uint32_t)KNOWN_FLAGS;
        given.mask &= ~SIGNALS_UNBLOCKABLE;
        actions_[number - 1] = given;
        int kind = ACTION_CATCH;
        if (given.handler == (uint64_t)SIG_DFL) kind = ACTION_DEFAULT;
        if (given.handler == (uint64_t)SIG_IGN) kind = ACTION_IGNORE;
        signal_action(number, kind, given.flags);
    }
    bool told = !r->rdx || window_write(r->rdx, &old, sizeof old) == sizeof old;
    r->rax = told ? 0 : (uint64_t)-EFAULT;
    return true;
}

/* As execve(2) leaves them: handlers go, what is ignored stays so, flags go. */
void actions_forget(void) {
    for (int number = 1; number <= SIGNALS; number++) {
        struct guest_action *action = &actions_[number - 1], after = {0};
        if (action->handler == (uint64_t)SIG_IGN) after.handler = (uint64_t)SIG_IGN;
        if (!memcmp(action, &after, sizeof after)) continue;
        *action = after;
        signal_action(number, after.handler ? ACTION_IGNORE : ACTION_DEFAULT, 0);
    }
}

static bool finish_set_tid_address(struct vcpu *cpu) {
    *cpu->clear_child_tid = cpu->regs->rdi;
    cpu->regs->rax = (uint64_t)syscall(SYS_gettid);
    return true;
}

static bool finish_arch_prctl(struct vcpu *cpu) {
    const uint64_t user_end = (1ull << 47) - GUEST_PAGE;
    if ((int)cpu->regs->rdi != ARCH_SET_FS || cpu->regs->rsi >= user_end) return false;
    cpu->fs_base = cpu->regs->rsi;
    cpu->regs->rax = 0;
    return true;
}

static bool finish_set_robust_list(struct vcpu *cpu) {
    if (cpu->regs->rsi != sizeof(struct robust_list_head)) return false;
    *cpu->robust_list = cpu->regs->rdi;
    cpu->regs->rax = 0;
    return true;
}

/* ---- ioctl(2) ---- */

enum { REQUESTS = 512 };
static uint32_t requests_[REQUESTS];
static unsigned request_count_;

void fast_requests(const uint32_t *requests, unsigned count) {
    static const uint8_t kinds[] = {ARG_FD, ARG_VALUE, ARG_POINTER};
    request_count_ = count < REQUESTS ? count : REQUESTS;
    memcpy(requests_, requests, request_count_ * sizeof *requests);
    fast_forward(SYS_ioctl, sizeof kinds, kinds, false);
}

static bool known_request(uint64_t request) {
    unsigned i = 0;
    while (i < request_count_ && requests_[i] != request) i++;
    return i < request_count_;
}

/* ---- what Python is to hear of ---- */

static int news_;

void news(int what) { __atomic_fetch_or(&news_, what, __ATOMIC_RELAXED); }
int fast_has_news(void) { return __atomic_load_n(&news_, __ATOMIC_RELAXED); }
int fast_news(void) { return __atomic_exchange_n(&news_, 0, __ATOMIC_RELAXED); }

static bool finish_exit_group(struct vcpu *cpu) {
    if (!may_exit_ || (lingers_ && getpid() == lingers_)) return false;
    vfork_finish(*cpu->clear_child_tid);
    tree_end((int)(cpu->regs->rdi & 0xff) << 8);
    _exit((int)cpu->regs->rdi);
}

/* ---- limits, names ---- */

/* prlimit64(2) that asks for one of the process's own: the host's, or what the guest has set of its memory. That on descriptors may be
 * lower on the host (fds.py), and of that on processes only the hard one is kept. */
static bool finish_prlimit64(struct vcpu *cpu) {
    const uint64_t memory = 1 << RLIMIT_DATA | 1 << RLIMIT_STACK | 1 << RLIMIT_AS;
    const struct registers *r = cpu->regs;
    const struct limits *own = limits_mine();
    uint32_t resource = (uint32_t)r->rsi;
    bool kept = resource < LIMITS && own->kept >> resource & 1;
    if (r->rdx || (int)r->rdi || resource == RLIMIT_NOFILE || (kept && !(memory >> resource & 1))) return false;
    long result = 0;
    if (!kept)
        result = host_syscall_now(SYS_prlimit64, 0, resource, 0, (uint64_t)host_address(r->r10), 0, 0);
    else if (r->r10 && window_write(r->r10, &own->limit[resource], sizeof(struct rlimit)) < sizeof(struct rlimit))
        result = -EFAULT;
    cpu->regs->rax = (uint64_t)result;
    return true;
}

static bool watch_prctl(struct vcpu *cpu) { return (int)cpu->regs->rdi == PR_CAPBSET_DROP && exec_forbid(cpu); }

/* ---- all of them ---- */

/* Calls that are not the host's as they are. `alone`: for processes of one thread. `notes`: finishes none, but is to see all. */
static const struct {
    bool (*finish)(struct vcpu *);
    bool alone, notes;
} own_[CALLS] = {
    [SYS_arch_prctl] = {finish_arch_prctl, false},
    [SYS_brk] = {finish_brk, false},
    [SYS_clone] = {finish_clone, false},
    [SYS_clone3] = {finish_clone3, false},
    [SYS_execve] = {finish_execve, true},
    [SYS_exit_group] = {finish_exit_group, false},
    [SYS_fork] = {finish_fork, true},
    [SYS_io_setup] = {exec_forbid, .notes = true},
    [SYS_madvise] = {finish_madvise, false},
    [SYS_mmap] = {finish_mmap, false},
    [SYS_mprotect] = {finish_mprotect, false},
    [SYS_munmap] = {finish_munmap, false},
    [SYS_prctl] = {watch_prctl, .notes = true},
    [SYS_prlimit64] = {finish_prlimit64, true},
    [SYS_readlink] = {finish_readlink, false},
    [SYS_readlinkat] = {finish_readlinkat, false},
    [SYS_recvmsg] = {finish_recvmsg, false},
    [SYS_rt_sigaction] = {finish_sigaction, true},
    [SYS_rt_sigprocmask] = {finish_sigprocmask, false},
    [SYS_rt_sigreturn] = {finish_sigreturn, false},
    [SYS_sendmsg] = {finish_sendmsg, false},
    [SYS_set_robust_list] = {finish_set_robust_list, false},
    [SYS_set_tid_address] = {finish_set_tid_address, false},
    [SYS_timer_create] = {exec_forbid, .notes = true},
    [SYS_vfork] = {finish_vfork, true},
};

bool fast_inside(unsigned number) {
    if (number == SYS_set_robust_list && robust_shares()) return false;
    return own_calls_ && (alone_ || !own_[number].alone) && !table_[number].watched && !watch_records();
}

/* Whether the result is the same until the thread becomes somebody else. A user or group of no name in its namespace may get one, by
 * another process's write to a file (user_namespaces(7)). */
static bool tells_who(unsigned number, long result) {
    enum { OVERFLOW_ID = 65534 };
    if (result == OVERFLOW_ID) return false;
    switch (number) {
    case SYS_getpid:
    case SYS_gettid:
    case SYS_getuid:
    case SYS_geteuid:
    case SYS_getgid:
    case SYS_getegid: return true;
    default: return false;
    }
}

static void learn(struct vcpu *cpu, unsigned number) {
    if (engine_->learn && !watch_records()) engine_->learn(cpu, number, (int64_t)cpu->regs->rax);
}

/* Whether the call is to write to what is being executed, which the host's kernel does not know of. */
static bool is_busy(unsigned number, const long *to) {
    switch (number) {
    case SYS_open: return tree_executes_file(AT_FDCWD, (const char *)to[0], (int)to[1]);
    case SYS_openat: return tree_executes_file((int)to[0], (const char *)to[1], (int)to[2]);
    case SYS_creat: return tree_executes_file(AT_FDCWD, (const char *)to[0], O_CREAT | O_WRONLY | O_TRUNC);
    case SYS_truncate: return to[1] >= 0 && tree_executes_file(AT_FDCWD, (const char *)to[0], O_WRONLY);
    default: return false;
    }
}

bool fast_finish(struct vcpu *cpu) {
    struct registers *r = cpu->regs;
    uint32_t number = (uint32_t)r->rax; /* as the kernel, which looks at no more */
    if (number >= CALLS) return false;
    if (table_[number].watched && !own_[number].notes) return false;
    if (own_[number].finish) {
        if (!own_calls_ || (own_[number].alone && !alone_) || !own_[number].finish(cpu)) return false;
        table_[number].finished++;
        return true;
    }
    if (table_[number].refusal) {
        table_[number].finished++;
        r->rax = (uint64_t)-table_[number].refusal;
        if (!count_on()) learn(cpu, number); /* which counts errors */
        return true;
    }
    if (number == SYS_ioctl && !known_request(r->rsi)) return false;
    const uint64_t args[ARGUMENTS] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};
    long to[ARGUMENTS] = {0};
    struct iovec vectors[IOVECS];
    if (!fast_translate(number, args, to, vectors, fast_plain_path)) return false;
    long result = -ETXTBSY;
    if (!is_busy(number, to)) result = host_syscall((long)number, to[0], to[1], to[2], to[3], to[4], to[5]);
    if (result == -ERESTARTSYS) return false;
    if (table_[number].opens && result >= 0 && !plain_file(result)) {
        close((int)result);
        return false;
    }
    r->rax = (uint64_t)result;
    if (tells_who(number, result)) learn(cpu, number);
    if (result == -EINTR) cpu->number = (int)number; /* whether it is made again is Python's to say */
    table_[number].finished++;
    return true;
}
