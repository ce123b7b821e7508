"""Fills an empty address space with a program: image, interpreter, vDSO, stack and heap, where Linux would put them.

The layout is that of the kernel's fs/binfmt_elf.c (load_elf_binary), for an address space of TASK_SIZE.
"""

from __future__ import annotations

import os

from linux_abi.errors import LinuxError
from linux_abi.uapi.auxv import (
    AT_BASE,
    AT_EGID,
    AT_ENTRY,
    AT_EUID,
    AT_EXECFD,
    AT_FLAGS,
    AT_GID,
    AT_NULL,
    AT_PHDR,
    AT_PHENT,
    AT_PHNUM,
    AT_SECURE,
    AT_SYSINFO_EHDR,
    AT_UID,
)
from linux_abi.uapi.elf import ET_DYN, PF_R, PF_W, PF_X
from linux_abi.uapi.errno import EINVAL
from linux_abi.uapi.mman import (
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_FIXED_NOREPLACE,
    MAP_PRIVATE,
    PROT_EXEC,
    PROT_READ,
    PROT_WRITE,
)

from . import stack, vdso
from ._native import lib
from .elf import PHDR_SIZE, Elf
from .mappings import PAGE, page_up
from .program import TASK_SIZE, ExecError, Image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .memory import AddressSpace

PIE_BASE = TASK_SIZE // 3 * 2 & -PAGE  # ELF_ET_DYN_BASE
STACK_MAX: int = lib.STACK_MAX
STACK_RANDOM, PIE_RANDOM, BRK_RANDOM, STACK_SHIFT = lib.STACK_RANDOM, lib.PIE_RANDOM, lib.BRK_RANDOM, lib.STACK_SHIFT
_WORD = (1 << 64) - 1


class Entry:
    """Where a loaded program starts, and the addresses that prctl(PR_SET_MM_MAP) and /proc show."""

    __slots__ = (
        "rip", "rsp", "auxv", "auxv_addr", "arg_start", "arg_end", "env_start", "env_end",
        "start_code", "end_code", "start_data", "end_data", "start_brk", "start_stack",
    )  # fmt: skip

    rip: int
    rsp: int
    auxv: bytes  # as on the stack, AT_NULL included
    auxv_addr: int
    arg_start: int
    arg_end: int
    env_start: int
    env_end: int
    start_code: int
    end_code: int
    start_data: int
    end_data: int
    start_brk: int
    start_stack: int


def commit(image: Image, mm: AddressSpace) -> Entry:
    """Fill the empty address space `mm` with the program and its stack, and close `image`.

    What fails here (memory, a page that the file does not have) is fatal for the process: ExecError says so.
    """
    try:
        return _load(image, mm)
    except LinuxError as error:
        raise ExecError(error.errno, f"can't be loaded: {os.strerror(error.errno).lower()}", fatal=True) from None
    finally:
        image.close()


def _load(image: Image, mm: AddressSpace) -> Entry:
    program, interpreter = image.program, image.interpreter
    entry = Entry()

    top = TASK_SIZE - mm.aslr.pages("stack", STACK_RANDOM) * PAGE
    lowest = stack.lowest(top, image.argv, image.envp, image.execfn)
    size = max(min(image.stack_limit, STACK_MAX), top - lowest)
    mm.place_stack(top, page_up(size), PROT_READ | PROT_WRITE | (PROT_EXEC if program.executable_stack() else 0))

    vdso_at = _map_vdso(mm)
    bias = 0
    if program.type == ET_DYN:
        bias = _place(program, PIE_BASE + mm.aslr.pages("image", PIE_RANDOM) * PAGE if interpreter else _free(program, mm))
    _map(program, mm, bias)
    base = 0
    entry.rip = program.entry + bias & _WORD
    if interpreter:
        if interpreter.type == ET_DYN:
            base = _place(interpreter, _free(interpreter, mm))
        _map(interpreter, mm, base)
        entry.rip = interpreter.entry + base & _WORD
    if entry.rip >= TASK_SIZE:
        raise LinuxError(EINVAL)

    auxv = _auxv(program, bias, base, vdso_at)
    shift = int.from_bytes(os.urandom(2), "little") % STACK_SHIFT if mm.aslr.on else 0
    filled = stack.build(top, image.argv, image.envp, image.execfn, auxv, shift)
    mm.write(filled.rsp, filled.data)
    entry.rsp = entry.start_stack = filled.rsp
    entry.auxv, entry.auxv_addr = filled.auxv, filled.auxv_addr
    entry.arg_start, entry.arg_end = filled.arg_start, filled.arg_end
    entry.env_start, entry.env_end = filled.arg_end, filled.env_end

    loads = list(program.loads())
    code = [s for s in loads if s.flags & PF_X]
    entry.start_code = min([s.vaddr + bias for s in code], default=0)
    entry.end_code = max([s.vaddr + s.filesz + bias for s in code], default=0)
    entry.start_data = max([s.vaddr + bias for s in loads])
    entry.end_data = max([s.vaddr + s.filesz + bias for s in loads])

    entry.start_brk = page_up(program.span()[1] + bias)
    if program.type == ET_DYN and not interpreter:
        entry.start_brk = PIE_BASE  # out of the mappings' way, as Linux does for a static PIE
    elif mm.aslr.on:
        entry.start_brk += PAGE
    entry.start_brk += mm.aslr.pages("heap", BRK_RANDOM) * PAGE
    mm.set_brk(entry.start_brk)
    return entry


