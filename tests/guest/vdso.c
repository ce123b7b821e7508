/* The vDSO: an ELF image where the auxiliary vector says, whose functions answer as the system calls do. */
#include "check.h"
#include <elf.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/time.h>
#include <time.h>

static void *symbol(const char *base, const char *name) {
    const Elf64_Ehdr *elf = (const void *)base;
    const Elf64_Phdr *phdr = (const void *)(base + elf->e_phoff);
    const Elf64_Dyn *dynamic = NULL;
    uint64_t bias = 0;
    for (int i = 0; i < elf->e_phnum; i++)
        if (phdr[i].p_type == PT_DYNAMIC)
            dynamic = (const void *)(base + phdr[i].p_offset);
        else if (phdr[i].p_type == PT_LOAD && phdr[i].p_offset == 0)
            bias = (uint64_t)base - phdr[i].p_vaddr;
    CHECK(dynamic);
    const Elf64_Sym *symbols = NULL;
    const char *strings = NULL;
    for (; dynamic->d_tag; dynamic++)
        if (dynamic->d_tag == DT_SYMTAB)
            symbols = (const void *)(bias + dynamic->d_un.d_ptr);
        else if (dynamic->d_tag == DT_STRTAB)
            strings = (const char *)(bias + dynamic->d_un.d_ptr);
    CHECK(symbols && strings);
    for (const Elf64_Sym *s = symbols + 1; (const char *)s < strings; s++) /* the strings follow the symbols */
        if (!strcmp(strings + s->st_name, name)) return (void *)(bias + s->st_value);
    return NULL;
}

int main(void) {
    const char *base = (const char *)getauxval(AT_SYSINFO_EHDR);
    CHECK(base && !memcmp(base, ELFMAG, SELFMAG) && (uintptr_t)base % PAGE == 0);
    CHECK(kernel_reads(base) && !kernel_writes((char *)base));
    int (*gettime)(clockid_t, struct timespec *) = symbol(base, "__vdso_clock_gettime");
    int (*gettod)(struct timeval *, void *) = symbol(base, "__vdso_gettimeofday");
    long (*getcpu)(unsigned *, unsigned *, void *) = symbol(base, "__vdso_getcpu");
    time_t (*seconds)(time_t *) = symbol(base, "__vdso_time");
    CHECK(gettime && gettod && getcpu && seconds);

    for (int i = 0; i < 1000; i++) {
        struct timespec a, b, c;
        CHECK(gettime(CLOCK_MONOTONIC, &a) == 0 && syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &b) == 0);
        CHECK(gettime(CLOCK_MONOTONIC, &c) == 0);
        CHECK(a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec <= b.tv_nsec));
        CHECK(b.tv_sec < c.tv_sec || (b.tv_sec == c.tv_sec && b.tv_nsec <= c.tv_nsec));
    }
    struct timeval day;
    unsigned cpu = ~0u, node = ~0u;
    CHECK(gettod(&day, NULL) == 0 && llabs(day.tv_sec - syscall(SYS_time, NULL)) <= 2 &&
          llabs(seconds(NULL) - day.tv_sec) <= 2);
    cpu_set_t allowed;
    CHECK(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
    CHECK(getcpu(&cpu, &node, NULL) == 0 && CPU_ISSET(cpu, &allowed));
}
