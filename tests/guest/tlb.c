/* A translation that changed is used at once: by loads, stores, the kernel, for contents and for permissions. */
#include "check.h"

enum { RW = PROT_READ | PROT_WRITE, ROUNDS = 300 };

static char *page(int prot, int flags) {
    char *p = mmap(NULL, PAGE, prot, flags, -1, 0);
    CHECK(p != MAP_FAILED);
    return p;
}

int main(void) {
    char *p = page(RW, MAP_PRIVATE | MAP_ANONYMOUS), *q = page(RW, MAP_PRIVATE | MAP_ANONYMOUS);
    volatile char *v = p;
    int fd = make_file("file", "", 0);
    CHECK(ftruncate(fd, 64 * PAGE) == 0);
    for (int i = 0; i < 64; i++) CHECK(pwrite(fd, &(char){i + 1}, 1, i * PAGE) == 1);

    for (int i = 1; i < ROUNDS; i++) {
        v[0] = i;
        CHECK(mprotect(p, PAGE, PROT_READ) == 0 && v[0] == (char)i && !kernel_writes(p));
        CHECK(mprotect(p, PAGE, PROT_NONE) == 0 && !kernel_reads(p));
        CHECK(mprotect(p, PAGE, RW) == 0 && v[0] == (char)i);
        v[0] = ~i;
        CHECK(v[0] == (char)~i && kernel_writes(p + 1));

        /* Another file page at the same address, then memory again. */
        CHECK(mmap(p, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, i % 64 * PAGE) == p && v[0] == i % 64 + 1);
        CHECK(!kernel_writes(p));
        CHECK(mmap(p, PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, (i + 1) % 64 * PAGE) == p && v[0] == (i + 1) % 64 + 1);
        v[0] = 'c'; /* copied on this write */
        CHECK(v[0] == 'c');
        CHECK(madvise(p, PAGE, MADV_DONTNEED) == 0 && v[0] == (i + 1) % 64 + 1);
        CHECK(mmap(p, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p && v[0] == 0);

        /* Two pages change places. */
        p[0] = 'p', q[0] = 'q';
        char *t = page(PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
        CHECK(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, t) == t && !kernel_reads(p));
        CHECK(mremap(q, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p) == p && v[0] == 'q');
        CHECK(mremap(t, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q) == q && *(volatile char *)q == 'p');
        CHECK(munmap(p, PAGE) == 0 && !kernel_reads(p) && !kernel_writes(p));
        CHECK(mmap(p, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == p && v[0] == 0);
    }

    /* A zero page that was only read, then written by the kernel, must show what was written. */
    for (int i = 0; i < ROUNDS; i++) {
        CHECK(madvise(p, PAGE, MADV_DONTNEED) == 0 && v[5] == 0);
        CHECK(pread(fd, p + 5, 1, i % 64 * PAGE) == 1 && v[5] == i % 64 + 1);
    }
}
