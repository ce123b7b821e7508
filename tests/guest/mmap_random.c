/* Thousands of mmap(2), munmap(2), mprotect(2) and madvise(2), beside a model of what each page then holds and allows: what is
 * stale, in a table of mappings or of pages, shows. */
#include "check.h"

enum { PAGES = 64, FILE_PAGES = 40, ROUNDS = 3000 };

static struct page { int mapped, prot, value, below; /* below: what MADV_DONTNEED brings back */ } model[PAGES];
static char *arena;
static int pipe_ends[2];
static unsigned state = 20;

static int chance(int n) {
    state = state * 1103515245 + 12345;
    return (int)((state >> 16) % (unsigned)n);
}

static void check_page(int i) {
    volatile char *p = arena + (long)i * PAGE + chance(PAGE);
    char got;
    if (!model[i].mapped || !(model[i].prot & PROT_READ)) {
        CHECK_ERRNO(write(pipe_ends[1], (char *)p, 1), EFAULT);
        return;
    }
    CHECK(write(pipe_ends[1], (char *)p, 1) == 1 && read(pipe_ends[0], &got, 1) == 1);
    CHECK(got == model[i].value);
    CHECK(*p == model[i].value);
    if (model[i].prot & PROT_WRITE && chance(2)) {
        memset(arena + (long)i * PAGE, ++model[i].value & 0x7f, PAGE);
        model[i].value &= 0x7f;
    }
    if (!(model[i].prot & PROT_WRITE)) {
        CHECK(write(pipe_ends[1], "x", 1) == 1);
        CHECK_ERRNO(read(pipe_ends[0], (char *)p, 1), EFAULT);
        CHECK(read(pipe_ends[0], &got, 1) == 1);
    }
}

int main(void) {
    char bytes[FILE_PAGES * PAGE];
    for (int i = 0; i < FILE_PAGES; i++) memset(bytes + i * PAGE, i + 1, PAGE);
    int file = make_file("file", bytes, sizeof bytes);
    static const int protections[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC};
    CHECK(pipe(pipe_ends) == 0);
    arena = mmap(NULL, PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(arena != MAP_FAILED && munmap(arena, PAGES * PAGE) == 0);
    for (int round = 0; round < ROUNDS; round++) {
        int first = chance(PAGES), count = 1 + chance(PAGES - first < 12 ? PAGES - first : 12);
        int prot = protections[chance(4)], holes = 0, gap = first;
        char *at = arena + (long)first * PAGE;
        size_t size = (size_t)count * PAGE;
        for (int i = first + count; i-- > first;)
            if (!model[i].mapped) holes++, gap = i;
        switch (chance(6)) {
        case 0:
            CHECK(mmap(at, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
            for (int i = first; i < first + count; i++) model[i] = (struct page){1, prot, 0, 0};
            break;
        case 1: {
            int from = chance(FILE_PAGES - count);
            CHECK(mmap(at, size, prot, MAP_PRIVATE | MAP_FIXED, file, (long)from * PAGE) == at);
            for (int i = 0; i < count; i++) model[first + i] = (struct page){1, prot, from + i + 1, from + i + 1};
            break;
        }
        case 2:
            CHECK(munmap(at, size) == 0);
            memset(model + first, 0, (size_t)count * sizeof *model);
            break;
        case 3:
        case 4:
            if (holes)
                CHECK_ERRNO(mprotect(at, size, prot), ENOMEM);
            else
                CHECK(mprotect(at, size, prot) == 0);
            for (int i = first; i < (holes ? gap : first + count); i++) model[i].prot = prot;
            break;
        case 5:
            if (holes)
                CHECK_ERRNO(madvise(at, size, MADV_DONTNEED), ENOMEM);
            else
                CHECK(madvise(at, size, MADV_DONTNEED) == 0);
            for (int i = first; i < first + count; i++) model[i].value = model[i].below;
            break;
        }
        for (int i = 0; i < 4; i++) check_page(chance(PAGES));
        check_page(first);
    }
    for (int i = 0; i < PAGES; i++) check_page(i);
    /* The heap. */
    char *heap = sbrk(0);
    CHECK(brk(heap + 10 * PAGE) == 0);
    memset(heap, 7, 10 * PAGE);
    CHECK(brk(heap + 3 * PAGE) == 0 && heap[3 * PAGE - 1] == 7);
    CHECK_ERRNO(write(pipe_ends[1], (char *)(((uintptr_t)heap + 4 * PAGE) & -PAGE), 1), EFAULT);
    CHECK(brk(heap + 10 * PAGE) == 0 && heap[10 * PAGE - 1] == 0);
    return 0;
}
