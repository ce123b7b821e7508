/* The auxiliary vector is complete and true. With an argument: prints what must differ from run to run. */
#include "check.h"
#include <cpuid.h>
#include <elf.h>

extern const Elf64_Ehdr __ehdr_start;
extern void _start(void);

static const Elf64_auxv_t *vector;

/* As the kernel wrote it; getauxval(3) changes some. */
static unsigned long value(unsigned long type) {
    for (const Elf64_auxv_t *v = vector; v->a_type != AT_NULL; v++)
        if (v->a_type == type) return v->a_un.a_val;
    errno = ENOENT;
    return 0;
}

int main(int argc, char **argv) {
    char **end = argv + argc + 1;
    while (*end) end++;
    vector = (void *)(end + 1);
    const unsigned char *random = (void *)value(AT_RANDOM);
    CHECK(random);
    if (argc > 1) {
        for (int i = 0; i < 16; i++) printf("%02x", random[i]);
        printf(" %p %p %p %p\n", (void *)main, (void *)&argc, sbrk(0),
               mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        return 0;
    }
    CHECK(value(AT_PAGESZ) == PAGE && value(AT_CLKTCK) == 100 && value(AT_FLAGS) == 0);
    CHECK(value(AT_PHDR) == (uintptr_t)&__ehdr_start + __ehdr_start.e_phoff);
    CHECK(value(AT_PHENT) == sizeof(Elf64_Phdr) && value(AT_PHNUM) == __ehdr_start.e_phnum);
    CHECK(value(AT_ENTRY) == (uintptr_t)_start);

    int has_interpreter = 0;
    const Elf64_Phdr *phdr = (void *)value(AT_PHDR);
    for (int i = 0; i < __ehdr_start.e_phnum; i++) has_interpreter |= phdr[i].p_type == PT_INTERP;
    const char *base = (void *)value(AT_BASE);
    CHECK(!!base == has_interpreter);
    CHECK(!base || !memcmp(base, ELFMAG, SELFMAG));

    CHECK(value(AT_UID) == getuid() && value(AT_EUID) == geteuid());
    CHECK(value(AT_GID) == getgid() && value(AT_EGID) == getegid());
    errno = 0;
    CHECK(value(AT_SECURE) == 0 && errno == 0);
    CHECK(!strcmp((char *)value(AT_PLATFORM), "x86_64"));
    CHECK(!strcmp((char *)value(AT_EXECFN), argv[0]));
    CHECK((char *)value(AT_EXECFN) > argv[0] && (uintptr_t)random > (uintptr_t)argv);
    unsigned a, b, c, d;
    CHECK(__get_cpuid(1, &a, &b, &c, &d) && value(AT_HWCAP) == d);
    value(AT_HWCAP2);
    CHECK(errno == 0);
    CHECK(value(AT_SYSINFO_EHDR) && value(AT_MINSIGSTKSZ) >= 1024);
    int distinct = 0;
    for (int i = 1; i < 16; i++) distinct += random[i] != random[0];
    CHECK(distinct > 8);

    /* Each entry once, AT_NULL at the end. */
    unsigned seen[64] = {0};
    for (const Elf64_auxv_t *v = vector; v->a_type != AT_NULL; v++) CHECK(v->a_type < 64 && !seen[v->a_type]++);
    CHECK((uintptr_t)argv % 8 == 0 && ((uintptr_t)argv - 8) % 16 == 0); /* where the stack pointer was */
}
