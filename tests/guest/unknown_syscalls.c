/* Numbers that Linux does not know give ENOSYS; only a number's low 32 bits count. */
#include "check.h"

int main(void) {
    for (long n = 340; n < 424; n++) /* 335 to 339 were given out late, for the uprobes' trampolines */
        CHECK_ERRNO(syscall(n, 0, 0, 0, 0, 0, 0), ENOSYS);
    static const long unknown[] = {1000, 511, 548, 4095, 65536, 0x7fffffff, -1, -2, -4096, 0x3fffffff, 0x40000000 | SYS_getpid};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        CHECK_ERRNO(syscall(unknown[i], -1, -1, -1, -1, -1, -1), ENOSYS);
    CHECK(syscall(1l << 32 | SYS_getpid) == getpid());
    CHECK_ERRNO(syscall(SYS_uselib, "x"), ENOSYS);
    CHECK_ERRNO(syscall(SYS_create_module, "x"), ENOSYS);
    CHECK_ERRNO(syscall(SYS_tuxcall), ENOSYS);
    CHECK_ERRNO(syscall(SYS_vserver), ENOSYS);
    CHECK_ERRNO(syscall(SYS_set_thread_area, 0), ENOSYS);
}
