/* mremap(2): grow, shrink, move, over others, at chosen places, of files; contents follow. */
#include "check.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

enum { RW = PROT_READ | PROT_WRITE };

static char *numbered(int pages) {
    char *p = mmap(NULL, pages * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    for (int i = 0; i < pages; i++) p[i * PAGE] = p[i * PAGE + PAGE - 1] = i + 1;
    return p;
}

static int is_numbered(const char *p, int pages, int first) {
    for (int i = 0; i < pages; i++)
        if (p[i * PAGE] != first + i || p[i * PAGE + PAGE - 1] != first + i) return 0;
    return 1;
}

static void anonymous(void) {
    char *p = numbered(9);
    CHECK(mremap(p, 9 * PAGE, 4 * PAGE, 0) == p && is_numbered(p, 4, 1) && !kernel_reads(p + 4 * PAGE));
    CHECK(mremap(p, 4 * PAGE, 4 * PAGE, 0) == p);
    CHECK(mremap(p, 4 * PAGE, 8 * PAGE, 0) == p && is_numbered(p, 4, 1) && p[7 * PAGE] == 0); /* in place again */
    CHECK(mmap(p + 8 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + 8 * PAGE);
    CHECK(mprotect(p + 8 * PAGE, PAGE, PROT_READ) == 0); /* in the way */
    CHECK(mremap(p, 8 * PAGE, 16 * PAGE, 0) == MAP_FAILED && errno == ENOMEM && is_numbered(p, 4, 1));
    char *q = mremap(p, 8 * PAGE, 16 * PAGE, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && q != p && is_numbered(q, 4, 1) && q[15 * PAGE] == 0 && !kernel_reads(p));
    q[15 * PAGE] = 1;

    char *room = mmap(NULL, 20 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(room, 'r', 20 * PAGE);
    CHECK(mremap(q, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room + 3 * PAGE) == room + 3 * PAGE);
    CHECK(is_numbered(room + 3 * PAGE, 4, 1) && room[2 * PAGE] == 'r' && room[7 * PAGE] == 'r');
    CHECK(!kernel_reads(q) && kernel_reads(q + 4 * PAGE));
    CHECK(mremap(room + 4 * PAGE, 2 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q) == q); /* a part, shrunk on the way */
    CHECK(is_numbered(q, 1, 2) && !kernel_reads(room + 4 * PAGE) && !kernel_reads(room + 5 * PAGE));
    CHECK(is_numbered(room + 3 * PAGE, 1, 1) && is_numbered(room + 6 * PAGE, 1, 4) && !kernel_reads(q + PAGE));

    p = numbered(4);
    q = mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    CHECK(q != MAP_FAILED && is_numbered(q, 4, 1) && p[0] == 0 && p[3 * PAGE] == 0);
    p[0] = 9;
    CHECK(q[0] == 1);

    /* Protection goes with the pages. */
    p = numbered(2);
    CHECK(mprotect(p, 2 * PAGE, PROT_READ) == 0);
    q = mremap(p, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && is_numbered(q, 2, 1) && !kernel_writes(q) && !kernel_writes(q + 63 * PAGE));
    CHECK(kernel_reads(q + 63 * PAGE) && mprotect(q, 64 * PAGE, RW) == 0 && kernel_writes(q + 63 * PAGE));

    /* As realloc does it: again and again, into hundreds of megabytes. */
    size_t size = PAGE;
    for (p = numbered(1); size < (256 << 20); size *= 2) {
        p = mremap(p, size, 2 * size, MREMAP_MAYMOVE);
        CHECK(p != MAP_FAILED && p[0] == 1 && p[2 * size - 1] == 0);
        CHECK(size == PAGE || p[size - 1] == 2);
        p[2 * size - 1] = 2;
    }
    CHECK(mremap(p, size, PAGE, 0) == p && p[0] == 1 && !kernel_reads(p + PAGE));
}

static void files(void) {
    static char data[8 * PAGE];
    for (int i = 0; i < 8; i++) data[i * PAGE] = data[i * PAGE + PAGE - 1] = i + 1;
    int fd = make_file("file", data, 6 * PAGE);
    char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 2 * PAGE);
    CHECK(is_numbered(p, 2, 3));
    p = mremap(p, 2 * PAGE, 6 * PAGE, MREMAP_MAYMOVE);
    CHECK(p != MAP_FAILED && is_numbered(p, 4, 3) && !kernel_reads(p + 4 * PAGE)); /* beyond the file's end */
    p[PAGE] = 'w';
    char byte;
    CHECK(pread(fd, &byte, 1, 3 * PAGE) == 1 && byte == 'w');
    CHECK(ftruncate(fd, 8 * PAGE) == 0 && kernel_writes(p + 5 * PAGE));
    /* Old size 0 of a shared mapping: a second view of the same pages. */
    char *again = mremap(p, 0, 3 * PAGE, MREMAP_MAYMOVE);
    CHECK(again != MAP_FAILED && again != p && again[PAGE] == 'w');
    again[0] = 'z';
    CHECK(p[0] == 'z');
}

static void errors(void) {
    char *p = numbered(4);
    CHECK(mremap(p + 1, PAGE, PAGE, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mremap(p, PAGE, 0, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mremap(p, 0, PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EINVAL);
    CHECK(mremap(p, PAGE, PAGE, 8) == MAP_FAILED && errno == EINVAL);
    CHECK(mremap(p, PAGE, PAGE, MREMAP_FIXED, p) == MAP_FAILED && errno == EINVAL);
    CHECK(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE) == MAP_FAILED && errno == EINVAL);
    CHECK(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE + 1) == MAP_FAILED && errno == EINVAL);
    CHECK(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)-PAGE) == MAP_FAILED && errno == EINVAL);
    CHECK(mremap(p, PAGE, 1l << 48, MREMAP_MAYMOVE) == MAP_FAILED && (errno == ENOMEM || errno == EINVAL));
    CHECK(mremap((void *)-PAGE, PAGE, PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
    CHECK(is_numbered(p, 4, 1));
    CHECK(munmap(p + 4 * PAGE, PAGE) == 0);
    CHECK(mremap(p, 5 * PAGE, 8 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
    CHECK(munmap(p, 4 * PAGE) == 0);
    CHECK(mremap(p, PAGE, PAGE * 2, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
}

int main(void) {
    anonymous();
    files();
    errors();
}
