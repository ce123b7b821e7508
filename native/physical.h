/* Guest-physical memory: where the window's chunks and the engine's own pages are for a virtual CPU. */
#pragma once
#include "private.h"

/* Engine pages as the guest's CPU sees them: above all that a guest can own, below the end of user space, because PVM
 * runs them at CPL 3. */
#define OWN_BASE 0x7fff00000000ull

/* Shows [host, host+size) at gpa. 0 or negative errno. */
int slot_add(uint64_t gpa, void *host, uint64_t size);
/* Shows all that is shown already once more: to a fresh VM. */
int slots_show(void);
