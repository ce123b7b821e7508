/* How long instructions are (sim_length.c); by itself, so that the tests can hold it to a disassembler. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INSTRUCTION_MAX = 15 };

/* Length of the instruction at `code`, of which `size` bytes are there; 0: it is longer, or none. `*jumps`: whether what comes next
 * need not be what is behind it. */
size_t instruction_length(const uint8_t *code, size_t size, bool *jumps);
