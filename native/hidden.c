/* The VMM's own descriptors, out of the guest's reach: above its RLIMIT_NOFILE, where the kernel gives out no numbers, or, since
 * at each fork the kernel copies a table up to the highest one, at LOW until the guest's numbers come near.
 * The limit itself stays the guest's; it is raised only while a descriptor is moved. */
#include "hidden.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fast.h"
#include "tree.h"

enum { LOW = 1024, MARGIN = 256 }; /* a message brings no more than 253 at once (SCM_MAX_FD) */

/* Room for a vCPU's of each thread; where the hard limit is near, an eighth of it, but the first few at least. */
enum { HIDDEN_MAX = 4096, HIDDEN_LEAST = 8 };

static int *owner_[HIDDEN_MAX]; /* the variable that holds the descriptor of each place */
static int base_ = -1, count_, room_ = HIDDEN_MAX;
int hidden_near_ = INT_MAX;

int hidden_base(void) { return base_ < 0 ? 1 << 30 : base_; }
int hidden_count(void) { return base_ < 0 ? 0 : room_; }

/* Moves *fd to number `to` while the limit allows it. */
static int move(int *fd, int to) {
    int moved = dup3(*fd, to, O_CLOEXEC);
    if (moved < 0) return -errno;
    int old = *fd;
    __atomic_store_n(fd, moved, __ATOMIC_RELEASE); /* before the old one goes: kvm_ioctl() */
    close(old);
    return 0;
}

/* Moves places [from, count_) to base and behind, under a limit that allows it. The hard limit is never raised: the guest may
 * drop the privilege for that, and a child of its needs a VM all the same. */
static int move_all(int from, int base) {
    struct rlimit guest, wide;
    if (getrlimit(RLIMIT_NOFILE, &guest)) return -errno;
    rlim_t need = (rlim_t)base + (rlim_t)room_;
    if (need > guest.rlim_max) return -EPERM;
    wide = (struct rlimit){guest.rlim_cur > need ? guest.rlim_cur : need, guest.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &wide)) return -errno;
    int error = 0;
    bool up = base > base_; /* then from the top: a new number may be the next one's old number */
    for (int n = 0; n < count_ - from && !error; n++) {
        int i = up ? count_ - 1 - n : from + n;
        if (owner_[i] && *owner_[i] != base + i) error = move(owner_[i], base + i);
    }
    setrlimit(RLIMIT_NOFILE, &guest);
    return error;
}

/* Whether a descriptor of [from, end) is open, below the limit that poll(2) has. */
static bool any_open(int from, int end) {
    struct pollfd at[MARGIN];
    while (from < end) {
        nfds_t n = 0;
        while (n < MARGIN && from < end) at[n++] = (struct pollfd){.fd = from++};
        poll(at, n, 0);
        for (nfds_t i = 0; i < n; i++)
            if (!(at[i].revents & POLLNVAL)) return true;
    }
    return false;
}

/* The first place: LOW, else right above the guest's soft limit. Where the hard one leaves little room there, it is below: at the
 * end of the guest's own numbers, of which only a guest that uses nearly all would miss them. */
static int choose_base(void) {
    struct rlimit guest;
    if (getrlimit(RLIMIT_NOFILE, &guest)) return -errno;
    if (guest.rlim_max < 2 * HIDDEN_LEAST) return -EMFILE;
    room_ = guest.rlim_max / 8 < HIDDEN_MAX ? (int)(guest.rlim_max / 8) : HIDDEN_MAX;
    if (room_ < HIDDEN_LEAST) room_ = HIDDEN_LEAST;
    rlim_t last = guest.rlim_max - (rlim_t)room_;
    base_ = (int)(guest.rlim_cur < last ? guest.rlim_cur : last);
    if (base_ > LOW && !any_open(LOW - MARGIN, LOW + room_)) base_ = LOW, hidden_near_ = LOW - MARGIN;
    return 0;
}

/* The kernel gives the lowest number that is free: none above hidden_near_ before that one is taken. */
void hidden_look(void) {
    if (hidden_near_ == INT_MAX || fcntl(hidden_near_, F_GETFD) < 0) return;
    hidden_near_ = INT_MAX;
    news(NEWS_CROWDED);
}

void hidden_watch(void) {
    struct rlimit guest;
    hidden_near_ = INT_MAX;
    if (getrlimit(RLIMIT_NOFILE, &guest) || guest.rlim_cur <= (rlim_t)base_) return;
    hidden_near_ = base_ > MARGIN ? base_ - MARGIN : base_ / 2;
    hidden_look();
}

int hidden_add(int *fd) {
    int error = base_ < 0 ? choose_base() : 0;
    if (error) return error;
    int place = 0;
    while (place < count_ && owner_[place]) place++;
    if (place == room_) return -EMFILE;
    owner_[place] = fd;
    if (place == count_) count_++;
    error = move_all(place, base_);
    return error ? error : place;
}

void hidden_remove(int *fd) {
    for (int i = 0; i < count_; i++)
        if (owner_[i] == fd) owner_[i] = NULL;
    while (count_ && !owner_[count_ - 1]) count_--;
    close(*fd);
    *fd = -1;
}

void hidden_pass(int *from, int *to) {
    for (int i = 0; i < count_; i++)
        if (owner_[i] == from) owner_[i] = to;
    *to = *from;
    *from = -1;
}

void hidden_widen(struct rlimit *guest) {
    getrlimit(RLIMIT_NOFILE, guest);
    rlim_t need = (rlim_t)base_ + (rlim_t)room_;
    struct rlimit wide = *guest;
    if (wide.rlim_cur < need) wide.rlim_cur = need < wide.rlim_max ? need : wide.rlim_max;
    setrlimit(RLIMIT_NOFILE, &wide);
}

void hidden_narrow(const struct rlimit *guest) { setrlimit(RLIMIT_NOFILE, guest); }

int hidden_move(int base) {
    int error = move_all(0, base);
    if (error) return error;
    base_ = base;
    tree_descriptors();
    hidden_watch();
    return 0;
}

int hidden_closing(int proc, int *fds, int room) {
    struct entry { /* linux_dirent64 (getdents64(2)) */
        uint64_t inode, offset;
        unsigned short size;
        unsigned char type;
        char name[];
    } __attribute__((packed));
    _Alignas(uint64_t) char buffer[4096];
    int folder = openat(proc, "self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), found = 0;
    if (folder < 0) return -errno;
    long got;
    while ((got = syscall(SYS_getdents64, folder, buffer, sizeof buffer)) > 0) {
        for (const struct entry *e = (void *)buffer; (char *)e < buffer + got; e = (void *)((char *)e + e->size)) {
            int fd = atoi(e->name);
            bool ours = fd == folder || is_hidden(fd);
            if (ours || e->name[0] == '.' || fcntl(fd, F_GETFD) != FD_CLOEXEC) continue;
            if (found < room) fds[found] = fd;
            found++;
        }
    }
    int error = errno;
    close(folder);
    return got < 0 ? -error : found;
}

int hidden_keep(int fd) {
    static int kept[HIDDEN_MAX];
    int i = 0;
    while (i < HIDDEN_MAX && kept[i] > 0) i++;
    if (i == HIDDEN_MAX) return -EMFILE;
    kept[i] = fd;
    return hidden_add(&kept[i]);
}

int hidden_fd(int place) { return *owner_[place]; }

void hidden_release(int place) { hidden_remove(owner_[place]); }
