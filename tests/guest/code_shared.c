/* Code that is written at another address than it is executed at. */
#include "check.h"

enum { RW = PROT_READ | PROT_WRITE, RX = PROT_READ | PROT_EXEC };

typedef int function(void);

/* mov eax, value; ret */
static void emit(char *at, int value) {
    at[0] = (char)0xb8;
    memcpy(at + 1, &value, 4);
    at[5] = (char)0xc3;
}

int main(void) {
    char *p = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = memfd_create("code", 0);
    CHECK(ftruncate(fd, PAGE) == 0);
    char *w = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), *x = mmap(NULL, PAGE, RX, MAP_SHARED, fd, 0);
    CHECK(w != MAP_FAILED && x != MAP_FAILED);
    for (int i = 0; i < 200; i++) { /* one that writes by another address */
        emit(w, i + 1000);
        CHECK(((function *)x)() == i + 1000);
    }
    CHECK(pwrite(fd, "\xb8\x05\0\0\0\xc3", 6, 0) == 6 && ((function *)x)() == 5); /* or through the file */

    char *moved = mremap(x, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p);
    CHECK(moved == p && ((function *)p)() == 5);
}
