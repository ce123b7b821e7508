/* Records of a tree's system calls, in memory that all of its processes and the clerk share (docs/tracing.md).
 *
 * Each thread writes to a lane of its own, and the clerk alone reads it: a writer that is killed in the midst of a record has
 * not published it, and is in nobody's way. The clerk puts the lanes' records into the order of their times. */
#include "watch.h"

#include <asm/ucontext.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "count.h"
#include "hidden.h"

enum { SIGNALS = 64, CLERK_LATE_MS = 200, VECTORS_MOST = 32, COUNT_MOST = 1 << 20 };
_Static_assert(sizeof(siginfo_t) == 128, "RECORD_SIGNAL carries the kernel's");

bool watching_, recording_;

static struct ring *ring_;
static int wake_ = -1;
static int first_; /* the tree's first process */
static struct {
    bool wanted;
    uint8_t count;
    struct watch_item item[WATCH_ITEMS];
} table_[CALLS];
static bool others_wanted_; /* numbers that Linux does not know */

/* Of each thread. `number`: of the call under way, negative if none is. */
static __thread __attribute__((tls_model("initial-exec"))) struct {
    struct lane *lane;
    const struct vcpu *cpu;
    int tid;
    int64_t number;
    bool injected;
    uint64_t arguments[ARGUMENTS], rip;
} mine_ = {.number = -1};

int watch(int ring, int wake) {
    void *at = mmap(NULL, sizeof *ring_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, ring, 0);
    if (at == MAP_FAILED) return -errno;
    close(ring);
    ring_ = at;
    wake_ = wake;
    int place = hidden_add(&wake_);
    if (place < 0) return place;
    first_ = getpid();
    watching_ = true;
    for (int number = 1; number <= SIGNALS; number++) {
        struct sigaction action;
        if (!sigaction(number, NULL, &action) && action.sa_handler == SIG_DFL) signal_action(number, ACTION_DEFAULT, 0);
    }
    return 0;
}

int watch_call(int number, const struct watch_item *items, unsigned count) {
    recording_ = true;
    if (number < 0) {
        others_wanted_ = true;
        return 0;
    }
    if (number >= CALLS || count > WATCH_ITEMS) return -EINVAL;
    memcpy(table_[number].item, items, count * sizeof *items);
    table_[number].count = (uint8_t)count;
    table_[number].wanted = true;
    return 0;
}

/* ---- the ring ---- */

static void wake_clerk(void) { send(wake_, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT); }

static bool clerk_is_gone(void) {
    if (kill(ring_->clerk, 0) && errno == ESRCH) ring_->off = 1;
    return ring_->off;
}

/* Waits until the clerk has done more; the counter that it advances was `seen`. */
static void wait_for_clerk(struct lane *lane, uint32_t seen) {
    const struct timespec late = {.tv_nsec = CLERK_LATE_MS * 1000000};
    wake_clerk();
    if (syscall(SYS_futex, &lane->rounds, FUTEX_WAIT, seen, &late, NULL, 0) && errno == ETIMEDOUT) clerk_is_gone();
}

