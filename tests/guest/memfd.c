/* memfd_create(2), seals, and shared anonymous memory. */
#include "check.h"
#include <sys/stat.h>

enum { RW = PROT_READ | PROT_WRITE };

int main(void) {
    int fd = memfd_create("name", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && ftruncate(fd, 4 * PAGE) == 0);
    char link[64], path[64], byte;
    sprintf(path, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, link, sizeof link);
    CHECK(n > 0 && !memcmp(link, "/memfd:name (deleted)", n));
    char *p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0), *q = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
    p[PAGE] = 'm';
    CHECK(q[PAGE] == 'm' && pread(fd, &byte, 1, PAGE) == 1 && byte == 'm');
    CHECK(pwrite(fd, "w", 1, 3 * PAGE) == 1 && p[3 * PAGE] == 'w' && q[3 * PAGE] == 'w');

    CHECK(fcntl(fd, F_GET_SEALS) == 0);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
    CHECK_ERRNO(ftruncate(fd, PAGE), EPERM);
    CHECK_ERRNO(ftruncate(fd, 5 * PAGE), EPERM);
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY); /* while it is mapped for writing */
    CHECK(munmap(p, 4 * PAGE) == 0 && munmap(q, 4 * PAGE) == 0);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) == 0);
    CHECK_ERRNO(pwrite(fd, "x", 1, 0), EPERM);
    CHECK(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EPERM);
    CHECK((p = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 0)) != MAP_FAILED && p[PAGE] == 'm');
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, 0), EPERM);
    CHECK(fcntl(fd, F_GET_SEALS) == (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL));
    CHECK(fcntl(memfd_create("unsealed", 0), F_GET_SEALS) == F_SEAL_SEAL);
    CHECK_ERRNO(memfd_create("x", 1u << 20), EINVAL);
    CHECK_ERRNO(memfd_create((char *)8, 0), EFAULT);
    static char name[300];
    memset(name, 'n', 250);
    CHECK_ERRNO(memfd_create(name, 0), EINVAL);

    char *shared = mmap(NULL, 8 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED && shared[0] == 0);
    shared[0] = 's', shared[7 * PAGE] = 't';
    char *twin = mremap(shared, 0, 8 * PAGE, MREMAP_MAYMOVE);
    CHECK(twin != MAP_FAILED && twin[0] == 's');
    twin[0] = 'u';
    CHECK(shared[0] == 'u');
    CHECK(madvise(shared, PAGE, MADV_DONTNEED) == 0 && shared[0] == 'u'); /* kept by the object */
    CHECK(munmap(shared, 8 * PAGE) == 0 && twin[7 * PAGE] == 't');
}
