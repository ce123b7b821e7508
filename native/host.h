/* What the engine needs of host.c. */
#pragma once
#include "private.h"

/* A caught signal writes 1 to *immediate_exit, so that KVM_RUN returns; NULL: nothing to kick. */
void signal_kicks(volatile uint8_t *immediate_exit);
/* What signal_take() will give next; NULL: nothing, or what only Python can deliver (SIGSEGV, SIGBUS, a kick). */
const siginfo_t *signal_waits(void);
/* Masks: of one signal, of those that nobody can block, and of those that the host never does: copy_safely() needs them. */
static inline uint64_t signal_bit(int number) { return 1ull << (number - 1); }
#define SIGNALS_UNBLOCKABLE (signal_bit(SIGKILL) | signal_bit(SIGSTOP))
#define SIGNALS_OURS (signal_bit(SIGSEGV) | signal_bit(SIGBUS))
/* Whether this thread's user or group may be another since this was last asked. */
bool host_identity_changed(void);
/* For an engine that runs guests in this process: a caught signal calls stop(), too; fault() is asked what to do of a fault that
 * is not a copy's, at that address with these registers. False: the VMM's own, which dies of it. */
void signal_stops(void (*stop)(void), bool (*fault)(uint64_t address, long long *registers));
