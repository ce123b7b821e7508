/* Vector and mask registers (SSE, AVX, AVX-512) over signals, nested and from outside, forks of each kind, and in threads; a handler
 * finds them in its frame, and what it changes there they are afterwards. */
#include "children.h"
#include "vectors.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sys/time.h>
#include <ucontext.h>

enum { ROUNDS = 60, THREADS = 4, STACK = 1 << 16 };
enum { XSTATE_BV = 512, XMM = 160, YMM_HIGH = 2, MASKS = 5, ZMM_HIGH = 6, ZMM_16 = 7 }; /* SDM vol. 1, 13.4 and 13.5 */

static unsigned places[8];                  /* of the components in an XSAVE area */
static __thread struct vectors expected;    /* by the handler below, in its frame */
static __thread struct vectors replacement; /* for what it finds there, unless the first byte is 0 */
static __thread volatile int arrived;
static volatile int spinning;
static int nests;

static void copy(unsigned char *frame, unsigned char *ours, size_t size, int to_frame) {
    to_frame ? memcpy(frame, ours, size) : memcpy(ours, frame, size);
}

/* Between an XSAVE area in the standard format and the registers. */
static void transfer(unsigned char *area, struct vectors *v, int to_frame) {
    unsigned char *part[8];
    for (unsigned n = YMM_HIGH; n < 8; n++) part[n] = area + places[n];
    for (int i = 0; i < 16; i++) {
        copy(area + XMM + 16 * i, v->registers[i], 16, to_frame);
        if (width() > 16) copy(part[YMM_HIGH] + 16 * i, v->registers[i] + 16, 16, to_frame);
        if (width() < 64) continue;
        copy(part[ZMM_HIGH] + 32 * i, v->registers[i] + 32, 32, to_frame);
        copy(part[ZMM_16] + 64 * i, v->registers[16 + i], 64, to_frame);
    }
    if (width() == 64) copy(part[MASKS], (unsigned char *)v->masks, sizeof v->masks, to_frame);
}

static void survive(long number, long a, long b, long c, unsigned seed) {
    struct vectors before = contents(seed), after;
    vectors_over(&before, &after, NULL, (long[]){number, a, b, c, 0, 0});
    CHECK(same(&before, &after));
}

static void alarm_after(int microseconds) {
    CHECK(!setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = microseconds}, NULL));
}

static void on_signal(int number, siginfo_t *info, void *context) {
    (void)info;
    if (number == SIGALRM && !spinning) { /* too early */
        alarm_after(500);
        return;
    }
    spinning = 0;
    unsigned char *area = (unsigned char *)((ucontext_t *)context)->uc_mcontext.fpregs;
    uint64_t used, all = width() == 64 ? 0xe6 : width() == 32 ? 6 : 2;
    struct vectors found = {0};
    memcpy(&used, area + XSTATE_BV, sizeof used);
    CHECK((used & all) == all);
    transfer(area, &found, 0);
    CHECK(same(&found, &expected));
    if (nests && number != SIGUSR2 && number != SIGURG) { /* its own registers, over a signal in its midst */
        struct vectors outer = expected, after;
        expected = contents(1000 + number);
        vectors_over(&expected, &after, NULL, (long[]){SYS_tkill, gettid(), SIGUSR2, 0, 0, 0});
        CHECK(same(&expected, &after));
        expected = outer;
    } else if (number != SIGURG) { /* comes when this handler ends */
        survive(SYS_tkill, gettid(), SIGURG, 0, 2000 + number);
    }
    if (replacement.registers[0][0]) {
        transfer(area, &replacement, 1);
        expected = replacement;
    }
    arrived = 1;
}

/* What these registers are after `call`, in which a signal comes. */
static struct vectors over_signal(const struct vectors *before, const long *call) {
    struct vectors after;
    expected = *before;
    arrived = 0;
    vectors_over(before, &after, NULL, call);
    CHECK(arrived);
    return after;
}

static void signals(void) {
    const long calls[][6] = {{SYS_tkill, gettid(), SIGUSR1}, {BREAKPOINT}, {SPIN, (long)&spinning}};
    for (int i = 0; i < ROUNDS; i++) {
        for (int j = 0; j < 3; j++) {
            if (calls[j][0] == SPIN) alarm_after(1 + i * 37 % 500);
            struct vectors before = contents(i * 3 + j), after = over_signal(&before, calls[j]);
            CHECK(same(&before, &after));
        }
        nests = i % 2;
    }
    nests = 0;
    for (int j = 0; j < 2; j++) {
        struct vectors before = contents(j), changed = contents(77 + j);
        replacement = changed;
        struct vectors after = over_signal(&before, calls[j]);
        replacement.registers[0][0] = 0;
        CHECK(same(&changed, &after));
    }
}

static void children(int deeper) {
    const long calls[][6] = {{SYS_fork}, {SYS_clone, SIGCHLD}};
    for (int i = 0; i < 6; i++) {
        struct vectors before = contents(i), after;
        long pid = vectors_over(&before, &after, NULL, calls[i % 2]);
        CHECK(pid >= 0 && same(&before, &after));
        if (pid == 0) {
            survive(SYS_tkill, gettid(), 0, 0, 5);
            if (i < 2) signals();
            if (deeper) children(0);
            _exit(0);
        }
        CHECK(succeeds((pid_t)pid));
    }
}

/* Children that share memory begin with their parent's registers, too. */
static void sharers(void) {
    const long thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_PARENT_SETTID |
                        CLONE_CHILD_CLEARTID;
    static struct vectors child;
    static pid_t tid;
    char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stack != MAP_FAILED);
    const long calls[][6] = {{SYS_clone, thread, (long)(stack + STACK), (long)&tid, (long)&tid},
                             {SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, (long)(stack + STACK)},
                             {SYS_vfork}};
    for (int i = 0; i < 30; i++) {
        struct vectors before = contents(i), after;
        memset(&child, 0, sizeof child);
        long pid = vectors_over(&before, &after, &child, calls[i % 3]);
        CHECK(pid > 0 && same(&before, &after));
        if (i % 3) CHECK(succeeds((pid_t)pid));
        for (pid_t value; i % 3 == 0 && (value = __atomic_load_n(&tid, __ATOMIC_ACQUIRE));)
            syscall(SYS_futex, &tid, FUTEX_WAIT, value, NULL, NULL, 0);
        CHECK(same(&before, &child));
    }
}

static void *work(void *argument) {
    unsigned number = (unsigned)(uintptr_t)argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct vectors before = contents(number << 16 | i),
                       after = over_signal(&before, (long[]){SYS_tkill, gettid(), SIGUSR1, 0, 0, 0});
        CHECK(same(&before, &after));
        survive(i % 2 ? SYS_sched_yield : 1000, 0, 0, 0, number << 20 | i);
    }
    return NULL;
}

static void *fork_beside(void *argument) {
    (void)argument;
    children(0);
    return NULL;
}

static void threads(void) {
    pthread_t thread[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) CHECK(!pthread_create(&thread[i], NULL, i ? work : fork_beside, (void *)i));
    for (int i = 0; i < THREADS; i++) CHECK(!pthread_join(thread[i], NULL));
}

int main(void) {
    for (unsigned n = YMM_HIGH, a, c, d; n < 8; n++) __get_cpuid_count(0xd, n, &a, &places[n], &c, &d);
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    sigaddset(&action.sa_mask, SIGURG);
    for (int i = 0; i < 5; i++) CHECK(!sigaction((int[]){SIGUSR1, SIGUSR2, SIGTRAP, SIGALRM, SIGURG}[i], &action, NULL));
    signals();
    children(1);
    sharers();
    threads();
}
