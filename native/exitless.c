/* Calls that are served without an exit (docs/exitless.md): the guest writes down what it asks (inside_x86_64.S); a helper, a thread of
 * this process on another CPU, sees it and makes the call.
 *
 * Of a process of one thread, where KVM's exits are dear. The helper makes only calls that wait for nobody and raise no signal: the rest it
 * leaves to an exit. It looks while calls come close after each other, and ever less often where that does not pay. */
#include "exitless.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <x86intrin.h>

#include "fast.h"
#include "hidden.h"
#include "host.h"
#include "inside.h"

/* Ticks of the TSC, of which a nanosecond has two to four. */
static const uint64_t CLOSE = 300000, /* between exits */
    LOOKS = 300000,                   /* for the next call */
    PAUSE_LEAST = 500000, PAUSE_MOST = 6000000000;
enum { MANY = 32, PAYS = 64, STACK = 64 << 10, PATH_PART = 256, ATOMIC_WRITE = 4096 };
enum { BETWEEN = 16 }; /* looks, before what else there is to see */

/* How a call is kept from waiting. */
enum { NEVER_WAITS = 1, READS, WRITES, OPENS, CLOSES, LISTS };
static const uint8_t brief_[CALLS] = {
    [SYS_access] = NEVER_WAITS,
    [SYS_faccessat] = NEVER_WAITS,
    [SYS_faccessat2] = NEVER_WAITS,
    [SYS_fstat] = NEVER_WAITS,
    [SYS_getppid] = NEVER_WAITS,
    [SYS_lseek] = NEVER_WAITS,
    [SYS_lstat] = NEVER_WAITS,
    [SYS_newfstatat] = NEVER_WAITS,
    [SYS_stat] = NEVER_WAITS,
    [SYS_statx] = NEVER_WAITS,
    [SYS_read] = READS,
    [SYS_pread64] = READS,
    [SYS_write] = WRITES,
    [SYS_pwrite64] = WRITES,
    [SYS_openat] = OPENS,
    [SYS_close] = CLOSES,
    [SYS_getdents64] = LISTS,
    [SYS_readlink] = NEVER_WAITS,
    [SYS_readlinkat] = NEVER_WAITS,
};

/* What both share, of inside.h. The guest may write anything there at any time. */
struct desk {
    uint32_t state, awake;
    uint64_t number;
    union {
        uint64_t arguments[ARGUMENTS], result;
    };
};
_Static_assert(offsetof(struct desk, awake) == INSIDE_AWAKE - INSIDE_STATE &&
                   offsetof(struct desk, result) == INSIDE_RESULT - INSIDE_STATE &&
                   offsetof(struct desk, number) == INSIDE_NUMBER - INSIDE_STATE &&
                   offsetof(struct desk, arguments) == INSIDE_ARGUMENTS - INSIDE_STATE && sizeof(struct desk) == 64,
               "as the assembler has it");

static struct desk *desk_of(const struct kvm_vcpu *v) { return (struct desk *)&inside_scratch(v)[INSIDE_STATE / 8]; }

#define GET(place) __atomic_load_n(&(place), __ATOMIC_SEQ_CST)
#define SET(place, value) __atomic_store_n(&(place), value, __ATOMIC_SEQ_CST)

static struct {
    bool runs, ends, stale;
    bool forbidden; /* it cannot be made, or has no other CPU to be on */
    pthread_t thread;
    struct desk *desk;
    uint32_t wanted; /* it is to look: a futex */
    uint32_t busy;   /* it makes a call, or is about to: a futex for who has said `awaited` */
    uint32_t awaited;
    uint64_t not_before, pause; /* when it may look again; ticks */
    cpu_set_t cpus;             /* on which it may be */
    int tid, beside;            /* the CPU that it was kept off last, or -1 */
} helper_;

/* What the last descriptor to be read or written is: found out once, until the guest has been left and may have another file there. */
static struct {
    int fd; /* -1: of none */
    enum { OTHER, STORED, MEMORY, PIPE, SOCKET } what;
} known_ = {.fd = -1};

enum { NEVER, WHERE_FREE, ALWAYS };
static int when_;

void exitless_when(int when) { when_ = when; }

static void wait_while(uint32_t *word, uint32_t value) {
    while (GET(*word) == value) syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake(uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0); }

