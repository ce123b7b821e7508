/* What the files of the software engine share: Unicorn (unicorn-engine.org), a CPU in software, loaded at run time.
 *
 * Unicorn's headers are not needed to build: what is used of its API is declared here, with the numbers of its version 2. */
#pragma once
#include "physical.h"
#include "private.h"

typedef struct uc_struct uc_engine;
typedef struct uc_context uc_context;
typedef size_t uc_hook;

enum { UC_ARCH_X86 = 4, UC_MODE_64 = 8, UC_PROT_ALL = 7, UC_CPU_X86_BROADWELL = 20 };
enum { UC_ERR_OK, UC_ERR_INSN_INVALID = 10 };
enum { UC_HOOK_INTR = 1, UC_HOOK_INSN = 2, UC_HOOK_BLOCK = 8, UC_HOOK_EDGE_GENERATED = 1 << 15 };
enum { UC_X86_INS_CPUID = 113, UC_X86_INS_IN = 218, UC_X86_INS_OUT = 500, UC_X86_INS_SYSCALL = 699, UC_X86_INS_SYSENTER = 700 };
enum {
    UC_REG_RFLAGS = 25, /* Unicorn's EFLAGS: all that is defined */
    UC_REG_RAX = 35,
    UC_REG_RBP,
    UC_REG_RBX,
    UC_REG_RCX,
    UC_REG_RDI,
    UC_REG_RDX,
    UC_REG_RIP,
    UC_REG_RSI = 43,
    UC_REG_RSP,
    UC_REG_CR0 = 50,
    UC_REG_CR2 = 52,
    UC_REG_CR3,
    UC_REG_CR4,
    UC_REG_R8 = 106,
    UC_REG_GDTR = 243,
    UC_REG_MSR = 248,
    UC_REG_FS_BASE = 250,
    UC_REG_GS_BASE
};
/* uc_ctl(): the number, and that it takes arguments. */
enum { UC_CTL_WRITE = 1 << 30, UC_CTL_ARGUMENT = 1 << 26 };
enum {
    UC_CTL_USE_EXITS = 4 | UC_CTL_WRITE | UC_CTL_ARGUMENT,
    UC_CTL_CPU_MODEL = 7 | UC_CTL_WRITE | UC_CTL_ARGUMENT,
    UC_CTL_TCG_BUFFER_SIZE = 13 | UC_CTL_WRITE | UC_CTL_ARGUMENT,
    UC_CTL_TB_FLUSH = 10 | UC_CTL_WRITE,
    UC_CTL_TLB_FLUSH = 11 | UC_CTL_WRITE
};

struct uc_x86_mmr {
    uint16_t selector;
    uint64_t base;
    uint32_t limit, flags;
};
struct uc_x86_msr {
    uint32_t rid;
    uint64_t value;
};

/* A translated block. */
struct uc_tb {
    uint64_t pc;
    uint16_t instructions, size;
};

/* The functions of Unicorn's that are used; each bears its name without `uc_`. */
struct unicorn {
    unsigned (*version)(unsigned *major, unsigned *minor);
    const char *(*strerror)(int error);
    int (*open)(int arch, int mode, uc_engine **);
    int (*ctl)(uc_engine *, int control, ...);
    int (*hook_add)(uc_engine *, uc_hook *, int type, void *callback, void *data, uint64_t begin, uint64_t end, ...);
    int (*hook_del)(uc_engine *, uc_hook);
    int (*mem_map_ptr)(uc_engine *, uint64_t address, uint64_t size, uint32_t perms, void *);
    int (*reg_read)(uc_engine *, int reg, void *);
    int (*reg_write)(uc_engine *, int reg, const void *);
    int (*reg_read_batch)(uc_engine *, const int *regs, void **values, int count);
    int (*reg_write_batch)(uc_engine *, const int *regs, void *const *values, int count);
    int (*emu_start)(uc_engine *, uint64_t begin, uint64_t until, uint64_t timeout, size_t count);
    int (*emu_stop)(uc_engine *);
    int (*context_alloc)(uc_engine *, uc_context **);
    int (*context_save)(uc_engine *, uc_context *);
    int (*context_restore)(uc_engine *, uc_context *);
    size_t (*context_size)(uc_engine *);
};

extern struct unicorn uc;
extern uc_engine *cpu_; /* all virtual CPUs take turns on it */

/* ---- sim_cpu.c: the CPU's state ---- */

/* Loads the library, makes the CPU and brings it to where a program starts. 0 or negative errno, with fail(). */
int cpu_open(const char *library);
const char *cpu_name(void);
struct cpuid_entry *cpu_leaves(int *count);
void cpu_settle(void); /* the leaves stay what they are now: its control registers follow */
enum { RAN_CALL, RAN_FAULT, RAN_STOPPED, RAN_REFUSED, RAN_FAILED };
struct fault {
    uint32_t vector, error_code;
    uint64_t address;
};
/* Runs v until one of RAN_*; of a fault, *fault tells. */
int cpu_run(struct vcpu *v, struct fault *fault);
/* Ends a run soon, from a signal handler or another thread. */
void cpu_stop(void);
/* A fault of this thread's: whether it is the guest's, whose access the host refuses; the run then ends so. */
bool cpu_fault(uint64_t address, long long *registers);
bool cpu_runs_here(void);   /* whether this thread is in cpu_run() */
void cpu_forget_code(void); /* what it has translated */
void cpu_call_for_ever(struct registers *);
/* Keeps all but the general registers in `from`, if any, and goes on with what is in `to`. */
void cpu_switch(uc_context *from, uc_context *to);
/* As vcpu_get_xstate() and vcpu_set_xstate(). */
enum { XSTATE_MAX = 576 };
int cpu_get_xstate(void *area);
int cpu_set_xstate(const void *area, size_t size);

/* ---- sim_blocks.c: what it executes, if that is to be recorded (docs/measuring.md) ---- */

bool blocks_wanted(void);
void blocks_arrive(void); /* this thread's run starts */
/* At each block's start: first the one before is told what follows it, then, unless the run ends here, this one begins. */
void blocks_next(uint64_t address, uint32_t size);
void blocks_begin(uint64_t address, uint32_t size);
/* The run has ended at rip; `trapped`: behind an instruction that was executed. */
void blocks_leave(uint64_t rip, bool trapped);
void blocks_single(uint64_t address, uint32_t size); /* an instruction that was executed otherwise */
void blocks_translated(uint64_t address, uint32_t size);
void blocks_changed(void); /* code may have become other code, anywhere */
void blocks_forked(void);
void blocks_named(const char *program);
void blocks_end(void);
