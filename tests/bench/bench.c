/* Micro-benchmarks: `bench NAME` prints how many nanoseconds one operation takes. `bench` lists the names. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, MILLISECOND = 1000000 };

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void *map(size_t size) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) exit(1);
    return p;
}

/* Each does its operation `n` times and returns something that depends on it. */

static long call_exit(long n) {
    while (n--) syscall(SYS_getppid);
    return 0;
}

static long call_inside(long n) {
    while (n--) syscall(SYS_getpid);
    return 0;
}

static long call_sigaction(long n) {
    struct sigaction action;
    while (n--) sigaction(SIGUSR1, NULL, &action);
    return (long)action.sa_handler;
}

static long call_python(long n) {
    struct rlimit limit;
    while (n--) syscall(SYS_getrlimit, RLIMIT_CPU, &limit);
    return 0;
}

static long call_clock(long n) {
    struct timespec t = {0};
    while (n--) clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_nsec;
}

static long call_read(long n) {
    static int fd;
    char byte = 0;
    if (!fd) fd = open("/dev/zero", O_RDONLY);
    while (n--)
        if (read(fd, &byte, 1) != 1) exit(1);
    return byte;
}

static long call_sigprocmask(long n) {
    sigset_t all, before;
    sigfillset(&all);
    while (n--) {
        sigprocmask(SIG_SETMASK, &all, &before);
        sigprocmask(SIG_SETMASK, &before, NULL);
    }
    return 0;
}

static long mutex(long n) {
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    while (n--) {
        pthread_mutex_lock(&lock);
        pthread_mutex_unlock(&lock);
    }
    return 0;
}

static long call_open(long n) {
    while (n--) close(open("/dev/null", O_RDONLY));
    return 0;
}

static long call_mmap(long n) {
    enum { SIZE = 16 * PAGE };
    while (n--) {
        char *p = map(SIZE);
        for (int i = 0; i < SIZE; i += PAGE) p[i] = 1;
        munmap(p, SIZE);
    }
    return 0;
}

/* `n` pages of fresh memory; 256 MiB of it in all. */
static long touch(long n) {
    volatile char *p = map(n * PAGE);
    for (long i = 0; i < n; i++) p[i * PAGE] = 1;
    munmap((void *)p, n * PAGE);
    return 0;
}

static long compute(long n) {
    double x = 1.5, y = 0.25;
    uint64_t h = 88172645463325252;
    while (n--) {
        x = x * 0.999999 + y;
        y = y * 1.000001 - x * 1e-9;
        h ^= h << 13, h ^= h >> 7, h ^= h << 17;
    }
    return (long)(x + y) ^ (long)h;
}

/* Of 1 KiB, within 64 MiB. */
static long copy(long n) {
    enum { SIZE = 32 << 20 };
    static char *from, *to;
    if (!from) {
        from = map(SIZE), to = map(SIZE);
        memset(from, 1, SIZE), memset(to, 2, SIZE);
    }
    for (long left = n << 10; left > 0; left -= SIZE) memcpy(to, from, left < SIZE ? left : SIZE);
    return to[0];
}

/* Loads that depend on each other, all over 1 GiB. */
static long random_read(long n) {
    enum { COUNT = (1 << 30) / 64 };
    static struct {
        uint64_t next;
        char line[56];
    } * cells;
    if (!cells) {
        cells = map((size_t)COUNT * 64);
        for (uint64_t i = 0; i < COUNT; i++) cells[i].next = (i * 6364136223846793005 + 1442695040888963407) % COUNT;
    }
    uint64_t at = 1;
    while (n--) at = cells[at].next;
    return at;
}

static void nothing(int number) { (void)number; }

static long signal_round_trip(long n) {
    signal(SIGUSR1, nothing);
    pid_t self = getpid();
    while (n--) kill(self, SIGUSR1);
    return 0;
}

static char *guarded_;

static void allow(int number) {
    (void)number;
    mprotect(guarded_, PAGE, PROT_READ | PROT_WRITE);
}

/* What garbage collectors and compilers at run time do: a page is forbidden, and touched. */
static long fault(long n) {
    signal(SIGSEGV, allow);
    if (!guarded_) guarded_ = map(PAGE);
    while (n--) {
        mprotect(guarded_, PAGE, PROT_READ);
        *(volatile char *)guarded_ = 1;
    }
    return 0;
}

static long fork_wait(long n) {
    while (n--) {
        pid_t pid = fork();
        if (pid == 0) _exit(0);
        if (pid < 0 || waitpid(pid, NULL, 0) != pid) exit(1);
    }
    return 0;
}

static const char *self;

static long fork_exec_wait(long n) {
    while (n--) {
        pid_t pid = fork();
        if (pid == 0) {
            execl(self, self, "nothing", NULL);
            _exit(1);
        }
        int status;
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status) exit(1);
    }
    return 0;
}

static long spawn_wait(long n) {
    while (n--) {
        pid_t pid;
        int status;
        char *argv[] = {(char *)self, "nothing", NULL};
        if (posix_spawn(&pid, self, NULL, NULL, argv, NULL) || waitpid(pid, &status, 0) != pid || status) exit(1);
    }
    return 0;
}

