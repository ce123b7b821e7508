/* sendmsg(2) and recvmsg(2), as linux_abi/syscalls/socket.py does them. Left to it: messages of many parts, control messages that are
 * sent, which may name descriptors, and all that can't be read. */
#include "message.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "fast.h"
#include "hidden.h"

struct message {
    struct msghdr guest, host;
    struct iovec parts[IOVECS];
};

/* The guest's message at gva, and the same with host addresses. */
static bool translate(struct message *m, uint64_t gva) {
    if (window_read(&m->guest, gva, sizeof m->guest) < sizeof m->guest || m->guest.msg_iovlen > IOVECS) return false;
    if (!fast_iovecs(m->parts, (uint64_t)m->guest.msg_iov, m->guest.msg_iovlen)) return false;
    m->host = m->guest;
    m->host.msg_name = (void *)host_address((uint64_t)m->guest.msg_name);
    m->host.msg_control = (void *)host_address((uint64_t)m->guest.msg_control);
    m->host.msg_iov = m->parts;
    return true;
}

static bool call(struct vcpu *cpu, int number, struct message *m, long *result) {
    const struct registers *r = cpu->regs;
    if (is_hidden((int)r->rdi) || !translate(m, r->rsi)) return false;
    if (number == SYS_sendmsg && m->guest.msg_control && m->guest.msg_controllen) return false;
    *result = host_syscall(number, r->rdi, (uint64_t)&m->host, r->rdx, 0, 0, 0);
    if (*result == -EINTR) cpu->number = number; /* whether it is made again is Python's to say */
    return *result != -ERESTARTSYS;
}

bool finish_sendmsg(struct vcpu *cpu) {
    struct message m;
    long result;
    if (!call(cpu, SYS_sendmsg, &m, &result)) return false;
    cpu->regs->rax = (uint64_t)result;
    return true;
}

bool finish_recvmsg(struct vcpu *cpu) {
    struct message m;
    long result;
    if (!call(cpu, SYS_recvmsg, &m, &result)) return false;
    if (result >= 0) {
        m.guest.msg_namelen = m.host.msg_namelen;
        m.guest.msg_controllen = m.host.msg_controllen;
        m.guest.msg_flags = m.host.msg_flags;
        if (window_write(cpu->regs->rsi, &m.guest, sizeof m.guest) < sizeof m.guest) result = -EFAULT;
        if (m.host.msg_controllen) hidden_watch();
    }
    cpu->regs->rax = (uint64_t)result;
    return true;
}
