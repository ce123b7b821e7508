/* int $0x80: the 32-bit system calls, which 64-bit Linux serves from 64-bit code too. */
#include "check.h"

static long int80(long number, long b, long c, long d) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(b), "c"(c), "d"(d) : "memory", "r8", "r9", "r10", "r11");
    return result;
}

int main(void) {
    int p[2];
    char *low = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0), text[8];
    CHECK(low != MAP_FAILED && pipe(p) == 0);
    CHECK(int80(20, 0, 0, 0) == getpid());
    memcpy(low, "hello", 5);
    CHECK(int80(4, p[1], (long)low, 5) == 5 && read(p[0], text, 8) == 5 && !memcmp(text, "hello", 5));
    CHECK(int80(6, 99, 0, 0) == -EBADF && int80(9999, 0, 0, 0) == -ENOSYS);
}
