/* mmap(2), munmap(2): every flag, placement, splitting, errors. */
#include "check.h"
#include <sys/stat.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

enum { RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };

static char *map(void *where, size_t size, int prot, int flags) {
    char *p = mmap(where, size, prot, flags, -1, 0);
    CHECK(p != MAP_FAILED);
    return p;
}

static void placement(void) {
    char *p = map(NULL, 5 * PAGE, RW, ANON);
    CHECK((uintptr_t)p % PAGE == 0);
    for (int i = 0; i < 5 * PAGE; i++) CHECK(p[i] == 0);
    memset(p, 'p', 5 * PAGE);

    CHECK(munmap(p + 2 * PAGE, PAGE) == 0); /* a hole in the middle */
    CHECK(kernel_writes(p) && kernel_writes(p + 2 * PAGE - 1) && !kernel_reads(p + 2 * PAGE) && kernel_writes(p + 3 * PAGE));
    CHECK(p[PAGE] == 'p' && p[4 * PAGE] == 'p');
    CHECK(map(p + 2 * PAGE, PAGE, RW, ANON) == p + 2 * PAGE); /* the hint is free, so it is taken */
    CHECK(p[2 * PAGE] == 0);
    CHECK(map(p, PAGE, RW, ANON) != p); /* this one is not */
    CHECK(mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED && errno == EEXIST);
    CHECK(munmap(p, PAGE) == 0);
    CHECK(map(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE) == p);

    CHECK(map(p + PAGE, 3 * PAGE, PROT_READ, ANON | MAP_FIXED) == p + PAGE); /* over what is there */
    CHECK(p[PAGE] == 0 && p[3 * PAGE] == 0 && p[4 * PAGE] == 'p');
    CHECK(!kernel_writes(p + PAGE) && !kernel_writes(p + 4 * PAGE - 1) && kernel_writes(p + 4 * PAGE));
    CHECK(munmap(p, 5 * PAGE) == 0 && munmap(p, 5 * PAGE) == 0); /* of nothing is fine */
    CHECK(!kernel_reads(p));

    char *low = map((void *)0x10000, PAGE, RW, ANON | MAP_FIXED);
    low[5] = 5;
    CHECK(low == (char *)0x10000 && kernel_reads(low));
    CHECK(munmap(low, PAGE) == 0);
    char *in_2g = map(NULL, PAGE, RW, ANON | MAP_32BIT);
    CHECK((uintptr_t)in_2g < 0x80000000 && kernel_writes(in_2g));
    CHECK(map(NULL, 1, RW, ANON)[PAGE - 1] == 0); /* lengths are rounded up */
    CHECK((uintptr_t)map((void *)0x123456789123, PAGE, RW, ANON) % PAGE == 0);

    /* Many mappings, each at its own place, all torn down in another order. */
    enum { MANY = 500 };
    static char *all[MANY];
    for (int i = 0; i < MANY; i++) {
        all[i] = map(NULL, (i % 7 + 1) * PAGE, RW, ANON);
        all[i][i % 7 * PAGE] = i;
    }
    for (int i = 0; i < MANY; i++) CHECK(all[i][i % 7 * PAGE] == (char)i);
    for (int i = 0; i < MANY; i++) CHECK(munmap(all[i * 7 % MANY], (i * 7 % MANY % 7 + 1) * PAGE) == 0);
    for (int i = 0; i < MANY; i++) CHECK(!kernel_reads(all[i]));
}

