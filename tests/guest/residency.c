/* mincore(2), mlock(2) and its family. */
#include "check.h"
#include <sys/resource.h>

enum { RW = PROT_READ | PROT_WRITE };

int main(void) {
    unsigned char in[64];
    char *p = mmap(NULL, 64 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(madvise(p, 64 * PAGE, MADV_NOHUGEPAGE) == 0 || errno == EINVAL);
    CHECK(mincore(p, 64 * PAGE, in) == 0);
    for (int i = 0; i < 64; i++) CHECK(!(in[i] & 1));
    p[3 * PAGE] = p[63 * PAGE] = 1;
    CHECK(mincore(p, 64 * PAGE, in) == 0 && (in[3] & 1) && (in[63] & 1) && !(in[4] & 1) && !(in[0] & 1));
    CHECK(madvise(p + 3 * PAGE, PAGE, MADV_DONTNEED) == 0 && mincore(p + 3 * PAGE, PAGE, in) == 0 && !(in[0] & 1));
    CHECK_ERRNO(mincore(p + 1, PAGE, in), EINVAL);
    CHECK_ERRNO(mincore(p, PAGE, (void *)8), EFAULT);
    CHECK_ERRNO(mincore((void *)-PAGE, PAGE, in), ENOMEM);
    CHECK(munmap(p + 5 * PAGE, PAGE) == 0);
    CHECK_ERRNO(mincore(p, 64 * PAGE, in), ENOMEM);
    CHECK(mincore(p, 0, (void *)8) == 0);

    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_MEMLOCK, &limit) == 0);
    if (limit.rlim_cur >= 8 * PAGE) {
        CHECK(mlock(p + 8 * PAGE, 4 * PAGE) == 0 && mincore(p + 8 * PAGE, 4 * PAGE, in) == 0);
        CHECK((in[0] & 1) && (in[3] & 1));
        CHECK_ERRNO(madvise(p + 8 * PAGE, PAGE, MADV_DONTNEED), EINVAL);
        CHECK_ERRNO(mlock(p, 8 * PAGE), ENOMEM);
        CHECK(munlock(p + 8 * PAGE, 4 * PAGE) == 0 && madvise(p + 8 * PAGE, PAGE, MADV_DONTNEED) == 0);
        CHECK(syscall(SYS_mlock2, p + 16 * PAGE, (long)PAGE, 1) == 0); /* MLOCK_ONFAULT */
        CHECK_ERRNO(syscall(SYS_mlock2, p, (long)PAGE, 2), EINVAL);
    }
    CHECK_ERRNO(mlockall(0), EINVAL);
    CHECK_ERRNO(mlockall(16), EINVAL);
    CHECK(munlockall() == 0);
}
