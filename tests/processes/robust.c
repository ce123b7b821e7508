/* A robust mutex in shared memory whose owner is killed: the next one gets it, and is told. */
#include "../guest/children.h"
#include <pthread.h>
#include <time.h>

int main(void) {
    pthread_mutex_t *mutex = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t kind;
    CHECK(pthread_mutexattr_init(&kind) == 0 && pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED) == 0);
    CHECK(pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST) == 0 && pthread_mutex_init(mutex, &kind) == 0);
    int ready[2];
    CHECK(pipe(ready) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(pthread_mutex_lock(mutex) == 0 && write(ready[1], "x", 1) == 1);
        for (;;) pause();
    }
    char byte;
    CHECK(read(ready[0], &byte, 1) == 1 && kill(pid, SIGKILL) == 0 && dies_of(pid, SIGKILL));
    CHECK(pthread_mutex_trylock(mutex) == EOWNERDEAD);
}
