/* mmap(2) and its family, finished in C (mmap.c). */
#pragma once
#include "private.h"

/* Each finishes a call: true, with the result in rax. False: Python's turn, nothing was done. */
bool finish_mmap(struct vcpu *);
bool finish_munmap(struct vcpu *);
bool finish_mprotect(struct vcpu *);
bool finish_brk(struct vcpu *);
bool finish_madvise(struct vcpu *);

/* What they are made of. Arguments are whole pages inside the window. */
struct book *memory_book(void); /* what fast_memory() has said */
bool memory_plain(void);        /* nothing is sealed, to be locked or limited */
/* A private mapping, at `place` with MAP_FIXED, else where there is room: its address, a negative errno, or INT64_MIN where this is
 * no plain case. */
int64_t memory_map(uint64_t place, uint64_t length, int prot, int flags, int fd, uint64_t offset);
int memory_unmap(uint64_t start, uint64_t end);
