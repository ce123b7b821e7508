/* What the engine needs of hidden.c. */
#pragma once
#include "private.h"

/* Moves *fd out of the guest's reach and keeps *fd up to date from then on. Its place or negative errno. */
int hidden_add(int *fd);
/* Closes *fd and forgets it. */
void hidden_remove(int *fd);
