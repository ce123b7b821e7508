"""ELF files made for tests: small right ones, and broken ones made out of them by a fixed seed."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

HEADER = struct.Struct("<4sBBBB8xHHIQQQIHHHHHH")
SEGMENT = struct.Struct("<IIQQQQQQ")
PT_LOAD, PT_INTERP, PT_GNU_STACK = 1, 3, 0x6474E551
ET_EXEC, ET_DYN = 2, 3
R, W, X = 4, 2, 1

CODE_AT = 0x800
EXIT_0 = bytes.fromhex("31ff b83c000000 0f05")  # xor edi, edi; mov eax, 60; syscall

Segment = tuple[int, int, int, int, int, int, int]


def load(flags: int, offset: int, vaddr: int, filesz: int, memsz: int, align: int = 0x1000) -> Segment:
    """A PT_LOAD."""
    return (PT_LOAD, flags, offset, vaddr, filesz, memsz, align)


def build(
    segments: list[Segment],
    kind: int = ET_EXEC,
    *,
    entry: int | None = None,
    machine: int = 62,
    elf_class: int = 2,
    data: int = 1,
    phoff: int = 64,
    phentsize: int = 56,
    phnum: int | None = None,
    interpreter: bytes | None = None,
    size: int = 0x3000,
) -> bytes:
    """An ELF file of `size` bytes: code that exits with 0 at CODE_AT, behind it `interpreter`, letters elsewhere."""
    content = bytearray((b"%08x" * (size // 8)) % tuple(range(0, size, 8)))
    if interpreter is not None:
        segments = [(PT_INTERP, R, CODE_AT + 16, 0, len(interpreter), len(interpreter), 1), *segments]
        content[CODE_AT + 16 : CODE_AT + 16 + len(interpreter)] = interpreter
    if entry is None:
        entry = next((s[3] - s[2] for s in segments if s[0] == PT_LOAD and s[3] >= s[2]), 0) + CODE_AT
    content[CODE_AT : CODE_AT + len(EXIT_0)] = EXIT_0
    count = len(segments) if phnum is None else phnum
    content[:64] = HEADER.pack(
        b"\x7fELF", elf_class, data, 1, 0, kind, machine, 1, entry, phoff, 0, 0, 64, phentsize, count, 0, 0, 0
    )
    table = b"".join(SEGMENT.pack(t, f, o, v, v, fs, ms, a) for t, f, o, v, fs, ms, a in segments)
    content[phoff : phoff + len(table)] = table[: max(0, size - phoff)]
    return bytes(content)


def right_ones() -> list[bytes]:
    """Files that run and exit with 0: at a fixed address, with bss, static PIE, with an interpreter."""
    fixed = [load(R | X, 0, 0x400000, 0x1000, 0x1000), load(R | W, 0x1000, 0x402000, 0x700, 0x5000)]
    moved = [
        load(R | X, 0, 0, 0x1000, 0x1000),
        load(R | W, 0x1000, 0x2000, 0x1700, 0x5000),
        (PT_GNU_STACK, R | W, 0, 0, 0, 0, 16),
    ]
    return [
        build(fixed),
        build(moved, ET_DYN),
        build([load(R | X, 0, 0, 0x3000, 0x3000, 0x200000)], ET_DYN),
        build(moved, ET_DYN, interpreter=b"/lib64/ld-linux-x86-64.so.2\0"),
    ]


_VALUES = (0, 1, 2, 3, 7, 0xFFF, 0x1000, 0x1001, 0x7FFF, 0xFFFF, 1 << 31, 1 << 40, (1 << 46) - 0x1000, 1 << 46, 1 << 47)
_VALUES += ((1 << 63) - 1, 1 << 63, (1 << 64) - 0x1000, (1 << 64) - 1)


def mutants(count: int, seed: int) -> Iterator[bytes]:
    """`count` files, each a right one with one to four fields, bytes or its length changed."""
    chance = random.Random(seed)
    bases = right_ones()
    for _ in range(count):
        content = bytearray(chance.choice(bases))
        headers = 64 + SEGMENT.size * int.from_bytes(content[56:58], "little")
        for _ in range(chance.randint(1, 4)):
            kind = chance.randrange(10)
            if kind < 6:
                size = chance.choice((2, 4, 8, 8))
                place = chance.randrange(4, headers, size)
                value = chance.choice((chance.choice(_VALUES), chance.getrandbits(64), chance.getrandbits(16)))
                content[place : place + size] = (value % (1 << 8 * size)).to_bytes(size, "little")
            elif kind < 9:
                content[chance.randrange(min(len(content), CODE_AT + 64))] = chance.getrandbits(8)
            else:
                del content[chance.randrange(len(content)) :]
                content += b"\0"
        yield bytes(content)
