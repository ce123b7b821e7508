/* All that Python sees of the native code: fed verbatim to cffi (native/build.py), included by every C file.
 * Inward: zero or a count on success, a negative Linux errno otherwise; never the host's `errno`. */

/* ---- The window: guest address gva is host address window + gva (window.c) ------------------------------------- */

enum { GUEST_PAGE = 4096 };

/* Reserves `size` bytes (a multiple of 1 GiB, at most WINDOW_MAX) and a guard behind them. One window a process. */
int window_create(uint64_t size);
uint64_t window_base(void);
uint64_t window_size(void);
void window_destroy(void);

/* Copies that a bad guest address cuts short: the number of bytes copied. */
size_t window_read(void *to, uint64_t gva, size_t size);
size_t window_write(uint64_t gva, const void *from, size_t size);
/* Length of the string at gva: -EFAULT, or `limit` if there is no NUL in the first `limit` bytes. */
long window_strnlen(uint64_t gva, size_t limit);
/* The strings that a NULL-terminated array of pointers at gva names, each with its NUL, one after the other in `to`: their
 * bytes together, also where that is more than `room` and they are not stored. -EFAULT; -E2BIG: one has more than `limit`
 * bytes, or all have more than `total`. A NULL array is an empty one. */
long window_strings(char *to, size_t room, uint64_t gva, size_t limit, size_t total);

/* Changes of the guest's address space; page-aligned and inside the window, or -EINVAL. Each does the host's call and
 * keeps the engine's page tables in step, in the order that is safe on shadow paging and on EPT/NPT alike.
 * `flags` and `fd` are mmap(2)'s, MAP_FIXED is added. `present` bytes get page-table entries: less than `length` when a
 * file ends before its mapping does. */
int window_map(uint64_t gva, uint64_t length, int prot, int flags, int fd, int64_t offset, uint64_t present);
int window_unmap(uint64_t gva, uint64_t length); /* back to reserved */
int window_clear(void);                          /* all of it */
int window_protect(uint64_t gva, uint64_t length, int prot, uint64_t present);
/* mremap(2) with MREMAP_FIXED inside the window; the old place becomes reserved unless `keep` (MREMAP_DONTUNMAP). */
int window_move(uint64_t old, uint64_t old_length, uint64_t new_, uint64_t new_length, int prot, int keep, uint64_t present);
/* Gives [gva, gva+length) the entries for `prot` without a host call: after a file grew (prot) or shrank (0). `huge`: of 2
 * MiB where they fit, for large anonymous memory that was mapped with nothing present. */
int window_populate(uint64_t gva, uint64_t length, int prot, int huge);
/* Maps host pages that are not the window's own (the host's vvar) read-only at gva. */
int window_alias(uint64_t gva, const void *host, uint64_t length);

/* ---- The book of a guest's mappings (vma.c) ------------------------------------------------------------------------- */

enum { STACK_GUARD_GAP = 256 * 4096 }; /* bytes kept free below a mapping that grows down */

/* A mapping of [start, end). No page at or above `limit` has a page-table entry; below it one may still be missing. */
struct vma {
    uint64_t start, end, limit;
    uint64_t flags;       /* of mmap(2), and noahpy/vma.py's */
    uint64_t file, inode; /* equal for mappings that may be merged: device << 2 | access mode, and inode; 0: private memory */
    uint64_t offset;      /* in the file, of `start`; 0 without a file */
    int prot;
    char *name; /* in /proc/self/maps, or NULL */
};

/* All of them, in the order of their addresses: never overlapping, and merged wherever they can be. Between changes pointers to
 * them stay as they are. What the other fields say, noahpy/mappings.py tells. */
struct book {
    size_t count, room;
    struct vma **list;
    uint64_t total; /* bytes mapped */
    uint64_t flags; /* all that any mapping has had */
    uint64_t floor, size, ceiling, resume;
    int64_t skipped; /* above `resume` no gap is larger than this */
    uint64_t brk_start, brk_end, stack_start, stack_room;
    uint64_t lock_future;
    int sealed;
    struct lock *lock;
};

struct book *book_new(uint64_t floor, uint64_t size);
/* Whoever looks at mappings or changes them, in the book or the window, holds the lock. A thread may take it again while it has it;
 * a child of the thread that has it has it, too. */
