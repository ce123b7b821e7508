/* What of the window a virtual CPU can see, and where: guest-physical addresses and the page tables that lead there. */
#include "physical.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine.h"
#include "pagetable.h"

/* The window has guest-physical addresses by chunks, in the order of their first use: a CPU has fewer of them (39 bits on a laptop) than a
 * guest has virtual ones. What a VM is shown of a chunk, by memslots, are parts: a slot costs 15 us for 2 MiB, 30 for 16 and 0.5 for each
 * MiB more, and each fork's child makes all of them anew. So first they are what is used, a slot for neighbours that are first used
 * together; when a chunk needs more, all that it has on that side; and in a forked child, what has been used since the last execve. */
#define CHUNK (16ull << 20)
#define PART (2ull << 20)
#define SLOT_MAX (1ull << 30)
#define ALIASES (3ull << 30)
#define FIRST_CHUNK (4ull << 30)
enum { PARTS = CHUNK / PART };

/* Guest-physical addresses of its own, beside the window's chunks: tables and the engine's pages, the host's vDSO data. */
struct slot {
    uint64_t gpa, size;
    void *host;
};

static struct slot *slots_;
static unsigned slot_count_, slot_room_;

/* A chunk's place in guest-physical memory. */
struct place {
    uint64_t chunk;      /* gva / CHUNK */
    uint8_t shown, used; /* parts: in this VM; by the program */
};

static struct place *places_;
static uint64_t place_count_, place_room_;
static uint32_t *place_of_; /* by gva / CHUNK: number of the chunk's place, from 1 on */
static unsigned shown_;     /* memslots of this VM */
static uint64_t gpa_limit_;

void physical_limit(uint64_t limit) { gpa_limit_ = limit; }

static int show(uint64_t gpa, void *host, uint64_t size) {
    int error = engine_->show(shown_, gpa, host, size);
    if (!error) shown_++;
    return error;
}

int slot_add(uint64_t gpa, void *host, uint64_t size) {
    if (slot_count_ == slot_room_) {
        unsigned room = slot_room_ ? 2 * slot_room_ : 64;
        struct slot *more = realloc(slots_, room * sizeof *slots_);
        if (!more) return -ENOMEM;
        slots_ = more, slot_room_ = room;
    }
    int error = show(gpa, host, size);
    if (!error) slots_[slot_count_++] = (struct slot){gpa, size, host};
    return error;
}

static uint64_t gpa_of(uint64_t place) { return FIRST_CHUNK + place * CHUNK; }

/* Shows parts [from, to) of the chunk at `place` and of those that follow it there and in the window, by one memslot. */
static int show_parts(uint64_t place, uint64_t from, uint64_t to) {
    uint64_t host = window_base_ + places_[place].chunk * CHUNK;
    int error = show(gpa_of(place) + from * PART, (void *)(host + from * PART), (to - from) * PART);
    for (; !error && from < to; from++) places_[place + from / PARTS].shown |= (uint8_t)(1 << from % PARTS);
    return error;
}

/* The parts used of the chunks that lie together from `place` on: shown by a memslot for each run of them. */
static int show_used(uint64_t place, uint64_t count) {
    int error = 0;
    for (uint64_t part = 0, end = count * PARTS, next; part < end && !error; part = next) {
        next = part;
        while (next < end && places_[place + next / PARTS].used >> next % PARTS & 1) next++;
        if (next > part)
            error = show_parts(place, part, next);
        else
            next++;
    }
    return error;
}

/* How many chunks lie together from `place` on, in guest-physical memory and in the window; at most as many as one memslot may hold. */
static uint64_t together(uint64_t place) {
    uint64_t count = 1;
    while (place + count < place_count_ && count < SLOT_MAX / CHUNK &&
           places_[place + count].chunk == places_[place].chunk + count)
        count++;
    return count;
}

int slots_show(void) {
    int error = 0;
    shown_ = 0;
    for (uint64_t place = 0; place < place_count_; place++) places_[place].shown = 0;
    for (unsigned i = 0; i < slot_count_ && !error; i++) error = show(slots_[i].gpa, slots_[i].host, slots_[i].size);
    for (uint64_t place = 0, count; place < place_count_ && !error; place += count) {
        count = together(place);
        error = show_used(place, count);
    }
    return error;
}

/* Room in guest-physical memory for `chunk`. */
static int add_place(uint64_t chunk) {
    if (gpa_of(place_count_ + 1) > gpa_limit_) return -ENOMEM;
    if (place_count_ == place_room_) {
        uint64_t room = place_room_ ? 2 * place_room_ : 64;
        struct place *more = realloc(places_, room * sizeof *places_);
        if (!more) return -ENOMEM;
        places_ = more, place_room_ = room;
    }
    places_[place_count_++] = (struct place){.chunk = chunk};
    place_of_[chunk] = (uint32_t)place_count_;
    return 0;
}

