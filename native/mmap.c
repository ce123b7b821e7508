/* mmap(2) and its family in the cases that programs are full of. noahpy/mappings.py says what they
 * do; all that is not plain (errors, limits, locked or sealed memory, stacks, shared mappings, hints) is left to it. */
#include "mmap.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "hidden.h"
#include "rlimit.h"
#include "vma.h"

#define LAZY_BYTES (1ull << 30) /* mappings from this size on get their page-table entries at the first faults */
enum { LOWEST = 1 << 16, OFFSET = GUEST_PAGE - 1 };

static struct book *book_;

void fast_memory(struct book *book) { book_ = book; }
struct book *memory_book(void) {
    return book_;
}

bool memory_plain(void) {
    const struct book *b = book_;
    return !b->sealed && !b->lock_future && soft_limit(RLIMIT_AS) == UINT64_MAX && soft_limit(RLIMIT_DATA) == UINT64_MAX;
}

/* x86-64 has no write-only and no execute-only pages, and the host checks reads of the guest's memory by PROT_READ. */
static int granted(int prot) { return prot ? prot | PROT_READ : 0; }

static bool done(struct vcpu *cpu, uint64_t result) {
    cpu->regs->rax = result;
    return true;
}

int64_t memory_map(uint64_t place, uint64_t length, int prot, int flags, int fd, uint64_t offset) {
    struct book *b = book_;
    bool fixed = flags & MAP_FIXED;
    uint64_t filled = length;
    struct vma v = {.prot = prot, .flags = (uint64_t)flags & (MAP_TYPE | MAP_NORESERVE | MAP_GROWSDOWN), .offset = offset};
    if (!(flags & MAP_ANONYMOUS)) {
        struct stat status;
        if (fstat(fd, &status) || !S_ISREG(status.st_mode) || (uint64_t)status.st_blksize >= HUGE_PAGE) return INT64_MIN;
        uint64_t size = page_up((uint64_t)status.st_size);
        filled = size <= offset ? 0 : size - offset < length ? size - offset : length;
        v.file = status.st_dev << 2, v.inode = status.st_ino;
        v.flags |= VMA_SIZED;
    }
    if (!fixed) {
        int64_t gap = book_highest_gap(b, length, flags & MAP_ANONYMOUS && !(length % HUGE_PAGE) ? HUGE_PAGE : GUEST_PAGE);
        if (gap < 0) return INT64_MIN;
        place = (uint64_t)gap;
    }
    int error = window_map(place, length, granted(prot), flags, fd, (int64_t)offset, length >= LAZY_BYTES ? 0 : filled);
    if (error) {
        book_give_back(b, place, length);
        return error;
    }
    v.start = place, v.end = place + length, v.limit = place + filled;
    if (fixed) book_carve(b, v.start, v.end);
    book_add(b, &v);
    return (int64_t)place;
}

static bool do_mmap(struct vcpu *cpu) {
    enum {
        KNOWN =
            MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_POPULATE
    };
    const struct registers *r = cpu->regs;
    uint64_t address = r->rdi, length = page_up(r->rsi), offset = r->r9;
    if (!memory_plain() || r->r10 & ~(uint64_t)KNOWN || (r->r10 & MAP_TYPE) != MAP_PRIVATE) return false;
    int flags = (int)r->r10, fd = (int)r->r8;
    if (!r->rsi || !length || length > book_->size || offset & OFFSET || (int64_t)(offset + length) < 0 || offset > INT64_MAX)
        return false;
    if (flags & MAP_FIXED ? address & OFFSET || address < LOWEST || address > book_->size - length : address != 0) return false;
    if (flags & MAP_ANONYMOUS)
        offset = 0;
    else if (is_hidden(fd))
        return false;
    int64_t place = memory_map(address, length, (int)r->rdx & 7, flags, fd, offset);
    return place != INT64_MIN && done(cpu, (uint64_t)place);
}

