/* What the simulated CPU executes, by the blocks that Unicorn translates (docs/measuring.md).
 *
 * A block waits in last_ until it is known whether it was executed to its end. All here is guarded by the CPU's turn. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hidden.h"
#include "sim.h"
#include "sim_length.h"
#include "sim_symbols.h"

struct block {
    uint64_t address; /* 0: none */
    uint32_t size;
    uint32_t known;              /* in which of code_ all below was found */
    uint16_t instructions, last; /* how many; where the last one is */
    bool jumps;                  /* the last one may */
    uint64_t *executions;        /* its counter in the ledger, or NULL */
    char *line;                  /* of the trace, without what comes first, or NULL */
};

enum { BLOCKS = 1 << 12, BLOCKS_MAX = 1 << 22 }; /* at the start, and at most, in blocks_ */

static int what_;
static struct ledger *ledger_;
static struct ledger_process *process_, nobody_;
static char *untold_; /* this process's buffer in the ledger */
static int proc_ = -1, maps_ = -1, ask_ = -1, answer_ = -1, trace_ = -1;
static pid_t first_; /* process of the tree */

static struct block *blocks_; /* by place_of(), then the next free one */
static size_t room_, used_;
static struct block *last_;
static uint32_t code_ = 1; /* counts up when code may have become other code */
static char before_[16];   /* what a line of the trace begins with: the thread's number */

bool blocks_wanted(void) { return what_; }

/* ---- the process ---- */

/* /proc/self/maps is opened while the process has one thread: the limit of descriptors is the guest's. */
static void enter_process(void) {
    uint32_t number = __atomic_fetch_add(&ledger_->processes, 1, __ATOMIC_SEQ_CST);
    const struct ledger_process *parent = process_ ? process_ : &nobody_;
    bool place = number < LEDGER_PROCESSES;
    process_ = place ? &ledger_->process[number] : &nobody_;
    untold_ = place ? ledger_->trace[number] : NULL;
    process_->pid = getpid();
    process_->parent = getppid();
    if (place) memcpy(process_->program, parent->program, sizeof parent->program);
    if (what_ == MEASURE_COUNTS) return;
    struct rlimit guest;
    if (maps_ >= 0) hidden_remove(&maps_);
    hidden_widen(&guest);
    maps_ = openat(proc_, "self/maps", O_RDONLY | O_CLOEXEC);
    hidden_narrow(&guest);
    if (maps_ >= 0 && hidden_add(&maps_) < 0) hidden_remove(&maps_);
}

int measure(int what, int ledger, int ask, int answer, int trace) {
    void *at = mmap(NULL, sizeof *ledger_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, ledger, 0);
    if (at == MAP_FAILED) return -errno;
    close(ledger);
    if (!(blocks_ = calloc(BLOCKS, sizeof *blocks_))) return -ENOMEM;
    room_ = BLOCKS;
    ledger_ = at;
    proc_ = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    ask_ = ask, answer_ = answer, trace_ = trace;
    int *const kept[] = {&proc_, &ask_, &answer_, &trace_};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        int place = *kept[i] >= 0 ? hidden_add(kept[i]) : 0;
        if (place < 0) return place;
    }
    what_ = what;
    first_ = getpid();
    enter_process();
    return 0;
}

void blocks_forked(void) {
    if (what_) enter_process();
}

void blocks_named(const char *program) {
    if (what_) strncpy(process_->program, program, sizeof process_->program - 1);
}

void blocks_end(void) {
    char byte = 0;
    if (!what_) return;
    process_->ended = 1;
    if (getpid() != first_) return;
    signal(SIGPIPE, SIG_IGN); /* the clerk may be gone */
    if (write(ask_, &byte, 1) != 1) return;
    while (read(answer_, &byte, 1) < 0 && errno == EINTR) {}
}

/* ---- modules ---- */

struct mapping {
    uint64_t start, end, base;
    unsigned module;
};