def _free(elf: Elf, mm: AddressSpace) -> int:
    """Where mmap(2) would put the whole of `elf`."""
    low, high = elf.span()
    room = page_up(high) - low
    address = mm.mmap(0, room, 0, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    mm.munmap(address, room)
    return address


def _place(elf: Elf, address: int) -> int:
    """What to add to the addresses in `elf` so that it starts at `address` or, to be aligned, before."""
    low, _ = elf.span()
    bias = address - low & -elf.alignment()
    if low + bias < 0:
        raise LinuxError(EINVAL)
    return bias


def _map(elf: Elf, mm: AddressSpace, bias: int) -> None:
    """Map the segments; what the file does not fill is zero (the kernel's elf_load)."""
    fixed = MAP_FIXED_NOREPLACE
    for s in elf.loads():
        prot = (PROT_READ if s.flags & PF_R else 0) | (PROT_WRITE if s.flags & PF_W else 0)
        executable = PROT_EXEC if s.flags & PF_X else 0
        start = s.vaddr + bias
        skew = start % PAGE
        end = start + s.filesz
        zeros = start - skew
        if s.filesz:
            zeros = page_up(end)
            mm.mmap(start - skew, zeros - start + skew, prot | executable, MAP_PRIVATE | fixed, elf.fd, s.offset - skew)
            if s.memsz > s.filesz and prot & PROT_WRITE:
                mm.write(end, bytes(zeros - end))
        rest = page_up(start + s.memsz) - zeros
        if s.memsz > s.filesz and rest > 0:
            mm.mmap(zeros, rest, PROT_READ | PROT_WRITE | executable, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
        fixed = MAP_FIXED


def _map_vdso(mm: AddressSpace) -> int:
    """Map the host's vDSO; its address, or 0 if there is none."""
    found = vdso.find()
    if not found:
        return 0
    start: int = lib.vdso_place(mm.vmas.book, found.size)
    for place, host, length, name in found.data:
        mm.alias(start + place, host, length, name)
    code = start + found.code_at
    mm.mmap(code, len(found.code), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
    mm.write(code, found.code)
    mm.mprotect(code, len(found.code), PROT_READ | PROT_EXEC)
    mm.set_name(code, code + len(found.code), b"[vdso]")
    return code


def _auxv(program: Elf, bias: int, base: int, vdso_at: int) -> list[tuple[int, int]]:
    """The auxiliary vector without its end: the VMM's own, in its order, with what is the program's put in."""
    values = {
        AT_SYSINFO_EHDR: vdso_at,
        AT_PHDR: program.phdr() + bias & _WORD,
        AT_PHENT: PHDR_SIZE,
        AT_PHNUM: len(program.segments),
        AT_BASE: base,
        AT_FLAGS: 0,
        AT_ENTRY: program.entry + bias & _WORD,
        AT_UID: os.getuid(),
        AT_EUID: os.geteuid(),
        AT_GID: os.getgid(),
        AT_EGID: os.getegid(),
        AT_SECURE: int(os.getuid() != os.geteuid() or os.getgid() != os.getegid()),
    }
    dropped = {AT_NULL, AT_EXECFD} if vdso_at else {AT_NULL, AT_EXECFD, AT_SYSINFO_EHDR}
    return [(key, values.get(key, value)) for key, value in vdso.auxv().items() if key not in dropped]
