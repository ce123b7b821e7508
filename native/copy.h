/* Copies that survive a fault, and host calls that lose no signal (copy_x86_64.c). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Number of bytes NOT copied. */
size_t copy_safely(void *to, const void *from, size_t size);
/* Length of the string, or `limit` without a NUL, or -EFAULT. */
long strnlen_safely(const char *string, size_t limit);
/* -ERESTARTSYS, nothing done, if *caught is not 0 when the kernel would be entered. */
long syscall_unless(volatile int *caught, long number, const long args[6]);

/* For signal handlers: where to go on instead of `pc` after a fault in a copy (0: it is none), and after a signal that
 * came before syscall_unless() had entered the kernel. */
uint64_t copy_fixup(uint64_t pc);
uint64_t syscall_fixup(uint64_t pc);
/* Whether `pc` is where syscall_unless() comes back from the kernel. */
bool syscall_left(uint64_t pc);
