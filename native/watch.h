/* What the other C files tell watch.c, where watch_on() says that it is to be told. */
#pragma once
#include "private.h"

extern bool watching_;
static inline bool watch_on(void) { return __builtin_expect(watching_, 0); }
extern bool recording_;
static inline bool watch_records(void) { return __builtin_expect(recording_, 0); } /* each call is to be seen when it is made */

void watch_enter(void);                         /* a guest's CPU is about to run */
void watch_left(const struct vcpu *, int exit); /* it has stopped */
void watch_end(int served);                     /* it goes on, with a result if it has made one */
void watch_signal(const siginfo_t *);           /* a signal reaches the thread */
void watch_action(int number, int action);      /* what the process does at a signal */
bool watch_catches(int number);                 /* whether it is to be caught where the process does nothing about it */
void watch_born(void);                          /* in a child, whose call is its parent's */
void watch_thread_ends(void);
void watch_process_ends(int status); /* as of wait(2) */
