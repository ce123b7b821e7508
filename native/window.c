/* The window: the guest's whole user space, reserved in the VMM's own address space.
 *
 * Whatever the guest may touch is mapped there with the guest's own protection, so the host's kernel checks the pointers
 * of forwarded calls, and copies, file mappings, shared memory and demand paging are the host's. Page tables promise at
 * most what the host grants: permissions are taken from the engine first and given to it last. */
#include "private.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy.h"
#include "engine.h"
#include "mmap.h"
#include "robust.h"
#include "vma.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

enum { GIB = 1 << 30 };
#define GUARD (4ull * GIB)
/* Anonymous memory gets 2 MiB entries from this size on, and where it is a multiple of theirs. Else splitting them at a partial munmap
 * costs more than they gain. */
#define HUGE_MIN (8ull << 20)
/* Memory that is filled when it is mapped: a page of it costs a third of what a fault of the guest's does (docs/performance.md). */
enum { FILLED_HEAP = 256 << 10, FILLED_DATA = 256 << 10, FILLED_MAPPING = 32 << 10 };

uint64_t window_base_, window_size_;
static uint64_t reserved_;

static int map(uint64_t gva, uint64_t length, int prot, int flags, int fd, int64_t offset) {
    void *at = (void *)(window_base_ + gva);
    return mmap(at, length, prot, flags | MAP_FIXED, fd, offset) == MAP_FAILED ? -errno : 0;
}

