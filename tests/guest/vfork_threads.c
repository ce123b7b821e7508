/* vfork and posix_spawn beside other threads, which go on meanwhile: nobody's writes are lost. */
#include "children.h"
#include <pthread.h>
#include <spawn.h>

extern char **environ;

enum { THREADS = 3, SPAWNS = 8 };

static char path[PATH_MAX];
static volatile int stop;
/* All in one page: what the child of vfork writes and what the other threads do. */
static struct {
    volatile unsigned before, written, after;
    volatile unsigned char bytes[64];
} page __attribute__((aligned(4096)));

/* Nobody else writes to the counter. */
static void *count(void *counter) {
    volatile unsigned *number = counter, last = *number;
    while (!stop) {
        CHECK(*number == last);
        *number = ++last;
    }
    return NULL;
}

static void *count_bytes(void *unused) {
    (void)unused;
    for (unsigned char last = 0; !stop; last++)
        for (unsigned i = 0; i < sizeof page.bytes; i += 2) {
            page.bytes[i] = last;
            CHECK(page.bytes[i] == last);
        }
    return NULL;
}

static void one_vfork(unsigned i) {
    volatile unsigned local = 0;
    pid_t pid = vfork();
    if (pid == 0) {
        local = page.written = i;
        for (unsigned k = 1; k < sizeof page.bytes; k += 2) page.bytes[k] = i;
        errno = i;
        if (i % 2) _exit(i);
        execl(path, "vfork_threads", "no children", NULL);
        _exit(1);
    }
    CHECK(pid > 0 && errno == (int)i && local == i && page.written == i);
    for (unsigned k = 1; k < sizeof page.bytes; k += 2) CHECK(page.bytes[k] == i);
    CHECK(WEXITSTATUS(status_of(pid)) == (i % 2 ? (int)i : 0));
}

static void *spawn(void *unused) {
    for (int i = 0; i < SPAWNS; i++) {
        pid_t pid = -1;
        char *argv[] = {"x", "no children", NULL};
        CHECK(posix_spawn(&pid, "/no/such/program", NULL, NULL, argv, environ) == ENOENT);
        CHECK(posix_spawn(&pid, path, NULL, NULL, argv, environ) == 0 && succeeds(pid));
    }
    return unused;
}

static void killed_child(void) {
    pid_t pid = vfork();
    if (pid == 0) {
        page.written = 99;
        raise(SIGKILL);
    }
    CHECK(dies_of(pid, SIGKILL));
}

/* Memory that the child maps is its own. */
static void mapping_child(void) {
    pid_t pid = vfork();
    if (pid == 0) {
        char *p = mmap((void *)0x2000000000, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        _exit(p == (char *)0x2000000000 ? *p = 5 : 1);
    }
    CHECK(WEXITSTATUS(status_of(pid)) == 5);
}

int main(int argc, char **argv) {
    (void)argv;
    if (argc == 2) {
        CHECK_ERRNO(waitpid(-1, NULL, __WALL), ECHILD);
        return is_pending(SIGCHLD);
    }
    CHECK(realpath("/proc/self/exe", path));
    block(SIG_BLOCK, SIGCHLD);

    pthread_t threads[THREADS];
    CHECK(pthread_create(&threads[0], NULL, count, (void *)&page.before) == 0);
    CHECK(pthread_create(&threads[1], NULL, count, (void *)&page.after) == 0);
    CHECK(pthread_create(&threads[2], NULL, count_bytes, NULL) == 0);
    for (unsigned i = 1; i < SPAWNS; i++) one_vfork(i);
    killed_child();
    mapping_child();
    stop = 1;
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);

    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, spawn, NULL) == 0);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK_ERRNO(waitpid(-1, NULL, __WALL), ECHILD);
}
