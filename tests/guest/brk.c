/* brk(2): up, down, not at all; pages given back come back as zeros. */
#include "check.h"
#include <sys/resource.h>

static char *set_brk(const void *to) { return (char *)syscall(SYS_brk, to); }

int main(void) {
    char *start = set_brk(NULL);
    CHECK(start && set_brk(start) == start && set_brk((void *)1) == start && set_brk((void *)-1) == start);
    CHECK(set_brk(start - 64 * (long)PAGE * PAGE) == start); /* below where it began: refused by the old value */

    char *end = set_brk(start + 10 * PAGE + 123);
    CHECK(end == start + 10 * PAGE + 123);
    for (volatile char *p = start; p < end; p++) CHECK(*p == 0);
    memset(start, 'b', end - start);
    CHECK(set_brk(start + 5 * PAGE) == start + 5 * PAGE);
    CHECK(start[5 * PAGE - 1] == 'b' && !kernel_reads((char *)(((uintptr_t)start + 7 * PAGE) & -PAGE)));
    CHECK(set_brk(end) == end && start[5 * PAGE - 1] == 'b' && end[-1] == 0);

    char *far = start + (256l << 20);
    CHECK(set_brk(far) == far);
    for (char *p = (char *)(((uintptr_t)end + PAGE) & -PAGE); p < far; p += 512 * PAGE) CHECK(*p == 0), *p = 1;
    CHECK(set_brk(end) == end && set_brk(far) == far);
    CHECK(((char *)(((uintptr_t)end + PAGE) & -PAGE))[0] == 0);
    CHECK(set_brk(end) == end);

    /* A mapping in the way. */
    char *wall = (char *)(((uintptr_t)end + 16 * PAGE) & -PAGE);
    CHECK(mmap(wall, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == wall);
    CHECK(set_brk(wall + PAGE) == end && set_brk(wall + 5 * PAGE) == end);
    CHECK(munmap(wall, PAGE) == 0 && set_brk(wall + PAGE) == wall + PAGE && set_brk(end) == end);

    struct rlimit limit, small = {PAGE, RLIM_INFINITY};
    CHECK(getrlimit(RLIMIT_DATA, &limit) == 0);
    small.rlim_max = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_DATA, &small) == 0);
    CHECK(set_brk(far) == end);
    CHECK(setrlimit(RLIMIT_DATA, &limit) == 0);
    CHECK(set_brk(far) == far && set_brk(end) == end);
}
