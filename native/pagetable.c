#include "pagetable.h"

#include <string.h>
#include <sys/mman.h>

#include "physical.h"

#define ADDRESS 0x000ffffffffff000ull

static uint8_t *pool_;
static uint64_t pool_used_ = GUEST_PAGE; /* page 0 is never given out: 0 means "none", and is the gate */
static uint64_t pool_shown_;             /* how much of it has memslots */
static uint64_t root_;

enum { POOL_FIRST = 2 << 20, POOL_STEP = 16 << 20 };

void *pool_address(uint64_t gpa) { return pool_ + gpa; }

uint64_t pool_page(void) {
    if (!pool_) {
        void *at = mmap(NULL, POOL_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED || mprotect((uint8_t *)at + POOL_GATE, GUEST_PAGE, PROT_NONE)) return 0;
        pool_ = at;
    }
    if (pool_used_ == pool_shown_ || !pool_shown_) {
        uint64_t step = pool_shown_ ? POOL_STEP : POOL_FIRST;
        if (pool_shown_ + step > POOL_MAX || slot_add(pool_shown_, pool_ + pool_shown_, step)) return 0;
        pool_shown_ += step;
    }
    uint64_t gpa = pool_used_;
    pool_used_ += GUEST_PAGE;
    return gpa;
}

uint64_t pagetable_root(void) { return root_ ? root_ : (root_ = pool_page()); }

static inline unsigned slot_of(uint64_t gva, int level) { return gva >> (12 + 9 * level) & 511; }

/* The entry for gva at `level` (0: 4 KiB, 1: 2 MiB), tables above it made on the way if `create`. A 2 MiB entry in the way
 * of level 0 ends the walk: *level says where. NULL: not there, or no memory. */
static uint64_t *walk(uint64_t gva, int *level, bool create) {
    uint64_t table = root_;
    for (int at = 3;; at--) {
        uint64_t *entry = (uint64_t *)(pool_ + table) + slot_of(gva, at);
        if (at == *level || (*entry & PTE_PS)) {
            *level = at;
            return entry;
        }
        if (!(*entry & PTE_P)) {
            uint64_t page = create ? pool_page() : 0;
            if (!page) return NULL;
            *entry = page | PTE_P | PTE_W | PTE_U | PTE_A;
        }
        table = *entry & ADDRESS;
    }
}

/* Turns a 2 MiB entry into a table that says the same. */
static int split(uint64_t *entry) {
    uint64_t page = pool_page();
    if (!page) return -ENOMEM;
    uint64_t *table = pool_address(page), leaf = *entry & ~(uint64_t)PTE_PS;
    for (int i = 0; i < 512; i++) table[i] = leaf + (uint64_t)i * GUEST_PAGE;
    __atomic_store_n(entry, page | PTE_P | PTE_W | PTE_U | PTE_A, __ATOMIC_RELEASE);
    return 0;
}

int pagetable_own(uint64_t gva, uint64_t gpa, uint64_t bits) {
    if (!pagetable_root()) return -ENOMEM;
    int level = 0;
    uint64_t *entry = walk(gva, &level, true);
    if (!entry) return -ENOMEM;
    *entry = gpa | bits | PTE_P | PTE_A | PTE_D;
    return 0;
}

/* How far the part of [gva, end) reaches that one table of 4 KiB entries covers. */
static uint64_t table_end(uint64_t gva, uint64_t end) {
    uint64_t next = (gva | (HUGE_PAGE - 1)) + 1;
    return next < end ? next : end;
}

int pagetable_map(uint64_t gva, uint64_t gpa, uint64_t length, uint64_t bits, bool huge, struct table_change *change) {
    bits |= PTE_P | PTE_A | PTE_D;
    for (uint64_t end = gva + length, next; gva < end; gpa += next - gva, gva = next) {
        next = table_end(gva, end);
        bool whole = next - gva == HUGE_PAGE && !(gpa & (HUGE_PAGE - 1));
        int level = 1;
        uint64_t *entry = walk(gva, &level, true);
        if (!entry) return -ENOMEM;
        if (whole && ((huge && !*entry) || (*entry & PTE_PS))) {
            __atomic_store_n(entry, gpa | bits | PTE_PS, __ATOMIC_RELEASE);
            continue;
        }
        if (*entry & PTE_PS) {
            int error = split(entry);
            if (error) return error;
            change->flush = true;
        }
        level = 0;
        entry = walk(gva, &level, true);
        if (!entry) return -ENOMEM;
        for (uint64_t at = 0; at < next - gva; at += GUEST_PAGE) *entry++ = (gpa + at) | bits;
    }
    return 0;
}

/* What remains of a leaf when no more than `bits` are allowed. */
static inline uint64_t limited(uint64_t leaf, uint64_t bits) {
    if (!bits) return 0;
    return (leaf & ~(uint64_t)PTE_W) | (leaf & bits & PTE_W) | (bits & PTE_NX);
}

int pagetable_limit(uint64_t gva, uint64_t length, uint64_t bits, struct table_change *change) {
    for (uint64_t end = gva + length, next; root_ && gva < end; gva = next) {
        next = table_end(gva, end);
        int level = 1;
        uint64_t *entry = walk(gva, &level, false);
        if (!entry) { /* nothing here: skip what the first empty table above would cover */
            uint64_t *top = (uint64_t *)(pool_ + root_) + slot_of(gva, 3);
            if (!(*top & PTE_P))
                next = (gva | ((1ull << 39) - 1)) + 1;
            else
                next = (gva | ((1ull << 30) - 1)) + 1;
            if (next > end) next = end;
            continue;
        }
        if (!(*entry & PTE_P)) continue;
        if (*entry & PTE_PS) {
            if (next - gva == HUGE_PAGE) {
                change->code |= !(*entry & PTE_NX) && (!bits || bits & PTE_NX);
                __atomic_store_n(entry, limited(*entry, bits), __ATOMIC_RELEASE);
                continue;
            }
            int error = split(entry);
            if (error) return error;
            change->flush = true;
        }
        level = 0;
        entry = walk(gva, &level, false);
        for (uint64_t at = gva; at < next; at += GUEST_PAGE, entry++) {
            if (!*entry) continue;
            change->code |= !(*entry & PTE_NX) && (!bits || bits & PTE_NX);
            change->flush |= (*entry & PTE_ALIAS) != 0;
            __atomic_store_n(entry, limited(*entry, bits), __ATOMIC_RELEASE);
        }
    }
    return 0;
}

/* Empties the leaves of `table` and of the tables below it, but for aliases. */
static void empty(uint64_t table, int level, struct table_change *change) {
    uint64_t *entries = pool_address(table);
    for (int i = 0; i < 512; i++) {
        if (!(entries[i] & PTE_P)) continue;
        if (level && !(entries[i] & PTE_PS)) {
            empty(entries[i] & ADDRESS, level - 1, change);
            continue;
        }
        if (entries[i] & PTE_ALIAS) continue;
        change->code |= !(entries[i] & PTE_NX);
        change->flush |= level;
        entries[i] = 0;
    }
}

void pagetable_clear(struct table_change *change) {
    uint64_t *top = pool_address(root_);
    for (unsigned i = 0; i < slot_of(WINDOW_MAX, 3); i++)
        if (top[i] & PTE_P) empty(top[i] & ADDRESS, 2, change);
}
