/* `growth THING COUNT`: what a call costs beside COUNT mappings, open files, threads or processes, in nanoseconds: the fastest tenth of
 * many. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, TIMES = 400, MAPPED = 16 * PAGE, STACK = 64 << 10 };

static void need(int holds, const char *what) {
    if (holds) return;
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- mappings: neighbours of different protection, so that none merge ---- */

static char *area_;
static long count_;

static void map_many(long count) {
    area_ = mmap(NULL, (size_t)(count + 2) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    need(area_ != MAP_FAILED, "mmap");
    for (long i = 0; i < count; i += 2) need(!mprotect(area_ + i * PAGE, PAGE, PROT_READ), "mprotect");
}

static void map_and_unmap(void) {
    char *at = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    need(at != MAP_FAILED && !munmap(at, MAPPED), "mmap");
}

/* ---- files ---- */

static void open_many(long count) {
    struct rlimit limit;
    need(!getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    need(!setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
    while (count--) need(open("/dev/null", O_RDONLY) >= 0, "open");
}

static void open_and_close(void) { need(!close(open("/dev/null", O_RDONLY)), "open"); }

/* ---- threads and processes that wait ---- */

static void *waits(void *unused) {
    for (;;) pause();
    return unused;
}

static pthread_t start(void *(*run)(void *)) {
    pthread_t thread;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK);
    need(!pthread_create(&thread, &small, run, NULL), "pthread_create");
    return thread;
}

static void start_many(long count) {
    while (count--) start(waits);
}

static void *ends(void *unused) { return unused; }
static void start_and_join(void) { need(!pthread_join(start(ends), NULL), "pthread_join"); }

static pid_t *children_;

static void fork_many(long count) {
    children_ = calloc((size_t)count, sizeof *children_);
    for (count_ = 0; count_ < count; count_++) {
        children_[count_] = fork();
        need(children_[count_] >= 0, "fork");
        if (!children_[count_]) waits(NULL);
    }
}

static void fork_and_wait(void) {
    pid_t pid = fork();
    if (!pid) _exit(0);
    need(pid > 0 && waitpid(pid, NULL, 0) == pid, "fork");
}

static const struct {
    const char *name;
    void (*fill)(long count);
    void (*call)(void);
} things[] = {
    {"mappings", map_many, map_and_unmap},
    {"files", open_many, open_and_close},
    {"threads", start_many, start_and_join},
    {"processes", fork_many, fork_and_wait},
};

static int ascending(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(int argc, char **argv) {
    static double took[TIMES];
    for (size_t i = 0; argc == 3 && i < sizeof things / sizeof *things; i++) {
        if (strcmp(things[i].name, argv[1])) continue;
        things[i].fill(atol(argv[2]));
        for (int n = 0; n < TIMES; n++) {
            double from = now();
            things[i].call();
            took[n] = now() - from;
        }
        qsort(took, TIMES, sizeof *took, ascending);
        printf("%.1f\n", took[TIMES / 10]);
        for (long n = 0; children_ && n < count_; n++) kill(children_[n], SIGKILL);
        exit(0);
    }
    fprintf(stderr, "growth: mappings, files, threads or processes, and how many\n");
    return 2;
}
