/* Fills an empty address space with a program: image, interpreter, vDSO, stack and heap. noahpy/loader.py and stack.py say where
 * and how; this is the same in C, for what exec.c takes on. */
#include "load.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/random.h>
#include <unistd.h>

#include "mmap.h"
#include "rlimit.h"
#include "vma.h"

#define GAP_MIN (128ull << 20)
#define PIE_BASE (WINDOW_MAX / 3 * 2 & ~(uint64_t)OFFSET)
enum { OFFSET = GUEST_PAGE - 1, RANDOM_BYTES = 16, STACK_ROOM = 16 << 10 /* below what is on it at the start */ };

static struct exec_host host_;
static bool random_; /* of this program's address space */

struct exec_host *exec_host(void) {
    return &host_;
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }
static uint64_t most(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* ---- Address space layout randomization ---- */

enum { NEAR = (2 << 20) / GUEST_PAGE };

uint64_t aslr_pages(int what, uint64_t count) {
    static uint64_t far[ASLR_KINDS];
    static bool drawn[ASLR_KINDS];
    uint64_t fresh;
    if (getrandom(&fresh, sizeof fresh, 0) != sizeof fresh) return 0;
    fresh %= count;
    if (!drawn[what]) far[what] = fresh / NEAR;
    drawn[what] = true;
    return far[what] * NEAR + fresh % NEAR;
}

static uint64_t distance(int what, uint64_t count) { return random_ ? aslr_pages(what, count) * GUEST_PAGE : 0; }

/* ---- Images ---- */

static int map(uint64_t at, uint64_t length, int prot, int flags, int fd, uint64_t offset) {
    if (at > memory_book()->size - length) return -ENOMEM;
    int64_t place = memory_map(at, length, prot, flags | MAP_PRIVATE | MAP_FIXED, fd, offset);
    return place < 0 ? (int)(place == INT64_MIN ? -ENOMEM : place) : 0;
}

static int map_segments(const struct elf *e, uint64_t bias) {
    const Elf64_Phdr *s;
    bool first = true;
    for (int at = 0; (s = elf_next(e, PT_LOAD, &at)); first = false) {
        int prot = (s->p_flags & PF_R ? PROT_READ : 0) | (s->p_flags & PF_W ? PROT_WRITE : 0),
            executable = s->p_flags & PF_X ? PROT_EXEC : 0;
        uint64_t start = s->p_vaddr + bias, skew = start & OFFSET, end = start + s->p_filesz, zeros = start - skew;
        int error = 0;
        if (s->p_filesz) {
            zeros = page_up(end);
            const struct vma *there = book_after(memory_book(), start - skew);
            if (first && there && there->start < zeros) return -EEXIST;
            error = map(start - skew, zeros - start + skew, prot | executable, MAP_DENYWRITE, e->fd, s->p_offset - skew);
            if (!error && s->p_memsz > s->p_filesz && prot & PROT_WRITE) {
                static const char nothing[GUEST_PAGE];
                if (window_write(end, nothing, zeros - end) < zeros - end) error = -EFAULT;
            }
        }
        uint64_t after = page_up(start + s->p_memsz);
        if (!error && s->p_memsz > s->p_filesz && after > zeros)
            error = map(zeros, after - zeros, PROT_READ | PROT_WRITE | executable, MAP_ANONYMOUS, -1, 0);
        if (error) return error;
    }
    return 0;
}

/* Where mmap(2) would put `size` bytes; -1: nowhere. */
static int64_t room_for(uint64_t size) {
    struct book *b = memory_book();
    int64_t place = book_highest_gap(b, size, size % HUGE_PAGE ? GUEST_PAGE : HUGE_PAGE);
    if (place >= 0) book_give_back(b, (uint64_t)place, size);
    return place;
}

static int64_t room_for_image(const struct elf *e) { return room_for(page_up(e->high) - e->low); }

/* What to add to the file's addresses so that it starts at `address` or, to be aligned, before. */
static int64_t bias_for(const struct elf *e, int64_t address) { return (address - (int64_t)e->low) & -(int64_t)e->align; }

/* ---- vDSO ---- */

uint64_t vdso_place(const struct book *b, uint64_t size) {
    static uint64_t place;
    if (!place || place + size > b->ceiling || !book_is_free(b, place, size))
        place = (b->ceiling - (uint64_t)NEAR * GUEST_PAGE - size) & -(uint64_t)GUEST_PAGE;
    return place;
}

static int map_vdso(uint64_t *code) {
    const struct exec_host *h = &host_;
    *code = 0;
    if (!h->vdso_size) return 0;
    struct book *b = memory_book();
    uint64_t start = vdso_place(b, h->vdso_size);
    for (unsigned i = 0; i < h->vdso_parts; i++) {
        uint64_t at = start + h->vdso_part[i].place, size = h->vdso_part[i].size;
        int error = window_alias(at, (const void *)h->vdso_part[i].host, size);
        if (error) return error;
        book_add(b, &(struct vma){.start = at,
                                  .end = at + size,
                                  .limit = at + size,
                                  .prot = PROT_READ,
                                  .flags = MAP_PRIVATE | VMA_ALIAS,
                                  .name = (char *)h->vdso_part[i].name});
    }
    uint64_t at = start + h->vdso_code_at, size = h->vdso_code_size;
    int error = map(at, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS, -1, 0);
    if (!error && window_write(at, (const void *)h->vdso_code, size) < size) error = -EFAULT;
    if (!error) error = window_protect(at, size, PROT_READ | PROT_EXEC, size);
    if (error) return error;
    book_change(b, at, at + size, PROT_READ | PROT_EXEC, 0, 0, "[vdso]");
    *code = at;
    return 0;
}

/* ---- Stack ---- */

static int place_stack(uint64_t top, uint64_t size, int prot) {
    struct book *b = memory_book();
    uint64_t gap = most(least(soft_limit(RLIMIT_STACK), WINDOW_MAX), size) + STACK_GUARD_GAP;
    if (random_) gap += (uint64_t)STACK_RANDOM * GUEST_PAGE;
    gap = least(most(gap, GAP_MIN), b->size / 6 * 5);
    book_search_below(b, b->size - page_up(gap) - distance(ASLR_MMAP, MMAP_RANDOM));
    b->stack_room = size > STACK_AT_START ? size - STACK_AT_START : 0;
    b->stack_start = top - 1;
    return map(top - size, size, prot, MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_NORESERVE | MAP_STACK, -1, 0);
}

/* Puts the addresses of `count` strings that lie one after the other from `at` on into `words`, and a NULL; what follows. */
static uint64_t *pointers(uint64_t *words, const char **string, uint64_t *at, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        size_t size = strlen(*string) + 1;
        *words++ = *at;
        *string += size, *at += size;
    }
    *words++ = 0;
    return words;
}

