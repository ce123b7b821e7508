/* Preloaded into noahpy: a KVM that answers one request otherwise. KVM_FAULT is "REQUEST RESULT ERRNO" (hexadecimal: what
 * ioctl(2) is called with; decimal), and, for KVM_CHECK_EXTENSION, the number of the capability. */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int ioctl(int fd, unsigned long request, ...) {
    unsigned long faulty = 0, capability = 0;
    int result = 0, number = 0;
    va_list args;
    va_start(args, request);
    unsigned long argument = va_arg(args, unsigned long);
    va_end(args);
    const char *fault = getenv("KVM_FAULT");
    int given = fault ? sscanf(fault, "%lx %d %d %lu", &faulty, &result, &number, &capability) : 0;
    if (given >= 3 && request == faulty && (given < 4 || argument == capability)) {
        errno = number;
        return result;
    }
    int (*real)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    return real(fd, request, argument);
}
