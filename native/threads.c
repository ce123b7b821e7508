/* The guest's threads: which there are, and those that come and go without Python (noahpy/threads.py has the others).
 *
 * One that is started here runs on a CPU that an ended thread has left. Python gets it (`serve_`) when it first needs what C does not
 * do, and has it from then on. */
#include "threads.h"

#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "host.h"
#include "robust.h"

enum { STACK = 1 << 20 }; /* of a host thread: Python's, too */

struct thread {
    struct thread *next;
    int tid;
};

static pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static struct thread first_, *threads_ = &first_;
static int lasting_ = 1; /* that have not begun to end */

struct thread *thread_new(void) {
    return calloc(1, sizeof(struct thread));
}

void thread_add(struct thread *t, int tid) {
    pthread_mutex_lock(&lock_);
    t->tid = tid;
    t->next = threads_;
    threads_ = t;
    lasting_++;
    pthread_mutex_unlock(&lock_);
}

void thread_drop(struct thread *t) { free(t); }

int thread_leaves(void) {
    pthread_mutex_lock(&lock_);
    int others = lasting_ - 1;
    if (others) lasting_--;
    pthread_mutex_unlock(&lock_);
    return others;
}

void thread_remove(int tid) {
    pthread_mutex_lock(&lock_);
    struct thread **at = &threads_, *t;
    while (*at && (*at)->tid != tid) at = &(*at)->next;
    if ((t = *at)) *at = t->next;
    pthread_mutex_unlock(&lock_);
    if (t != &first_) free(t);
}

void thread_only(int tid) {
    lock_ = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER; /* a thread of the parent's may have had it */
    for (struct thread *t = threads_, *next; t; t = next) {
        next = t->next;
        if (t != &first_) free(t);
    }
    first_ = (struct thread){.tid = tid};
    threads_ = &first_;
    lasting_ = 1;
}

int thread_list(int *tids, int room) {
    int count = 0;
    pthread_mutex_lock(&lock_);
    for (const struct thread *t = threads_; t; t = t->next, count++)
        if (count < room) tids[count] = t->tid;
    pthread_mutex_unlock(&lock_);
    return count;
}

int thread_kick_others(int tid) {
    int others = 0;
    pthread_mutex_lock(&lock_);
    for (const struct thread *t = threads_; t; t = t->next) {
        if (t->tid == tid) continue;
        thread_kick(t->tid);
        others++;
    }
    pthread_mutex_unlock(&lock_);
    return others;
}

/* ---- a thread's life in C ---- */

static void (*serve_)(struct vcpu *);

void fast_threads(void (*serve)(struct vcpu *)) { serve_ = serve; }

static long futex(uint32_t *word, int operation, uint32_t value) {
    return syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

/* exit(2): all but what the host's thread does for itself. False: nothing was done. */
static bool end(struct vcpu *cpu) {
    int tid = (int)syscall(SYS_gettid);
    if (robust_holds(cpu) || !thread_leaves()) return false;
    signal_mask(~0ull);
    uint64_t cleared = *cpu->clear_child_tid;
    vcpu_destroy(cpu); /* another thread's from now on */
    const uint32_t none = 0;
    if (cleared) {
        window_write(cleared, &none, sizeof none);
        futex((uint32_t *)host_address(cleared), FUTEX_WAKE, 1);
    }
    thread_remove(tid);
    signal_end();
    return true;
}

struct start {
    struct vcpu *cpu;
    uint32_t goes; /* the parent has told the number */
};

static void *begin(void *start) {
    struct start *s = start;
    struct vcpu *cpu = s->cpu;
    while (!__atomic_load_n(&s->goes, __ATOMIC_ACQUIRE)) futex(&s->goes, FUTEX_WAIT_PRIVATE, 0);
    free(s);
    if (signal_start()) signal_die(SIGSEGV); /* no memory */
    signal_mask(cpu->blocked);
    long why = vcpu_run(cpu);
    if (why == SYS_exit && end(cpu)) return NULL;
    if (why != -EXIT_NEWS) cpu->kept_exit = why < 0 ? (int)-why : EXIT_SYSCALL; /* news stay */
    serve_(cpu);
    return NULL;
}

/* The number of a thread that has been started: its clock's name has it (the kernel's include/linux/posix-timers.h). */
static int number_of(pthread_t thread) {
    clockid_t clock = 0;
    pthread_getcpuclockid(thread, &clock);
    return ~(clock >> 3);
}

static int start(struct start *s) {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int error = pthread_create(&thread, &attributes, begin, s);
    pthread_attr_destroy(&attributes);
    return error ? -error : number_of(thread);
}

static struct vcpu *child_of(struct vcpu *parent, const struct clone_request *q) {
    struct vcpu *cpu = vcpu_copy(parent, false);
    if (!cpu) return NULL;
    cpu->blocked = parent->blocked;
    cpu->regs->rax = 0;
    if (q->stack) cpu->regs->rsp = q->stack;
    if (q->flags & CLONE_SETTLS) cpu->fs_base = q->tls;
    if (q->flags & CLONE_CHILD_CLEARTID) *cpu->clear_child_tid = q->child_tid;
    return cpu;
}

/* Starts it and tells its number to all who are to know before it runs; negative errno. */
static int launch(struct vcpu *cpu, const struct clone_request *q) {
    struct start *s = calloc(1, sizeof *s);
    struct thread *t = thread_new();
    int tid = s && t ? 0 : -EAGAIN;
    if (!tid) {
        s->cpu = cpu;
        tid = start(s);
    }
    if (tid < 0) {
        free(s);
        free(t);
        return -EAGAIN;
    }
    thread_add(t, tid);
    if (q->flags & CLONE_PARENT_SETTID) window_write(q->parent_tid, &tid, sizeof tid);
    if (q->flags & CLONE_CHILD_SETTID) window_write(q->child_tid, &tid, sizeof tid);
    __atomic_store_n(&s->goes, 1, __ATOMIC_RELEASE);
    futex(&s->goes, FUTEX_WAKE_PRIVATE, 1); /* which the thread may have freed */
    return tid;
}

bool thread_spawn(struct vcpu *parent, const struct clone_request *q) {
    const uint64_t needed = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
                   known =
                       needed | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED;
    if (!serve_ || (q->flags & needed) != needed || q->flags & ~known || q->tls >= WINDOW_MAX || *signal_caught()) return false;
    signal_mask(~0ull);                 /* the new thread takes none before it can */
    if (*signal_caught()) return false; /* which has blocked them already, until it is delivered */
    struct vcpu *cpu = child_of(parent, q);
    if (cpu) {
        int tid = launch(cpu, q);
        if (tid < 0) vcpu_destroy(cpu);
        parent->regs->rax = (uint64_t)(int64_t)tid;
    }
    signal_mask(parent->blocked);
    return cpu != NULL;
}