static struct mapping *mappings_; /* executable ones */
static size_t mapping_count_, mapping_room_;
static struct symbols *symbols_[LEDGER_MODULES];

/* What /proc/self/maps says; to be freed. */
static char *maps_text(void) {
    size_t size = 0, room = 1 << 16;
    char *text = malloc(room);
    for (ssize_t got = 1; text && got > 0;) {
        got = pread(maps_, text + size, room - size - 1, (off_t)size);
        size += got > 0 ? (size_t)got : 0;
        if (room - size < 4096) text = realloc(text, room *= 2); /* out of memory: nothing is known */
    }
    if (text) text[size] = 0;
    return text;
}

/* The number of the module that is like `m` but for `base` and `end`; 0: there is no place for it. */
static unsigned module_number(const struct ledger_module *m) {
    unsigned count = ledger_->modules;
    for (unsigned i = 1; i <= count && i < LEDGER_MODULES; i++) {
        const struct ledger_module *known = &ledger_->module[i];
        if (__atomic_load_n(&known->ready, __ATOMIC_ACQUIRE) && known->inode == m->inode && known->device == m->device &&
            known->size == m->size && known->changed == m->changed && !strcmp(known->path, m->path))
            return i;
    }
    unsigned number = __atomic_add_fetch(&ledger_->modules, 1, __ATOMIC_SEQ_CST);
    if (number >= LEDGER_MODULES) return 0;
    ledger_->module[number] = *m;
    __atomic_store_n(&ledger_->module[number].ready, 1, __ATOMIC_RELEASE);
    return number;
}

/* One line of /proc/self/maps. */
struct line {
    uint64_t start, end, offset;
    unsigned major, minor;
    uint64_t inode;
    char flags[5];
    const char *path;
};

static bool parse(char *text, struct line *l) {
    int path = 0;
    if (sscanf(text, "%lx-%lx %4s %lx %x:%x %lu %n", &l->start, &l->end, l->flags, &l->offset, &l->major, &l->minor, &l->inode,
               &path) < 7)
        return false;
    l->path = text + path;
    l->start -= window_base_, l->end -= window_base_;
    return l->start < window_size_;
}

static unsigned module_of(const struct line *l, uint64_t base) {
    struct ledger_module m = {.base = base, .end = l->end};
    if (l->inode) {
        struct stat status;
        m.device = (uint64_t)l->major << 32 | l->minor;
        m.inode = l->inode;
        if (!stat(l->path, &status)) {
            m.size = (uint64_t)status.st_size;
            m.changed = (uint64_t)status.st_mtim.tv_sec * 1000000000 + (uint64_t)status.st_mtim.tv_nsec;
        }
        snprintf(m.path, sizeof m.path, "%s", l->path);
    } else {
        uint32_t magic = 0;
        window_read(&magic, base, sizeof magic);
        strcpy(m.path, magic == 0x464c457f ? "[vdso]" : "[anonymous]"); /* an ELF image that lies in no file */
    }
    return module_number(&m);
}

static void add_mapping(const struct line *l, uint64_t base, unsigned module) {
    if (mapping_count_ == mapping_room_) {
        size_t room = mapping_room_ ? 2 * mapping_room_ : 64;
        struct mapping *more = realloc(mappings_, room * sizeof *more);
        if (!more) return;
        mappings_ = more, mapping_room_ = room;
    }
    mappings_[mapping_count_++] = (struct mapping){l->start, l->end, base, module};
}

/* Those of a file belong together, with what lies between, as long as they show it from its start to its end: a page may be
 * there twice, as the end of the code and as the start of the data. */
