/* What the CPU says of itself: CPUID, XCR0, the auxiliary vector and the instructions agree. Without arguments it checks that; with
 * "print" it says, for each feature that is named, whether it is there; with "run NAME" it executes an instruction of that feature. */
#include <cpuid.h>
#include <immintrin.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#include "check.h"

enum { EAX, EBX, ECX, EDX };
static const struct {
    const char *name;
    unsigned function, index;
    int reg, bit;
    unsigned long xcr0; /* components that it needs */
} FEATURES[] = {
    {"pni", 1, 0, ECX, 0, 0},          {"ssse3", 1, 0, ECX, 9, 0},          {"fma", 1, 0, ECX, 12, 6},
    {"cx16", 1, 0, ECX, 13, 0},        {"sse4_1", 1, 0, ECX, 19, 0},        {"sse4_2", 1, 0, ECX, 20, 0},
    {"movbe", 1, 0, ECX, 22, 0},       {"popcnt", 1, 0, ECX, 23, 0},        {"aes", 1, 0, ECX, 25, 0},
    {"avx", 1, 0, ECX, 28, 6},         {"f16c", 1, 0, ECX, 29, 6},          {"rdrand", 1, 0, ECX, 30, 0},
    {"fsgsbase", 7, 0, EBX, 0, 0},     {"bmi1", 7, 0, EBX, 3, 0},           {"avx2", 7, 0, EBX, 5, 6},
    {"bmi2", 7, 0, EBX, 8, 0},         {"avx512f", 7, 0, EBX, 16, 0xe6},    {"adx", 7, 0, EBX, 19, 0},
    {"sha_ni", 7, 0, EBX, 29, 0},      {"avx512bw", 7, 0, EBX, 30, 0xe6},   {"lahf_lm", 0x80000001, 0, ECX, 0, 0},
    {"abm", 0x80000001, 0, ECX, 5, 0}, {"sse4a", 0x80000001, 0, ECX, 6, 0},
};
enum { COUNT = sizeof FEATURES / sizeof *FEATURES, OSXSAVE = 1 << 27, FSGSBASE = 2 };

static unsigned leaf(unsigned function, unsigned index, int reg) {
    unsigned r[4] = {0};
    __get_cpuid_count(function, index, &r[EAX], &r[EBX], &r[ECX], &r[EDX]);
    return r[reg];
}

static int has(int i) { return leaf(FEATURES[i].function, FEATURES[i].index, FEATURES[i].reg) >> FEATURES[i].bit & 1; }

static int number_of(const char *name) {
    int i = 0;
    while (i < COUNT && strcmp(FEATURES[i].name, name)) i++;
    CHECK(i < COUNT);
    return i;
}

__attribute__((target("xsave"))) static unsigned long xcr0(void) { return _xgetbv(0); }
__attribute__((target("avx"))) static void avx(void) { __asm__ volatile("vxorps %%ymm0, %%ymm0, %%ymm0" ::: "xmm0"); }
__attribute__((target("fsgsbase"))) static void fsgsbase(void) { _writegsbase_u64(_readgsbase_u64()); }

/* The kernel's own word: getauxval(AT_HWCAP) is the C library's. */
static unsigned long auxiliary(unsigned long type) {
    extern char **environ;
    char **p = environ;
    while (*p) p++;
    unsigned long *entry = (unsigned long *)(p + 1);
    while (entry[0] != AT_NULL && entry[0] != type) entry += 2;
    return entry[1];
}

static void agree(void) {
    CHECK(auxiliary(AT_HWCAP) == leaf(1, 0, EDX));
    CHECK(!(auxiliary(AT_HWCAP2) & FSGSBASE) == !has(number_of("fsgsbase")));
    if (!(leaf(1, 0, ECX) & OSXSAVE)) return;
    unsigned long enabled = xcr0(), possible = leaf(0xd, 0, EAX);
    CHECK((enabled & 3) == 3 && !(enabled & ~possible & 0xff));
    for (int i = 0; i < COUNT; i++)
        if (has(i)) CHECK((enabled & FEATURES[i].xcr0) == FEATURES[i].xcr0);
    CHECK((enabled >> 2 & 1) == (unsigned long)has(number_of("avx")));
    CHECK((enabled >> 5 & 7) == (has(number_of("avx512f")) ? 7 : 0));
    unsigned size = 576; /* of the standard format, for what is enabled */
    for (unsigned n = 2; n < 32; n++)
        if (enabled >> n & 1 && leaf(0xd, n, EAX) + leaf(0xd, n, EBX) > size) size = leaf(0xd, n, EAX) + leaf(0xd, n, EBX);
    CHECK(leaf(0xd, 0, EBX) == size);
}

int main(int argc, char **argv) {
    if (argc == 1) {
        agree();
    } else if (!strcmp(argv[1], "print")) {
        agree();
        for (int i = 0; i < COUNT; i++)
            if (has(i)) puts(FEATURES[i].name);
    } else if (!strcmp(argv[2], "avx")) {
        avx();
    } else {
        fsgsbase();
    }
    return 0;
}