void book_lock(struct book *);
void book_unlock(struct book *);
void book_clear(struct book *);
void book_free(struct book *);
/* The mapping of `address`; the first one that ends above it, and its place in the list; how many start below it. */
struct vma *book_find(const struct book *, uint64_t address);
struct vma *book_after(const struct book *, uint64_t address);
size_t book_index(const struct book *, uint64_t address);
size_t book_below(const struct book *, uint64_t address);
int vma_continued_by(const struct vma *, const struct vma *right); /* whether the two are one mapping */
void book_carve(struct book *, uint64_t start, uint64_t end);      /* makes it free */
void book_add(struct book *, const struct vma *);                  /* puts a copy into free place */
/* Gives what is mapped in [start, end) other properties; prot -1, name NULL: as it is; name "": none. */
void book_change(struct book *, uint64_t start, uint64_t end, int prot, uint64_t set, uint64_t clear, const char *name);
void book_grow_down(struct book *, struct vma *, uint64_t start);
int book_is_free(const struct book *, uint64_t start, uint64_t length); /* stacks' guard gaps regarded */
/* Room for `length` bytes at a multiple of `align`, or -1: the highest below what book_search_below() has said, or the lowest in
 * [low, high). A found one that is not used is given back. */
void book_search_below(struct book *, uint64_t ceiling);
int64_t book_highest_gap(struct book *, uint64_t length, uint64_t align);
void book_give_back(struct book *, uint64_t place, uint64_t length);
int64_t book_lowest_gap(const struct book *, uint64_t length, uint64_t align, uint64_t low, uint64_t high);

/* ---- Host calls and signals (host.c) ------------------------------------------------------------------------------ */

/* The host's system call: result or negative errno. -ERESTARTSYS (-512), nothing done, when a caught signal waits or, if
 * the guest's handler has SA_RESTART, comes while the call waits. */