enum { AUXV_KEYS = 64 };
/* Entries of the auxiliary vector that are the program's, not the host's. */
static const uint64_t OURS = 1ull << AT_SYSINFO_EHDR | 1ull << AT_PHDR | 1ull << AT_PHENT | 1ull << AT_PHNUM | 1ull << AT_BASE |
                             1ull << AT_FLAGS | 1ull << AT_ENTRY | 1ull << AT_UID | 1ull << AT_EUID | 1ull << AT_GID |
                             1ull << AT_EGID | 1ull << AT_SECURE | 1ull << AT_PLATFORM | 1ull << AT_RANDOM | 1ull << AT_EXECFN;

static bool passed_on(uint64_t key, const uint64_t values[AUXV_KEYS]) {
    return key != AT_NULL && key != AT_EXECFD && (key != AT_SYSINFO_EHDR || values[key]);
}

static int fill_stack(struct loaded *l, uint64_t top, const struct arguments *a, uint64_t values[AUXV_KEYS]) {
    static const char platform[] = "x86_64";
    uint64_t name_size = strlen(a->execfn) + 1, strings = top - a->size - name_size - sizeof(uint64_t);
    uint64_t shift = 0;
    if (random_ && getrandom(&shift, 2, 0) == 2) shift %= STACK_SHIFT;
    uint64_t platform_at = ((strings - shift) & -16ull) - sizeof platform, random_at = platform_at - RANDOM_BYTES;
    unsigned pairs = 1;
    for (unsigned i = 0; i < host_.auxv_count; i++) pairs += passed_on(host_.auxv[i].key, values);
    size_t words = 1 + a->argc + 1 + a->envc + 1;
    l->auxv_size = pairs * 2 * sizeof(uint64_t);
    l->rsp = (random_at - l->auxv_size - words * sizeof(uint64_t)) & -16ull;
    l->auxv = l->rsp + words * sizeof(uint64_t);
    l->arg_start = strings, l->arg_end = l->env_start = strings + a->arguments_size, l->env_end = strings + a->size;

    uint8_t *image = calloc(1, top - l->rsp);
    if (!image) return -ENOMEM;
    uint64_t *word = (uint64_t *)image;
    *word++ = a->argc;
    const char *string = a->strings;
    uint64_t at = strings;
    word = pointers(word, &string, &at, a->argc);
    word = pointers(word, &string, &at, a->envc);
    values[AT_PLATFORM] = platform_at, values[AT_RANDOM] = random_at, values[AT_EXECFN] = l->env_end;
    for (unsigned i = 0; i < host_.auxv_count; i++) {
        uint64_t key = host_.auxv[i].key;
        if (!passed_on(key, values)) continue;
        *word++ = key;
        *word++ = key < AUXV_KEYS && OURS >> key & 1 ? values[key] : host_.auxv[i].value;
    }
    if (getrandom(image + (random_at - l->rsp), RANDOM_BYTES, 0) != RANDOM_BYTES)
        memset(image + (random_at - l->rsp), 0, RANDOM_BYTES);
    memcpy(image + (platform_at - l->rsp), platform, sizeof platform);
    memcpy(image + (strings - l->rsp), a->strings, a->size);
    memcpy(image + (strings - l->rsp) + a->size, a->execfn, name_size);
    size_t written = window_write(l->rsp, image, top - l->rsp);
    window_fill((l->rsp & -(uint64_t)GUEST_PAGE) - STACK_ROOM, STACK_ROOM);
    free(image);
    return written == top - l->rsp ? 0 : -EFAULT;
}