static void find_mappings(void) {
    char *text = maps_text(), *rest = text, *one;
    mapping_count_ = 0;
    struct line file = {0};
    uint64_t base = 0;
    unsigned module = 0;
    while (rest && (one = strsep(&rest, "\n"))) {
        struct line l;
        if (!parse(one, &l)) continue;
        bool same = l.inode == file.inode && l.major == file.major && l.minor == file.minor &&
                    (l.offset > file.offset || (l.offset == file.offset && file.flags[2] == 'x'));
        if (l.inode && !same) base = l.start, module = 0;
        if (l.inode) file = l;
        if (l.flags[2] == 'x' && !l.inode) add_mapping(&l, l.start, module_of(&l, l.start));
        if (l.flags[2] == 'x' && l.inode) {
            if (!module) module = module_of(&l, base);
            add_mapping(&l, base, module);
        }
        if (l.inode && module && ledger_->module[module].base == base) ledger_->module[module].end = l.end;
    }
    free(text);
}

static const struct mapping *mapping_at(uint64_t address) {
    for (int tries = 0; tries < 2; tries++) {
        for (size_t i = 0; i < mapping_count_; i++)
            if (address - mappings_[i].start < mappings_[i].end - mappings_[i].start) return &mappings_[i];
        if (!tries) find_mappings();
    }
    return NULL;
}

/* ---- blocks ---- */

static size_t place_of(uint64_t address, uint32_t size) { return (address ^ address >> 15) * 0x9e3779b1 + size; }

static struct block *look_up(uint64_t address, uint32_t size) {
    size_t i = place_of(address, size);
    for (;; i++) {
        struct block *b = &blocks_[i & (room_ - 1)];
        if (!b->address || (b->address == address && b->size == size)) return b;
    }
}

/* Makes blocks_ twice as large or, if there is no memory for that, empty. */
static void make_room(void) {
    struct block *old = blocks_, *more = room_ < BLOCKS_MAX ? calloc(2 * room_, sizeof *more) : NULL;
    size_t count = room_;
    if (more) blocks_ = more, room_ = 2 * count;
    for (size_t i = 0; i < count; i++) {
        if (more && old[i].address) *look_up(old[i].address, old[i].size) = old[i];
        if (!more) free(old[i].line);
    }
    if (more) {
        free(old);
    } else {
        memset(old, 0, count * sizeof *old);
        used_ = 0;
    }
}