static bool replace(uint32_t *state, uint32_t from, uint32_t to) {
    return __atomic_compare_exchange_n(state, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* ---- what it serves ---- */

enum { LEFT = -65536 }; /* no errno: not for here */

/* Whether a path is one that C may hand to the host, as far as one look tells, and means the same in this thread. All signals are
 * blocked here, so no other copies. */
static bool plain_path(uint64_t gva) {
    char path[PATH_PART];
    size_t size = GUEST_PAGE - gva % GUEST_PAGE; /* the next page may not be there */
    if (size > sizeof path) size = sizeof path;
    struct iovec to = {path, size}, from = {(void *)host_address(gva), size};
    ssize_t got = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
    const char *end = got > 0 ? memchr(path, 0, (size_t)got) : NULL;
    return end && !strstr(path, "thread-self") && fast_plain_name(path, (size_t)(end - path));
}

static long made(long result) { return result < 0 ? -errno : result; }

/* Whether nobody is waited for who answers for the file's system: no program (FUSE), no queue of the kernel's (procfs). */
static bool is_stored(int fd) {
    struct statfs system;
    if (fstatfs(fd, &system)) return false;
    switch (system.f_type) {
    case EXT4_SUPER_MAGIC:
    case XFS_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case F2FS_SUPER_MAGIC:
    case TMPFS_MAGIC:
    case RAMFS_MAGIC:
    case OVERLAYFS_SUPER_MAGIC: return true;
    default: return false;
    }
}

/* The devices null, zero, random, ... */
static bool is_memory(const struct stat *status) { return S_ISCHR(status->st_mode) && major(status->st_rdev) == 1; }

static int what_is(int fd) {
    struct stat status;
    if (fd == known_.fd) return known_.what;
    if (fstat(fd, &status)) return OTHER;
    known_.fd = fd;
    switch (status.st_mode & S_IFMT) {
    case S_IFREG: return known_.what = is_stored(fd) ? STORED : OTHER;
    case S_IFCHR: return known_.what = is_memory(&status) ? MEMORY : OTHER;
    case S_IFIFO: return known_.what = PIPE;
    case S_IFSOCK: return known_.what = SOCKET;
    default: return known_.what = OTHER;
    }
}

/* What is no stored file is asked not to wait. Terminals, which stop who may not use them, and what tells a thread of its own
 * signals (signalfd) are not for here. */
static bool may_be_asked(int what, int how, size_t size) {
    return what == MEMORY || (what == PIPE && (how == READS || size <= ATOMIC_WRITE)) || (what == SOCKET && how == READS);
}

static long transfer(unsigned number, int how, const long *to) {
    struct iovec all = {(void *)to[1], (size_t)to[2]};
    int what = what_is((int)to[0]);
    if (what == STORED) {
        long result = made(syscall((long)number, to[0], to[1], to[2], to[3]));
        return result == -EFBIG ? LEFT : result; /* and SIGXFSZ, which is blocked here */
    }
    bool streams = number == SYS_read || number == SYS_write;
    if (!streams || !all.iov_len || !may_be_asked(what, how, all.iov_len)) return LEFT;
    long result = syscall(how == READS ? SYS_preadv2 : SYS_pwritev2, to[0], &all, 1, -1l, -1l, RWF_NOWAIT);
    return result < 0 ? LEFT : result;
}

/* What opens and closes without waiting for somebody. */
static bool is_settled(const struct stat *status) {
    return S_ISREG(status->st_mode) || S_ISDIR(status->st_mode) || is_memory(status);
}

/* For reading only; what the VMM must hear of is left, too. */
static long open_file(const long *to) {
    const int known = O_CLOEXEC | O_DIRECTORY | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK | 0100000 /* O_LARGEFILE */;
    int folder = (int)to[0], flags = (int)to[2];
    const char *path = (const char *)to[1];
    struct stat status;
    if (flags & ~known) return LEFT;
    if (syscall(SYS_newfstatat, folder, path, &status, flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0)) return -errno;
    if (!is_settled(&status)) return LEFT;
    int fd = (int)syscall(SYS_openat, folder, path, flags | O_NONBLOCK, 0);
    if (fd < 0) return errno == EAGAIN ? LEFT : -errno; /* a lease is being given back */
    if (is_stored(fd) && !hidden_is_near(fd) && (flags & O_NONBLOCK || !fcntl(fd, F_SETFL, 0))) return fd;
    close(fd);
    return LEFT;
}

static long close_file(const long *to) {
    struct stat status;
    if (fstat((int)to[0], &status) || !is_settled(&status) || !is_stored((int)to[0])) return LEFT;
    return made(close((int)to[0]));
}

/* What is no link, as most are that a path is searched for them. Where one leads may be the VMM's, or this thread's: left. */
static long read_link(int folder, uint64_t path, int room) {
    char target[PATH_PART];
    if (room <= 0 || is_hidden(folder) || !plain_path(path)) return LEFT;
    long result = made(readlinkat(folder, (const char *)host_address(path), target, sizeof target));
    return result < 0 ? result : LEFT;
}

/* A guest may ask for what it has not been offered. */
static bool is_for_here(unsigned number) { return number < CALLS && brief_[number] && fast_plain() && fast_inside(number); }

static long serve(unsigned number, const uint64_t *arguments) {
    long to[ARGUMENTS] = {0};
    if (!is_for_here(number)) return LEFT;
    if (number == SYS_readlink) return read_link(AT_FDCWD, arguments[0], (int)arguments[2]);
    if (number == SYS_readlinkat) return read_link((int)arguments[0], arguments[1], (int)arguments[3]);
    if (!fast_translate(number, arguments, to, NULL, plain_path)) return LEFT; /* none has vectors */
    switch (brief_[number]) {
    case READS:
    case WRITES: return transfer(number, brief_[number], to);
    case OPENS: return open_file(to);
    case CLOSES: return close_file(to);
    case LISTS:
        if (!is_stored((int)to[0])) return LEFT;
        /* fallthrough */
    default: return made(syscall((long)number, to[0], to[1], to[2], to[3], to[4]));
    }
}

/* ---- the helper ---- */

static bool answer(struct desk *d) {
    long result = LEFT;
    __atomic_store_n(&helper_.busy, 1, __ATOMIC_RELAXED); /* seen by who sees what follows */
    if (replace(&d->state, EXITLESS_ASKED, EXITLESS_TAKEN)) {
        uint64_t arguments[ARGUMENTS];
        memcpy(arguments, d->arguments, sizeof arguments);
        result = serve((unsigned)GET(d->number), arguments);
        if (result != LEFT) d->result = (uint64_t)result;
        __atomic_store_n(&d->state, result == LEFT ? EXITLESS_LEFT : EXITLESS_DONE, __ATOMIC_RELEASE);
    }
    SET(helper_.busy, 0);
    if (GET(helper_.awaited)) wake(&helper_.busy);
    return result != LEFT;
}

/* This thread's: how often it had to make room for others on its CPU (ru_nivcsw), and has waited (ru_nvcsw). */
static struct rusage usage(void) {
    struct rusage own = {0};
    getrusage(RUSAGE_THREAD, &own);
    return own;
}

/* Of proc_loadavg(5): hidden, and kept, since the helper may open nothing while the guest runs. -1: there is none. */
static int load_ = -1;

static void open_load(void) {
    if (load_ >= 0 || exec_host()->proc < 0) return;
    load_ = openat(hidden_fd(exec_host()->proc), "loadavg", O_RDONLY | O_CLOEXEC);
    if (load_ >= 0 && hidden_add(&load_) < 0) hidden_remove(&load_);
}

/* Whether a CPU that the helper may use has nothing to do now beside `mine` of this process's threads, as the fourth field counts. */
static bool others_have_room(int mine) {
    char text[64] = "";
    int running;
    return pread(load_, text, sizeof text - 1, 0) > 0 && sscanf(text, "%*s %*s %*s %d/", &running) == 1 &&
           running - mine <= CPU_COUNT(&helper_.cpus) - 2;
}

/* It is not woken again before some time, a longer one each time that it has not paid. */
static void rest(bool pays) {
    uint64_t longer = 8 * (helper_.pause ? helper_.pause : PAUSE_LEAST);
    helper_.pause = pays ? PAUSE_LEAST : longer < PAUSE_MOST ? longer : PAUSE_MOST;
    SET(helper_.not_before, __rdtsc() + helper_.pause);
}

/* Whether the helper may stay where it is: who displaced it (*before times) was nobody, or is done. */
static bool has_room(long *before) {
    long displaced = usage().ru_nivcsw;
    bool stays = displaced == *before || others_have_room(2);
    *before = displaced;
    return stays;
}

static void look(struct desk *d) {
    long displaced = usage().ru_nivcsw;
    uint64_t since = __rdtsc(), served = 0, left = 0;
    bool alone = true;
    SET(d->awake, 1);
    while (alone && GET(d->awake) && !GET(helper_.ends) && __rdtsc() - since < LOOKS && 4 * left <= served + MANY) {
        for (int looks = 0; looks < BETWEEN && GET(d->state) != EXITLESS_ASKED; looks++) _mm_pause();
        if (GET(d->state) != EXITLESS_ASKED) continue;
        *(answer(d) ? &served : &left) += 1;
        if (!(served % MANY)) alone = has_room(&displaced);
        since = __rdtsc();
    }
    SET(d->awake, 0);
    rest(when_ == ALWAYS || (served >= PAYS && alone));
}

static void *help(void *unused) {
    (void)unused;
    prctl(PR_SET_NAME, "noahpy-exitless");
    SET(helper_.tid, gettid());
    for (;;) {
        wait_while(&helper_.wanted, 0);
        if (GET(helper_.ends)) return NULL;
        look(helper_.desk);
        if (!GET(helper_.ends)) SET(helper_.wanted, 0);
    }
}

static bool start(void) {
    const struct sched_param none = {0};
    pthread_attr_t attributes;
    sigset_t all, mask;
    helper_.beside = -1;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED); /* of no real-time policy */
    pthread_attr_setschedpolicy(&attributes, SCHED_OTHER);
    pthread_attr_setschedparam(&attributes, &none);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    helper_.runs = !pthread_create(&helper_.thread, &attributes, help, NULL);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    pthread_attr_destroy(&attributes);
    return helper_.runs;
}

void exitless_end(void) {
    if (helper_.runs) {
        SET(helper_.ends, true);
        SET(helper_.wanted, 1);
        wake(&helper_.wanted);
        pthread_join(helper_.thread, NULL);
    }
    memset(&helper_, 0, sizeof helper_);
}

void exitless_born(struct kvm_vcpu *v) {
    memset(&helper_, 0, sizeof helper_);
    memset(desk_of(v), 0, sizeof(struct desk));
}

/* ---- the thread that it helps ---- */

void exitless_renew(void) { SET(helper_.stale, true); }

void exitless_enter(struct kvm_vcpu *v) {
    if (v->asks) known_.fd = -1;
    bool plain = when_ != NEVER && fast_plain();
    if (plain && GET(helper_.stale)) exitless_end(); /* what was forbidden may be allowed now */
    bool asks = plain && !helper_.forbidden;
    if (asks == v->asks) return;
    for (unsigned number = 0; number < CALLS; number++)
        if (brief_[number]) inside_ask(v, number, asks && is_for_here(number));
    if (asks) open_load();
    v->asks = asks;
}

/* Puts the helper on another CPU than this one; -1: on any. */
static void keep_off(int cpu) {
    cpu_set_t others = helper_.cpus;
    if (cpu == helper_.beside || !GET(helper_.tid)) return;
    if (cpu >= 0) CPU_CLR(cpu, &others);
    if (!sched_setaffinity(helper_.tid, sizeof others, &others)) helper_.beside = cpu;
}

void exitless_called(struct kvm_vcpu *v) {
    static uint64_t last;
    static unsigned near;
    static long waited;
    if (!v->asks || !inside_asks(v, (uint32_t)v->seen.regs->rax)) return;
    uint64_t now = __rdtsc();
    near = now - last < CLOSE ? near + 1 : 0;
    last = now;
    if (near < MANY || now < GET(helper_.not_before) || GET(helper_.wanted)) return;
    near = 0;
    long before = waited;
    waited = usage().ru_nvcsw;
    if (waited != before) return; /* for those who need the other CPU */
    helper_.forbidden = sched_getaffinity(0, sizeof helper_.cpus, &helper_.cpus) || CPU_COUNT(&helper_.cpus) < 2;
    if (helper_.forbidden) return;
    if (when_ != ALWAYS && !others_have_room(1)) {
        rest(false);
        return;
    }
    helper_.desk = desk_of(v);
    if (!helper_.runs && !start()) {
        helper_.forbidden = true;
        return;
    }
    keep_off(sched_getcpu());
    SET(helper_.wanted, 1);
    wake(&helper_.wanted);
}

bool exitless_asked(const struct kvm_vcpu *v) { return GET(desk_of(v)->state) != EXITLESS_IDLE; }

bool exitless_settle(struct kvm_vcpu *v) {
    struct desk *d = desk_of(v);
    uint32_t state = EXITLESS_IDLE;
    if (!replace(&d->state, EXITLESS_ASKED, EXITLESS_IDLE)) {
        if (GET(helper_.busy)) keep_off(-1);
        SET(helper_.awaited, 1);
        wait_while(&helper_.busy, 1);
        SET(helper_.awaited, 0);
        state = __atomic_exchange_n(&d->state, EXITLESS_IDLE, __ATOMIC_SEQ_CST);
    }
    bool done = state == EXITLESS_DONE;
    v->seen.regs->rax = done ? d->result : d->number;
    if (done) inside_counted(v, d->number);
    return done;
}
