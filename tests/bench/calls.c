/* Finishes system calls in C as vcpu_run() does, without a CPU: `calls NAME TIMES` under a tool that counts instructions. Standard
 * input says what fast_forward() is to be told: a line for each call with its number, `opens`, and the arguments' kinds. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine.h"
#include "fast.h"
#include "pagetable.h"
#include "physical.h"
#include "sigframe.h"

enum { DATA = 1 << 20, PATH = DATA, BUFFER = DATA + 4096, LENGTH = 1 << 16, STACK = DATA + LENGTH };

static int show(unsigned id, uint64_t gpa, void *host, uint64_t size) {
    (void)id, (void)gpa, (void)host, (void)size;
    return 0;
}
static void flush(void) {}
static int settle_xstate(struct vcpu *v) { return (void)v, 0; }
static int save_xstate(struct vcpu *v, uint64_t gva) { return (void)v, (void)gva, 0; }
static int load_xstate(struct vcpu *v, uint64_t gva, uint64_t features) { return (void)v, (void)gva, (void)features, 0; }
static const struct engine none_ = {
    .show = show, .flush = flush, .settle_xstate = settle_xstate, .save_xstate = save_xstate, .load_xstate = load_xstate};

static struct registers regs_;
static struct vcpu cpu_ = {.regs = &regs_};

static void need(bool holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "calls: %s: %s\n", what, strerror(errno));
    exit(1);
}

static long make(long number, long a, long b, long c, long d) {
    regs_ = (struct registers){
        .rax = (uint64_t)number, .rdi = (uint64_t)a, .rsi = (uint64_t)b, .rdx = (uint64_t)c, .r10 = (uint64_t)d};
    regs_.r8 = (uint64_t)-1;
    need(fast_finish(&cpu_), "a call that C does not finish");
    errno = -(int)regs_.rax;
    need((int64_t)regs_.rax >= 0, "a call");
    return (long)regs_.rax;
}

static int file_, zero_, null_;

static void call_getppid(void) { make(SYS_getppid, 0, 0, 0, 0); }
static void call_read(void) { make(SYS_read, zero_, BUFFER, 1, 0); }
static void call_write(void) { make(SYS_write, null_, BUFFER, 1, 0); }
static void call_pread64(void) { make(SYS_pread64, file_, BUFFER, 1, 0); }
static void call_lseek(void) { make(SYS_lseek, file_, 0, SEEK_SET, 0); }
static void call_fstat(void) { make(SYS_fstat, file_, BUFFER, 0, 0); }
static void call_newfstatat(void) { make(SYS_newfstatat, AT_FDCWD, PATH, BUFFER, 0); }
static void call_openat(void) { make(SYS_close, make(SYS_openat, AT_FDCWD, PATH, O_RDONLY, 0), 0, 0, 0); }
static void call_fcntl(void) { make(SYS_fcntl, file_, F_GETFL, 0, 0); }
static void call_futex(void) { make(SYS_futex, BUFFER, FUTEX_WAKE_PRIVATE, 1, 0); }
static void call_poll(void) { make(SYS_poll, 0, 0, 0, 0); }
static void call_rt_sigprocmask(void) { make(SYS_rt_sigprocmask, SIG_BLOCK, 0, BUFFER, 8); }
static void call_mprotect(void) {
    static bool less;
    less = !less;
    make(SYS_mprotect, BUFFER + 8192, 4096, less ? PROT_READ : PROT_READ | PROT_WRITE, 0);
}
static void call_mmap(void) {
    long at = make(SYS_mmap, 0, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    make(SYS_munmap, at, LENGTH, 0, 0);
}

/* A signal's way to a handler and back. */
static void call_rt_sigreturn(void) {
    const uint64_t action[] = {DATA, 0x04000000 /* SA_RESTORER */, DATA, 0};
    need(window_write(BUFFER, action, sizeof action) == sizeof action, "an action");
    make(SYS_rt_sigaction, SIGUSR1, BUFFER, 0, 8);
    regs_.rsp = STACK;
    raise(SIGUSR1);
    need(sigframe_deliver(&cpu_), "a signal that C does not deliver");
    regs_.rsp += 8; /* the handler's return */
    regs_.rax = SYS_rt_sigreturn;
    need(fast_finish(&cpu_) && regs_.rsp == STACK, "the way back");
}

#define CASE(name)                                                                                                             \
    { #name, call_##name }
static const struct {
    const char *name;
    void (*call)(void);
} cases[] = {CASE(getppid), CASE(read),  CASE(write), CASE(pread64), CASE(lseek),          CASE(fstat),    CASE(newfstatat),
             CASE(openat),  CASE(fcntl), CASE(futex), CASE(poll),    CASE(rt_sigprocmask), CASE(mprotect), CASE(mmap), CASE(rt_sigreturn)};

static void read_table(void) {
    char line[256];
    while (fgets(line, sizeof line, stdin)) {
        uint8_t kinds[6];
        unsigned count = 0;
        char *at = line;
        unsigned number = (unsigned)strtoul(at, &at, 10);
        int opens = (int)strtol(at, &at, 10);
        for (char *end; strtoul(at, &end, 10), end != at; at = end) kinds[count++] = (uint8_t)strtoul(at, NULL, 10);
        need(!fast_forward(number, count, kinds, opens), "the table");
    }
}

int main(int argc, char **argv) {
    static const char path[] = "/etc/passwd";
    need(argc == 3 && !window_create(1ull << 30) && !signal_start(), "start");
    physical_limit(1ull << 40);
    xstate_is(3, 576);
    read_table();
    struct book *book = book_new(1 << 16, 1ull << 30);
    fast_memory(book);
    fast_own(true);
    fast_alone(true);
    engine_ = &none_;
    need(pagetable_root(), "page tables");
    book_search_below(book, 1ull << 29);
    regs_ = (struct registers){.rax = SYS_mmap, .rdi = DATA, .rsi = LENGTH, .rdx = PROT_READ | PROT_WRITE};
    regs_.r10 = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, regs_.r8 = (uint64_t)-1;
    need(fast_finish(&cpu_) && regs_.rax == DATA, "memory");
    need(window_write(PATH, path, sizeof path) == sizeof path, "a path");
    file_ = open(path, O_RDONLY), zero_ = open("/dev/zero", O_RDONLY), null_ = open("/dev/null", O_WRONLY);
    need(file_ >= 0 && zero_ >= 0 && null_ >= 0, "files");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (!strcmp(cases[i].name, argv[1]))
            for (int times = atoi(argv[2]); times > 0; times--) cases[i].call();
    return 0;
}
