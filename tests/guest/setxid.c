/* Users and groups are each thread's own; the C library changes them in all threads by a signal of its own (nptl(7)). */
#include "check.h"
#include <grp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

enum { THREADS = 5 };

static sem_t ready, look, looked;
static uid_t user, group;

static void *looks(void *blocks) {
    sigset_t all;
    sigfillset(&all);
    if (blocks) CHECK(pthread_sigmask(SIG_SETMASK, &all, NULL) == 0);
    sem_post(&ready);
    while (sem_wait(&look) != 0) CHECK(errno == EINTR);
    uid_t real, effective, saved;
    CHECK(syscall(SYS_getresuid, &real, &effective, &saved) == 0 && real == user && effective == user && saved == user);
    CHECK(syscall(SYS_getresgid, &real, &effective, &saved) == 0 && real == group && effective == group && saved == group);
    sem_post(&looked);
    return NULL;
}

int main(void) {
    int root = geteuid() == 0;
    user = root ? 12345 : getuid(), group = root ? 12346 : getgid();
    pthread_t threads[THREADS];
    CHECK(sem_init(&ready, 0, 0) == 0 && sem_init(&look, 0, 0) == 0 && sem_init(&looked, 0, 0) == 0);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, looks, i % 2 ? &ready : NULL) == 0);
    for (int i = 0; i < THREADS; i++) sem_wait(&ready);
    if (root) CHECK(setgroups(1, &group) == 0);
    CHECK(setresgid(group, group, group) == 0);
    CHECK(setresuid(user, user, user) == 0);
    for (int i = 0; i < THREADS; i++) sem_post(&look);
    for (int i = 0; i < THREADS; i++) sem_wait(&looked);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    return 0;
}
