/* The guest's limits where the host's process has others (linux_abi/syscalls/limits.py). */
#pragma once
#include "private.h"

#include <sys/resource.h>

void limits_start(void);             /* those of a process that nobody has limited */
void limits_save(void);              /* as they are now, a child that is made next has them */
void limits_move(struct limits *to); /* what was saved is there from now on; NULL: where nobody else sees it */
static inline uint64_t soft_limit(int resource) { return limits_mine()->limit[resource].soft; }
