/* Who runs: one record of each process of a tree, in memory that all of them share and that ends with the last one.
 *
 * It is a memfd among the VMM's hidden descriptors, so tools outside find it in /proc/PID/fd (noahpy/tree.py). A process
 * writes its own record alone, but for the number of records and, in prlimit(2), another's limits. */
#include "tree.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "count.h"
#include "engine.h"
#include "hidden.h"
#include "rlimit.h"
#include "watch.h"

enum { RECORDS = 8192 };

static struct tree *tree_;
static struct tree_record *mine_;
static int fd_ = -1;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t ns(struct timeval t) { return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_usec * 1000; }

int tree_start(void) {
    size_t size = sizeof(struct tree) + RECORDS * sizeof(struct tree_record);
    if ((fd_ = memfd_create(TREE_NAME, MFD_CLOEXEC)) < 0) return -errno;
    if (ftruncate(fd_, (off_t)size)) return -errno;
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    if (at == MAP_FAILED) return -errno;
    tree_ = at;
    tree_->room = RECORDS;
    tree_->size = sizeof *tree_->record;
    int place = hidden_add(&fd_);
    if (place < 0) return place;
    limits_save();
    tree_born();
    tree_executes();
    return 0;
}

void tree_born(void) {
    if (!tree_) return;
    char path[sizeof mine_->path] = "";
    if (mine_) memcpy(path, mine_->path, sizeof path);
    struct tree_record *record = NULL;
    /* When all are used, those of ended processes are used again. */
    for (unsigned tries = 0; tries < RECORDS && !record; tries++) {
        struct tree_record *r = &tree_->record[atomic_fetch_add(&tree_->born, 1) % RECORDS];
        if (!r->pid || r->end) record = r;
    }
    mine_ = record;
    if (!record) {
        limits_move(NULL);
        return;
    }
    *record = (struct tree_record){.pid = getpid(), .parent = getppid(), .start = now()};
    memcpy(record->path, path, sizeof path);
    limits_move(&record->limits);
    tree_descriptors();
}

void tree_descriptors(void) {
    if (!mine_) return;
    mine_->hidden = hidden_base();
    mine_->program = program_fd();
}

void tree_exec(const char *path) {
    if (engine_ && engine_->named) engine_->named(path);
    if (count_on()) count_named(path);
    if (!mine_) return;
    strncpy(mine_->path, path, sizeof mine_->path - 1);
    mine_->exec = now();
    tree_descriptors();
}

void tree_executes(void) {
    if (mine_) mine_->execs++;
}

void tree_end(int status) {
    struct rusage usage;
    if (engine_ && engine_->ends) engine_->ends();
    if (watch_on()) watch_process_ends(status);
    if (!mine_ || mine_->pid != getpid()) return;
    getrusage(RUSAGE_SELF, &usage);
    mine_->user = ns(usage.ru_utime);
    mine_->system = ns(usage.ru_stime);
    mine_->status = status;
    mine_->end = now();
}

static struct tree_record *running(int pid) {
    unsigned born = tree_->born < RECORDS ? tree_->born : RECORDS;
    for (unsigned i = 0; i < born; i++)
        if (tree_->record[i].pid == pid && !tree_->record[i].end) return &tree_->record[i];
    return NULL;
}

void tree_reaped(int pid, int status) {
    if (!tree_ || !(WIFEXITED(status) || WIFSIGNALED(status))) return;
    struct tree_record *r = running(pid);
    if (!r) return;
    r->status = status;
    r->end = now();
}

int tree_find(int pid, int *hidden, int *program) {
    const struct tree_record *r = tree_ ? running(pid) : NULL;
    if (!r) return -ESRCH;
    *hidden = r->hidden;
    *program = r->program;
    return 0;
}

struct limits *tree_limits(int pid) {
    struct tree_record *r = tree_ ? running(pid) : NULL;
    return r ? &r->limits : NULL;
}

int tree_executed(int pid) {
    const struct tree_record *last = NULL;
    unsigned born = !tree_ ? 0 : tree_->born < RECORDS ? tree_->born : RECORDS;
    for (unsigned i = 0; i < born; i++) {
        const struct tree_record *r = &tree_->record[i];
        if (r->pid == pid && (!last || r->start > last->start)) last = r;
    }
    return last && last->execs && last->parent == getpid();
}

static bool is_of(const struct tree_record *r, const struct stat *file) {
    struct stat program;
    char name[40];
    snprintf(name, sizeof name, "%d/fd/%d", r->pid, r->program);
    int error = r == mine_ ? fstat(program_fd(), &program) : fstatat(hidden_fd(exec_host()->proc), name, &program, 0);
    return !error && program.st_ino == file->st_ino && program.st_dev == file->st_dev;
}

int tree_executes_file(int dirfd, const char *path, int flags) {
    struct stat file;
    int mode = W_OK | ((flags & O_ACCMODE) == O_WRONLY ? 0 : R_OK);
    if (flags & (O_PATH | O_DIRECTORY) || ((flags & O_ACCMODE) == O_RDONLY && !(flags & O_TRUNC))) return false;
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL) || !tree_ || exec_host()->proc < 0) return false;
    /* Made as they are: a path may be none, which the C library does not expect. */
    if (syscall(SYS_newfstatat, dirfd, path, &file, flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0)) return false;
    if (!S_ISREG(file.st_mode) || !(file.st_mode & 0111)) return false;
    unsigned born = tree_->born < RECORDS ? tree_->born : RECORDS, i = 0;
    while (i < born && !(tree_->record[i].pid && !tree_->record[i].end && is_of(&tree_->record[i], &file))) i++;
    return i < born && !syscall(SYS_faccessat2, dirfd, path, mode, AT_EACCESS);
}
