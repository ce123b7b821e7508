/* Flags of a mapping beside mmap(2)'s, which noahpy/vma.py has as well. */
#pragma once
#include "private.h"

#define VMA_SIZED (1ull << 40)     /* an object with an end: pages behind it give SIGBUS */
#define VMA_ALIAS (1ull << 41)     /* host pages that are not the window's (vvar) */
#define VMA_SEALED (1ull << 42)    /* mseal(2) */
#define VMA_ACCOUNTED (1ull << 43) /* private memory over a file, once writable (VM_ACCOUNT) */