static struct lane *claim(int tid) {
    for (;;) {
        for (uint32_t i = 0; i < LANES; i++) {
            struct lane *lane = &ring_->lane[i];
            int32_t nobody = 0;
            if (lane->owner || !__atomic_compare_exchange_n(&lane->owner, &nobody, tid, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
                continue;
            uint32_t used = ring_->used;
            while (used <= i &&
                   !__atomic_compare_exchange_n(&ring_->used, &used, i + 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {}
            return lane;
        }
        if (clerk_is_gone()) return NULL;
        wake_clerk();
        usleep(1000); /* all are taken: the clerk gives back those of threads that have ended */
    }
}

static void *draft(int kind, int served, uint64_t value, size_t fixed);
static void publish(void);

static bool ready(void) {
    if (ring_->off) return false;
    if (mine_.lane) return true;
    mine_.tid = (int)syscall(SYS_gettid);
    if (!(mine_.lane = claim(mine_.tid))) return false;
    draft(RECORD_BORN, 0, (uint64_t)getppid(), 0);
    publish();
    return true;
}

static struct watch_record *record(void) { return (struct watch_record *)mine_.lane->draft; }

/* Begins a record, with room for `fixed` bytes, which are returned. */
static void *draft(int kind, int served, uint64_t value, size_t fixed) {
    struct watch_record *r = record();
    *r = (struct watch_record){.size = (uint32_t)(sizeof *r + fixed), .kind = (uint8_t)kind, .served = (uint8_t)served};
    r->pid = getpid();
    r->tid = mine_.tid;
    r->value = value;
    return r + 1;
}

static void publish(void) {
    struct lane *lane = mine_.lane;
    struct watch_record *r = record();
    uint32_t size = r->size;
    for (;;) {
        uint32_t seen = __atomic_load_n(&lane->rounds, __ATOMIC_SEQ_CST);
        if (lane->written + size - __atomic_load_n(&lane->read, __ATOMIC_SEQ_CST) <= LANE_SIZE) break;
        wait_for_clerk(lane, seen);
        if (ring_->off) return;
    }
    r->when = count_now();
    uint64_t at = lane->written % LANE_SIZE, first = LANE_SIZE - at < size ? LANE_SIZE - at : size;
    memcpy(lane->data + at, r, first);
    memcpy(lane->data, (uint8_t *)r + first, size - first);
    __atomic_store_n(&lane->written, lane->written + size, __ATOMIC_SEQ_CST);
    uint32_t asleep = 1;
    if (ring_->asleep && __atomic_compare_exchange_n(&ring_->asleep, &asleep, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        wake_clerk();
}

/* ---- what arguments point to ---- */

/* Room for a part of `size` bytes in the record, or NULL. */
static void *part_room(size_t size) {
    size_t used = record()->size + sizeof(struct watch_part);
    return size <= RECORD_MAX && used + (size + 7) / 8 * 8 <= RECORD_MAX ? (uint8_t *)record() + used : NULL;
}

static void part_done(int argument, size_t size) {
    struct watch_part *part = (struct watch_part *)((uint8_t *)record() + record()->size);
    *part = (struct watch_part){.argument = (uint8_t)argument, .size = (uint32_t)size};
    record()->size += (uint32_t)(sizeof *part + (size + 7) / 8 * 8);
    record()->parts++;
}

/* False: it can't be read, or there is no room. */
static bool take_bytes(int argument, uint64_t gva, size_t size) {
    void *to = part_room(size);
    if (!to || !gva || window_read(to, gva, size) < size) return false;
    part_done(argument, size);
    return true;
}

/* The same where parts are told by their places: what can't be read is empty. */
static bool take_in_place(int argument, uint64_t gva, size_t size) {
    if (take_bytes(argument, gva, size)) return true;
    if (!part_room(0)) return false;
    part_done(argument, 0);
    return true;
}

/* Without its NUL, at most `most` bytes. */
static bool take_string(int argument, uint64_t gva, size_t most) {
    long length = gva ? window_strnlen(gva, most) : -1;
    return length >= 0 && take_bytes(argument, gva, (size_t)length);
}

static void take_strings(int argument, uint64_t gva, size_t most) {
    uint64_t string = 1;
    for (int i = 0; i <= VECTORS_MOST && window_read(&string, gva, sizeof string) == sizeof string && string; i++, gva += 8)
        if (!take_string(argument, string, most)) return;
}

/* How many pointers there are before the NULL. */
static void take_count(int argument, uint64_t gva) {
    uint64_t string = 0, count = 0;
    while (count < COUNT_MOST && window_read(&string, gva + 8 * count, sizeof string) == sizeof string && string) count++;
    void *to = part_room(sizeof count);
    if (string || !to || !gva) return;
    memcpy(to, &count, sizeof count);
    part_done(argument, sizeof count);
}

/* The array of struct iovec, and the first bytes of each buffer, of which `filled` bytes count together. */
static void take_vectors(int argument, uint64_t gva, uint64_t count, size_t most, uint64_t filled) {
    struct iovec vector;
    if (count > VECTORS_MOST) count = VECTORS_MOST;
    if (!take_bytes(argument, gva, count * sizeof vector)) return;
    for (uint64_t i = 0; i < count && window_read(&vector, gva + i * sizeof vector, sizeof vector) == sizeof vector; i++) {
        uint64_t size = vector.iov_len < filled ? vector.iov_len : filled;
        filled -= size;
        if (!take_in_place(argument, (uint64_t)vector.iov_base, size < most ? size : most)) return;
    }
}

/* Each struct msghdr with its name, control messages and vectors. */
static void take_messages(const struct watch_item *w, uint64_t gva, uint64_t count, int64_t filled) {
    struct msghdr message;
    if (count > VECTORS_MOST) count = VECTORS_MOST;
    for (uint64_t i = 0; i < count; i++, gva += w->size) {
        if (!take_bytes(w->argument, gva, w->size) || window_read(&message, gva, sizeof message) < sizeof message) return;
        uint32_t sent = 0, name = message.msg_namelen < 128 ? message.msg_namelen : 128;
        size_t control = message.msg_controllen < 1024 ? message.msg_controllen : 1024;
        if (!take_in_place(w->argument, (uint64_t)message.msg_name, name)) return;
        if (!take_in_place(w->argument, (uint64_t)message.msg_control, control)) return;
        if (w->size > sizeof message) window_read(&sent, gva + sizeof message, sizeof sent);
        uint64_t bytes = w->at == WATCH_BEGIN ? ~0ull : w->size > sizeof message ? sent : (uint64_t)filled;
        take_vectors(w->argument, (uint64_t)message.msg_iov, message.msg_iovlen, w->most, bytes);
    }
}

/* Where a descriptor leads. */
static void take_link(int argument, int fd) {
    char name[32] = "self/cwd";
    const size_t size = 4096;
    char *to = part_room(size);
    if (fd != -100) snprintf(name, sizeof name, "self/fd/%d", fd); /* AT_FDCWD */
    if (!to || exec_host()->proc < 0) return;
    ssize_t got = readlinkat(hidden_fd(exec_host()->proc), name, to, size);
    if (got > 0) part_done(argument, (size_t)got);
}

static uint64_t amount(const struct watch_item *w, int64_t result) {
    uint32_t length = 0;
    switch (w->by) {
    case WATCH_BY_ARGUMENT: return mine_.arguments[w->from];
    case WATCH_BY_RESULT: return result > 0 ? (uint64_t)result : 0;
    case WATCH_BY_MEMORY: return window_read(&length, mine_.arguments[w->from], sizeof length) == sizeof length ? length : 0;
    default: return 1;
    }
}

static void take(int at, int64_t result) {
    if (mine_.number >= CALLS) return;
    for (unsigned i = 0; i < table_[mine_.number].count; i++) {
        const struct watch_item *w = &table_[mine_.number].item[i];
        if (w->at != at || (result < 0 && w->by != WATCH_BY_ONE)) continue;
        uint64_t gva = w->argument < ARGUMENTS ? mine_.arguments[w->argument] : 0, count, most;
        switch (w->kind) {
        case WATCH_BYTES:
            count = amount(w, result), most = w->most / w->size;
            take_bytes(w->argument, gva, (count < most ? count : most) * w->size);
            break;
        case WATCH_STRING: take_string(w->argument, gva, w->most); break;
        case WATCH_STRINGS: take_strings(w->argument, gva, w->most); break;
        case WATCH_COUNT: take_count(w->argument, gva); break;
        case WATCH_VECTORS:
            take_vectors(w->argument, gva, amount(w, 0), w->most, at == WATCH_BEGIN ? ~0ull : (uint64_t)result);
            break;
        case WATCH_MESSAGES: take_messages(w, gva, w->by == WATCH_BY_RESULT ? amount(w, result) : amount(w, 0), result); break;
        case WATCH_LINK: take_link(w->argument, w->argument < ARGUMENTS ? (int)gva : (int)result); break;
        }
    }
}

/* ---- what happens ---- */

static void begin(const struct vcpu *v) {
    const struct registers *r = v->regs;
    uint32_t number = (uint32_t)r->rax;
    bool wanted = number < CALLS ? table_[number].wanted : others_wanted_;
    if (!wanted || !ready()) return;
    const uint64_t arguments[] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};
    mine_.cpu = v;
    mine_.number = number;
    mine_.injected = false;
    mine_.rip = r->rip;
    memcpy(mine_.arguments, arguments, sizeof arguments);
    memcpy(draft(RECORD_BEGIN, 0, number, sizeof arguments), arguments, sizeof arguments);
    if (number == SYS_rt_sigreturn) {
        take_bytes(0, r->rsp + offsetof(struct ucontext, uc_sigmask), sizeof(uint64_t));
    } else {
        take(WATCH_BEGIN, 0);
    }
    publish();
}

static void end(int64_t result, int served) {
    draft(RECORD_END, mine_.injected ? SERVED_INJECTED : served, (uint64_t)result, 0);
    if (result >= 0 || result == -EINTR) take(WATCH_END, result); /* the time that a sleep has left */
    mine_.number = -1;
    publish();
}

void watch_injected(void) { mine_.injected = true; }

void watch_enter(void) {
    if (count_on()) count_enter();
}

void watch_left(const struct vcpu *v, int exit) {
    if (count_on()) count_left(v, exit);
    if (exit == EXIT_SYSCALL) begin(v);
}

void watch_end(int served) {
    if (count_on()) count_end(served);
    if (mine_.number >= 0 && ready()) end((int64_t)mine_.cpu->regs->rax, served);
}

void watch_signal(const siginfo_t *info) {
    if (count_on()) count_end(SERVED_PYTHON);
    if (!ready()) return;
    if (mine_.number >= 0) {
        const struct registers *r = mine_.cpu->regs;
        end(r->rip < mine_.rip ? -ERESTARTSYS : (int64_t)r->rax, SERVED_PYTHON);
    }
    memcpy(draft(RECORD_SIGNAL, 0, (uint64_t)info->si_signo, sizeof *info), info, sizeof *info);
    publish();
}

void watch_action(int number, int action) {
    if (number != SIGCHLD || !ready()) return;
    draft(RECORD_ACTION, 0, (uint64_t)action, 0);
    publish();
}

void watch_born(void) {
    if (count_on()) count_born();
    mine_.lane = NULL;
    mine_.number = -1;
    ready();
}

void watch_thread_ends(void) {
    if (!mine_.lane) return;
    if (ready()) {
        draft(RECORD_THREAD_ENDED, 0, 0, 0);
        publish();
    }
    mine_.lane = NULL;
}

void watch_process_ends(int status) {
    if (count_on()) count_ends(status);
    if (!ready()) return;
    struct lane *lane = mine_.lane;
    draft(RECORD_ENDED, 0, (uint64_t)status, 0);
    publish();
    while (getpid() == first_ && !ring_->off) {
        uint32_t seen = __atomic_load_n(&lane->rounds, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&lane->told, __ATOMIC_SEQ_CST) == lane->written) return;
        wait_for_clerk(lane, seen);
    }
}

/* Signals that kill a process which does nothing about them: they are caught, so that they are seen. */
bool watch_catches(int number) {
    const uint64_t harmless = 1ull << (SIGCHLD - 1) | 1ull << (SIGCONT - 1) | 1ull << (SIGURG - 1) | 1ull << (SIGWINCH - 1),
                   stops = 1ull << (SIGSTOP - 1) | 1ull << (SIGTSTP - 1) | 1ull << (SIGTTIN - 1) | 1ull << (SIGTTOU - 1);
    return watch_on() && number != SIGKILL && !((harmless | stops) >> (number - 1) & 1);
}
