/* Between engines (struct engine in api.h) and the rest.
 *
 * window.c tells what is mapped (engine_lower and the like, physical.c), which keeps page tables as a CPU reads them and
 * gives parts of the window guest-physical addresses. An engine shows these to its CPUs. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "private.h"

/* The header in an extended state's area (SDM vol. 1, 13.4). */
enum { XSAVE_HEADER = 512, XSAVE_HEADER_SIZE = 64 };

extern const struct engine kvm_engine, sim_engine;

extern const struct engine *engine_; /* the open one, or NULL */

/* clone3(2) for a process, after engine_fork_prepare(). */
long engine_clone(struct vcpu *cpu, const void *clone_args, size_t size);

/* Makes one whose `regs` and `robust_list` are there a new thread's. */
void vcpu_clear(struct vcpu *);

/* What engine_error() is to say; returns `number`. */
__attribute__((format(printf, 2, 3))) int fail(int number, const char *format, ...);

/* ---- physical.c: window.c calls these around the host's calls. No-ops while no engine is open. */

/* Takes from [gva, gva+length) every permission that is not in `prot`; huge entries are split at the ends. */
void engine_lower(uint64_t gva, uint64_t length, int prot);
/* Makes [gva, gva+length) accessible as `prot`; `huge` allows 2 MiB entries. 0, or -ENOMEM out of guest-physical memory. */
int engine_raise(uint64_t gva, uint64_t length, int prot, bool huge);
/* Shows host pages that are not the window's at gva, read-only. */
int engine_alias(uint64_t gva, const void *host, uint64_t length);
/* Whatever the guest's tables said of the window is gone. */
void engine_clear(void);
