/* What the engine needs of operand.c. */
#pragma once
#include "private.h"

/* Where the instruction at `code` (of `size` bytes, at most 15) reads or writes memory: true, with the linear address and
 * whether the stack's segment is used. False where it does not, or by an address that is always canonical. */
bool operand_address(const uint8_t *code, size_t size, const struct vcpu *, uint64_t *address, bool *stack);
