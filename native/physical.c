/* What of the window a virtual CPU can see, and where: guest-physical addresses and the page tables that lead there. */
#include "physical.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine.h"
#include "pagetable.h"

/* The window is shown to the VM by chunks, in the order of their first use: a CPU has fewer guest-physical addresses (39
 * bits on a laptop) than a guest has virtual ones. Neighbours that are first used together share a memslot: making one
 * costs 25 us up to a chunk's size, and 0.5 us for each MiB more. */
#define CHUNK (16ull << 20)
#define SLOT_MAX (1ull << 30)
#define FIRST_CHUNK (4ull << 30)

struct slot {
    uint64_t gpa, size;
    void *host;
};

static struct slot *slots_;
static unsigned slot_count_, slot_room_;
static uint32_t *chunk_of_; /* by gva / CHUNK: number of the chunk's place, from 1 on */
static uint64_t chunks_;
static uint64_t gpa_limit_;

void physical_limit(uint64_t limit) { gpa_limit_ = limit; }

int slot_add(uint64_t gpa, void *host, uint64_t size) {
    if (slot_count_ == slot_room_) {
        unsigned room = slot_room_ ? 2 * slot_room_ : 64;
        struct slot *more = realloc(slots_, room * sizeof *slots_);
        if (!more) return -ENOMEM;
        slots_ = more, slot_room_ = room;
    }
    slots_[slot_count_] = (struct slot){gpa, size, host};
    int error = engine_->show(slot_count_, gpa, host, size);
    if (!error) slot_count_++;
    return error;
}

int slots_show(void) {
    int error = 0;
    for (unsigned i = 0; i < slot_count_ && !error; i++)
        error = engine_->show(i, slots_[i].gpa, slots_[i].host, slots_[i].size);
    return error;
}

/* Gives a memslot to the chunks from gva's on that have none and lie before `end`. */
static int show_chunks(uint64_t gva, uint64_t end) {
    uint64_t first = gva / CHUNK, count = 0, gpa = FIRST_CHUNK + chunks_ * CHUNK;
    do {
        chunk_of_[first + count] = (uint32_t)(chunks_ + count + 1);
        count++;
    } while ((first + count) * CHUNK < end && count < SLOT_MAX / CHUNK && !chunk_of_[first + count]);
    int error =
        gpa + count * CHUNK > gpa_limit_ ? -ENOMEM : slot_add(gpa, (void *)(window_base_ + first * CHUNK), count * CHUNK);
    if (error) {
        memset(chunk_of_ + first, 0, count * sizeof *chunk_of_);
        return error;
    }
    chunks_ += count;
    return 0;
}

/* The guest-physical address of gva's chunk, which the VM can see from now on; [gva, end) is to be used. 0: none left. */
static uint64_t chunk_gpa(uint64_t gva, uint64_t end) {
    if (!chunk_of_) {
        void *at = mmap(NULL, WINDOW_MAX / CHUNK * sizeof *chunk_of_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED) return 0;
        chunk_of_ = at;
    }
    uint32_t *place = &chunk_of_[gva / CHUNK];
    if (!*place && show_chunks(gva, end)) return 0;
    return FIRST_CHUNK + (*place - 1) * CHUNK;
}

/* ---- what window.c tells ---- */

static uint64_t bits_of(int prot) {
    if (!(prot & (PROT_READ | PROT_WRITE | PROT_EXEC))) return 0;
    return PTE_P | PTE_U | (prot & PROT_WRITE ? PTE_W : 0) | (prot & PROT_EXEC ? 0 : PTE_NX);
}

void engine_lower(uint64_t gva, uint64_t length, int prot) {
    struct table_change change = {0};
    if (!engine_) return;
    pagetable_limit(gva, length, bits_of(prot), &change);
    if (change.flush) engine_->flush();
    if (engine_->lowered) engine_->lowered(change.code);
}

int engine_raise(uint64_t gva, uint64_t length, int prot, bool huge) {
    struct table_change change = {0};
    int error = 0;
    for (uint64_t end = gva + length, next; engine_ && gva < end && !error; gva = next) {
        next = (gva | (CHUNK - 1)) + 1 < end ? (gva | (CHUNK - 1)) + 1 : end;
        uint64_t gpa = chunk_gpa(gva, end);
        if (!gpa) return -ENOMEM;
        error = pagetable_map(gva, gpa + gva % CHUNK, next - gva, bits_of(prot), huge, &change);
    }
    if (change.flush) engine_->flush();
    return error;
}

/* A memslot around [host, host+length), wide enough for neighbours to find it again: theirs too is the host's vDSO data. */
static const struct slot *slot_around(const void *host, uint64_t length) {
    enum { WIDTH = 128 << 10 };
    uint64_t from = (uint64_t)host, start = from & -(uint64_t)WIDTH;
    for (unsigned i = 0; i < slot_count_; i++) {
        uint64_t at = (uint64_t)slots_[i].host;
        if (at <= from && from + length <= at + slots_[i].size) return &slots_[i];
    }
    uint64_t size = from + length - start <= WIDTH ? WIDTH : 2 * WIDTH, gpa = FIRST_CHUNK + chunks_ * CHUNK;
    if (size < from + length - start || gpa + CHUNK > gpa_limit_ || slot_add(gpa, (void *)start, size)) return NULL;
    chunks_++;
    return &slots_[slot_count_ - 1];
}

int engine_alias(uint64_t gva, const void *host, uint64_t length) {
    struct table_change change = {0};
    if (!engine_) return 0;
    const struct slot *slot = slot_around(host, length);
    if (!slot) return -ENOMEM;
    return pagetable_map(gva, slot->gpa + ((uint64_t)host - (uint64_t)slot->host), length, bits_of(PROT_READ) | PTE_ALIAS,
                         false, &change);
}

void engine_clear(void) {
    if (!engine_) return;
    struct table_change change = {0};
    pagetable_clear(&change);
    if (change.flush) engine_->flush();
    if (engine_->lowered) engine_->lowered(change.code);
}
