/* The guest's own input and output at the stubs' port, which PVM's I/O bitmap must leave open to user code, a byte at a time (flavour.c).
 * To the guest it is a general protection fault, as at any port, at the instruction (SDM vol. 1, 19.5): what KVM has done is undone. */
#include <sys/ioctl.h>

#include "kvm.h"

enum { OUT_IMM8 = 0xe6, OUT_DX = 0xee, OUTS = 0x6e, REPEATED = 0xf2 /* or f3 */, FLAG_DF = 1 << 10, VECTOR_GP = 13 };

static uint8_t byte_at(uint64_t gva) {
    uint8_t byte = 0;
    window_read(&byte, gva, 1);
    return byte;
}

/* KVM has stopped before the instruction, and ends it at its next run: INS reads what is already there. */
static void undo_input(struct kvm_vcpu *v) {
    struct registers *r = v->seen.regs, before = *r;
    const uint64_t step = r->rflags & FLAG_DF ? -1ull : 1;
    uint8_t *input = (uint8_t *)v->run + v->run->io.data_offset;
    for (uint64_t i = 0; i < v->run->io.count; i++) input[i] = byte_at(r->rdi + i * step);
    r->rcx = step == 1 ? v->run->io.count : 1; /* it is done then: backwards, KVM stores one byte at a time */
    v->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
    v->run->immediate_exit = 1;
    ioctl(v->fd, KVM_RUN, 0);
    v->run->immediate_exit = *signal_caught() != 0;
    *r = before;
}

/* KVM has stopped behind the instruction, or at a REP OUTS that has more to do. */
static void undo_output(struct kvm_vcpu *v) {
    struct registers *r = v->seen.regs;
    const uint64_t count = v->run->io.count, end = r->rip, last = byte_at(end - 1);
    if (last == OUT_DX) {
        r->rip = end - 1;
    } else if (last == STUB_PORT && byte_at(end - 2) == OUT_IMM8) {
        r->rip = end - 2;
    } else {
        bool ended = last == OUTS, prefixed = ended && (byte_at(end - 2) & 0xfe) == REPEATED;
        r->rip = end - ended - prefixed;
        r->rsi = r->rflags & FLAG_DF ? r->rsi + count : r->rsi - count;
        if (prefixed || !ended) r->rcx += count;
    }
}

int portio_refuse(struct kvm_vcpu *v) {
    if (v->run->io.direction == KVM_EXIT_IO_IN)
        undo_input(v);
    else
        undo_output(v);
    v->seen.vector = VECTOR_GP;
    v->seen.error_code = 0;
    return EXIT_FAULT;
}