/* ---- all of it ---- */

int load(struct loaded *l, const struct elf *program, const struct elf *interpreter, const struct arguments *a) {
    struct book *b = memory_book();
    random_ = host_.aslr && !(personality(~0u) & ADDR_NO_RANDOMIZE);
    uint64_t top = WINDOW_MAX - distance(ASLR_STACK, STACK_RANDOM);
    uint64_t lowest = a->size + strlen(a->execfn) + 1 + 8ull * (a->argc + a->envc + 1) + STACK_ROOM;
    uint64_t size = page_up(most(least(soft_limit(RLIMIT_STACK), STACK_MAX), lowest));
    int error = place_stack(top, size, PROT_READ | PROT_WRITE | (elf_executable_stack(program) ? PROT_EXEC : 0));
    uint64_t values[AUXV_KEYS] = {0};
    if (!error) error = map_vdso(&values[AT_SYSINFO_EHDR]);
    int64_t bias = 0, base = 0;
    if (!error && program->type == ET_DYN) {
        int64_t at = interpreter ? (int64_t)(PIE_BASE + distance(ASLR_IMAGE, PIE_RANDOM)) : room_for_image(program);
        bias = bias_for(program, at);
        if (at < 0 || (int64_t)program->low + bias < 0) error = -EINVAL;
    }
    if (!error) error = map_segments(program, (uint64_t)bias);
    l->rip = program->entry + (uint64_t)bias;
    if (!error && interpreter) {
        if (interpreter->type == ET_DYN) {
            int64_t at = room_for_image(interpreter);
            base = bias_for(interpreter, at);
            if (at < 0 || (int64_t)interpreter->low + base < 0) error = -EINVAL;
        }
        if (!error) error = map_segments(interpreter, (uint64_t)base);
        l->rip = interpreter->entry + (uint64_t)base;
    }
    if (!error && l->rip >= WINDOW_MAX) error = -EINVAL;
    if (error) return error;

    l->start_code = l->start_data = UINT64_MAX, l->end_code = l->end_data = 0;
    bool data = false;
    const Elf64_Phdr *s;
    for (int at = 0; (s = elf_next(program, PT_LOAD, &at));) {
        uint64_t start = s->p_vaddr + (uint64_t)bias, end = start + s->p_filesz;
        if (s->p_flags & PF_X) l->start_code = least(l->start_code, start), l->end_code = most(l->end_code, end);
        l->start_data = data ? most(l->start_data, start) : start;
        l->end_data = most(l->end_data, end);
        data = true;
        if (s->p_offset <= program->phoff && program->phoff < s->p_offset + s->p_filesz)
            values[AT_PHDR] = program->phoff - s->p_offset + s->p_vaddr;
    }
    if (l->start_code == UINT64_MAX) l->start_code = 0;
    values[AT_PHDR] += (uint64_t)bias;
    values[AT_PHENT] = sizeof(Elf64_Phdr), values[AT_PHNUM] = (uint64_t)program->count;
    values[AT_BASE] = (uint64_t)base, values[AT_ENTRY] = program->entry + (uint64_t)bias;
    values[AT_UID] = values[AT_EUID] = getuid(), values[AT_GID] = values[AT_EGID] = getgid(); /* exec.c runs none that differ */
    if ((error = fill_stack(l, top, a, values))) return error;

    l->start_brk = page_up(program->high + (uint64_t)bias);
    if (program->type == ET_DYN && !interpreter)
        l->start_brk = PIE_BASE;
    else if (random_)
        l->start_brk += GUEST_PAGE;
    l->start_brk += distance(ASLR_HEAP, BRK_RANDOM);
    b->brk_start = b->brk_end = l->start_brk;
    return 0;
}
