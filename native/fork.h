/* fork(2) and vfork(2), finished in C (fork.c, vfork.c). */
#pragma once
#include "private.h"

bool finish_clone(struct vcpu *);
bool finish_clone3(struct vcpu *);
bool finish_fork(struct vcpu *);
bool finish_vfork(struct vcpu *);

/* A parent that waits for its child's execve or end (vfork.c): both call the first before the fork; then the parent
 * vfork_wait(), also where there was no fork (`made`), and what native code calls in every child is vfork_born(). */
int vfork_connect(bool shares_memory); /* 0 or negative errno */
void vfork_wait(bool made);
void vfork_born(void);
