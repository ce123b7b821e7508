/* madvise(2): DONTNEED gives zeros or the file again, at once; FREE, WILLNEED, REMOVE, POPULATE; errors. */
#include "check.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

enum { RW = PROT_READ | PROT_WRITE };

int main(void) {
    char *p = mmap(NULL, 16 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    volatile char *v = p;
    for (int round = 1; round < 50; round++) {
        memset(p, round, 16 * PAGE);
        CHECK(v[PAGE] == round);
        CHECK(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED) == 0);
        CHECK(v[PAGE] == 0 && v[3 * PAGE - 1] == 0 && v[PAGE - 1] == round && v[3 * PAGE] == round);
    }
    CHECK(mprotect(p, PAGE, PROT_READ) == 0 && madvise(p, PAGE, MADV_DONTNEED) == 0 && v[0] == 0); /* reading is enough */
    CHECK(!kernel_writes(p));
    CHECK(mprotect(p, PAGE, RW) == 0);

    size_t size = 64 << 20;
    char *big = mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < size; i += PAGE) CHECK(big[i] == 0), big[i] = 1;
        CHECK(madvise(big, size, MADV_DONTNEED) == 0);
    }
    for (size_t i = 0; i < size; i += 64 * PAGE) big[i] = 1;
    CHECK(madvise(big + (3 << 20) + PAGE, 8 << 20, MADV_DONTNEED) == 0); /* pieces of what may be huge pages */
    for (size_t i = 0; i < size; i += 64 * PAGE) CHECK(big[i] == (i < (3 << 20) + PAGE || i >= (11 << 20) + PAGE));

    memset(p, 'f', PAGE);
    CHECK(madvise(p, PAGE, MADV_FREE) == 0 && (v[0] == 'f' || v[0] == 0));
    p[0] = 'w';
    CHECK(v[0] == 'w');

    int fd = make_file("file", "from the file", 13);
    CHECK(ftruncate(fd, 4 * PAGE) == 0);
    char *private = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0), *shared = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
    memcpy(private, "mine", 4);
    CHECK(madvise(private, PAGE, MADV_DONTNEED) == 0 && !memcmp(private, "from the file", 13));
    memcpy(shared, "ours", 4);
    CHECK(madvise(shared, PAGE, MADV_DONTNEED) == 0 && !memcmp(shared, "ours the file", 13));
    CHECK(madvise(shared, PAGE, MADV_REMOVE) == 0 && shared[0] == 0);
    CHECK(madvise(shared, 4 * PAGE, MADV_WILLNEED) == 0 && madvise(shared, 4 * PAGE, MADV_SEQUENTIAL) == 0);
    CHECK(madvise(shared, 4 * PAGE, MADV_RANDOM) == 0 && madvise(shared, 4 * PAGE, MADV_NORMAL) == 0);
    CHECK(madvise(shared, 4 * PAGE, MADV_POPULATE_READ) == 0 && madvise(p, 16 * PAGE, MADV_POPULATE_WRITE) == 0);
    CHECK(madvise(p, PAGE, MADV_DONTFORK) == 0 && madvise(p, PAGE, MADV_DOFORK) == 0 && madvise(p, PAGE, MADV_DONTDUMP) == 0);
    int huge = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY);
    if (huge >= 0) CHECK(madvise(big, size, MADV_HUGEPAGE) == 0 && madvise(big, size, MADV_NOHUGEPAGE) == 0);

    CHECK(madvise(p, 0, MADV_DONTNEED) == 0);
    CHECK_ERRNO(madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
    CHECK_ERRNO(madvise(p, PAGE, 12345), EINVAL);
    CHECK_ERRNO(madvise(p, -PAGE, MADV_DONTNEED), EINVAL);
    CHECK_ERRNO(madvise(shared, PAGE, MADV_FREE), EINVAL);
    memset(p, 'h', 16 * PAGE);
    CHECK(munmap(p + PAGE, PAGE) == 0);
    CHECK_ERRNO(madvise(p, 3 * PAGE, MADV_DONTNEED), ENOMEM);
    CHECK(v[0] == 0 && v[2 * PAGE] == 0 && v[3 * PAGE] == 'h'); /* and it goes on behind the hole */
}