/* One byte there and one back, between two processes. */
static long pipe_ping_pong(long n) {
    int there[2], back[2];
    char byte = 0;
    if (pipe(there) || pipe(back)) exit(1);
    pid_t pid = fork();
    if (pid == 0) {
        close(there[1]);
        while (read(there[0], &byte, 1) == 1)
            if (write(back[1], &byte, 1) != 1) _exit(1);
        _exit(0);
    }
    close(there[0]);
    while (n--)
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) exit(1);
    close(there[1]), close(back[0]), close(back[1]);
    waitpid(pid, NULL, 0);
    return byte;
}

static void *ends(void *unused) { return unused; }

static long thread_create_join(long n) {
    while (n--) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, ends, NULL) || pthread_join(thread, NULL)) exit(1);
    }
    return 0;
}

/* A word that two threads hand to each other. */
static volatile uint32_t turn_;

static void take_turns(uint32_t mine, long n) {
    while (n--) {
        while (turn_ != mine) syscall(SYS_futex, &turn_, FUTEX_WAIT_PRIVATE, !mine, NULL, NULL, 0);
        turn_ = !mine;
        syscall(SYS_futex, &turn_, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

static void *other_turns(void *n) {
    take_turns(1, (long)n);
    return NULL;
}

static long futex_ping_pong(long n) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, other_turns, (void *)n)) exit(1);
    take_turns(0, n);
    pthread_join(thread, NULL);
    return turn_;
}

struct work {
    long (*run)(long);
    long n;
};

static void *works(void *work) { return (void *)((struct work *)work)->run(((struct work *)work)->n); }

/* The same at once on two threads: as long as on one, where they run in parallel. */
static long twice(long (*run)(long), long n) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, works, &(struct work){run, n})) exit(1);
    long result = run(n);
    pthread_join(thread, NULL);
    return result;
}

static long compute_twice(long n) { return twice(compute, n); }

static long protect(long n) {
    char *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    while (n--)
        if (mprotect(at, PAGE, n % 2 ? PROT_READ : PROT_READ | PROT_WRITE)) exit(1);
    return munmap(at, PAGE);
}

static long protect_twice(long n) { return twice(protect, n); }

static const struct {
    const char *name;
    long (*run)(long);
    long operations; /* in each of ROUNDS rounds; 0: as many as take long enough to measure */
} benchmarks[] = {
    {"getppid", call_exit, 0},
    {"getpid", call_inside, 0},
    {"rt_sigaction", call_sigaction, 0},
    {"getrlimit", call_python, 0},
    {"clock_gettime", call_clock, 0},
    {"read", call_read, 0},
    {"open+close", call_open, 0},
    {"rt_sigprocmask pair", call_sigprocmask, 0},
    {"mutex", mutex, 0},
    {"mmap+touch+munmap", call_mmap, 0},
    {"first touch", touch, (256 << 20) / PAGE},
    {"compute", compute, 0},
    {"memcpy", copy, 0},
    {"random read", random_read, 0},
    {"signal", signal_round_trip, 0},
    {"SIGSEGV+mprotect", fault, 0},
    {"fork+wait", fork_wait, 0},
    {"fork+exec+wait", fork_exec_wait, 0},
    {"posix_spawn+wait", spawn_wait, 0},
    {"pipe ping-pong", pipe_ping_pong, 0},
    {"thread create+join", thread_create_join, 0},
    {"futex ping-pong", futex_ping_pong, 0},
    {"mprotect, two threads", protect_twice, 0},
    {"compute, two threads", compute_twice, 20000000},
};

/* Memory that the machine itself, a virtual one, has given back to its host is slow at its next use, whoever touches it; what a
 * round has freed is still there in the next one. So of a fixed number of operations the median round counts. */
enum { ROUNDS = 5 };

static int ascending(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static double median_round(long (*run)(long), long n) {
    int64_t took[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        int64_t start = now();
        run(n);
        took[i] = now() - start;
    }
    qsort(took, ROUNDS, sizeof *took, ascending);
    return (double)took[ROUNDS / 2] / n;
}

int main(int argc, char **argv) {
    self = argv[0];
    volatile long sink = 0;
    for (size_t i = 0; i < sizeof benchmarks / sizeof *benchmarks; i++) {
        if (argc < 2)
            puts(benchmarks[i].name);
        else if (!strcmp(argv[1], benchmarks[i].name)) {
            if (benchmarks[i].operations) {
                printf("%.2f\n", median_round(benchmarks[i].run, benchmarks[i].operations));
                return 0;
            }
            sink = benchmarks[i].run(1); /* what is set up once */
            for (long n = 1;; n *= 2) {
                int64_t start = now();
                sink = benchmarks[i].run(n);
                int64_t took = now() - start;
                if (took >= 50 * MILLISECOND) {
                    printf("%.2f\n", (double)took / n);
                    return 0;
                }
            }
        }
    }
    (void)sink;
    return 0;
}
