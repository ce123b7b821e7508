/* The process's own limits: in its record in the tree's shared memory, if it has one. */
#include "rlimit.h"

static struct limits private_, *mine_ = &private_;

struct limits *limits_mine(void) {
    return mine_;
}

void limits_start(void) {
    *mine_ = (struct limits){0};
    for (int i = 0; i < LIMITS; i++) mine_->limit[i].soft = mine_->limit[i].hard = UINT64_MAX;
    mine_->limit[RLIMIT_STACK].soft = 8 << 20;
}

void limits_save(void) { private_ = *mine_; }

void limits_move(struct limits *to) {
    mine_ = to ? to : &private_;
    *mine_ = private_;
}
