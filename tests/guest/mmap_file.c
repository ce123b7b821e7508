/* Mappings of files: coherence both ways, private copies, ends of files, msync(2), mapping after close. */
#include "check.h"
#include <sys/stat.h>

enum { RW = PROT_READ | PROT_WRITE };

static char *map(size_t size, int prot, int flags, int fd, off_t offset) {
    char *p = mmap(NULL, size, prot, flags, fd, offset);
    CHECK(p != MAP_FAILED);
    return p;
}

static char at(int fd, off_t offset) {
    char byte;
    CHECK(pread(fd, &byte, 1, offset) == 1);
    return byte;
}

int main(void) {
    static char data[3 * PAGE + 100], back[PAGE];
    for (size_t i = 0; i < sizeof data; i++) data[i] = 'a' + i / PAGE;
    int fd = make_file("file", data, sizeof data);

    char *shared = map(sizeof data, RW, MAP_SHARED, fd, 0), *second = map(2 * PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
    char *copy = map(sizeof data, RW, MAP_PRIVATE, fd, 0);
    CHECK(!memcmp(shared, data, sizeof data) && !memcmp(second, data + PAGE, 2 * PAGE) && copy[2 * PAGE] == 'c');
    CHECK(shared[sizeof data] == 0 && shared[4 * PAGE - 1] == 0); /* the rest of the last page */

    shared[PAGE] = 'S'; /* memory -> file, and the other mappings */
    CHECK(at(fd, PAGE) == 'S' && second[0] == 'S' && copy[PAGE] == 'S');
    CHECK(pwrite(fd, "F", 1, PAGE + 1) == 1); /* file -> memory */
    CHECK(shared[PAGE + 1] == 'F' && second[1] == 'F' && copy[PAGE + 1] == 'F');
    copy[PAGE + 2] = 'P'; /* a private page parts here */
    CHECK(shared[PAGE + 2] == 'b' && at(fd, PAGE + 2) == 'b');
    CHECK(pwrite(fd, "G", 1, PAGE + 1) == 1 && shared[PAGE + 1] == 'G' && copy[PAGE + 1] == 'F');
    CHECK(pwrite(fd, "H", 1, 0) == 1 && copy[0] == 'H'); /* an untouched one follows the file */
    CHECK(read(open("file", O_RDONLY), copy + 2 * PAGE, 10) == 10 && copy[2 * PAGE] == 'H' && shared[2 * PAGE] == 'c');
    CHECK(pwrite(fd, shared + 2 * PAGE, 10, PAGE) == 10 && second[0] == 'c'); /* from the file into itself */

    shared[sizeof data + 5] = 'x'; /* behind the end: not the file's */
    struct stat st;
    CHECK(fstat(fd, &st) == 0 && st.st_size == sizeof data);
    CHECK(msync(shared, sizeof data, MS_SYNC) == 0 && msync(shared, PAGE, MS_ASYNC) == 0);
    CHECK(msync(shared, PAGE, MS_INVALIDATE) == 0);
    CHECK_ERRNO(msync(shared, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
    CHECK_ERRNO(msync(shared, PAGE, 64), EINVAL);
    CHECK_ERRNO(msync(shared + 1, PAGE, MS_SYNC), EINVAL);
    char *gone = map(PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(munmap(gone, PAGE) == 0);
    CHECK_ERRNO(msync(gone, PAGE, MS_SYNC), ENOMEM);

    /* The end of the file moves below a mapping. */
    char *view = map(8 * PAGE, RW, MAP_SHARED, fd, 0);
    CHECK(kernel_reads(view + 3 * PAGE) && !kernel_reads(view + 4 * PAGE) && !kernel_writes(view + 7 * PAGE));
    CHECK(ftruncate(fd, 6 * PAGE) == 0);
    CHECK(kernel_reads(view + 4 * PAGE) && kernel_writes(view + 6 * PAGE - 1) && !kernel_reads(view + 6 * PAGE));
    CHECK(view[5 * PAGE] == 0);
    view[5 * PAGE] = 'n';
    CHECK(at(fd, 5 * PAGE) == 'n');
    CHECK(ftruncate(fd, PAGE + 1) == 0);
    CHECK(kernel_reads(view + PAGE) && !kernel_reads(view + 2 * PAGE) && !kernel_reads(view + 5 * PAGE));
    CHECK(view[PAGE + 1] == 0 && view[2 * PAGE - 1] == 0);
    CHECK(copy[PAGE + 2] == 'P' || !kernel_reads(copy + PAGE + 2)); /* truncation takes private copies too */
    CHECK(pwrite(fd, "end", 3, 3 * PAGE) == 3);
    CHECK(view[3 * PAGE] == 'e' && view[2 * PAGE] == 0 && !kernel_reads(view + 4 * PAGE));

    /* Offsets, and descriptors closed and unlinked. */
    CHECK(ftruncate(fd, (5l << 30) + PAGE) == 0 && pwrite(fd, "far", 3, 5l << 30) == 3);
    char *far = map(PAGE, RW, MAP_SHARED, fd, 5l << 30);
    CHECK(!memcmp(far, "far", 3));
    int other = open("file", O_RDWR);
    CHECK(close(fd) == 0 && unlink("file") == 0);
    far[0] = 'F', view[0] = 'v';
    CHECK(at(other, 5l << 30) == 'F' && at(other, 0) == 'v');

    /* Read-only descriptors: a shared mapping may never be made writable. */
    int ro = make_file("ro", data, PAGE);
    CHECK(close(ro) == 0 && (ro = open("ro", O_RDONLY)) >= 0);
    char *reads = map(PAGE, PROT_READ, MAP_SHARED, ro, 0);
    CHECK_ERRNO(mprotect(reads, PAGE, RW), EACCES);
    CHECK(reads[5] == 'a' && !kernel_writes(reads));
    char *own = map(PAGE, PROT_READ, MAP_PRIVATE, ro, 0);
    CHECK(mprotect(own, PAGE, RW) == 0);
    own[0] = 'Z';
    CHECK(at(ro, 0) == 'a' && reads[0] == 'a');

    /* A system call's buffers in a mapped file. */
    int in = make_file("in", data, PAGE), out = make_file("out", data, PAGE);
    char *from = map(PAGE, PROT_READ, MAP_SHARED, in, 0), *to = map(PAGE, RW, MAP_SHARED, out, 0);
    memset(back, 'q', PAGE);
    CHECK(pwrite(in, back, PAGE, 0) == PAGE && from[PAGE - 1] == 'q');
    CHECK(pread(in, to, PAGE, 0) == PAGE && at(out, PAGE - 1) == 'q');
    CHECK(pwrite(out, from, 100, 0) == 100 && to[99] == 'q');
}
