/* The functions of an ELF file, by address (sim_symbols.c). */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct symbols;
/* Of the file at `path`: none where it has none or is no ELF file. NULL: it can't be opened, now. */
struct symbols *symbols_load(const char *path);
/* The function in which `offset` from the file's first mapped byte lies, and how far behind its start; NULL: not known. */
const char *symbol_at(const struct symbols *, uint64_t offset, uint64_t *behind);
