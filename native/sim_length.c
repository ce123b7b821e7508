/* Lengths of x86-64 instructions in 64-bit mode (SDM vol. 2, chapter 2 and appendix A). */
#include "sim_length.h"

/* What follows each opcode, sixteen a line:
 *   .  nothing          m  ModRM           B  ModRM, 1 byte      Z  ModRM, 2 or 4 bytes (by operand size)
 *   b  1 byte           z  2 or 4 bytes    v  2, 4 or 8 bytes    o  an address       e  3 bytes
 *   j  1 byte, jumps    J  2 or 4, jumps   w  2 bytes, jumps     r  nothing, jumps
 *   g  ModRM; jumps if its `reg` is 2 to 5                       t, T  ModRM; 1 byte, or 2 or 4, if its `reg` is 0 or 1 */
static const char ONE_BYTE[] = "mmmmbz..mmmmbz.."
                               "mmmmbz..mmmmbz.."
                               "mmmmbz..mmmmbz.."
                               "mmmmbz..mmmmbz.."
                               "................"
                               "................"
                               "...m....zZbB...."
                               "jjjjjjjjjjjjjjjj"
                               "BZ.Bmmmmmmmmmmmm"
                               "................"
                               "oooo....bz......"
                               "bbbbbbbbvvvvvvvv"
                               "BBwr..BZe.wr.b.r"
                               "mmmm....mmmmmmmm"
                               "jjjjbbbbJJ.j...."
                               "......tT......mg";
static const char TWO_BYTES[] = "mmmm.........m.B" /* behind 0f */
                                "mmmmmmmmmmmmmmmm"
                                "mmmm....mmmmmmmm"
                                "................"
                                "mmmmmmmmmmmmmmmm"
                                "mmmmmmmmmmmmmmmm"
                                "mmmmmmmmmmmmmmmm"
                                "BBBBmmm.mmmmmmmm"
                                "JJJJJJJJJJJJJJJJ"
                                "mmmmmmmmmmmmmmmm"
                                "...mBm.....mBmmm"
                                "mmmmmmmmmmBmmmmm"
                                "mmBmBBBm........"
                                "mmmmmmmmmmmmmmmm"
                                "mmmmmmmmmmmmmmmm"
                                "mmmmmmmmmmmmmmmm";

enum { REX_W = 8, MAP_0F = 1, MAP_0F38, MAP_0F3A };

static bool is_prefix(uint8_t byte) {
    return byte == 0x66 || byte == 0x67 || (byte & 0xe7) == 0x26 || (byte & 0xfe) == 0x64 || byte == 0xf0 || byte >> 1 == 0x79;
}

static char kind_of(int map, uint8_t opcode) {
    if (map == MAP_0F38) return 'm';
    if (map == MAP_0F3A) return 'B';
    return map == MAP_0F ? TWO_BYTES[opcode] : ONE_BYTE[opcode];
}

/* Of ModRM with what belongs to it. */
static size_t operand_length(const uint8_t *modrm, size_t left) {
    uint8_t mod = *modrm >> 6, rm = *modrm & 7;
    if (mod == 3) return 1;
    size_t length = rm == 4 ? 2 : 1;
    if (length > left) return length;
    if (mod == 0) return length + (rm == 5 || (rm == 4 && (modrm[1] & 7) == 5) ? 4 : 0);
    return length + (mod == 1 ? 1 : 4);
}

size_t instruction_length(const uint8_t *code, size_t size, bool *jumps) {
    size_t at = 0;
    uint8_t rex = 0, reg = 0;
    bool data16 = false, address32 = false;
    int map = 0;
    if (size > INSTRUCTION_MAX) size = INSTRUCTION_MAX;
    *jumps = false;
    while (at < size && (is_prefix(code[at]) || code[at] >> 4 == 4)) {
        data16 |= code[at] == 0x66;
        address32 |= code[at] == 0x67;
        rex = code[at] >> 4 == 4 ? code[at] : 0; /* only the last byte before the opcode is one */
        at++;
    }
    uint8_t first = at < size ? code[at] : 0;
    if (first == 0x62 || first == 0xc4 || first == 0xc5) { /* EVEX, VEX */
        if (at + 1 >= size) return 0;
        map = first == 0xc5 ? MAP_0F : code[at + 1] & (first == 0x62 ? 7 : 0x1f);
        at += first == 0x62 ? 4 : first == 0xc4 ? 3 : 2;
    } else if (first == 0x0f) {
        if (++at >= size) return 0;
        map = code[at] == 0x38 ? MAP_0F38 : code[at] == 0x3a ? MAP_0F3A : MAP_0F;
        if (map != MAP_0F) at++;
    }
    if (at >= size) return 0;
    char kind = kind_of(map, code[at++]);
    bool modrm = kind == 'm' || kind == 'B' || kind == 'Z' || kind == 'g' || kind == 't' || kind == 'T';
    if (modrm) {
        if (at >= size) return 0;
        reg = code[at] >> 3 & 7;
        at += operand_length(code + at, size - at);
    }
    size_t immediate = data16 && !(rex & REX_W) ? 2 : 4;
    switch (kind) {
    case 'b':
    case 'B': at += 1; break;
    case 'z':
    case 'Z': at += immediate; break;
    case 'v': at += rex & REX_W ? 8 : immediate; break;
    case 'o': at += address32 ? 4 : 8; break;
    case 'e': at += 3; break;
    case 't': at += reg < 2; break;
    case 'T': at += reg < 2 ? immediate : 0; break;
    case 'j':
        at += 1;
        *jumps = true;
        break;
    case 'J':
        at += immediate;
        *jumps = true;
        break;
    case 'w':
        at += 2;
        *jumps = true;
        break;
    case 'r': *jumps = true; break;
    case 'g': *jumps = reg >= 2 && reg <= 5; break;
    }
    return at <= size ? at : 0;
}