/* The counter of what is at `offset` in a module. Neighbours in the code are neighbours here: few pages are used. */
static uint64_t *counter(unsigned module, uint64_t offset, uint32_t size) {
    enum { SIZE_BITS = 13, OFFSET_BITS = 39, TRIES = 4096 };
    uint64_t key = ((uint64_t)module << SIZE_BITS | size) << OFFSET_BITS | offset;
    uint64_t place = module * 0x9e3779b97f4a7c15ull + offset / 4;
    if (!module || size >> SIZE_BITS || offset >> OFFSET_BITS) return &ledger_->lost;
    for (int i = 0; i < TRIES; i++) {
        struct ledger_block *b = &ledger_->block[(place + (uint64_t)i) % LEDGER_BLOCKS];
        uint64_t found = 0;
        __atomic_compare_exchange_n(&b->key, &found, key, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        if (!found || found == key) return &b->executions;
    }
    return &ledger_->lost;
}

static char *line_of(const struct block *b, const struct mapping *m) {
    char text[TRACE_BUFFER - 64], symbol[512] = "-";
    uint64_t offset = m ? b->address - m->base : 0, behind;
    const char *path = m && m->module ? ledger_->module[m->module].path : "-";
    if (m && m->module && path[0] == '/') {
        struct symbols **symbols = &symbols_[m->module];
        if (!*symbols) *symbols = symbols_load(path);
        const char *name = symbol_at(*symbols, offset, &behind);
        if (name) snprintf(symbol, sizeof symbol, "%.*s+%#lx", 480, name, behind);
    }
    snprintf(text, sizeof text, "%#lx %u %s %.3000s+%#lx\n", b->address, b->size, symbol, path, offset);
    return strdup(text);
}

static void find_out(struct block *b) {
    uint8_t code[1 << 13];
    size_t size = window_read(code, b->address, b->size < sizeof code ? b->size : sizeof code), length;
    b->known = code_;
    b->instructions = b->last = 0;
    for (size_t at = 0; at < size; at += length) {
        b->instructions++;
        b->last = (uint16_t)at;
        length = instruction_length(code + at, size - at, &b->jumps);
        if (!length) break;
    }
    if (what_ == MEASURE_COUNTS) return;
    const struct mapping *m = mapping_at(b->address);
    if (what_ & MEASURE_COVERAGE) b->executions = counter(m ? m->module : 0, m ? b->address - m->base : 0, b->size);
    if (what_ & MEASURE_TRACE) {
        free(b->line);
        b->line = line_of(b, m);
    }
}

static struct block *block(uint64_t address, uint32_t size) {
    if (4 * used_ >= 3 * room_) make_room();
    struct block *b = look_up(address, size);
    if (!b->address) {
        used_++;
        b->address = address, b->size = size;
    }
    if (b->known != code_) find_out(b);
    return b;
}

/* ---- the trace ---- */

static void write_out(void) {
    const char *from = untold_, *end = untold_ + process_->untold;
    while (from < end) {
        ssize_t written = write(trace_, from, (size_t)(end - from));
        if (written < 0 && errno != EINTR) break;
        if (written > 0) from += written;
    }
    process_->untold = 0;
}

/* Whole lines, no more than a pipe takes in one piece. */
static void tell(const struct block *b) {
    size_t start = strlen(before_), rest = b->line ? strlen(b->line) : 0;
    if (!rest || !untold_) return;
    if (process_->untold + start + rest > TRACE_BUFFER) write_out();
    memcpy(untold_ + process_->untold, before_, start);
    memcpy(untold_ + process_->untold + start, b->line, rest);
    process_->untold += (uint32_t)(start + rest);
}

/* ---- what was executed ---- */

static void executed(const struct block *b) {
    process_->instructions += b->instructions;
    if (b->executions) __atomic_fetch_add(b->executions, 1, __ATOMIC_RELAXED);
    if (what_ & MEASURE_TRACE) tell(b);
}

/* Of b, what comes before `end`. */
static void executed_until(const struct block *b, uint64_t end) {
    if (end > b->address) executed(block(b->address, (uint32_t)(end - b->address)));
}

static bool has_instruction_at(const struct block *b, uint64_t address) {
    uint8_t code[INSTRUCTION_MAX];
    bool jumps;
    uint64_t at = b->address;
    while (at < address) {
        size_t length = instruction_length(code, window_read(code, at, sizeof code), &jumps);
        if (!length) return false;
        at += length;
    }
    return at == address;
}

/* Whether b was left at its instruction at `address`, where a block goes on that ends at `end`. From a jump there, that would
 * end where b does, or later; Unicorn's single instruction, after a store to b itself, ends before. */
static bool left_at(const struct block *b, uint64_t address, uint64_t end) {
    if (address == b->address + b->last) return !b->jumps;
    return end < b->address + b->size && has_instruction_at(b, address);
}

void blocks_next(uint64_t address, uint32_t size) {
    const struct block *b = last_;
    last_ = NULL;
    if (!b) return;
    if (address - b->address < b->size && left_at(b, address, address + size))
        executed_until(b, address);
    else
        executed(b);
}

void blocks_begin(uint64_t address, uint32_t size) { last_ = block(address, size); }

void blocks_leave(uint64_t rip, bool trapped) {
    const struct block *b = last_;
    last_ = NULL;
    if (!b) return;
    if (rip - b->address < b->size && !(trapped && b->jumps))
        executed_until(b, rip);
    else
        executed(b);
}

void blocks_single(uint64_t address, uint32_t size) { executed(block(address, size)); }

void blocks_arrive(void) {
    if (what_ & MEASURE_TRACE) snprintf(before_, sizeof before_, "%ld ", syscall(SYS_gettid));
}

/* ---- code that becomes other code ---- */

void blocks_changed(void) {
    code_++;
    mapping_count_ = 0;
}

void blocks_translated(uint64_t address, uint32_t size) { look_up(address, size)->known = 0; }
