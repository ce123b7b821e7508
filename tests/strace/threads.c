/* Threads that take turns, so that each makes the same calls in every run: by pipes, since futexes wait only if they must. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum { THREADS = 3, ROUNDS = 5 };
static int turn[THREADS + 1][2];

static void *take_turns(void *argument) {
    long me = (long)argument;
    char byte;
    for (int i = 0; i < ROUNDS; i++) {
        if (read(turn[me][0], &byte, 1) != 1) return NULL;
        byte = (char)('a' + me);
        if (write(turn[me + 1][1], &byte, 1) != 1) return NULL;
    }
    return argument;
}

int main(void) {
    pthread_t threads[THREADS];
    char byte = '!';
    for (int i = 0; i <= THREADS; i++)
        if (pipe(turn[i])) return 1;
    for (long i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, take_turns, (void *)i)) return 1;
    for (int i = 0; i < ROUNDS; i++)
        if (write(turn[0][1], &byte, 1) != 1 || read(turn[THREADS][0], &byte, 1) != 1) return 1;
    usleep(100000); /* they have ended, so that nobody waits for them */
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    puts("done");
}
