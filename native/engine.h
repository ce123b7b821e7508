/* What an engine is: it shows the window to a guest and runs virtual CPUs in it. One is open in a process (engine.c).
 *
 * window.c tells what is mapped (engine_lower and the like, physical.c), which keeps page tables as a CPU reads them and
 * gives parts of the window guest-physical addresses. An engine shows these to its CPUs. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "private.h"

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
    struct vcpu *(*create)(void);
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

extern const struct engine kvm_engine, sim_engine;

extern const struct engine *engine_; /* the open one, or NULL */

/* clone3(2) for a process, after engine_fork_prepare(). */
long engine_clone(struct vcpu *cpu, const void *clone_args, size_t size);

/* What engine_error() is to say; returns `number`. */
__attribute__((format(printf, 2, 3))) int fail(int number, const char *format, ...);
/* The extended state of every CPU: components as in XCR0, bytes of the standard format. */
void xstate_is(uint64_t features, size_t size);
/* Between a signal frame at gva and an area of xstate_size() bytes; what is read is limited to `features`. 0 or -EFAULT. */
int frame_write(uint64_t gva, const void *area);
int frame_read(void *area, uint64_t gva, uint64_t features);

/* ---- physical.c: window.c calls these around the host's calls. No-ops while no engine is open. */

/* Takes from [gva, gva+length) every permission that is not in `prot`; huge entries are split at the ends. */
void engine_lower(uint64_t gva, uint64_t length, int prot);
/* Makes [gva, gva+length) accessible as `prot`; `huge` allows 2 MiB entries. 0, or -ENOMEM out of guest-physical memory. */
int engine_raise(uint64_t gva, uint64_t length, int prot, bool huge);
/* Shows host pages that are not the window's at gva, read-only. */
int engine_alias(uint64_t gva, const void *host, uint64_t length);
/* Whatever the guest's tables said of the window is gone. */
void engine_clear(void);
