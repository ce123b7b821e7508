/* mprotect(2): each transition, at once, for the kernel's accesses and for the program's own; splits; errors. */
#include "check.h"

enum { RW = PROT_READ | PROT_WRITE, RWX = RW | PROT_EXEC };

static void transitions(int flags, const char *what) {
    static const int all[] = {PROT_NONE, PROT_READ, RW, PROT_READ | PROT_EXEC, RWX, PROT_WRITE, PROT_EXEC};
    enum { COUNT = sizeof all / sizeof *all };
    char *p = mmap(NULL, PAGE, RW, flags, -1, 0);
    CHECK(p != MAP_FAILED);
    volatile char *v = p;
    char expected = 0;
    for (int from = 0; from < COUNT; from++)
        for (int to = 0; to < COUNT; to++)
            for (int step = 0; step < 2; step++) {
                int prot = all[step ? to : from];
                CHECK(mprotect(p, PAGE, prot) == 0);
                if (prot != PROT_EXEC) /* with protection keys it can't be read: mprotect(2) */
                    CHECK(kernel_reads(p + 1) == !!prot);
                CHECK(kernel_writes(p + 1) == !!(prot & PROT_WRITE));
                if (prot & PROT_WRITE) v[0] = ++expected;
                if (prot && prot != PROT_EXEC) CHECK(v[0] == expected && what);
            }
    CHECK(munmap(p, PAGE) == 0);
}

static void splits(void) {
    char *p = mmap(NULL, 64 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 64; i++) p[i * PAGE] = i;
    for (int i = 0; i < 64; i += 2) CHECK(mprotect(p + i * PAGE, PAGE, i % 4 ? PROT_NONE : PROT_READ) == 0);
    for (int i = 0; i < 64; i++) {
        CHECK(kernel_reads(p + i * PAGE) == (i % 4 != 2));
        CHECK(kernel_writes(p + i * PAGE + 1) == i % 2);
    }
    CHECK(mprotect(p + PAGE, 62 * PAGE, RW) == 0); /* across many pieces */
    for (int i = 1; i < 63; i++) CHECK(p[i * PAGE] == i && kernel_writes(p + i * PAGE + 1));
    CHECK(!kernel_writes(p));

    CHECK(munmap(p + 10 * PAGE, PAGE) == 0);
    CHECK_ERRNO(mprotect(p + 8 * PAGE, 4 * PAGE, PROT_READ), ENOMEM);
    CHECK(!kernel_writes(p + 9 * PAGE) && kernel_writes(p + 11 * PAGE)); /* what comes before the hole is done */
    CHECK_ERRNO(mprotect(p + 10 * PAGE, PAGE, PROT_READ), ENOMEM);
}

static void large(void) {
    /* Pieces of what may be huge pages. */
    size_t size = 16 << 20;
    char *p = mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < size; i += PAGE) p[i] = i / PAGE;
    for (size_t i = 0; i < size; i += 1 << 20) CHECK(mprotect(p + i + 5 * PAGE, 3 * PAGE, PROT_READ) == 0);
    for (size_t i = 0; i < size; i += PAGE) {
        int read_only = i % (1 << 20) / PAGE >= 5 && i % (1 << 20) / PAGE < 8;
        CHECK(p[i] == (char)(i / PAGE) && kernel_writes(p + i + 1) == !read_only);
    }
    CHECK(mprotect(p, size, PROT_NONE) == 0 && !kernel_reads(p) && !kernel_reads(p + size - 1) && !kernel_reads(p + size / 2));
    CHECK(mprotect(p, size, RW) == 0);
    for (size_t i = 0; i < size; i += PAGE) CHECK(p[i] == (char)(i / PAGE)), p[i] = 0;
}

int main(void) {
    transitions(MAP_PRIVATE | MAP_ANONYMOUS, "private");
    transitions(MAP_SHARED | MAP_ANONYMOUS, "shared");
    splits();
    large();
    char *p = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mprotect(p, 0, PROT_NONE) == 0 && kernel_reads(p));
    CHECK_ERRNO(mprotect(p + 1, PAGE, RW), EINVAL);
    CHECK_ERRNO(mprotect(p, PAGE, 0x100), EINVAL);
    CHECK_ERRNO(mprotect(p, PAGE, PROT_GROWSDOWN | PROT_GROWSUP), EINVAL);
    CHECK_ERRNO(mprotect(p, -PAGE, RW), ENOMEM);
    CHECK_ERRNO(mprotect((void *)-PAGE, PAGE, RW), ENOMEM);
    CHECK(mprotect(p, 1, PROT_READ) == 0 && !kernel_writes(p + PAGE - 1)); /* whole pages */
}
