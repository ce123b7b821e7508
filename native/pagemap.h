/* /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst). */
#pragma once
#include <unistd.h>

#include "private.h"

/* The entries of `count` pages from address `start` of the process on; false if they are not told. */
static inline bool pagemap_read(int fd, uint64_t start, uint64_t *entries, size_t count) {
    ssize_t size = (ssize_t)(count * sizeof *entries);
    return pread(fd, entries, (size_t)size, (off_t)(start / GUEST_PAGE * sizeof *entries)) == size;
}
