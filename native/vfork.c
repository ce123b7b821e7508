/* vfork(2) of a process of one thread: the child has a copy of the memory, and sends back the pages that it has written when it
 * executes a program or ends. noahpy/vfork.py says why, and does the same beside other threads. */
#include <fcntl.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fork.h"
#include "hidden.h"
#include "mmap.h"
#include "pagemap.h"
#include "vma.h"

static int parents_end_ = -1, childs_end_ = -1; /* of the fork under way */
static int awaited_ = -1;                       /* to the parent that waits for this process */
static bool connection_shares_, awaited_shares_;

struct record {
    uint64_t gva;
    uint8_t page[GUEST_PAGE];
};

int vfork_connect(bool shares_memory) {
    struct rlimit guest;
    int ends[2];
    hidden_widen(&guest);
    int error = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) ? -errno : 0;
    hidden_narrow(&guest);
    if (error) return error;
    parents_end_ = ends[0], childs_end_ = ends[1], connection_shares_ = shares_memory;
    if ((error = hidden_add(&parents_end_)) >= 0 && (error = hidden_add(&childs_end_)) >= 0) return 0;
    vfork_wait(false);
    return error;
}

static bool receive(struct record *r) {
    for (size_t got = 0; got < sizeof *r;) {
        ssize_t n = read(parents_end_, (uint8_t *)r + got, sizeof *r - got);
        if (n == 0 || (n < 0 && errno != EINTR)) return false;
        if (n > 0) got += (size_t)n;
    }
    return true;
}

void vfork_wait(bool made) {
    struct record r;
    hidden_remove(&childs_end_);
    while (made && receive(&r)) window_write(r.gva, r.page, sizeof r.page);
    hidden_remove(&parents_end_);
}

void vfork_born(void) {
    if (awaited_ >= 0) hidden_remove(&awaited_); /* of this process's own parent */
    if (childs_end_ < 0) return;
    hidden_remove(&parents_end_);
    hidden_pass(&childs_end_, &awaited_);
    awaited_shares_ = connection_shares_;
}

/* ---- What the child has written ---- */

/* Another owns it where a process has changed its user, and so is not dumpable (prctl(2)), or called setfsuid(2). */
static int open_pagemap(void) {
    int proc = hidden_fd(exec_host()->proc), fd = openat(proc, "self/pagemap", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) return fd;
    int user = setfsuid(geteuid());
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    fd = openat(proc, "self/pagemap", O_RDONLY | O_CLOEXEC);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    setfsuid((uid_t)user);
    return fd;
}

static bool send_page(uint64_t gva) {
    struct record r = {.gva = gva};
    if (window_read(r.page, gva, sizeof r.page) < sizeof r.page) return true;
    for (size_t sent = 0; sent < sizeof r;) {
        ssize_t n = send(awaited_, (uint8_t *)&r + sent, sizeof r - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) return false; /* the parent is gone */
        if (n > 0) sent += (size_t)n;
    }
    return true;
}

/* The pages of a mapping that are this process's alone: a fork shares all that there were. */
static bool send_written(int pagemap, const struct vma *v) {
    enum { ENTRIES = 512, WRITTEN = 0x81 }; /* in proc_pid_pagemap(5), the highest byte: present, of no file, of one process */
    uint64_t entries[ENTRIES];
    for (uint64_t gva = v->start, count; gva < v->end; gva += count * GUEST_PAGE) {
        count = (v->end - gva) / GUEST_PAGE;
        if (count > ENTRIES) count = ENTRIES;
        if (!pagemap_read(pagemap, window_base_ + gva, entries, count)) return true;
        for (uint64_t i = 0; i < count; i++)
            if (entries[i] >> 56 == WRITTEN && !send_page(gva + i * GUEST_PAGE)) return false;
    }
    return true;
}

void vfork_finish(uint64_t clear_child_tid) {
    struct rlimit guest;
    if (awaited_ < 0) return;
    if (awaited_shares_) {
        const uint32_t zero = 0;
        if (clear_child_tid) window_write(clear_child_tid, &zero, sizeof zero);
        hidden_widen(&guest);
        int pagemap = open_pagemap();
        hidden_narrow(&guest);
        const struct book *b = memory_book();
        bool there = pagemap >= 0;
        for (size_t i = 0; i < b->count && there; i++) {
            const struct vma *v = b->list[i];
            if (v->prot & PROT_WRITE && v->flags & MAP_PRIVATE && !(v->flags & VMA_ALIAS)) there = send_written(pagemap, v);
        }
        if (pagemap >= 0) close(pagemap);
    }
    hidden_remove(&awaited_);
}
