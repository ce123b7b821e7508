/* What the engine needs of host.c. */
#pragma once
#include "private.h"

/* A caught signal writes 1 to *immediate_exit, so that KVM_RUN returns; NULL: nothing to kick. */
void signal_kicks(volatile uint8_t *immediate_exit);