long host_syscall(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f);
/* The same with fewer arguments: each that Python passes costs it. */
long host_syscall0(long number);
long host_syscall1(long number, uint64_t a);
long host_syscall2(long number, uint64_t a, uint64_t b);
long host_syscall3(long number, uint64_t a, uint64_t b, uint64_t c);
long host_syscall4(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
long host_syscall5(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e);
/* The same made in any case, of calls that do not wait: to finish what was begun. */
long host_syscall_now(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f);

enum { ACTION_DEFAULT, ACTION_IGNORE, ACTION_CATCH };
/* What the host thread does at a signal; `flags` of sigaction(2) that the host's kernel must know (SA_RESTART,
 * SA_NOCLDSTOP, SA_NOCLDWAIT). SIGSEGV and SIGBUS stay the VMM's while it runs; signal_die() gives them up. */
int signal_action(int number, int action, unsigned long flags);
/* A caught signal blocks all others until signal_take(): its siginfo (128 bytes), or 0 if none waits. The thread's mask
 * stays as it is then; signal_mask() sets it, and does nothing while one waits. */
int signal_take(void *siginfo);
void signal_put(const void *siginfo); /* SIGSEGV or SIGBUS waits again */
int signal_mask(uint64_t mask);
volatile int *signal_caught(void); /* the calling thread's: not 0 while one waits */
int signal_start(void);            /* at each thread's start: takes over SIGSEGV and SIGBUS */
void signal_end(void);             /* at its end */
enum { SIGNAL_KICK = -1 };         /* what is caught by thread_kick() */
int thread_kick(int tid);          /* makes a thread of this process leave its host call or vCPU */
void signal_die(int number);       /* the process ends by `number` as by default action */

/* ---- The engine ---------------------------------------------------------------------------------------------------- */

enum {
    EXIT_SYSCALL, /* the guest makes the system call of the number in rax's lower half */
    EXIT_FAULT,   /* an exception: vector, error_code, address */
    EXIT_SIGNAL,  /* a caught signal waits; `number` is the call that it interrupted in C (rax: -EINTR), or -1 */
    EXIT_MEMORY,  /* the host refused a page that the tables promise: a file shrank */
    EXIT_NEWS,    /* C has something to tell of the process as a whole: fast_news() */
    EXIT_ERROR    /* the engine failed: engine_error() */
};

struct registers { /* struct kvm_regs */
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags;
};

/* A virtual CPU, used by one thread at a time. After EXIT_SYSCALL rip is behind the SYSCALL instruction, rcx and r11 as the CPU leaves them; after
 * EXIT_FAULT all registers are as at the faulting instruction. What is written here holds from the next run on. */
struct vcpu {
    struct registers *regs;
    uint64_t fs_base, gs_base;
    /* Of its thread, where C finds them: signal mask, set_robust_list(2), set_tid_address(2), and what frames of signals tell. */
    uint64_t blocked, *robust_list, *clear_child_tid;
    struct {
        uint64_t sp, size;
        int32_t flags;
    } altstack; /* sigaltstack(2) */
    struct {
        uint64_t address;
        uint32_t vector, error_code;
    } trap; /* the last exception that became a signal */
    uint64_t address;
    uint32_t vector, error_code;
    int number;
    int kept_exit; /* that vcpu_run() is to give first, or -1 */
    int keeps;     /* SIGSEGV or SIGBUS has been kept while it was blocked: whatever unblocks them is Python's */
};

struct cpuid_entry { /* struct kvm_cpuid_entry2 */
    uint32_t function, index, flags, eax, ebx, ecx, edx, padding[3];
};

/* What an engine is: it shows the window to a guest and runs virtual CPUs in it. One is open in a process. */
struct engine {
    int (*open)(const char *path);
    struct cpuid_entry *(*cpuid)(int *count);
    const char *(*flavour)(void);
    /* Guest-physical memory [gpa, gpa+size) is at `host` from now on; `id` counts from 0. */
    int (*show)(unsigned id, uint64_t gpa, void *host, uint64_t size);
    /* The tables' structure has changed, which CPUs may have kept. */
    void (*flush)(void);
    /* The tables allow less than before; `code`: pages can no longer be executed that could. NULL: the host's call that follows
     * tells it. */
    void (*lowered)(bool code);
    struct vcpu *(*create)(bool anew); /* not anew: one that was destroyed, or NULL */
    void (*destroy)(struct vcpu *);
    int (*run)(struct vcpu *); /* until its next exit */
    /* Points a CPU to user code that makes system calls for ever. */
    int (*call_for_ever)(struct vcpu *);
    int (*get_xstate)(struct vcpu *, void *area);
    int (*set_xstate)(struct vcpu *, const void *area, size_t size);
    int (*save_xstate)(struct vcpu *, uint64_t gva);
    int (*load_xstate)(struct vcpu *, uint64_t gva, uint64_t features);
    int (*settle_xstate)(struct vcpu *);
    /* Calls that the engine answers in the guest (NULL: none): it keeps the process's actions, learns what a call results in as
     * long as the thread is who it is, forgets that, but for errors, when it may be another; how many it has answered. */
    void *(*actions)(void);
    void (*learn)(struct vcpu *, unsigned number, int64_t result);
    void (*forget)(struct vcpu *);
    uint64_t (*answered)(unsigned number);
    /* Around a fork: before, and in the child, where `cpu` goes on. */
    int (*fork_prepare)(struct vcpu *cpu);
    int (*fork_child)(struct vcpu *cpu);
    void (*fork_parent)(void); /* or where it failed; NULL: nothing to do */
    /* Unmakes the VM and its CPUs but `cpu`, and makes another in the same state. NULL: there is nothing that the host's kernel
     * knows of. */
    int (*unmake)(struct vcpu *cpu);
    int (*remake)(struct vcpu *cpu);
    /* The process executes another program from now on; it ends. NULL: of no concern. */
    void (*named)(const char *program);
    void (*ends)(void);
};

enum { ENGINE_KVM, ENGINE_SIM };
/* Opens an engine: KVM's device, or the library of Unicorn, which simulates a CPU. 0, or negative errno: engine_error()
 * says what it was about. */
int engine_open(int kind, const char *path);
int engine_use(const struct engine *, const char *path); /* the same with one that is elsewhere */
/* For an engine's open(): the extended state of every CPU, components as in XCR0 and bytes of the standard format; from which
 * address on there is no guest-physical memory. */
void xstate_is(uint64_t features, size_t size);
void physical_limit(uint64_t limit);
/* Between a signal frame at gva and an area of xstate_size() bytes; what is read is limited to `features`. 0 or -EFAULT. */
int frame_write(uint64_t gva, const void *area);
int frame_read(void *area, uint64_t gva, uint64_t features);
/* The guest-physical address for CR3, to be asked for before anything is mapped; 0 without memory. */
uint64_t pagetable_root(void);
int engine_is_open(void);

/* The `*count` leaves that CPUID is to show; to be changed, if at all, before the first vcpu_create(), which fails if that
 * can't be. */
struct cpuid_entry *engine_cpuid(int *count);
const char *engine_flavour(void); /* "PVM" or "VMX/SVM" (known after the first vcpu_create), "Unicorn 2.1" */
const char *engine_error(void);
struct vcpu *vcpu_create(void); /* NULL: engine_error() */
/* Another one, in the same state; NULL: engine_error(). Not `anew`: one that an ended thread has left, or NULL. Making one anew
 * changes the page tables: the book is locked. */
struct vcpu *vcpu_copy(struct vcpu *, int anew);
int vcpu_start(struct vcpu *); /* all registers as at a program's start: zero, extended state initial */
/* The number of the call that the guest makes, or -EXIT_*; finishes fast calls by itself. */
long vcpu_run(struct vcpu *);
void vcpu_destroy(struct vcpu *); /* another thread may have it from now on */
/* Extended state in XSAVE's standard format (SDM vol. 1, 13.4): `xstate_size()` bytes for the features in XCR0. */
size_t xstate_size(void);
uint64_t xstate_features(void);
int vcpu_get_xstate(struct vcpu *, void *area);
int vcpu_set_xstate(struct vcpu *, const void *area, size_t size);
/* The same between the CPU and guest memory at gva (a multiple of 64), on the way in: of what XSAVE writes, header zeroed
 * before. A handler's start is that way for saving: rax becomes 0, rcx, r10 and r11 are lost. What can't be loaded is refused,
 * or #GP. */
int vcpu_save_xstate(struct vcpu *, uint64_t gva);
int vcpu_load_xstate(struct vcpu *, uint64_t gva, uint64_t features);
int vcpu_settle_xstate(struct vcpu *); /* what was to be loaded is loaded: its memory may be written from now on */
/* clone3(2) with memory of its own for the child, in which `cpu` goes on in a fresh VM (regs moves): result or negative
 * errno. The caller has blocked all signals, and is the process's only thread. */
long engine_fork(struct vcpu *cpu, const void *clone_args, size_t size);
/* A system call that the host refuses (-EINVAL) to a process of more than one thread, of which KVM's in each VM is one: made while
 * there is none. The guest's threads must be one. */
long engine_without_vm(struct vcpu *cpu, long number, long first, long second);
/* The same for a process of several threads: Python's locks are in order in the child, the C library's may not be. */
long engine_fork_beside_threads(struct vcpu *cpu, const void *clone_args, size_t size);
/* The same around a fork(2) of Python's, which sees to both. */
int engine_fork_prepare(struct vcpu *cpu);
int engine_fork_child(struct vcpu *cpu);
void engine_fork_parent(void); /* after it, and where it failed */
/* Nanoseconds of one exit and re-entry, the median of `rounds` on a scratch vCPU. */
double engine_exit_cost(int rounds);

/* ---- Fast paths (fast.c) --------------------------------------------------------------------------------------------- */

enum { ARG_VALUE, ARG_FD, ARG_POINTER, ARG_PATH, ARG_IOVEC, ARG_FUTEX, ARG_LISTED, ARG_FCNTL, ARG_MASK };
/* Lets C finish call `number`, whose arguments are of these kinds, by handing it to the host, where none of them is something
 * that Python must look at: a hidden descriptor, a path that may lead to a view of /proc. `opens`: its result is a
 * descriptor, for which the same holds. */
int fast_forward(unsigned number, unsigned count, const uint8_t *kinds, int opens);
void fast_refuse(unsigned number, int errno_); /* lets C refuse the call */
void fast_watch(unsigned number);              /* leaves the call to Python from now on */
void fast_watch_signals(void);                 /* leaves it to Python to deliver signals from now on */
uint64_t fast_count(unsigned number);          /* calls finished in C */
void fast_own(int allowed);                    /* whether C finishes calls that are not the host's as they are, too */
void fast_memory(struct book *);               /* the guest's, for mmap(2) and its family */
void exitless_when(int);                       /* calls may be served by another CPU: 0 never, 1 where one is free, 2 always */
void fast_requests(const uint32_t *requests, unsigned count); /* of ioctl(2), with addresses, that C may hand to the host */
/* The process's actions as rt_sigaction(2) has them, signal 1 first: handler, flags, restorer, mask. */
uint64_t *fast_actions(void);
void fast_alone(int alone);  /* whether the process has one thread: only then C changes all that threads share */
void fast_exit(int allowed); /* whether exit_group(2) may end the process at once */
void fast_linger(int pid);   /* the process whose exit_group(2) is Python's, whatever was allowed */
/* Whether C may fork: for a process all of whose memory a child inherits. */
void fast_fork(int allowed);
enum { NEWS_FORKED = 1, NEWS_EXECUTED = 2, NEWS_CROWDED = 4 };
int fast_news(void); /* at EXIT_NEWS: what C has done, or has seen happen, since */

/* ---- Programs (load.c, exec.c) ------------------------------------------------------------------------------------------ */

enum { ASLR_STACK, ASLR_MMAP, ASLR_IMAGE, ASLR_HEAP, ASLR_KINDS };
/* Where a program's parts go, after the kernel's fs/binfmt_elf.c and arch/x86/mm/mmap.c: bytes of the largest stack that is mapped
 * at once, and of what Linux maps of one at the start; over how many pages ASLR spreads each part, and RSP over how many bytes. A
 * heap lies nearer to its image than Linux' (262144 pages), so that both have one memslot. */
enum { STACK_MAX = 67108864, STACK_AT_START = 135168 };
enum { STACK_RANDOM = 4194304, MMAP_RANDOM = 268435456, PIE_RANDOM = 268435456, BRK_RANDOM = 512, STACK_SHIFT = 8192 };
/* A number below `count`, a multiple of 4096: by how many pages to move that. noahpy/aslr.py */
uint64_t aslr_pages(int what, uint64_t count);
/* Where the vDSO and its data, `size` bytes, lie in the empty book: where they were in the program before, if there was one. */
uint64_t vdso_place(const struct book *, uint64_t size);

enum { AUXV_MAX = 64, VDSO_PARTS = 4 };
/* What programs get of the host's, and what the host's kernel keeps of the VMM beside the guest's. Zero bytes of vDSO: there is
 * none. */
struct exec_host {
    int aslr, proc; /* proc: place of a descriptor of /proc (hidden_keep), or -1 */
    unsigned auxv_count, vdso_parts;
    struct {
        uint64_t key, value;
    } auxv[AUXV_MAX];
    uint64_t vdso_size, vdso_code_at, vdso_code_size, vdso_code; /* the last: a host address */
    struct {
        uint64_t place, size, host;
        char name[16];
    } vdso_part[VDSO_PARTS];
    uint64_t layout[5]; /* start_code, end_code, start_data, end_data, start_brk of PR_SET_MM_MAP */
    char program[4096]; /* the VMM's own */
};
struct exec_host *exec_host(void);
/* The process runs this program now: known to all who look (tree.c) and to readlink(2) in C. Takes over its descriptor. */
void program_is(const char *path, int fd);
const char *program_path(void);
int program_fd(void);                 /* its number now, or -1 */
const uint64_t *program_layout(void); /* of the program that C has started last, as in struct exec_host */
/* Whether C may do execve(2): for a process without timers, which Python has not made by vfork(2). */
void fast_exec(int allowed);

/* A parent that waits since vfork(2) as C does it, if there is one, may go on; with what this process has written to memory, if
 * they share it. `clear_child_tid`: of the ending or executing thread. */
void vfork_finish(uint64_t clear_child_tid);

/* ---- Who runs (tree.c) ----------------------------------------------------------------------------------------------- */

int tree_start(void);     /* the first process of a tree */
void tree_executes(void); /* before a parent that waits since vfork(2) goes on */
void tree_end(int status);
/* Of a process of the tree that has not said that it has ended: its first hidden descriptor, and its program's or -1. 0, -ESRCH. */
int tree_find(int pid, int *hidden, int *program);
int tree_executed(int pid); /* it is a child of this process, and has executed a program */
/* Whether the host would let this user open a file for writing, as `flags` of open(2) say, that the tree executes: ETXTBSY. */
int tree_executes_file(int dirfd, const char *path, int flags);

/* ---- The guest's limits where the host's process has others (rlimit.c; linux_abi/syscalls/limits.py) ------------------ */

enum { LIMITS = 16 };
struct limits {
    struct {
        uint64_t soft, hard;
    } limit[LIMITS];
    uint64_t kept; /* a bit for each resource of which the guest has set one; the soft ones on memory are always here */
};
struct limits *limits_mine(void);
/* Of a process of the tree, which it and others may set; NULL: it is of none, or has ended. */
struct limits *tree_limits(int pid);

/* ---- Measuring: what the simulated CPU executes (sim_blocks.c, docs/measuring.md) ------------------------------------ */

enum { MEASURE_COUNTS = 1, MEASURE_TRACE = 2, MEASURE_COVERAGE = 4 };
enum { LEDGER_PROCESSES = 1 << 20, LEDGER_MODULES = 1 << 12, LEDGER_BLOCKS = 1 << 26, TRACE_BUFFER = 4096 };
/* A process of the tree. Its place is its number, from 0 on in the order of births. */
struct ledger_process {
    int32_t pid, parent;
    uint64_t instructions;
    uint32_t ended;    /* not 0: it has ended of itself */
    uint32_t untold;   /* bytes of its trace that are still in its buffer */
    char program[488]; /* the path of the last that it has executed, cut if longer */
};
/* What code is mapped from; number 0 is none. */
struct ledger_module {
    uint64_t ready;                        /* not 0: all else is written */
    uint64_t base, end;                    /* addresses, of the mapping that was seen first */
    uint64_t device, inode, size, changed; /* of the file, `changed` in ns; 0: of none, or not known */
    char path[4040];
};
/* `key`: the module's number, then 13 bits of the block's size, then its offset; 0: free. */
struct ledger_block {
    uint64_t key, executions;
};
/* In memory that a tree's processes share: a file with holes. */
struct ledger {
    uint32_t processes, modules; /* how many there are; the modules' own count from 1 */
    uint64_t lost;               /* executions of blocks for which there was no place */
    uint8_t rest[4080];
    struct ledger_process process[LEDGER_PROCESSES];
    struct ledger_module module[LEDGER_MODULES];
    struct ledger_block block[LEDGER_BLOCKS];
    char trace[LEDGER_PROCESSES][TRACE_BUFFER];
};
/* From engine_open() on, has the simulated CPU record `what` of this process and its children in the file `ledger`, and write a
 * trace to `trace`. When this process ends it writes a byte to `ask` and waits for one from `answer`. Takes the descriptors
 * over. 0 or negative errno. */
int measure(int what, int ledger, int ask, int answer, int trace);

/* ---- The guest's threads (threads.c) --------------------------------------------------------------------------------- */

/* Each from before it runs until nobody is to wait for its end any more. */
struct thread;
struct thread *thread_new(void); /* NULL: no memory */
void thread_add(struct thread *, int tid);
void thread_drop(struct thread *); /* which has not been added */
void thread_remove(int tid);
int thread_list(int *tids, int room); /* how many there are; of these the first `room` */
int thread_leaves(void);              /* a thread begins to end; 0: no other goes on, so that the process is to end */
int thread_kick_others(int tid);      /* all but this one: how many */
void thread_only(int tid);            /* there is no other */
/* C may start threads, where it can; serve() gets one, and runs it to its end, when it needs more than C does. NULL: it may not. */
void fast_threads(void (*serve)(struct vcpu *));

/* ---- Watching: records of system calls (watch.c, docs/tracing.md) ------------------------------------------------------ */

enum { RECORD_BORN, RECORD_BEGIN, RECORD_END, RECORD_SIGNAL, RECORD_ACTION, RECORD_THREAD_ENDED, RECORD_ENDED };
/* INJECTED: of records, a call that a hook or a fault has answered. */
enum { SERVED_C, SERVED_PYTHON, SERVED_GUEST, SERVED_PLACES, SERVED_INJECTED };
enum { LANES = 1024, LANE_SIZE = 1 << 18, RECORD_MAX = 1 << 16 };
/* What has happened in a thread. After it: of a call's beginning its six arguments, of a signal its siginfo; then the parts. */
struct watch_record {
    uint32_t size; /* with all that follows */
    uint8_t kind, served;
    uint16_t parts;
    int32_t pid, tid;
    uint64_t when;  /* ns of CLOCK_MONOTONIC */
    uint64_t value; /* a call's number; its result; a signal; a parent; ACTION_... of SIGCHLD; an end's status as of wait(2) */
};
/* What an argument points to; padded to a multiple of 8 bytes. What can't be read is not there. */
struct watch_part {
    uint8_t argument, rest[3];
    uint32_t size;
};
/* A queue of records from one thread to the clerk, a ring of LANE_SIZE bytes. */
struct lane {
    int32_t owner;                /* the thread; 0: nobody */
    uint32_t rounds;              /* counts the clerk's steps: a futex of those that wait for it */
    uint64_t written, read, told; /* bytes; told: they are decoded and written to the output */
    uint8_t rest[4064];
    uint8_t draft[RECORD_MAX];
    uint8_t data[LANE_SIZE];
};
struct ring {
    int32_t clerk;
    uint32_t off;    /* not 0: nobody reads any more */
    uint32_t used;   /* no lane from here on has ever been anybody's */
    uint32_t asleep; /* not 0: the clerk waits for a byte */
    uint8_t rest[4080];
    struct lane lane[LANES];
};
enum { WATCH_BEGIN = 1, WATCH_END = 2, WATCH_ITEMS = 12, WATCH_RESULT = 6 };
enum { WATCH_BYTES, WATCH_STRING, WATCH_STRINGS, WATCH_COUNT, WATCH_VECTORS, WATCH_MESSAGES, WATCH_LINK };
enum { WATCH_BY_ONE, WATCH_BY_ARGUMENT, WATCH_BY_RESULT, WATCH_BY_MEMORY };
/* One thing that is to be recorded of what `argument` points to, at a call's begin or end: so many elements of `size` bytes,
 * at most `most` bytes (of strings and buffers: of each). */
struct watch_item {
    uint8_t argument, kind, at, by, from;
    uint32_t size, most;
};
/* Records from now on, in the file `ring`; a byte to `wake` wakes the clerk. Takes the descriptors over. 0 or negative errno. */
int watch(int ring, int wake);
int watch_call(int number, const struct watch_item *items, unsigned count); /* this one; -1: those that Linux does not know */
void watch_injected(void); /* the result of this thread's call is not Linux's */
enum { COUNT_PROCESSES = 1 << 15, COUNT_CALLS = 512, COUNT_BUCKETS = 40, COUNT_EXITS = 8 };
/* Of one call, where it is served in one place: how often, how long, and how often in [2^i, 2^(i+1)) ns. */
struct count_call {
    uint64_t calls, errors, ns, histogram[COUNT_BUCKETS];
};
struct count_process {
    int32_t pid, parent;
    uint64_t start, end;         /* ns of CLOCK_MONOTONIC; end 0: it runs, or was killed */
    uint64_t exits[COUNT_EXITS]; /* of each EXIT_... */
    uint64_t guest_ns;           /* the CPU runs */
    uint64_t outside_ns;         /* and does not: of this in calls of the host's, host_ns */
    uint64_t host_ns;
    int32_t status; /* as of wait(2) */
    char program[484];
    struct count_call call[SERVED_PLACES][COUNT_CALLS]; /* SERVED_..., number; the last number is all that there are not */
};
/* In memory that a tree's processes share: a file with holes. */
struct counts {
    uint32_t processes; /* how many there have been */
    uint8_t rest[4092];
    struct count_process process[COUNT_PROCESSES];
};
/* Counts from now on, in the file `counts`, beside what is recorded. Takes the descriptor over. 0 or negative errno. */
int count(int counts);
void signal_forced(const void *siginfo); /* a signal reaches the thread that was no caught one */

/* ---- Descriptors of the VMM's own (hidden.c) ------------------------------------------------------------------------- */

/* The VMM's descriptors sit at [hidden_base(), hidden_base() + hidden_count()), where the guest has none: above its RLIMIT_NOFILE,
 * or below, and then the guest's numbers are watched to come near (NEWS_CROWDED). */
int hidden_base(void);
int hidden_count(void);
int hidden_move(int base);
void hidden_watch(void); /* the guest's limit is another */
/* Takes over a descriptor of Python's: its place (not its number, which may change), or negative errno. */
int hidden_keep(int fd);
int hidden_fd(int place); /* its number now */
/* The guest's descriptors that an execve closes: how many, and of these the first `room` in `fds`. `proc` is a descriptor of
 * /proc. Negative errno. */
int hidden_closing(int proc, int *fds, int room);
void hidden_release(int place); /* closes it */
