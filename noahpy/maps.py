"""The text of /proc/self/maps (proc_pid_maps(5)): the guest's mappings, with the names that files have now."""

from __future__ import annotations

from linux_abi.host import own
from linux_abi.uapi.mman import MAP_PRIVATE, MAP_TYPE, PROT_EXEC, PROT_READ, PROT_WRITE

from .vma import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .memory import AddressSpace
    from .vma import Vma

_NAME_COLUMN = 72  # names are padded to it (seq_setwidth in fs/proc/task_mmu.c)


def text(mm: AddressSpace) -> bytes:
    """The whole file."""
    files = _HostFiles(mm.window.base, mm.window.size) if any(vma.file for vma in mm.vmas) else None
    return b"".join([_line(mm, vma, files) for vma in mm.vmas])


def _line(mm: AddressSpace, vma: Vma, files: _HostFiles | None) -> bytes:
    prot = vma.prot
    head = b"%08x-%08x %s%s%s%s %08x " % (
        vma.start,
        vma.end,
        b"r" if prot & PROT_READ else b"-",
        b"w" if prot & PROT_WRITE else b"-",
        b"x" if prot & PROT_EXEC else b"-",
        b"p" if vma.flags & MAP_TYPE == MAP_PRIVATE else b"s",
        vma.offset,
    )
    if vma.file and files is not None:
        device, inode, name = files.at(vma.start)
    else:
        device, inode, name = b"00:00", b"0", _anonymous_name(mm, vma)
    head += b"%s %s " % (device, inode)
    return b"%s %s\n" % (head.ljust(_NAME_COLUMN), name) if name else head + b"\n"


def _anonymous_name(mm: AddressSpace, vma: Vma) -> bytes:
    if vma.name:
        return name_of(vma)
    if vma.start < mm.brk_end and vma.end > mm.brk_start:
        return b"[heap]"
    if vma.start <= mm.stack_start < vma.end:
        return b"[stack]"
    return b""


class _HostFiles:
    """The files behind the window, by address: the host's own list, whose lines are longer or shorter than the guest's."""

    def __init__(self, base: int, size: int) -> None:
        self._at = 0
        self._starts: list[int] = []
        self._fields: list[tuple[bytes, bytes, bytes]] = []
        with open("self/maps", "rb", opener=own.opener) as host:
            for line in host:
                fields = line.rstrip(b"\n").split(None, 5)
                start = int(fields[0].split(b"-")[0], 16) - base
                if 0 <= start < size:
                    self._starts.append(start)
                    self._fields.append((fields[3], fields[4], fields[5] if len(fields) > 5 else b""))

    def at(self, gva: int) -> tuple[bytes, bytes, bytes]:
        """Device, inode and path of the file at `gva`, which is never lower than the one before."""
        while self._at + 1 < len(self._starts) and self._starts[self._at + 1] <= gva:
            self._at += 1
        return self._fields[self._at]
