/* A process may have 65,530 mappings (/proc/sys/vm/max_map_count), and one page of a file may be all of them. */
#include "check.h"

enum { PAGES = 60000, RW = PROT_READ | PROT_WRITE };

int main(void) {
    int fd = memfd_create("one page", 0);
    CHECK(ftruncate(fd, PAGE) == 0);
    char *start = mmap(NULL, (size_t)PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(start != MAP_FAILED);
    for (long i = 0; i < PAGES; i++) {
        int flags = MAP_FIXED | (i < PAGES / 5 ? MAP_SHARED : MAP_PRIVATE);
        CHECK(mmap(start + i * PAGE, PAGE, RW, flags, fd, 0) == start + i * PAGE);
    }
    start[0] = 'x';
    for (long i = 0; i < PAGES; i++) CHECK(start[i * PAGE] == 'x');
    for (long i = PAGES / 5; i < PAGES; i++)
        CHECK(mmap(start + i * PAGE, PAGE, RW, MAP_FIXED | MAP_SHARED, fd, 0) == start + i * PAGE);
    start[PAGE] = 'y';
    for (long i = 0; i < PAGES; i++) CHECK(start[i * PAGE] == 'y');
    CHECK(munmap(start, (size_t)PAGES * PAGE) == 0);
}
