/* Prints how many pages are resident before they are touched: of a heap, of what it grows by, of a small and of a large mapping; and
 * whether one of 2 MiB lies at such an address. */
#include "../guest/check.h"
#include <sys/mman.h>

enum { KIB = 1 << 10, MIB = 1 << 20 };

static int resident(void *start, size_t size) {
    unsigned char in[MIB / PAGE];
    int found = 0;
    CHECK(mincore(start, size, in) == 0);
    for (size_t i = 0; i < size / PAGE; i++) found += in[i] & 1;
    return found;
}

static void *mapped(size_t size) {
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED);
    return at;
}

int main(void) {
    size_t odd = PAGE - (size_t)sbrk(0) % PAGE;
    CHECK(sbrk(odd % PAGE) != (void *)-1);
    void *heap = sbrk(128 * KIB), *more = sbrk(128 * KIB);
    printf("%d ", resident(heap, 128 * KIB));
    printf("%d ", resident(more, 128 * KIB));
    printf("%d ", resident(mapped(16 * KIB), 16 * KIB));
    printf("%d ", resident(mapped(MIB), MIB));
    printf("%d\n", (uintptr_t)mapped(2 * MIB) % (2 * MIB) == 0);
    return 0;
}
