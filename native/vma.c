/* The book of a guest's mappings: what is where, and where there is room (the kernel's mm/mmap.c, mm/vma.c). */
#include "vma.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "rlimit.h"

/* Who has it is told by an address of the thread's own: its number is another in a forked child. */
struct lock {
    pthread_mutex_t mutex;
    const char *owner;
    unsigned depth;
};

static __thread __attribute__((tls_model("initial-exec"))) const char me_;

void book_lock(struct book *b) {
    struct lock *lock = b->lock;
    if (__atomic_load_n(&lock->owner, __ATOMIC_RELAXED) != &me_) {
        pthread_mutex_lock(&lock->mutex);
        __atomic_store_n(&lock->owner, &me_, __ATOMIC_RELAXED);
    }
    lock->depth++;
}

void book_unlock(struct book *b) {
    struct lock *lock = b->lock;
    if (--lock->depth) return;
    __atomic_store_n(&lock->owner, NULL, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&lock->mutex);
}

/* There is no half of a change: a process for which there is no memory ends, as the kernel would end it. */
static void *needed(void *memory) {
    if (!memory) signal_die(SIGKILL);
    return memory;
}

struct book *book_new(uint64_t floor, uint64_t ceiling) {
    struct book *b = needed(calloc(1, sizeof *b));
    b->lock = needed(calloc(1, sizeof *b->lock));
    pthread_mutex_init(&b->lock->mutex, NULL);
    b->floor = floor;
    b->size = ceiling;
    limits_start();
    book_clear(b);
    return b;
}

static void forget(struct vma *v) {
    free(v->name);
    free(v);
}

void book_clear(struct book *b) {
    for (size_t i = 0; i < b->count; i++) forget(b->list[i]);
    b->count = 0;
    b->total = b->flags = b->lock_future = b->skipped = 0;
    b->brk_start = b->brk_end = b->stack_start = b->stack_room = 0;
    b->sealed = 0;
    b->ceiling = b->resume = b->size;
}

void book_free(struct book *b) {
    book_clear(b);
    free(b->list);
    free(b->lock);
    free(b);
}

/* ---- Looking ---- */

