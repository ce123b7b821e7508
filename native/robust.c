/* Robust lists: the host's kernel walks the guest's, so that locks in shared memory are passed on even by a process that is
 * killed (docs/design.md, D20; exit_robust_list() in kernel/futex/core.c).
 *
 * A list has the guest's addresses, and the kernel takes them for the VMM's. So each page that it meets on its way is also where
 * it looks for it: shared memory, of which a second mapping is made at the host address that equals the guest's (a twin), and
 * the list's head, at whose address is a page that leads back to the head's true place, which is where the kernel begins. */
#include "robust.h"

#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mmap.h"

enum { AROUND_HEAD = 64 }; /* bytes: a futex is near its list's pointer, and the kernel looks for one beside the head, too */
/* A guest with more mappings has no twins: they count, too, and the host's kernel allows a process 65,530 (vm.max_map_count). */
enum { MOST_MAPPINGS = 16384 };

bool robust_shares_;
__thread __attribute__((tls_model("initial-exec"))) uint64_t robust_told_;

/* What is mapped at [start, end) of the host because the guest has something at the same addresses. */
struct twin {
    uint64_t start, end;
    bool head;
};
static struct twin *twins_;
static size_t count_, room_;

static bool overlaps(const struct twin *t, uint64_t start, uint64_t end) { return t->start < end && t->end > start; }

static struct twin *find(uint64_t start, uint64_t end) {
    for (size_t i = 0; i < count_; i++)
        if (overlaps(&twins_[i], start, end)) return &twins_[i];
    return NULL;
}

static bool in_window(uint64_t host, uint64_t length) {
    return host >= window_base_ && length <= window_size_ && host - window_base_ <= window_size_ - length;
}

/* Neighbours become one: mmap(2) gives places one below the other. */
static void add(uint64_t start, uint64_t end, bool head) {
    for (size_t i = 0; i < count_ && !head; i++) {
        struct twin *t = &twins_[i];
        if (t->head || in_window(t->start, t->end - t->start) != in_window(start, end - start)) continue;
        if (t->end != start && t->start != end) continue;
        if (t->end == start)
            t->end = end;
        else
            t->start = start;
        return;
    }
    if (count_ == room_) {
        room_ = room_ ? 2 * room_ : 16;
        twins_ = realloc(twins_, room_ * sizeof *twins_);
        if (!twins_) signal_die(SIGKILL); /* as in vma.c */
    }
    twins_[count_++] = (struct twin){start, end, head};
}

/* Takes a place of the host's that nobody uses; in the window it is one where the guest has nothing. */
static bool take(uint64_t start, uint64_t end) {
    if (in_window(start, end - start)) {
        const struct vma *v = memory_book() ? book_after(memory_book(), start - window_base_) : NULL;
        return memory_book() && (!v || v->start >= end - window_base_);
    }
    void *at =
        mmap((void *)start, end - start, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (at == MAP_FAILED) return false;
    if (at == (void *)start) return true;
    munmap(at, end - start); /* Linux before 4.17 */
    return false;
}

static void give_back(uint64_t start, uint64_t end) {
    if (in_window(start, end - start))
        mmap((void *)start, end - start, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    else
        munmap((void *)start, end - start);
}

/* [start, end) is no twin any more; `lost`: the host has something else there. */
static void cut(uint64_t start, uint64_t end, bool lost) {
    for (struct twin *found; (found = find(start, end));) {
        struct twin t = *found;
        uint64_t low = t.start > start ? t.start : start, high = t.end < end ? t.end : end;
        if (!lost) give_back(low, high);
        *found = twins_[--count_];
        if (t.start < low) add(t.start, low, t.head);
        if (t.end > high) add(high, t.end, t.head);
    }
}

static bool crowded(void) { return memory_book() && memory_book()->count > MOST_MAPPINGS; }

void robust_share(uint64_t gva, uint64_t length) {
    uint64_t end = gva + length;
    if (crowded() || find(gva, end) || !take(gva, end)) return;
    /* Of length 0, a shared mapping is left where it is, and made once more (mremap(2)). */
    if (mremap((void *)(window_base_ + gva), 0, length, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)gva) == MAP_FAILED) {
        give_back(gva, end);
        return;
    }
    munlock((void *)gva, length); /* it counts once */
    add(gva, end, false);
    robust_shares_ = true;
}

void robust_unshare(uint64_t gva, uint64_t length) {
    if (!count_) return;
    cut(gva, gva + length, false);
    cut(window_base_ + gva, window_base_ + gva + length, true);
}

void robust_make_room(void) {
    if (!count_ || !crowded()) return;
    size_t heads = 0;
    for (size_t i = 0; i < count_; i++)
        if (twins_[i].head)
            twins_[heads++] = twins_[i];
        else
            give_back(twins_[i].start, twins_[i].end);
    count_ = heads;
}

void robust_clear(void) {
    while (count_) cut(twins_[0].start, twins_[0].end, false);
    robust_shares_ = false;
}

/* The page at `start` of the host is one that heads of lists have as their twin. */
static bool head_page(uint64_t start) {
    const struct twin *t = find(start, start + GUEST_PAGE);
    if (t || !take(start, start + GUEST_PAGE)) return t && t->head;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    if (mmap((void *)start, GUEST_PAGE, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED) return false;
    add(start, start + GUEST_PAGE, true);
    return true;
}

/* The last element of a list points to its head, which the kernel is to know by its address again. */
static void lead_back(uint64_t head, uint64_t true_place) {
    uint64_t start = (head - AROUND_HEAD) & -(uint64_t)GUEST_PAGE, end = page_up(head + AROUND_HEAD);
    bool there = true;
    book_lock(memory_book());
    for (uint64_t page = start; page < end; page += GUEST_PAGE) there &= head_page(page);
    if (there) memcpy((void *)head, &true_place, sizeof true_place);
    book_unlock(memory_book());
}

void robust_tell(uint64_t head) {
    uint64_t true_place = host_address(head);
    bool inside = head >= AROUND_HEAD && head < window_size_ - AROUND_HEAD;
    if (inside) lead_back(head, true_place);
    syscall(SYS_set_robust_list, true_place, sizeof(struct robust_list_head));
    robust_told_ = head;
}

bool robust_holds(const struct vcpu *cpu) {
    struct {
        uint64_t first, offset, pending;
    } list; /* struct robust_list_head */
    uint64_t head = *cpu->robust_list;
    return head && window_read(&list, head, sizeof list) == sizeof list && (list.first != head || list.pending);
}

void robust_forked(void) { robust_told_ = 0; }
