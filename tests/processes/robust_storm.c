/* Owners of robust mutexes, and who waits for them, are killed at any moment; the others always go on. */
#include "../guest/children.h"
#include <pthread.h>

enum { WORKERS = 4, MUTEXES = 3, ROUNDS = 60, PATIENCE = 20000 /* ms */ };

static struct {
    pthread_mutex_t mutex[MUTEXES];
    volatile long steps[WORKERS];
} * shared;

static void lock(int i) {
    int error = pthread_mutex_lock(&shared->mutex[i]);
    CHECK(error == 0 || (error == EOWNERDEAD && pthread_mutex_consistent(&shared->mutex[i]) == 0));
}

static void unlock(int i) { CHECK(pthread_mutex_unlock(&shared->mutex[i]) == 0); }

static pid_t worker(int number) {
    pid_t pid = fork();
    CHECK(pid >= 0);
    while (pid == 0) {
        int i = rand() % MUTEXES, both = i + 1 < MUTEXES && rand() % 2;
        lock(i);
        if (both) lock(i + 1);
        if (both) unlock(i + 1);
        unlock(i);
        shared->steps[number]++;
    }
    return pid;
}

int main(void) {
    pthread_mutexattr_t kind;
    pid_t pids[WORKERS];
    shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    CHECK(pthread_mutexattr_init(&kind) == 0 && pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED) == 0);
    CHECK(pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST) == 0);
    for (int i = 0; i < MUTEXES; i++) CHECK(pthread_mutex_init(&shared->mutex[i], &kind) == 0);
    for (int i = 0; i < WORKERS; i++) pids[i] = worker(i);
    for (int round = 0; round < ROUNDS; round++) {
        int victim = rand() % WORKERS;
        usleep((useconds_t)(rand() % 20000));
        CHECK(kill(pids[victim], SIGKILL) == 0 && dies_of(pids[victim], SIGKILL));
        long before[WORKERS];
        for (int i = 0; i < WORKERS; i++) before[i] = shared->steps[i];
        pids[victim] = worker(victim);
        for (int i = 0; i < WORKERS; i++) {
            int waited = 0;
            while (shared->steps[i] == before[i] && waited++ < PATIENCE) usleep(1000);
            CHECK(waited < PATIENCE);
        }
    }
    for (int i = 0; i < WORKERS; i++) CHECK(kill(pids[i], SIGKILL) == 0 && dies_of(pids[i], SIGKILL));
}