static void flags(void) {
    CHECK(map(NULL, 8 * PAGE, RW, ANON | MAP_POPULATE)[7 * PAGE] == 0);
    CHECK(map(NULL, PAGE, RW, ANON | MAP_NORESERVE)[0] == 0);
    CHECK(map(NULL, PAGE, RW, ANON | MAP_STACK | MAP_DENYWRITE | MAP_EXECUTABLE)[0] == 0);
    CHECK(map(NULL, PAGE, RW, ANON | MAP_LOCKED)[0] == 0);
    CHECK(map(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS)[0] == 0);
    char *none = map(NULL, 1l << 40, PROT_NONE, ANON | MAP_NORESERVE); /* address space is cheap */
    CHECK(!kernel_reads(none) && !kernel_reads(none + (1l << 39)));
    CHECK(mprotect(none + (1l << 39), PAGE, RW) == 0 && kernel_writes(none + (1l << 39)) && !kernel_reads(none));
    CHECK(munmap(none, 1l << 40) == 0);
    char *writes = map(NULL, PAGE, PROT_WRITE, ANON); /* on x86 what can be written can be read */
    writes[0] = 1;
    CHECK(writes[0] == 1);
    CHECK(map(NULL, 3l << 30, RW, ANON | MAP_NORESERVE)[(3l << 30) - 1] == 0);

    /* A stack grows down into the gap below, when that is touched: a gap of more than stack_guard_gap, 256 pages. */
    char *room = map(NULL, 1024 * PAGE, PROT_NONE, ANON);
    CHECK(munmap(room, 1024 * PAGE) == 0);
    char *stack = map(room + 1000 * PAGE, PAGE, RW, ANON | MAP_FIXED | MAP_GROWSDOWN);
    *(volatile char *)(stack - PAGE) = 1;
    CHECK(stack[-PAGE] == 1 && kernel_reads(stack - PAGE));
}

static void errors(void) {
    int file = make_file("file", "0123", 4), reader = open("file", O_RDONLY), writer = open("file", O_WRONLY);
    CHECK(mmap(NULL, 0, RW, ANON, -1, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap((void *)1, PAGE, RW, ANON | MAP_FIXED, -1, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap(NULL, -1ul, RW, ANON, -1, 0) == MAP_FAILED && errno == ENOMEM);
    CHECK(mmap(NULL, 1ul << 47, RW, ANON, -1, 0) == MAP_FAILED && errno == ENOMEM);
    CHECK(mmap((void *)-PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == MAP_FAILED && errno == ENOMEM);
    CHECK(mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0) == MAP_FAILED && errno == EBADF);
    CHECK(mmap(NULL, PAGE, RW, MAP_PRIVATE, 99, 0) == MAP_FAILED && errno == EBADF);
    CHECK(mmap(NULL, PAGE, RW, MAP_SHARED, reader, 0) == MAP_FAILED && errno == EACCES);
    CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, writer, 0) == MAP_FAILED && errno == EACCES);
    CHECK(mmap(NULL, PAGE, RW, MAP_PRIVATE, reader, 0) != MAP_FAILED);
    CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, open("/", O_RDONLY), 0) == MAP_FAILED && errno == ENODEV);
    /* glibc refuses an odd offset by itself: ask the kernel. */
    CHECK_ERRNO(syscall(SYS_mmap, 0l, (long)PAGE, PROT_READ, MAP_PRIVATE, file, 1l), EINVAL);
    CHECK_ERRNO(syscall(SYS_mmap, 0l, (long)PAGE, PROT_READ, MAP_PRIVATE, file, -PAGE + 0l) ?: -1, EOVERFLOW);
    CHECK_ERRNO(syscall(SYS_mmap, 0l, (long)PAGE, PROT_READ, MAP_SHARED_VALIDATE | 1 << 22, file, 0l), EOPNOTSUPP);
    char *p = map(NULL, PAGE, RW, ANON);
    CHECK_ERRNO(munmap(p + 1, PAGE), EINVAL);
    CHECK_ERRNO(munmap(p, 0), EINVAL);
    CHECK_ERRNO(munmap((void *)-PAGE, PAGE), EINVAL);
    CHECK_ERRNO(munmap(p, -PAGE), EINVAL);
    CHECK(p[0] == 0);
}

int main(void) {
    placement();
    flags();
    errors();
}
