/* A program of 1 GiB of bss: starts at once, and is zero wherever it is touched. */
#include "check.h"

static char bss[1 << 30];
static int initialized[PAGE] = {1, 2, 3};
static char tail[3] = "ab"; /* data and bss on one page */
static char after[100];

int main(void) {
    for (size_t i = 0; i < sizeof bss; i += 4 << 20) {
        CHECK(bss[i] == 0 && bss[i + PAGE - 1] == 0);
        bss[i] = i >> 22;
    }
    for (size_t i = 0; i < sizeof bss; i += 4 << 20) CHECK(bss[i] == (char)(i >> 22) && bss[i + 1] == 0);
    CHECK(bss[sizeof bss - 1] == 0 && initialized[2] == 3 && initialized[3] == 0 && tail[1] == 'b');
    for (size_t i = 0; i < sizeof after; i++) CHECK(after[i] == 0);
    CHECK(read(open("/dev/urandom", O_RDONLY), bss + (512 << 20), 1 << 20) == 1 << 20);
    CHECK(bss[(512 << 20) - 1] == 0 && bss[(513 << 20)] == 0);
}