int memory_unmap(uint64_t start, uint64_t end) {
    const struct vma *v = book_after(book_, start);
    if (!v || v->start >= end) return 0;
    uint64_t low = start > v->start ? start : v->start, high = end;
    const struct vma *last = book_->list[book_below(book_, end) - 1];
    if (last->end < high) high = last->end;
    int error = window_unmap(low, high - low);
    if (!error) book_carve(book_, low, high);
    return error;
}

static bool do_munmap(struct vcpu *cpu) {
    uint64_t address = cpu->regs->rdi, length = cpu->regs->rsi;
    if (!memory_plain() || address & OFFSET || address > book_->size || !length || length > book_->size - address) return false;
    return done(cpu, (uint64_t)memory_unmap(address, address + page_up(length)));
}

static bool do_mprotect(struct vcpu *cpu) {
    uint64_t start = cpu->regs->rdi, end = start + page_up(cpu->regs->rsi), at = start;
    int prot = (int)cpu->regs->rdx;
    if (!memory_plain() || start & OFFSET || cpu->regs->rdx & ~7ull || end <= start || end > book_->size) return false;
    int error = 0;
    for (size_t i = book_index(book_, start); at < end && !error; i++) {
        const struct vma *v = i < book_->count ? book_->list[i] : NULL;
        if (!v || v->start > at) {
            error = -ENOMEM;
            break;
        }
        uint64_t stop = v->end < end ? v->end : end, limit = v->limit < stop ? v->limit : stop;
        if (prot != v->prot && v->flags & VMA_ALIAS)
            error = -EACCES;
        else if (prot != v->prot)
            error = window_protect(at, stop - at, granted(prot), stop - at >= LAZY_BYTES || limit <= at ? 0 : limit - at);
        if (!error) at = stop;
    }
    if (at > start) book_change(book_, start, at, prot, 0, 0, NULL);
    return done(cpu, (uint64_t)error);
}

static bool do_brk(struct vcpu *cpu) {
    struct book *b = book_;
    uint64_t address = cpu->regs->rdi;
    if (!memory_plain()) return false;
    if (address < b->brk_start || address > b->size) return done(cpu, b->brk_end);
    uint64_t old = page_up(b->brk_end), new_ = page_up(address);
    if (new_ < old && memory_unmap(new_, old)) return done(cpu, b->brk_end);
    if (new_ > old) {
        if (new_ > b->size || !book_is_free(b, old, new_ + GUEST_PAGE - old)) return done(cpu, b->brk_end);
        if (memory_map(old, new_ - old, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) < 0)
            return done(cpu, b->brk_end);
    }
    b->brk_end = address;
    return done(cpu, address);
}

/* madvise(2) that frees memory. */
static bool do_madvise(struct vcpu *cpu) {
    uint64_t start = cpu->regs->rdi, end = start + page_up(cpu->regs->rsi), at = start;
    int advice = (int)cpu->regs->rdx;
    if (!memory_plain() || (advice != MADV_DONTNEED && advice != MADV_FREE) || start & OFFSET || end <= start) return false;
    for (size_t i = book_index(book_, start); i < book_->count && book_->list[i]->start <= at && at < end; i++)
        at = book_->list[i]->end;
    if (at < end) return false;
    long result = host_syscall_now(SYS_madvise, (uint64_t)host_address(start), end - start, (uint64_t)advice, 0, 0, 0);
    return done(cpu, (uint64_t)result);
}

static bool locked(bool (*finish)(struct vcpu *), struct vcpu *cpu) {
    if (!book_) return false;
    book_lock(book_);
    bool finished = finish(cpu);
    book_unlock(book_);
    return finished;
}

bool finish_mmap(struct vcpu *cpu) { return locked(do_mmap, cpu); }
bool finish_munmap(struct vcpu *cpu) { return locked(do_munmap, cpu); }
bool finish_mprotect(struct vcpu *cpu) { return locked(do_mprotect, cpu); }
bool finish_brk(struct vcpu *cpu) { return locked(do_brk, cpu); }
bool finish_madvise(struct vcpu *cpu) { return locked(do_madvise, cpu); }
