/* What a fork copies of the VMM itself (own_memory.c). */
#pragma once

/* Before a fork, of a process of one thread, with all signals blocked. */
void own_memory_before_fork(void);
