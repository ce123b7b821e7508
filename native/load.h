/* Fills an empty address space with a program (load.c). */
#pragma once
#include "elf_file.h"

struct arguments {
    char *strings; /* the arguments, then the environment, each with its NUL */
    size_t size, arguments_size;
    unsigned argc, envc;
    const char *execfn;
};

struct loaded {
    uint64_t rip, rsp;
    uint64_t arg_start, arg_end, env_start, env_end, auxv, auxv_size;
    uint64_t start_code, end_code, start_data, end_data, start_brk;
};

/* 0 or a negative errno. `interpreter` may be NULL. */
int load(struct loaded *, const struct elf *program, const struct elf *interpreter, const struct arguments *);
