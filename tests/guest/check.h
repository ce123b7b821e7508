/* A guest test is a program: it exits with 0 if all that it checks holds, else it prints the line that does not and exits
 * with 1. It runs in an empty directory of its own, as root or not, and passes on Linux itself first. */
#ifndef CHECK_H
#define CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096 };

#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition, -1))
/* `call` gives -1 and this errno. */
#define CHECK_ERRNO(call, expected)                                                                                            \
    (errno = 0, (long)(call) == -1 && errno == (expected) ? (void)0 : check_failed(__FILE__, __LINE__, #call, (expected)))

__attribute__((noreturn, unused)) static void check_failed(const char *file, int line, const char *what, int expected) {
    int error = errno;
    dprintf(2, "%s:%d: %s", file, line, what);
    if (expected >= 0) dprintf(2, ": not -1 with %s", strerror(expected));
    dprintf(2, " (errno is %d, %s)\n", error, strerror(error));
    _exit(1);
}

/* The end of `pages` writable pages of zeros; what follows is a page that nobody may touch. */
__attribute__((unused)) static char *end_of_pages(size_t pages) {
    char *p = mmap(NULL, (pages + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    CHECK(mprotect(p + pages * PAGE, PAGE, PROT_NONE) == 0);
    return p + pages * PAGE;
}

/* A new file with these bytes, open for reading and writing at its start. */
__attribute__((unused)) static int make_file(const char *name, const void *bytes, size_t size) {
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    CHECK(fd >= 0);
    CHECK(write(fd, bytes, size) == (ssize_t)size);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

/* A file's or a pseudo-file's whole text, NUL-terminated, in a buffer of its own; its length in *size unless NULL. */
__attribute__((unused)) static char *read_file(const char *name, size_t *size) {
    int fd = open(name, O_RDONLY);
    CHECK(fd >= 0);
    size_t length = 0, room = 1 << 20;
    char *text = malloc(room);
    ssize_t n;
    while ((n = read(fd, text + length, room - length - 1)) > 0) length += n;
    CHECK(n == 0);
    CHECK(close(fd) == 0);
    text[length] = 0;
    if (size) *size = length;
    return text;
}

/* May the kernel read, and may it write, the byte at p? Finds out by system calls, so a no costs no signal. */
__attribute__((unused)) static int kernel_reads(const void *p) {
    static int fds[2];
    char byte;
    if (!fds[1]) CHECK(pipe(fds) == 0);
    ssize_t n = write(fds[1], p, 1);
    CHECK(n == 1 || (n == -1 && errno == EFAULT));
    if (n == 1) CHECK(read(fds[0], &byte, 1) == 1);
    return n == 1;
}

__attribute__((unused)) static int kernel_writes(void *p) {
    static int zero;
    if (!zero) CHECK((zero = open("/dev/zero", O_RDONLY)) >= 0);
    ssize_t n = read(zero, p, 1);
    CHECK(n == 1 || (n == -1 && errno == EFAULT));
    return n == 1;
}

#endif
