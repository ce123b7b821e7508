/* Threads are made while others map memory all over the address space: both need page tables. */
#include "check.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

enum { MAPPERS = 2, LIVE = 60, ROUNDS = 4 };
#define APART (1ul << 30) /* each mapping needs tables of its own */

static atomic_int stop, next_place;

static void *map_all_over(void *unused) {
    (void)unused;
    while (!atomic_load(&stop)) {
        uint64_t *at = (void *)(0x100000000000 + APART * (uint64_t)(atomic_fetch_add(&next_place, 1) % 4096));
        uint64_t *p = mmap(at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (p == MAP_FAILED) continue; /* the other one is there */
        for (int i = 0; i < PAGE / 8; i++) CHECK(p[i] == 0);
        for (int i = 0; i < PAGE / 8; i++) p[i] = (uint64_t)(p + i);
        for (int i = 0; i < PAGE / 8; i++) CHECK(p[i] == (uint64_t)(p + i));
        CHECK(munmap(p, PAGE) == 0);
    }
    return NULL;
}

static pthread_barrier_t all;

static void *wait_for_all(void *unused) {
    (void)unused;
    pthread_barrier_wait(&all);
    return NULL;
}

int main(void) {
    pthread_t mapper[MAPPERS], thread[LIVE];
    CHECK(pthread_barrier_init(&all, NULL, LIVE + 1) == 0);
    for (int i = 0; i < MAPPERS; i++) CHECK(pthread_create(&mapper[i], NULL, map_all_over, NULL) == 0);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < LIVE; i++) CHECK(pthread_create(&thread[i], NULL, wait_for_all, NULL) == 0);
        pthread_barrier_wait(&all);
        for (int i = 0; i < LIVE; i++) CHECK(pthread_join(thread[i], NULL) == 0);
    }
    stop = 1;
    for (int i = 0; i < MAPPERS; i++) CHECK(pthread_join(mapper[i], NULL) == 0);
    return 0;
}
