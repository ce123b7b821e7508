/* Hot paths: system calls that the host serves as they are, finished in C, by the table that is made from their declarations
 * (linux_abi/syscall.py). linux_abi/forward.py says what becomes of each kind of argument; this is the same in C. */
#include "fast.h"

#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "hidden.h"
#include "tree.h"

enum { CALLS = 512, ARGUMENTS = 6, IOVECS = 16, NAME_END = 10 };

static struct {
    bool known, opens;
    uint8_t count, kinds[ARGUMENTS];
    uint64_t finished;
} table_[CALLS];

int fast_forward(unsigned number, unsigned count, const uint8_t *kinds, int opens) {
    if (number >= CALLS || count > ARGUMENTS) return -EINVAL;
    for (unsigned i = 0; i < count; i++)
        if (kinds[i] > ARG_IOVEC) return -EINVAL;
    table_[number].count = (uint8_t)count;
    memcpy(table_[number].kinds, kinds, count);
    table_[number].opens = opens;
    table_[number].known = true;
    return 0;
}

uint64_t fast_count(unsigned number) { return number < CALLS ? table_[number].finished : 0; }

static long visible(uint64_t fd) {
    int number = (int)fd;
    return number >= hidden_base() && number < hidden_base() + hidden_count() ? INT_MAX : number;
}

/* What may be a link to the VMM's program or to a descriptor of its own is Python's: a name `exe`, or that number
 * (linux_abi/procfs.py). An unreadable path is left to the host to refuse. */
static bool plain_path(uint64_t gva) {
    long length = window_strnlen(gva, PATH_MAX);
    if (length < 1) return true;
    char end[NAME_END];
    size_t size = length < NAME_END ? (size_t)length : NAME_END;
    if (window_read(end, gva + (uint64_t)length - size, size) < size) return true;
    uint64_t number = 0, place = 1;
    for (size_t i = size; i-- && end[i] >= '0' && end[i] <= '9'; place *= 10) number += place * (uint64_t)(end[i] - '0');
    if (place > 1 && visible(number) == INT_MAX) return false;
    return size < 3 || memcmp(end + size - 3, "exe", 3) != 0 || (size > 3 && end[size - 4] != '/');
}

/* Whether a descriptor that the host has just opened is of procfs, where some files are views: Python's. */
static bool plain_file(long fd) {
    struct statfs status;
    return fstatfs((int)fd, &status) || status.f_type != PROC_SUPER_MAGIC;
}

/* The guest's iovecs with host addresses in `out`: what to pass to the host, or 0 for "too many for here". */
static long translate_iovec(uint64_t gva, uint64_t count, struct iovec *out) {
    count = (uint32_t)count; /* as import_iovec() does; the guest's own array must never be what the host reads */
    if (count - 1 >= UIO_MAXIOV) return (long)BAD_ADDRESS;
    if (count > IOVECS) return 0;
    if (window_read(out, gva, count * sizeof *out) < count * sizeof *out) return (long)BAD_ADDRESS;
    for (uint64_t i = 0; i < count; i++) out[i].iov_base = (void *)host_address((uint64_t)out[i].iov_base);
    return (long)out;
}

static bool may_exit_;

void fast_exit(int allowed) { may_exit_ = allowed; }

bool fast_finish(struct vcpu *cpu) {
    struct registers *r = cpu->regs;
    uint32_t number = (uint32_t)r->rax; /* as the kernel, which looks at no more */
    if (number == SYS_exit_group && may_exit_) {
        tree_end((int)(r->rdi & 0xff) << 8);
        _exit((int)r->rdi);
    }
    if (number >= CALLS || !table_[number].known) return false;
    const uint64_t args[ARGUMENTS] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};
    long to[ARGUMENTS] = {0};
    struct iovec vectors[IOVECS];
    for (unsigned i = 0; i < table_[number].count; i++) {
        switch (table_[number].kinds[i]) {
        case ARG_VALUE: to[i] = (long)args[i]; break;
        case ARG_FD:
            to[i] = visible(args[i]);
            if (to[i] == INT_MAX) return false;
            break;
        case ARG_PATH:
            if (!plain_path(args[i])) return false;
            /* fallthrough */
        case ARG_POINTER: to[i] = (long)host_address(args[i]); break;
        case ARG_IOVEC:
            to[i] = translate_iovec(args[i], args[i + 1], vectors);
            if (!to[i]) return false;
            break;
        }
    }
    long result = host_syscall((long)number, to[0], to[1], to[2], to[3], to[4], to[5]);
    if (result == -ERESTARTSYS) return false;
    if (table_[number].opens && result >= 0 && !plain_file(result)) {
        close((int)result);
        return false;
    }
    r->rax = (uint64_t)result;
    if (result == -EINTR) cpu->number = (int)number; /* whether it is made again is Python's to say */
    table_[number].finished++;
    return true;
}
