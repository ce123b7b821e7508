/* The guest's page tables (SDM vol. 3, 4.5): four levels, in memory of the VMM that fork copies. */
#pragma once
#include "private.h"

enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_A = 0x20, PTE_D = 0x40, PTE_PS = 0x80 };
enum { PTE_ALIAS = 0x200 }; /* to the CPU nothing; to us: of memory that is not the window's */
#define PTE_NX (1ull << 63)
#define PTE_PROT (PTE_P | PTE_W | PTE_U | PTE_NX)

/* Tables and the engine's own pages live in one pool, guest-physical addresses [0, POOL_MAX). */
#define POOL_MAX (2ull << 30)
/* One of its pages, which the host refuses to a CPU. */
#define POOL_GATE 0

/* A zeroed page of the pool: its guest-physical address, or 0 without memory. */
uint64_t pool_page(void);
void *pool_address(uint64_t gpa);

/* Maps one page of the engine's own. */
int pagetable_own(uint64_t gva, uint64_t gpa, uint64_t bits);
/* What a change means for CPUs that have read the tables before. */
struct table_change {
    bool flush; /* no host call tells KVM of it: a 2 MiB entry became a table, or the other way; an alias is gone */
    bool code;  /* pages can no longer be executed that could */
};
/* Maps [gva, gva+length) to guest-physical memory from gpa on. */
int pagetable_map(uint64_t gva, uint64_t gpa, uint64_t length, uint64_t bits, bool huge, struct table_change *change);
/* Leaves of [gva, gva+length) only what `bits` allows; 0: nothing. */
int pagetable_limit(uint64_t gva, uint64_t length, uint64_t bits, struct table_change *change);
/* Empties all but aliases; the tables stay for what comes. */
void pagetable_clear(struct table_change *change);
