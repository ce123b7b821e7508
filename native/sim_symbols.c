/* Reads the symbol tables of files that any program may have written: nothing in them is believed that is not checked. */
#include "sim_symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct function {
    uint64_t start, size;
    const char *name;
};

struct symbols {
    uint64_t lowest; /* address in the file's own terms of its first mapped byte */
    char *names;
    size_t count;
    struct function *functions; /* by start */
};

/* A part of a regular file, to be freed, with a zero behind; NULL if the file does not have it. */
static void *part(int file, uint64_t offset, uint64_t size) {
    struct stat status;
    if (fstat(file, &status) || !S_ISREG(status.st_mode)) return NULL;
    uint64_t all = (uint64_t)status.st_size;
    char *copy = offset < all && size <= all - offset ? malloc(size + 1) : NULL;
    if (!copy) return NULL;
    copy[size] = 0;
    if (pread(file, copy, size, (off_t)offset) == (ssize_t)size) return copy;
    free(copy);
    return NULL;
}

static int by_start(const void *a, const void *b) {
    const struct function *left = a, *right = b;
    return (left->start > right->start) - (left->start < right->start);
}

static uint64_t lowest_address(int file, const Elf64_Ehdr *head) {
    Elf64_Phdr *segments = part(file, head->e_phoff, head->e_phnum * sizeof *segments);
    uint64_t lowest = ~0ull;
    for (int i = 0; segments && i < head->e_phnum; i++)
        if (segments[i].p_type == PT_LOAD && segments[i].p_vaddr < lowest) lowest = segments[i].p_vaddr;
    free(segments);
    return lowest & -4096ull;
}

static void collect(struct symbols *s, int file, const Elf64_Shdr *table, const Elf64_Shdr *names) {
    uint64_t count = table->sh_size / sizeof(Elf64_Sym);
    Elf64_Sym *all = part(file, table->sh_offset, table->sh_size);
    s->names = part(file, names->sh_offset, names->sh_size);
    s->functions = all && s->names ? malloc((count + 1) * sizeof *s->functions) : NULL;
    for (uint64_t i = 0; s->functions && i < count; i++) {
        int type = ELF64_ST_TYPE(all[i].st_info);
        if ((type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE) && all[i].st_shndx &&
            all[i].st_name < names->sh_size)
            s->functions[s->count++] = (struct function){all[i].st_value, all[i].st_size, s->names + all[i].st_name};
    }
    if (s->count) qsort(s->functions, s->count, sizeof *s->functions, by_start);
    free(all);
}

/* From the full table, or what is left of it in a stripped file. */
static void find(struct symbols *s, int file, const Elf64_Ehdr *head) {
    static const uint32_t TYPES[] = {SHT_SYMTAB, SHT_DYNSYM};
    Elf64_Shdr *sections = part(file, head->e_shoff, head->e_shnum * sizeof *sections);
    for (int t = 0; sections && t < 2 && !s->count; t++)
        for (int i = 0; i < head->e_shnum && !s->functions; i++)
            if (sections[i].sh_type == TYPES[t] && sections[i].sh_link < head->e_shnum)
                collect(s, file, &sections[i], &sections[sections[i].sh_link]);
    free(sections);
}

struct symbols *symbols_load(const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct symbols *s = file >= 0 ? calloc(1, sizeof *s) : NULL;
    if (!s) {
        if (file >= 0) close(file);
        return NULL;
    }
    Elf64_Ehdr *head = part(file, 0, sizeof *head);
    if (head && !memcmp(head->e_ident, ELFMAG, SELFMAG) && head->e_ident[EI_CLASS] == ELFCLASS64) {
        s->lowest = lowest_address(file, head);
        find(s, file, head);
    }
    free(head);
    close(file);
    return s;
}

const char *symbol_at(const struct symbols *s, uint64_t offset, uint64_t *behind) {
    if (!s) return NULL;
    uint64_t address = offset + s->lowest;
    size_t low = 0, high = s->count;
    while (low < high) { /* the last one that starts at or before */
        size_t middle = (low + high) / 2;
        if (s->functions[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low) return NULL;
    const struct function *f = &s->functions[low - 1];
    if (f->size && address - f->start >= f->size) return NULL;
    *behind = address - f->start;
    return f->name;
}
