/* Threads change mappings at once, and fork meanwhile: each finds its own memory as it left it. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { THREADS = 4, ROUNDS = 60, FORKS = 6, PAGES = 24 };

static atomic_int running = THREADS;

static void fill(uint64_t *at, size_t pages, uint64_t seed) {
    for (size_t i = 0; i < pages; i++) at[i * PAGE / 8] = seed + i;
}

static void verify(const uint64_t *at, size_t pages, uint64_t seed) {
    for (size_t i = 0; i < pages; i++) CHECK(at[i * PAGE / 8] == seed + i);
}

static void change(uint64_t seed) {
    int private = MAP_PRIVATE | MAP_ANONYMOUS;
    char *at = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, private, -1, 0);
    CHECK(at != MAP_FAILED);
    verify((void *)at, 0, 0);
    fill((void *)at, PAGES, seed);
    char *middle = at + PAGES / 3 * PAGE;
    CHECK(mprotect(middle, PAGES / 3 * PAGE, PROT_READ) == 0);
    verify((void *)at, PAGES, seed);
    CHECK(mprotect(middle, PAGES / 3 * PAGE, PROT_READ | PROT_WRITE) == 0);
    CHECK(madvise(middle, PAGE, MADV_DONTNEED) == 0 && *(uint64_t *)middle == 0);
    *(uint64_t *)middle = seed + PAGES / 3;
    if (seed % 3 == 0) {
        at = mremap(at, PAGES * PAGE, 2 * PAGES * PAGE, MREMAP_MAYMOVE);
        CHECK(at != MAP_FAILED && munmap(at + PAGES * PAGE, PAGES * PAGE) == 0);
    }
    char *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    fill((void *)shared, 1, seed);
    verify((void *)at, PAGES, seed);
    CHECK(mmap(at, PAGE, PROT_READ | PROT_WRITE, private | MAP_FIXED, -1, 0) == at && *(uint64_t *)at == 0);
    verify((void *)(at + PAGE), PAGES - 1, seed + 1);
    verify((void *)shared, 1, seed);
    CHECK(munmap(shared, PAGE) == 0);
    /* Not over the hole, which may be another thread's by now. */
    CHECK(munmap(at + PAGE, PAGE) == 0 && munmap(at, PAGE) == 0 && munmap(at + 2 * PAGE, (PAGES - 2) * PAGE) == 0);
    char *heap = malloc(200000);
    CHECK(heap);
    fill((void *)heap, 200000 / PAGE, seed);
    verify((void *)heap, 200000 / PAGE, seed);
    free(heap);
}

static void *change_all(void *number) {
    for (uint64_t round = 0; round < ROUNDS; round++) change((uint64_t)number * 1000000 + round);
    atomic_fetch_sub(&running, 1);
    return NULL;
}

int main(void) {
    pthread_t thread[THREADS];
    for (uint64_t i = 0; i < THREADS; i++) CHECK(pthread_create(&thread[i], NULL, change_all, (void *)(i + 1)) == 0);
    for (int forks = 0; forks < FORKS || atomic_load(&running); forks++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (uint64_t round = 0; round < 5; round++) change(round);
            _exit(0);
        }
        int status;
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
    }
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(thread[i], NULL) == 0);
}
