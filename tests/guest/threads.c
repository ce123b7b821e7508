/* Threads: mutexes, thread-local storage, joins, numbers; fork from several threads. */
#include "check.h"
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { THREADS = 8, ROUNDS = 5000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;
static __thread int own;

static void *count(void *argument) {
    CHECK(syscall(SYS_gettid) != getpid());
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
        own++;
    }
    *(int *)argument = own;
    return NULL;
}

static void in_parallel(void) {
    pthread_t thread[THREADS];
    int done[THREADS];
    counter = 0;
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&thread[i], NULL, count, &done[i]) == 0);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(thread[i], NULL) == 0 && done[i] == ROUNDS);
    CHECK(counter == THREADS * ROUNDS);
}

static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static volatile int stop;

static void *wait_for_stop(void *unused) {
    (void)unused;
    pthread_mutex_lock(&mutex);
    while (!stop) pthread_cond_wait(&turn, &mutex);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

/* The child has the forking thread alone, and may make new ones. */
static void fork_beside_a_thread(void) {
    pthread_t waiter;
    CHECK(pthread_create(&waiter, NULL, wait_for_stop, NULL) == 0);
    for (int i = 0; i < 5; i++) {
        pthread_mutex_lock(&mutex); /* else the other thread may be about to unlock it, which in the child nobody does */
        pid_t child = fork();
        pthread_mutex_unlock(&mutex);
        if (child == 0) {
            CHECK(syscall(SYS_gettid) == getpid());
            in_parallel();
            _exit(40 + i);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 40 + i);
    }
    pthread_mutex_lock(&mutex);
    stop = 1;
    pthread_cond_signal(&turn);
    pthread_mutex_unlock(&mutex);
    CHECK(pthread_join(waiter, NULL) == 0);
}

static void *fork_here(void *unused) {
    (void)unused;
    pid_t child = fork();
    if (child == 0) _exit(getpid() == syscall(SYS_gettid) ? 7 : 8);
    int status;
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7);
    return NULL;
}

static void *note(void *done) {
    *(int *)done = 1;
    return NULL;
}

int main(void) {
    for (int i = 0; i < 3; i++) in_parallel();
    fork_beside_a_thread();
    pthread_t forker;
    CHECK(pthread_create(&forker, NULL, fork_here, NULL) == 0 && pthread_join(forker, NULL) == 0);
    pthread_t many;
    for (int i = 0; i < 300; i++) { /* one after the other: what they had is used again */
        int done;
        CHECK(pthread_create(&many, NULL, note, &done) == 0 && pthread_join(many, NULL) == 0 && done);
    }
}
