/* What an engine is: it shows the window to a guest and runs virtual CPUs in it. window.c tells it what is mapped,
 * vcpu_* (api.h) run it. One engine is open in a process. */
#pragma once
#include "private.h"
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* window.c calls these around the host's calls. No-ops while no VM exists. */

/* Takes from [gva, gva+length) every permission that is not in `prot`; huge entries are split at the ends. */
void engine_lower(uint64_t gva, uint64_t length, int prot);
/* Makes [gva, gva+length) accessible as `prot`; `huge` allows 2 MiB entries. 0, or -ENOMEM out of guest-physical memory. */
int engine_raise(uint64_t gva, uint64_t length, int prot, bool huge);
/* Shows host pages that are not the window's at gva, read-only. */
int engine_alias(uint64_t gva, const void *host, uint64_t length);
/* Whatever the guest's tables said of the window is gone. */
void engine_clear(void);
