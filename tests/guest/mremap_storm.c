/* mremap(2) of memory of every advice, growing, shrinking, moving: what is in it stays, and there is always room. */
#include "check.h"

enum { SEEDS = 60, STEPS = 120, LARGEST = 8 << 20, DONTUNMAP = 4 /* MREMAP_DONTUNMAP */ };

static uint64_t state;

static size_t below(size_t end) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (size_t)(state >> 20) % end;
}

static char *map(size_t size) {
    char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED);
    return at;
}

static size_t another(size_t size) {
    size_t next = below(2) ? size * 2 : size / 2;
    if (next > LARGEST) next = size / 2;
    return next < PAGE ? PAGE + 1365 : next;
}

static void storm(uint64_t seed) {
    static const int advice[] = {MADV_NORMAL,      MADV_RANDOM,   MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTFORK,
                                 MADV_DOFORK,      MADV_DONTDUMP, MADV_DODUMP,     MADV_HUGEPAGE, MADV_NOHUGEPAGE,
                                 MADV_UNMERGEABLE, MADV_COLD,     MADV_PAGEOUT};
    state = seed * 2654435761u + 88172645463325252u;
    size_t size = PAGE * (1 + below(64));
    char *at = map(size);
    for (int i = 0; i < STEPS; i++) {
        size_t next = below(3) ? another(size) : size;
        int flags = MREMAP_MAYMOVE;
        char *to = NULL;
        at[0] = (char)i, at[PAGE - 1] = (char)(i + 1);
        switch (below(3)) {
        case 0:
            to = map(next + PAGE);
            CHECK(munmap(to, next + PAGE) == 0);
            flags |= MREMAP_FIXED;
            break;
        case 1: next = size; flags |= DONTUNMAP;
        }
        if (!below(4)) CHECK(munmap(map(PAGE * (2 + below(4))), PAGE) == 0);
        char *now = mremap(at, size, next, flags, to);
        CHECK(now != MAP_FAILED);
        CHECK(now[0] == (char)i && now[PAGE - 1] == (char)(i + 1));
        if (flags & DONTUNMAP) CHECK(munmap(at, size) == 0);
        at = now, size = next;
        CHECK(madvise(at, size, advice[below(sizeof advice / sizeof *advice)]) == 0 || errno == EINVAL);
    }
    CHECK(munmap(at, size) == 0);
}

int main(void) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) storm(seed);
}
