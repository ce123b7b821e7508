/* The address of an instruction's memory operand (SDM vol. 2, chapter 2): as far as needed to tell a bad address from an
 * undefined instruction. */
#include "operand.h"

#include <string.h>

enum { NO_REGISTER = -1, RSP = 4, RBP = 5 };
enum { MAP_ONE_BYTE, MAP_0F, MAP_OTHER };

struct decoded {
    uint8_t map, opcode, rex; /* REX's low four bits: W R X B */
    bool short_addresses;
    uint64_t segment; /* base */
    bool overridden;  /* by FS or GS, or by a prefix that takes the stack's segment away */
};

static uint64_t value_of(const struct registers *r, int number) {
    const uint64_t in_order[16] = {r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi, r->rdi,
                                   r->r8,  r->r9,  r->r10, r->r11, r->r12, r->r13, r->r14, r->r15};
    return number == NO_REGISTER ? 0 : in_order[number];
}

/* Prefixes and opcode; where the ModRM byte is, or NULL at the end of the bytes. */
static const uint8_t *decode(const uint8_t *at, const uint8_t *end, const struct vcpu *cpu, struct decoded *d) {
    for (; at < end; at++) {
        if (*at == 0x64)
            d->segment = cpu->fs_base, d->overridden = true;
        else if (*at == 0x65)
            d->segment = cpu->gs_base, d->overridden = true;
        else if (*at == 0x67)
            d->short_addresses = true;
        else if (*at != 0x66 && *at != 0xf0 && *at != 0xf2 && *at != 0xf3 && (*at & 0xe7) != 0x26)
            break; /* ES CS SS DS */
    }
    if (at < end && (*at & 0xf0) == 0x40) d->rex = *at++ & 15;
    if (end - at < 5) return NULL; /* enough for what follows; the CPU reads no more than 15 bytes either */
    switch (*at) {
    case 0xc5: d->map = MAP_0F, at += 2; break;                                         /* VEX: R is of no interest */
    case 0xc4: d->map = MAP_OTHER, d->rex = (uint8_t)(~at[1] >> 5 & 7), at += 3; break; /* R X B, inverted */
    case 0x62: d->map = MAP_OTHER, d->rex = (uint8_t)(~at[1] >> 5 & 7), at += 4; break; /* EVEX */
    case 0x0f: d->map = at[1] == 0x38 || at[1] == 0x3a ? MAP_OTHER : MAP_0F; at += d->map == MAP_OTHER ? 2 : 1;
    }
    d->opcode = *at++;
    return at;
}

static bool has_modrm(const struct decoded *d) {
    uint8_t op = d->opcode;
    if (d->map == MAP_OTHER) return true;
    if (d->map == MAP_0F) /* neither system instructions, UD2, RDTSC and the like, EMMS, jumps, PUSH FS, CPUID, nor BSWAP */
        return op >= 0x0d && (op & 0xf8) != 0x30 && op != 0x77 && (op & 0xf0) != 0x80 &&
               !((op & 0xf0) == 0xa0 && (op & 7) < 3) && (op & 0xf8) != 0xc8 && op != 0xb9 && op != 0xff;
    return (op < 0x40 && (op & 7) < 4) || op == 0x63 || op == 0x69 || op == 0x6b || (op & 0xf0) == 0x80 ||
           (op & 0xfe) == 0xc0 || (op & 0xfe) == 0xc6 || (op & 0xfc) == 0xd0 || (op & 0xf8) == 0xd8 || (op & 0xf6) == 0xf6;
}

bool operand_address(const uint8_t *code, size_t size, const struct vcpu *cpu, uint64_t *address, bool *stack) {
    uint8_t bytes[32] = {0};
    memcpy(bytes, code, size < 15 ? size : 15);
    struct decoded d = {0};
    const uint8_t *at = decode(bytes, bytes + sizeof bytes, cpu, &d);
    if (!at || d.short_addresses || !has_modrm(&d)) return false;
    int mode = *at >> 6, base = *at & 7, index = NO_REGISTER, scale = 0;
    at++;
    if (mode == 3 || (mode == 0 && base == 5)) return false; /* a register, or relative to RIP */
    bool no_base = false;
    if (base == 4) {
        scale = *at >> 6;
        index = (*at >> 3 & 7) | (d.rex & 2) << 2;
        if (index == 4) index = NO_REGISTER;
        base = *at++ & 7;
        no_base = mode == 0 && base == 5;
    }
    int64_t displacement = 0;
    if (mode == 1) displacement = (int8_t)*at;
    int32_t wide;
    memcpy(&wide, at, sizeof wide);
    if (mode == 2 || no_base) displacement = wide;
    base = no_base ? NO_REGISTER : base | (d.rex & 1) << 3;
    *address = d.segment + value_of(cpu->regs, base) + (value_of(cpu->regs, index) << scale) + (uint64_t)displacement;
    *stack = !d.overridden && (base == RSP || base == RBP);
    return true;
}
