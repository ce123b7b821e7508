/* Threads that fork, vfork, start threads and look at RLIMIT_NOFILE, all at once; a fork beside threads that is refused. */
#include "children.h"
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/resource.h>

enum { ROUNDS = 12 };
static struct rlimit files;
static atomic_int busy = 1;
static char *const command[] = {"true", NULL};

static void *forks(void *arg) {
    for (int i = 0; i < ROUNDS; i++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) _exit(i);
        CHECK(status_of(pid) == i << 8);
    }
    return arg;
}

static void *spawns(void *arg) {
    for (int i = 0; i < ROUNDS; i++) {
        pid_t pid;
        CHECK(posix_spawn(&pid, "/bin/true", NULL, NULL, command, NULL) == 0 && succeeds(pid));
        CHECK(posix_spawn(&pid, "/absent", NULL, NULL, command, NULL) == ENOENT);
    }
    return arg;
}

static void *ends(void *arg) { return arg; }

static void *starts(void *arg) {
    pthread_t thread;
    for (int i = 0; i < 5 * ROUNDS; i++)
        CHECK(pthread_create(&thread, NULL, ends, NULL) == 0 && pthread_join(thread, NULL) == 0);
    return arg;
}

static void *looks(void *arg) {
    struct rlimit now;
    while (busy) CHECK(getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur == files.rlim_cur && now.rlim_max == files.rlim_max);
    return arg;
}

static void all_at_once(void) {
    static void *(*const work[])(void *) = {forks, spawns, starts, forks, spawns, looks};
    pthread_t threads[6];
    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = files.rlim_max / 2;
    CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
    for (int i = 0; i < 6; i++) CHECK(pthread_create(&threads[i], NULL, work[i], NULL) == 0);
    for (int i = 0; i < 6; i++) {
        busy = i < 5;
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

static void *waits(void *arg) {
    pause();
    return arg;
}

static void refused(void) {
    if (geteuid() == 0) CHECK(setresuid(59999, 59999, 59999) == 0); /* root may have as many as it likes */
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, waits, NULL) == 0);
    struct rlimit limit = {1, 1};
    CHECK(setrlimit(RLIMIT_NPROC, &limit) == 0);
    CHECK_ERRNO(fork(), EAGAIN);
    CHECK_ERRNO(vfork(), EAGAIN);
    CHECK(pthread_create(&thread, NULL, waits, NULL) == EAGAIN);
}

int main(void) {
    all_at_once();
    refused();
}
