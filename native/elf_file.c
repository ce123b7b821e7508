#include "elf_file.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OFFSET = GUEST_PAGE - 1, LOWEST = 1 << 16, ALIGN_MAX = 1 << 30 };

const Elf64_Phdr *elf_next(const struct elf *e, uint32_t type, int *at) {
    while (*at < e->count) {
        const Elf64_Phdr *s = &e->segment[(*at)++];
        if (s->p_type == type) return s;
    }
    return NULL;
}

bool elf_executable_stack(const struct elf *e) {
    uint32_t flags = 0;
    const Elf64_Phdr *s;
    for (int at = 0; (s = elf_next(e, PT_GNU_STACK, &at));) flags = s->p_flags;
    return flags & PF_X;
}

/* Whether all segments can be mapped wherever the file is put, and what they span. */
static bool find_span(struct elf *e) {
    e->low = UINT64_MAX, e->high = 0, e->align = GUEST_PAGE;
    const Elf64_Phdr *s;
    for (int at = 0; (s = elf_next(e, PT_LOAD, &at));) {
        if (s->p_filesz > s->p_memsz || s->p_memsz > WINDOW_MAX || s->p_vaddr > WINDOW_MAX - s->p_memsz) return false;
        if (s->p_offset > INT64_MAX - s->p_filesz || (s->p_filesz && (s->p_offset - s->p_vaddr) & OFFSET)) return false;
        if (s->p_vaddr < e->low) e->low = s->p_vaddr & ~(uint64_t)OFFSET;
        if (s->p_vaddr + s->p_memsz > e->high) e->high = s->p_vaddr + s->p_memsz;
        if (!(s->p_align & (s->p_align - 1)) && s->p_align > e->align) e->align = s->p_align;
    }
    if (e->low == UINT64_MAX || e->align > ALIGN_MAX) return false;
    return e->type == ET_DYN || (e->low >= LOWEST && e->entry < WINDOW_MAX);
}

bool elf_read(struct elf *e, int fd) {
    Elf64_Ehdr head;
    struct stat status;
    if (fstat(fd, &status) || !S_ISREG(status.st_mode) || (uint64_t)status.st_blksize >= HUGE_PAGE) return false;
    if (pread(fd, &head, sizeof head, 0) != sizeof head || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) return false;
    if (head.e_machine != EM_X86_64 || (head.e_type != ET_EXEC && head.e_type != ET_DYN)) return false;
    if (head.e_phentsize != sizeof *e->segment || !head.e_phnum || head.e_phnum > ELF_SEGMENTS) return false;
    ssize_t size = (ssize_t)(head.e_phnum * sizeof *e->segment);
    if (head.e_phoff > (uint64_t)INT64_MAX - (uint64_t)size || pread(fd, e->segment, (size_t)size, (off_t)head.e_phoff) != size)
        return false;
    e->fd = fd, e->type = head.e_type, e->count = head.e_phnum, e->entry = head.e_entry, e->phoff = head.e_phoff;
    return find_span(e);
}
