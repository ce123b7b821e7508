/* getrandom(2) and /dev/urandom. */
#include "check.h"
#include <sys/random.h>

int main(void) {
    static unsigned char a[1 << 20], b[1 << 20];
    CHECK(getrandom(a, 256, 0) == 256 && getrandom(b, 256, 0) == 256 && memcmp(a, b, 256));
    CHECK(getrandom(a, sizeof a, 0) == sizeof a);
    long count[256] = {0};
    for (size_t i = 0; i < sizeof a; i++) count[a[i]]++;
    for (int i = 0; i < 256; i++) CHECK(count[i] > 3500 && count[i] < 4700); /* 4096 expected, 9 sigma */
    CHECK(getrandom(a, 16, GRND_NONBLOCK) == 16 && getrandom(a, 16, GRND_RANDOM) > 0 && getrandom(a, 0, 0) == 0);
    CHECK_ERRNO(getrandom(a, 16, 128), EINVAL);
    CHECK_ERRNO(getrandom((void *)8, 16, 0), EFAULT);
    char *end = end_of_pages(1);
    CHECK(getrandom(end - 10, 100, 0) == 10);
    CHECK_ERRNO(getrandom(end, 100, 0), EFAULT);
    CHECK(getentropy(a, 256) == 0);
    CHECK(read(open("/dev/urandom", O_RDONLY), b, 256) == 256 && memcmp(a, b, 256));
}
