/* The VMM's memory, which each fork(2) copies: Python's heap and the libraries' data, 1,500 pages. The kernel copies a page table's
 * entry for each of them, and takes it away again when the child ends: together a tenth of a fork whose child does nothing else. What is
 * mapped from a file and has not been written since is not copied; the child finds it when it looks. So after some forks the process, or
 * the one that it descends from, writes what it has into a file in memory, once, and maps that in its place. */
#include "own_memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec.h"
#include "exitless.h"
#include "pagemap.h"
#include "private.h"

enum { FORKS = 16, LEAST = 16 /* pages */, TEXT = 256 << 10 };
#define MOST (64ull << 20)     /* bytes: what is larger is no heap, but room for page tables and the like */
#define FILE_SIZE (1ull << 47) /* each page's place in the file is its address */

/* One of the process's mappings. */
struct span {
    uint64_t start, end;
    int prot;
    bool of_file;
};

/* Not by the C library, which may write (errno, a procedure linkage table) to what is being moved. */
static inline long raw(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* By its entry in the pagemap: in memory or swapped out, and no file's. */
static bool is_own(uint64_t entry) { return entry >> 62 && !(entry >> 61 & 1); }

static size_t pages(const struct span *s) { return (s->end - s->start) / GUEST_PAGE; }

static bool has_many(int pagemap, const struct span *s, uint64_t *entries) {
    size_t own = 0;
    if (!pagemap_read(pagemap, s->start, entries, pages(s))) return false;
    for (size_t i = 0; i < pages(s); i++) own += is_own(entries[i]);
    return own >= LEAST;
}

/* Nothing else may write to the span meanwhile. */
static void move(int file, const struct span *s, const uint64_t *entries) {
    for (size_t i = 0, next; i < pages(s); i = next) {
        bool stored = s->of_file || is_own(entries[i]);
        for (next = i + 1; next < pages(s) && (s->of_file || is_own(entries[next])) == stored;) next++;
        long from = (long)(s->start + i * GUEST_PAGE), size = (long)((next - i) * GUEST_PAGE);
        if (stored && raw(SYS_pwrite64, file, from, size, from, 0, 0) != size) return;
    }
    raw(SYS_mmap, (long)s->start, (long)(s->end - s->start), s->prot, MAP_PRIVATE | MAP_FIXED, file, (long)s->start);
}

static bool holds(const struct span *s, const void *address) {
    return (uint64_t)address >= s->start && (uint64_t)address < s->end;
}

/* A line of /proc/PID/maps: whether it is a mapping that may be moved. Not the guest's, nor the thread's stack and what is at its thread
 * pointer, where the kernel itself writes (rseq). */
static bool may_move(const char *line, const void *buffer, struct span *s) {
    unsigned long long start, end, inode;
    char r, w, x, p;
    if (sscanf(line, "%llx-%llx %c%c%c%c %*s %*s %llu", &start, &end, &r, &w, &x, &p, &inode) != 7) return false;
    s->start = start, s->end = end, s->of_file = inode;
    s->prot = PROT_READ | (w == 'w' ? PROT_WRITE : 0) | (x == 'x' ? PROT_EXEC : 0);
    bool guests = start < window_base_ + WINDOW_MAX && end > window_base_,
         special = strchr(line, '[') && !strstr(line, "[heap]");
    bool in_use = holds(s, &r) || holds(s, __builtin_thread_pointer()) || holds(s, buffer);
    return r == 'r' && p == 'p' && end - start <= MOST && !guests && !special && !in_use;
}

static void move_all(int file, int maps, int pagemap, char *text) {
    size_t used = 0;
    for (ssize_t got; used < TEXT - 1 && (got = read(maps, text + used, TEXT - 1 - used)) > 0;) used += (size_t)got;
    if (used == TEXT - 1) return; /* a guest of so many mappings has a dearer fork than ours */
    uint64_t *entries = (uint64_t *)(text + TEXT);
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        struct span s;
        *end = 0;
        if (may_move(line, text, &s) && has_many(pagemap, &s, entries)) move(file, &s, entries);
    }
}

static int open_own(const char *name, int flags) { return openat(hidden_fd(exec_host()->proc), name, flags | O_CLOEXEC); }

/* KVM's own thread aside, which does not touch this memory. */
static bool is_only_thread(void) {
    int tasks = open_own("self/task", O_RDONLY | O_DIRECTORY), others = 0;
    DIR *list = tasks < 0 ? NULL : fdopendir(tasks);
    if (!list) {
        close(tasks);
        return false;
    }
    for (const struct dirent *entry; (entry = readdir(list));) {
        char name[32], comm[8] = "";
        if (entry->d_name[0] == '.') continue;
        snprintf(name, sizeof name, "%.20s/comm", entry->d_name);
        int fd = openat(tasks, name, O_RDONLY | O_CLOEXEC);
        bool kvms = fd >= 0 && read(fd, comm, sizeof comm - 1) > 0 && !strncmp(comm, "kvm-", 4);
        close(fd);
        others += !kvms;
    }
    closedir(list);
    return others == 1;
}

static void move_into_file(void) {
    struct rlimit limit;
    size_t size = TEXT + MOST / GUEST_PAGE * sizeof(uint64_t);
    if (exec_host()->proc < 0 || getrlimit(RLIMIT_FSIZE, &limit) || limit.rlim_cur < FILE_SIZE) return;
    exitless_end();
    if (!is_only_thread()) return;
    char *text = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (text == MAP_FAILED) return;
    int file = memfd_create("noahpy", MFD_CLOEXEC), maps = open_own("self/maps", O_RDONLY),
        pagemap = open_own("self/pagemap", O_RDONLY);
    if (file >= 0 && maps >= 0 && pagemap >= 0 && !ftruncate(file, FILE_SIZE)) move_all(file, maps, pagemap, text);
    close(file), close(maps), close(pagemap);
    munmap(text, size);
}

void own_memory_before_fork(void) {
    static unsigned forks; /* the parents' own, too */
    if (forks <= FORKS && forks++ == FORKS) move_into_file();
}
