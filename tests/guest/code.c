/* Code made at run time: written then executed, changed in place, moved. */
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
    char *p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 200; i++) { /* a compiler that keeps W^X */
        CHECK(mprotect(p, 2 * PAGE, RW) == 0);
        emit(p, i), emit(p + PAGE, -i);
        CHECK(mprotect(p, 2 * PAGE, RX) == 0);
        CHECK(((function *)p)() == i && ((function *)(p + PAGE))() == -i && !kernel_writes(p));
    }
    CHECK(mprotect(p, PAGE, RW | PROT_EXEC) == 0);
    for (int i = 0; i < 200; i++) { /* one that does not */
        emit(p, i * 3);
        CHECK(((function *)p)() == i * 3);
    }
    CHECK(mprotect(p, 2 * PAGE, RW | PROT_EXEC) == 0);
    emit(p + PAGE - 3, 77); /* an instruction across two pages */
    CHECK(((function *)(p + PAGE - 3))() == 77);

    char *moved = mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE);
    CHECK(moved == p + PAGE);
    emit(moved, 9);
    CHECK(((function *)moved)() == 9);
}