size_t book_below(const struct book *b, uint64_t address) {
    size_t low = 0, high = b->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (b->list[middle]->start < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t book_index(const struct book *b, uint64_t address) {
    size_t i = address == UINT64_MAX ? b->count : book_below(b, address + 1);
    return i && b->list[i - 1]->end > address ? i - 1 : i;
}

struct vma *book_after(const struct book *b, uint64_t address) {
    size_t i = book_index(b, address);
    return i < b->count ? b->list[i] : NULL;
}

struct vma *book_find(const struct book *b, uint64_t address) {
    struct vma *v = book_after(b, address);
    return v && v->start <= address ? v : NULL;
}

/* Where a neighbour below must end; may be negative. */
static int64_t room_below(const struct vma *v) { return (int64_t)v->start - (v->flags & MAP_GROWSDOWN ? STACK_GUARD_GAP : 0); }

int vma_continued_by(const struct vma *left, const struct vma *right) {
    bool same_name = left->name ? right->name && !strcmp(left->name, right->name) : !right->name;
    return left->end == right->start && left->prot == right->prot && left->flags == right->flags && left->file == right->file &&
           left->inode == right->inode && same_name && (!left->file || left->offset + left->end - left->start == right->offset);
}

/* ---- Changing ---- */

/* Private memory over a file that was once writable is not one with what never was (the kernel's VM_ACCOUNT). */
static void protect(struct vma *v, int prot) {
    v->prot = prot;
    if (prot & PROT_WRITE && v->file && (v->flags & (MAP_TYPE | MAP_NORESERVE)) == MAP_PRIVATE) v->flags |= VMA_ACCOUNTED;
}

static void insert(struct book *b, size_t i, struct vma *v) {
    if (b->count == b->room) {
        size_t room = b->room ? 2 * b->room : 64;
        b->list = needed(realloc(b->list, room * sizeof *b->list));
        b->room = room;
    }
    memmove(b->list + i + 1, b->list + i, (b->count - i) * sizeof *b->list);
    b->list[i] = v;
    b->count++;
}

static void drop(struct book *b, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) forget(b->list[i]);
    memmove(b->list + from, b->list + to, (b->count - to) * sizeof *b->list);
    b->count -= to - from;
}

/* The mapping at place `left` becomes one with the next, which continues it. */
static void swallow(struct book *b, size_t left) {
    struct vma *v = b->list[left], *right = b->list[left + 1];
    v->end = right->end;
    if (right->limit > right->start) v->limit = right->limit;
    drop(b, left + 1, left + 2);
}

/* Shortens to [start, at); returns the rest. */
static struct vma *cut(struct vma *v, uint64_t at) {
    struct vma *rest = needed(malloc(sizeof *rest));
    *rest = *v;
    if (v->name) rest->name = needed(strdup(v->name));
    if (v->file) rest->offset += at - v->start;
    rest->start = at;
    if (rest->limit < at) rest->limit = at;
    v->end = at;
    if (v->limit > at) v->limit = at;
    return rest;
}

/* Makes `address` an edge of the mapping that holds it; the place of the first one at or above. */
static size_t split(struct book *b, uint64_t address) {
    size_t i = book_below(b, address);
    if (i && address < b->list[i - 1]->end) insert(b, i, cut(b->list[i - 1], address));
    return i;
}

void book_carve(struct book *b, uint64_t start, uint64_t end) {
    struct vma *first = book_after(b, start);
    if (!first || first->start >= end) return;
    size_t i = split(b, start), j = split(b, end);
    for (size_t k = i; k < j; k++) b->total -= b->list[k]->end - b->list[k]->start;
    drop(b, i, j);
    if (end <= b->resume) return;
    uint64_t next = i < b->count ? b->list[i]->start : b->ceiling;
    b->resume = next < b->ceiling ? next : b->ceiling;
}

void book_add(struct book *b, const struct vma *mapping) {
    struct vma *v = needed(malloc(sizeof *v));
    *v = *mapping;
    if (v->name) v->name = needed(strdup(v->name));
    if (v->file) protect(v, v->prot);
    b->total += v->end - v->start;
    b->flags |= v->flags;
    size_t i = book_below(b, v->start);
    insert(b, i, v);
    if (i + 1 < b->count && vma_continued_by(v, b->list[i + 1])) swallow(b, i);
    if (i && vma_continued_by(b->list[i - 1], v)) swallow(b, i - 1);
}

void book_change(struct book *b, uint64_t start, uint64_t end, int prot, uint64_t set, uint64_t clear, const char *name) {
    b->flags |= set;
    size_t i = split(b, start), j = split(b, end);
    for (size_t k = i; k < j; k++) {
        struct vma *v = b->list[k];
        if (prot >= 0) protect(v, prot);
        if (name) {
            free(v->name);
            v->name = *name ? needed(strdup(name)) : NULL;
        }
        v->flags = (v->flags & ~clear) | set;
    }
    for (size_t k = j < b->count ? j : b->count - 1; b->count && k >= (i ? i : 1); k--)
        if (vma_continued_by(b->list[k - 1], b->list[k])) swallow(b, k - 1);
}

void book_grow_down(struct book *b, struct vma *v, uint64_t start) {
    b->total += v->start - start;
    v->start = start;
}

/* ---- Room ---- */

int book_is_free(const struct book *b, uint64_t start, uint64_t length) {
    const struct vma *above = book_after(b, start);
    return !above || (int64_t)(start + length) <= room_below(above);
}

void book_search_below(struct book *b, uint64_t ceiling) {
    b->ceiling = b->resume = ceiling;
    b->skipped = 0;
}

static void skip(struct book *b, int64_t gap) {
    if (gap > b->skipped) b->skipped = gap;
}

int64_t book_highest_gap(struct book *b, uint64_t length, uint64_t align) {
    if ((int64_t)length <= b->skipped) {
        b->skipped = 0;
        b->resume = b->ceiling;
    }
    int64_t end = (int64_t)b->resume;
    size_t i = book_below(b, b->resume);
    if (i < b->count && room_below(b->list[i]) < end) end = room_below(b->list[i]);
    while (true) {
        int64_t start = i ? (int64_t)b->list[i - 1]->end : (int64_t)b->floor;
        int64_t place = (end - (int64_t)length) & -(int64_t)align;
        if (place >= start) {
            skip(b, end - place - (int64_t)length);
            b->resume = (uint64_t)place;
            return place;
        }
        skip(b, end - start);
        if (!i) return -1;
        end = room_below(b->list[--i]);
    }
}

void book_give_back(struct book *b, uint64_t place, uint64_t length) {
    if (place + length > b->resume) b->resume = place + length < b->ceiling ? place + length : b->ceiling;
}

int64_t book_lowest_gap(const struct book *b, uint64_t length, uint64_t align, uint64_t low, uint64_t high) {
    uint64_t place = (low + align - 1) & -align;
    for (size_t i = book_index(b, low); i < b->count && b->list[i]->start < high; i++) {
        if ((int64_t)(place + length) <= room_below(b->list[i])) return (int64_t)place;
        uint64_t above = (b->list[i]->end + align - 1) & -align;
        if (above > place) place = above;
    }
    return place + length <= high ? (int64_t)place : -1;
}
