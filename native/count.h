/* What watch.c and host.c tell count.c, where count_on() says that it is to be told. */
#pragma once
#include "private.h"

extern bool counting_;
static inline bool count_on(void) { return __builtin_expect(counting_, 0); }

void count_enter(void);                         /* a guest's CPU is about to run */
void count_left(const struct vcpu *, int exit); /* it has stopped */
void count_end(int served);                     /* the call that it has made, if any, is served */
void count_host(uint64_t ns);                   /* a call of the host's has taken so long */
void count_born(void);
void count_named(const char *program);
void count_ends(int status);
uint64_t count_now(void); /* ns of CLOCK_MONOTONIC */
