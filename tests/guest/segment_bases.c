/* FS and GS bases: arch_prctl(2), thread-local storage, and the FSGSBASE instructions where the kernel allows them. */
#include "check.h"
#include <sys/auxv.h>

enum { ARCH_SET_GS = 0x1001, ARCH_SET_FS, ARCH_GET_FS, ARCH_GET_GS, ARCH_GET_CPUID = 0x1011 }; /* <asm/prctl.h> */

static __thread int zero, forty_two = 42;
static __thread __attribute__((aligned(256))) char aligned[1000] = "aligned";
static __thread char large[200000];

static unsigned long base(int code) {
    unsigned long value = 0;
    CHECK(syscall(SYS_arch_prctl, code, &value) == 0);
    return value;
}

static unsigned long through_gs(void) {
    unsigned long value;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(value));
    return value;
}

int main(void) {
    CHECK(zero == 0 && forty_two == 42 && !strcmp(aligned, "aligned") && (uintptr_t)aligned % 256 == 0 && large[199999] == 0);
    zero = 1, large[100000] = 2;
    for (int i = 0; i < 1000; i++) CHECK(syscall(SYS_getppid) > 0 && zero == 1 && large[100000] == 2);

    unsigned long fs = base(ARCH_GET_FS), self;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(self));
    CHECK(fs && fs == self && base(ARCH_GET_GS) == 0);

    static unsigned long one[2] = {111}, two[2] = {222};
    CHECK(syscall(SYS_arch_prctl, ARCH_SET_GS, one) == 0 && base(ARCH_GET_GS) == (uintptr_t)one && through_gs() == 111);
    for (int i = 0; i < 1000; i++) CHECK(syscall(SYS_getppid) > 0 && through_gs() == 111);
    if (getauxval(AT_HWCAP2) & 2) {
        unsigned long value;
        __asm__ volatile("rdfsbase %0" : "=r"(value));
        CHECK(value == fs);
        __asm__ volatile("wrgsbase %0" : : "r"(two));
        CHECK(through_gs() == 222 && base(ARCH_GET_GS) == (uintptr_t)two && through_gs() == 222);
        /* Another FS base, a system call, and back. */
        long pid, number = SYS_getpid, at_fs;
        __asm__ volatile("wrfsbase %3\n\tsyscall\n\tmov %%fs:0, %1\n\twrfsbase %2"
                         : "+a"(number), "=&r"(at_fs)
                         : "r"(fs), "r"(two)
                         : "rcx", "r11", "memory");
        pid = number;
        CHECK(pid == getpid() && at_fs == 222 && base(ARCH_GET_FS) == fs);
    }
    CHECK(syscall(SYS_arch_prctl, ARCH_SET_GS, 0l) == 0 && base(ARCH_GET_GS) == 0);
    CHECK_ERRNO(syscall(SYS_arch_prctl, ARCH_SET_GS, 1l << 62), EPERM);
    CHECK_ERRNO(syscall(SYS_arch_prctl, ARCH_SET_FS, -1l), EPERM);
    CHECK_ERRNO(syscall(SYS_arch_prctl, ARCH_GET_FS, 8l), EFAULT);
    CHECK_ERRNO(syscall(SYS_arch_prctl, 0x9999, 0l), EINVAL);
    CHECK(syscall(SYS_arch_prctl, ARCH_GET_CPUID, 0l) == 1);

    /* Selectors may be loaded and bases stay what they were told. */
    unsigned short fs_selector, cs, ss;
    __asm__ volatile("mov %%fs, %0; mov %%cs, %1; mov %%ss, %2" : "=r"(fs_selector), "=r"(cs), "=r"(ss));
    CHECK(fs_selector == 0 && cs == 0x33 && ss == 0x2b && forty_two == 42);
}
