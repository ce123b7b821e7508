/* What the C files share and Python does not see. */
#pragma once
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define API_ELLIPSIS
#include "api.h"

enum { CALLS = COUNT_CALLS, ARGUMENTS = 6 }; /* numbers of system calls are below that */

#ifndef ERESTARTSYS
#define ERESTARTSYS 512
#endif

#define WINDOW_MAX (1ull << 46)
#define HUGE_PAGE (2ull << 20)
#define BAD_ADDRESS 0xfffffffffffff000ull /* a kernel address: every host call gives EFAULT */

extern uint64_t window_base_, window_size_;

/* Gives private memory its pages now, for the guest to write: a fault of its own costs several times as much. */
void window_fill(uint64_t gva, uint64_t length);

static inline uint64_t host_address(uint64_t gva) {
    return gva - 1 < window_size_ - 1 ? window_base_ + gva : gva ? BAD_ADDRESS : 0;
}
static inline uint64_t page_up(uint64_t size) { return (size + GUEST_PAGE - 1) & -(uint64_t)GUEST_PAGE; }
