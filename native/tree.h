/* What the other C files need of tree.c, and what lies in the shared memory (noahpy/tree.py reads it). */
#pragma once
#include "private.h"

#include <stdatomic.h>

#define TREE_NAME "noahpy-tree"

struct tree_record {
    int32_t pid, parent;       /* pid 0: never used */
    uint64_t start, exec, end; /* ns since 1970; end 0: runs, or was killed from outside */
    uint64_t user, system;     /* ns of CPU time, the VMM's included; known at the end */
    int32_t status;            /* as of wait(2) */
    uint32_t execs;
    int32_t hidden, program; /* descriptors: the first hidden one, and the program's file or -1 */
    char path[192];          /* of the program, NUL-terminated, cut if longer */
    struct limits limits;
};

struct tree {
    uint32_t room;
    _Atomic uint32_t born;
    uint32_t size; /* of a record: another version's of noahpy may have another */
    struct tree_record record[];
};

void tree_exec(const char *path);
void tree_descriptors(void); /* the record's two have moved */
void tree_born(void);        /* in a child, whose program is its parent's */
/* A parent has waited for `pid`; a process that was killed has not recorded it. */
void tree_reaped(int pid, int status);