/* Of the chunk at `place` the side of what is shown on which `part` lies. */
static int show_side(uint64_t place, unsigned part) {
    const uint8_t shown = places_[place].shown;
    unsigned from = part, to = part;
    while (from && !(shown >> (from - 1) & 1)) from--;
    while (to < PARTS && !(shown >> to & 1)) to++;
    return show_parts(place, from, to);
}

/* Gives places to the chunks from gva's on that have none and lie before `end`, and shows of them what is to be used. */
static int show_first(uint64_t gva, uint64_t end) {
    uint64_t first = gva / CHUNK, place = place_count_, count = 0;
    do {
        int error = add_place(first + count);
        if (error) return error;
        count++;
    } while ((first + count) * CHUNK < end && count < SLOT_MAX / CHUNK && !place_of_[first + count]);
    uint64_t last = ((end < (first + count) * CHUNK ? end : (first + count) * CHUNK) - 1) / PART;
    return show_parts(place, gva / PART - first * PARTS, last + 1 - first * PARTS);
}

/* The guest-physical address of gva's chunk, of which the VM can see [gva, next) from now on; [gva, end) is to be used. 0: no room. */
static uint64_t chunk_gpa(uint64_t gva, uint64_t next, uint64_t end) {
    if (!place_of_) {
        void *at = mmap(NULL, WINDOW_MAX / CHUNK * sizeof *place_of_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED) return 0;
        place_of_ = at;
    }
    if (!place_of_[gva / CHUNK] && show_first(gva, end)) return 0;
    uint64_t place = place_of_[gva / CHUNK] - 1;
    for (uint64_t part = gva % CHUNK / PART; part <= (next - 1) % CHUNK / PART; part++) {
        if (!(places_[place].shown >> part & 1) && show_side(place, (unsigned)part)) return 0;
        places_[place].used |= (uint8_t)(1 << part);
    }
    return gpa_of(place);
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
        uint64_t gpa = chunk_gpa(gva, next, end);
        if (!gpa) return -ENOMEM;
        error = pagetable_map(gva, gpa + gva % CHUNK, next - gva, bits_of(prot), huge, &change);
    }
    if (change.flush) engine_->flush();
    return error;
}

/* A memslot around [host, host+length), wide enough for neighbours to find it again: theirs too is the host's vDSO data. */
static const struct slot *slot_around(const void *host, uint64_t length) {
    enum { WIDTH = 128 << 10 };
    static uint64_t gpa = ALIASES;
    uint64_t from = (uint64_t)host, start = from & -(uint64_t)WIDTH;
    for (unsigned i = 0; i < slot_count_; i++) {
        uint64_t at = (uint64_t)slots_[i].host;
        if (at <= from && from + length <= at + slots_[i].size) return &slots_[i];
    }
    uint64_t size = from + length - start <= WIDTH ? WIDTH : 2 * WIDTH;
    if (size < from + length - start || slot_add(gpa, (void *)start, size)) return NULL;
    gpa += size;
    return &slots_[slot_count_ - 1];
}

/* Where the program's aliases are. A cleared window has those of the program before, of whom the next has mostly the same at the same place:
 * no call on memory tells KVM that one is gone, and to make it drop everything is a tenth of an execve. */
static struct {
    uint64_t start, end;
    bool old;
} aliases_;

int engine_alias(uint64_t gva, const void *host, uint64_t length) {
    struct table_change change = {0};
    if (!engine_) return 0;
    if (aliases_.old && gva != aliases_.start) engine_lower(aliases_.start, aliases_.end - aliases_.start, PROT_NONE);
    if (aliases_.old || !aliases_.end) aliases_.start = aliases_.end = gva;
    aliases_.old = false;
    if (gva + length > aliases_.end) aliases_.end = gva + length;
    const struct slot *slot = slot_around(host, length);
    if (!slot) return -ENOMEM;
    return pagetable_map(gva, slot->gpa + ((uint64_t)host - (uint64_t)slot->host), length, bits_of(PROT_READ) | PTE_ALIAS,
                         false, &change);
}

void engine_clear(void) {
    if (!engine_) return;
    struct table_change change = {0};
    for (uint64_t place = 0; place < place_count_; place++) places_[place].used = 0;
    aliases_.old = aliases_.end;
    pagetable_clear(&change);
    if (change.flush) engine_->flush();
    if (engine_->lowered) engine_->lowered(change.code);
}
