/* 500 threads at once: each has its number, its name and its own variables; all end at one word. */
#include "check.h"
#include <pthread.h>
#include <sys/prctl.h>

enum { THREADS = 500 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER, leave = PTHREAD_COND_INITIALIZER;
static int here, gone;
static __thread long own;

static void *waits(void *argument) {
    char name[16], told[16];
    own = (long)argument;
    snprintf(name, sizeof name, "thread %ld", own);
    CHECK(pthread_setname_np(pthread_self(), name) == 0);
    pthread_mutex_lock(&lock);
    here++;
    pthread_cond_signal(&arrived);
    while (!gone) pthread_cond_wait(&leave, &lock);
    pthread_mutex_unlock(&lock);
    CHECK(prctl(PR_GET_NAME, told) == 0 && strcmp(name, told) == 0);
    CHECK(own == (long)argument);
    return argument;
}

int main(void) {
    static pthread_t threads[THREADS];
    pthread_attr_t small;
    pthread_attr_init(&small);
    CHECK(pthread_attr_setstacksize(&small, 64 * 1024) == 0);
    for (long i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], &small, waits, (void *)i) == 0);
    pthread_mutex_lock(&lock);
    while (here < THREADS) pthread_cond_wait(&arrived, &lock);
    char *status = read_file("/proc/self/status", NULL);
    CHECK(atoi(strstr(status, "\nThreads:") + strlen("\nThreads:")) == THREADS + 1);
    gone = 1;
    pthread_cond_broadcast(&leave);
    pthread_mutex_unlock(&lock);
    for (long i = 0; i < THREADS; i++) {
        void *result;
        CHECK(pthread_join(threads[i], &result) == 0 && result == (void *)i);
    }
    return 0;
}
