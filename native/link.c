/* readlink(2), finished in C. What leads to the VMM's own program leads the guest to its own (linux_abi/procfs.py). */
#include "link.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fast.h"
#include "hidden.h"

/* Whether the path at gva is /proc/self/exe, and that is what it seems. */
static bool is_own_exe(uint64_t gva) {
    static const char name[] = "/proc/self/exe";
    char text[PATH_MAX], link[32];
    if (window_strnlen(gva, sizeof name) != sizeof name - 1 || window_read(text, gva, sizeof name) < sizeof name ||
        memcmp(text, name, sizeof name) != 0 || exec_host()->proc < 0)
        return false;
    int fd = open(name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return false;
    struct statfs status;
    snprintf(link, sizeof link, "self/fd/%d", fd);
    ssize_t size = readlinkat(hidden_fd(exec_host()->proc), link, text, sizeof text - 1);
    bool of_proc = !fstatfs(fd, &status) && status.f_type == PROC_SUPER_MAGIC;
    close(fd);
    snprintf(link, sizeof link, "/proc/%d/exe", getpid());
    return of_proc && size == (ssize_t)strlen(link) && !memcmp(text, link, (size_t)size);
}

static bool read_link(struct vcpu *cpu, int dirfd, uint64_t path, uint64_t buffer, int room) {
    char target[PATH_MAX];
    const char *vmm = exec_host()->program;
    long size;
    if (room <= 0 || is_hidden(dirfd)) return false;
    if (is_own_exe(path)) {
        char link[32];
        snprintf(link, sizeof link, "self/fd/%d", program_fd());
        size = readlinkat(hidden_fd(exec_host()->proc), link, target, sizeof target);
        if (size < 0) return false;
    } else {
        if (!fast_plain_path(path)) return false;
        size = host_syscall_now(SYS_readlinkat, (uint64_t)dirfd, (uint64_t)host_address(path), (uint64_t)target, sizeof target,
                                0, 0);
        if (size >= 0 && !strncmp(vmm, target, (size_t)size)) return false;
    }
    if (size > room) size = room;
    if (size > 0 && window_write(buffer, target, (size_t)size) < (size_t)size) size = -EFAULT;
    cpu->regs->rax = (uint64_t)size;
    return true;
}

bool finish_readlink(struct vcpu *cpu) {
    const struct registers *r = cpu->regs;
    return read_link(cpu, AT_FDCWD, r->rdi, r->rsi, (int)r->rdx);
}

bool finish_readlinkat(struct vcpu *cpu) {
    const struct registers *r = cpu->regs;
    return read_link(cpu, (int)r->rdi, r->rsi, r->rdx, (int)r->r10);
}
