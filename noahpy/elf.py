"""The ELF headers that a loader needs, read with `struct` alone (docs/design.md, D8).

Looks at the fields that Linux looks at and at no others (elf(5), the kernel's fs/binfmt_elf.c): class, byte order and
version of a file whose machine and sizes are right are not looked at.
"""

from __future__ import annotations

import os
from _struct import Struct

from linux_abi.uapi.elf import EM_386, EM_X86_64, ET_CORE, ET_DYN, ET_EXEC, ET_REL, PF_X, PT_GNU_STACK, PT_LOAD

from .mappings import PAGE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


_MAX_HEADERS = 65536  # bytes of program headers
_HEAD = 1024  # bytes read at once: in most files they hold all headers

# e_type e_machine e_version e_entry e_phoff e_shoff e_flags e_ehsize e_phentsize e_phnum
_HEADER = Struct("<16xHHIQQQIHHH")
_SEGMENT = Struct("<IIQQQQQQ")
PHDR_SIZE = _SEGMENT.size
_MACHINES = {
    2: "SPARC", 8: "MIPS", 20: "PowerPC", 21: "64-bit PowerPC", 22: "S/390", 40: "32-bit ARM", 43: "SPARC", 183: "aarch64",
    243: "RISC-V", 247: "BPF", 258: "LoongArch",
}  # fmt: skip


class BadElf(Exception):
    """Not an ELF file for this machine; the text says why."""


class Segment:
    """A program header. Sizes, offset and addresses in bytes."""

    __slots__ = ("type", "flags", "offset", "vaddr", "filesz", "memsz", "align")

    def __init__(
        self, kind: int, flags: int, offset: int, vaddr: int, _paddr: int, filesz: int, memsz: int, align: int
    ) -> None:
        self.type = kind
        self.flags = flags
        self.offset = offset
        self.vaddr = vaddr
        self.filesz = filesz
        self.memsz = memsz
        self.align = align


class Elf:
    """An open file's ELF header and program headers."""

    __slots__ = ("fd", "type", "entry", "phoff", "segments")

    def __init__(self, fd: int, head: bytes) -> None:
        """`head` is what `read_head(fd)` gave. Raises BadElf, or OSError when the file can't be read."""
        if head[:4] != b"\x7fELF":
            raise BadElf("not an ELF file")
        if len(head) < _HEADER.size:
            raise BadElf("truncated ELF header")
        kind, machine, _, entry, phoff, _, _, _, phentsize, phnum = _HEADER.unpack_from(head)
        if machine != EM_X86_64:
            raise BadElf(_wrong_machine(head))
        if kind not in (ET_EXEC, ET_DYN):
            names = {ET_REL: "an object file that is not linked yet", ET_CORE: "a core dump"}
            raise BadElf(f"{names.get(kind, f'ELF type {kind}')}, not a program")
        if phentsize != PHDR_SIZE:
            raise BadElf("32-bit ELF: only x86-64 is supported" if head[4:5] == b"\1" else "bad size of program headers")
        size = phnum * phentsize
        if not 0 < size <= _MAX_HEADERS:
            raise BadElf("no program headers" if size == 0 else "too many program headers")
        table = head[phoff : phoff + size]
        if len(table) < size and phoff + size < 1 << 63:
            table = os.pread(fd, size, phoff)
        if len(table) < size:
            raise BadElf("truncated program headers")
        self.fd = fd
        self.type = kind
        self.entry = entry
        self.phoff = phoff
        self.segments = [Segment(*fields) for fields in _SEGMENT.iter_unpack(table)]

    def loads(self) -> Iterator[Segment]:
        """The segments to map, in the file's order."""
        return (s for s in self.segments if s.type == PT_LOAD)

    def span(self) -> tuple[int, int]:
        """The first page's address and the end of all segments; (0, 0) if there is nothing to map."""
        loads = list(self.loads())
        if not loads:
            return 0, 0
        return min(s.vaddr for s in loads) & -PAGE, max(s.vaddr + s.memsz for s in loads)

    def alignment(self) -> int:
        """What the load address is a multiple of: the largest p_align that is a power of two, at least a page."""
        return max([PAGE, *(s.align for s in self.loads() if s.align & (s.align - 1) == 0)])

    def phdr(self) -> int:
        """Address of the program headers in the image before it is moved; 0 if no segment holds them."""
        address = 0
        for s in self.loads():
            if s.offset <= self.phoff < s.offset + s.filesz:
                address = self.phoff - s.offset + s.vaddr
        return address

    def executable_stack(self) -> bool:
        """Whether the stack is executable: PT_GNU_STACK says so; on x86-64 it is not where there is none."""
        flags = 0
        for s in self.segments:
            if s.type == PT_GNU_STACK:
                flags = s.flags
        return bool(flags & PF_X)


def read_head(fd: int) -> bytes:
    """The file's beginning."""
    return os.pread(fd, _HEAD, 0)


def _wrong_machine(head: bytes) -> str:
    machine = int.from_bytes(head[18:20], "big" if head[5:6] == b"\2" else "little")
    if machine == EM_386:
        return "32-bit ELF: only x86-64 is supported"
    return f"built for {_MACHINES.get(machine, f'ELF machine {machine}')}: only x86-64 is supported"
