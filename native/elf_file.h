/* The ELF headers that loading needs (elf(5)); noahpy/elf.py says which of them count. */
#pragma once
#include <elf.h>

#include "private.h"

enum { ELF_SEGMENTS = 64 }; /* a file with more is Python's */

struct elf {
    int fd, type, count;
    uint64_t entry, phoff;
    uint64_t low, high; /* the first page's address and the end of what is to be mapped, before it is moved */
    uint64_t align;     /* what the load address is a multiple of */
    Elf64_Phdr segment[ELF_SEGMENTS];
};

/* Reads the headers of an open file. False: not a program that can be run, or an unusual one. */
bool elf_read(struct elf *, int fd);
/* The first segment of that type from number *at on, or NULL; *at is the next one's number. */
const Elf64_Phdr *elf_next(const struct elf *, uint32_t type, int *at);
bool elf_executable_stack(const struct elf *);
