"""What the host's kernel gave this process at its start: the auxiliary vector and the vDSO with its data pages.

Read once and kept: later the kernel's record of the auxiliary vector is the guest's (docs/design.md, D6).
"""

from __future__ import annotations

from _struct import iter_unpack

from linux_abi.host import own
from linux_abi.uapi.auxv import AT_SYSINFO_EHDR

from ._native import ffi, lib

# Fields of proc_pid_stat(5), counted from 0: start_code, end_code, start_data, end_data, start_brk.
_LAYOUT = (25, 26, 44, 45, 46)
_auxv: dict[int, int] = {}
_found: list[Vdso | None] = []
_kept: list[object] = []  # what C has addresses of


class Vdso:
    """The host's vDSO: its code, to be copied, behind data pages (vvar), which the kernel updates and which are shared.

    `size` bytes in all, code included; `data` are (place, host address, length, name) and `code_at` is the code's place, both
    counted from the first data page, because the code finds the data by its distance.
    """

    __slots__ = ("size", "data", "code_at", "code")

    def __init__(self, size: int, data: list[tuple[int, int, int, bytes]], code_at: int, code: bytes) -> None:
        self.size = size
        self.data = data
        self.code_at = code_at
        self.code = code


def auxv() -> dict[int, int]:
    """The VMM's own auxiliary vector (getauxval(3))."""
    if not _auxv:
        with open("/proc/self/auxv", "rb") as file:
            _auxv.update(iter_unpack("QQ", file.read()))
    return _auxv


def replace(entries: dict[int, int]) -> None:
    """Programs get these entries of the auxiliary vector instead of the kernel's."""
    auxv().update(entries)


def find() -> Vdso | None:
    """The host's vDSO; None when the kernel gave none or its memory can't be read."""
    if not _found:
        address = auxv().get(AT_SYSINFO_EHDR)
        _found.append(_read(address) if address else None)
    return _found[0]


def tell(aslr: bool, proc: int) -> None:
    """Let C know what it needs to execute programs (struct exec_host). `proc`: the place of a descriptor of /proc, or -1."""
    host = lib.exec_host()
    host.aslr, host.proc = aslr, proc
    entries = list(auxv().items())[: lib.AUXV_MAX]
    host.auxv_count = len(entries)
    for i, entry in enumerate(entries):
        host.auxv[i] = entry
    with open("self/stat", "rb", buffering=0, opener=own.opener) as file:
        fields = [b"", b"", *file.readall().rpartition(b") ")[2].split()]
    host.program = own.target("self/exe")
    host.layout = [int(fields[i]) for i in _LAYOUT]
    vdso = find()
    if vdso and len(vdso.data) <= lib.VDSO_PARTS:
        host.vdso_parts = len(vdso.data)
        for i, (place, address, size, name) in enumerate(vdso.data):
            host.vdso_part[i] = (place, size, address, name)
        host.vdso_size, host.vdso_code_at, host.vdso_code_size = vdso.size, vdso.code_at, len(vdso.code)
        _kept.append(ffi.from_buffer(vdso.code))
        host.vdso_code = int(ffi.cast("uintptr_t", _kept[0]))


def _read(address: int) -> Vdso | None:
    data = []
    length = 0
    with open("/proc/self/maps", "rb") as maps:
        for line in maps:
            if not line.endswith((b"[vdso]\n", b"[vvar]\n", b"[vvar_vclock]\n")):
                continue
            start, end = (int(number, 16) for number in line.split(b" ", 1)[0].split(b"-"))
            if start == address:
                length = end - start
            else:
                data.append((start, end - start, line.split()[-1]))
    first = min([address, *(start for start, _, _ in data)])
    try:
        with open("/proc/self/mem", "rb", buffering=0) as memory:
            memory.seek(address)
            code = memory.read(length)
    except OSError:  # a process that is not dumpable
        return None
    if not code:
        return None
    shared = [(start - first, start, size, name) for start, size, name in data]
    return Vdso(address - first + length, shared, address - first, code)