static int reserve(uint64_t gva, uint64_t length) {
    return map(gva, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static bool is_file(int fd) {
    struct stat status;
    return !fstat(fd, &status) && S_ISREG(status.st_mode);
}

/* Whether other processes may have the memory that is mapped at gva, too. */
static bool is_shared(uint64_t gva) {
    const struct vma *v = memory_book() ? book_find(memory_book(), gva) : NULL;
    return v && (v->flags & MAP_TYPE) != MAP_PRIVATE && v->flags & VMA_SIZED;
}

static bool inside(uint64_t gva, uint64_t length) {
    return !((gva | length) & (GUEST_PAGE - 1)) && length && length <= window_size_ && gva <= window_size_ - length;
}

int window_create(uint64_t size) {
    if (!size || size % GIB || size > WINDOW_MAX) return -EINVAL;
    if (window_base_) return -EBUSY;
    uint64_t total = size + GUARD + GIB;
    void *at = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return -errno;
    uint64_t base = ((uint64_t)at + GIB - 1) & -(uint64_t)GIB;
    if (base > (uint64_t)at) munmap(at, base - (uint64_t)at);
    uint64_t end = base + size + GUARD, given = (uint64_t)at + total;
    if (given > end) munmap((void *)end, given - end);
    madvise((void *)base, size + GUARD, MADV_DONTDUMP);
    window_base_ = base, window_size_ = size, reserved_ = size + GUARD;
    return 0;
}

uint64_t window_base(void) { return window_base_; }
uint64_t window_size(void) { return window_size_; }

void window_destroy(void) {
    if (window_base_) munmap((void *)window_base_, reserved_);
    window_base_ = window_size_ = 0;
}

/* How much of [gva, gva+size) lies in the window. */
static size_t clip(uint64_t gva, size_t size) {
    if (gva >= window_size_) return 0;
    return size < window_size_ - gva ? size : window_size_ - gva;
}

size_t window_read(void *to, uint64_t gva, size_t size) {
    size_t n = clip(gva, size);
    return n - copy_safely(to, (const void *)(window_base_ + gva), n);
}

size_t window_write(uint64_t gva, const void *from, size_t size) {
    size_t n = clip(gva, size);
    return n - copy_safely((void *)(window_base_ + gva), from, n);
}

long window_strnlen(uint64_t gva, size_t limit) {
    size_t n = clip(gva, limit);
    long length = strnlen_safely((const char *)(window_base_ + gva), n);
    return length == (long)n && n < limit ? -EFAULT : length;
}

long window_strings(char *to, size_t room, uint64_t gva, size_t limit, size_t total) {
    size_t used = 0;
    for (uint64_t address; gva; gva += sizeof address) {
        if (window_read(&address, gva, sizeof address) < sizeof address) return -EFAULT;
        if (!address) break;
        long length = window_strnlen(address, limit);
        if (length < 0) return length;
        size_t size = (size_t)length + 1;
        if (size > limit || (used += size) > total) return -E2BIG;
        if (used > room) continue;
        if (window_read(to + used - size, address, size) < size) return -EFAULT;
        to[used - 1] = 0; /* another thread may have written */
    }
    return (long)used;
}

int window_populate(uint64_t gva, uint64_t length, int prot, int huge) {
    if (!inside(gva, length)) return -EINVAL;
    if (prot == PROT_NONE) {
        /* The host's side must change too, or a shadow page table keeps the entries. */
        engine_lower(gva, length, PROT_NONE);
        return 0;
    }
    return engine_raise(gva, length, prot, huge);
}

/* How much of it will be written soon, from its start on: small mappings; of a new heap the beginning, and all that one grows by which has
 * been used up; a program's or a library's data, which the dynamic linker relocates (its mark is a flag that does nothing else). */
static uint64_t written_soon(uint64_t gva, uint64_t length, int prot, int flags) {
    const struct book *b = memory_book();
    const int others = (MAP_TYPE & ~MAP_PRIVATE) | MAP_NORESERVE | MAP_STACK | MAP_GROWSDOWN | MAP_HUGETLB;
    if (flags & others || !(prot & PROT_WRITE) || !b) return 0;
    if (!(flags & MAP_ANONYMOUS)) return flags & MAP_DENYWRITE && length <= FILLED_DATA ? length : 0;
    if (length <= FILLED_MAPPING) return length;
    if (gva != page_up(b->brk_end)) return 0;
    if (b->brk_end == b->brk_start) return FILLED_MAPPING;
    return length <= FILLED_HEAP ? length : 0;
}

void window_fill(uint64_t gva, uint64_t length) {
    if (length && inside(gva, length)) madvise((void *)(window_base_ + gva), length, MADV_POPULATE_WRITE);
}

int window_map(uint64_t gva, uint64_t length, int prot, int flags, int fd, int64_t offset, uint64_t present) {
    if (!inside(gva, length) || present > length) return -EINVAL;
    uint64_t filled = written_soon(gva, length, prot, flags);
    flags &= ~(MAP_FIXED_NOREPLACE | MAP_GROWSDOWN | MAP_32BIT);
    engine_lower(gva, length, PROT_NONE);
    robust_make_room();
    robust_unshare(gva, length);
    int error = map(gva, length, prot, flags, fd, offset);
    if (error) return error;
    bool shared = (flags & MAP_TYPE) != MAP_PRIVATE && prot & PROT_WRITE;
    if (shared && (flags & MAP_ANONYMOUS || is_file(fd))) robust_share(gva, length);
    bool huge = (flags & MAP_ANONYMOUS) && !(flags & (MAP_SHARED | MAP_HUGETLB | MAP_STACK)) &&
                (length >= HUGE_MIN || !(length % HUGE_PAGE));
    if (huge) madvise((void *)(window_base_ + gva), length, MADV_HUGEPAGE);
    window_fill(gva, filled);
    return present && prot != PROT_NONE ? engine_raise(gva, present, prot, huge) : 0;
}

int window_unmap(uint64_t gva, uint64_t length) {
    if (!inside(gva, length)) return -EINVAL;
    engine_lower(gva, length, PROT_NONE);
    robust_unshare(gva, length);
    return reserve(gva, length);
}

int window_clear(void) {
    engine_clear();
    robust_clear();
    return reserve(0, window_size_);
}

int window_protect(uint64_t gva, uint64_t length, int prot, uint64_t present) {
    if (!inside(gva, length) || present > length) return -EINVAL;
    engine_lower(gva, length, prot);
    robust_make_room();
    if (mprotect((void *)(window_base_ + gva), length, prot)) return -errno;
    if (prot & PROT_WRITE && is_shared(gva)) robust_share(gva, length);
    return present && prot != PROT_NONE ? engine_raise(gva, present, prot, false) : 0;
}

int window_move(uint64_t old, uint64_t old_length, uint64_t new_, uint64_t new_length, int prot, int keep, uint64_t present) {
    if ((old_length && !inside(old, old_length)) || !inside(new_, new_length) || present > new_length) return -EINVAL;
    int flags = MREMAP_MAYMOVE | MREMAP_FIXED | (keep ? MREMAP_DONTUNMAP : 0);
    if (old_length) engine_lower(old, old_length, PROT_NONE);
    engine_lower(new_, new_length, PROT_NONE);
    bool shared = is_shared(old) && prot & PROT_WRITE;
    if (!keep) robust_unshare(old, old_length);
    robust_unshare(new_, new_length);
    void *from = (void *)(window_base_ + old), *to = (void *)(window_base_ + new_);
    if (mremap(from, old_length, new_length, flags, to) == MAP_FAILED) {
        int error = -errno;
        reserve(new_, new_length); /* the target may be unmapped already */
        return error;
    }
    if (old_length && !keep) {
        int error = reserve(old, old_length);
        if (error) return error;
    }
    if (shared) robust_share(new_, new_length);
    return present && prot != PROT_NONE ? engine_raise(new_, present, prot, false) : 0;
}

int window_alias(uint64_t gva, const void *host, uint64_t length) {
    if (!inside(gva, length)) return -EINVAL;
    return engine_alias(gva, host, length);
}
