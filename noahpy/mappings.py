"""Mappings of a guest: where they go, and what the guest does to them.

Each change is made on the window first (the host's call and the page tables); the list of mappings follows once that has
succeeded, so that it never says more than is there. Errors and their order: the manual pages and the kernel's mm/mmap.c,
mm/mprotect.c, arch/x86/kernel/sys_x86_64.c.

Memory costs the guest what it costs natively: its mappings are the host's, with the guest's own flags. The window's
reservation is PROT_NONE and counts for nothing.
"""

from __future__ import annotations

import os
from fcntl import F_GETFL, fcntl
from itertools import count

from linux_abi.errors import LinuxError
from linux_abi.host import own
from linux_abi.uapi.errno import EACCES, EBADF, EEXIST, EINVAL, ENOMEM, EOVERFLOW, EPERM
from linux_abi.uapi.mman import (
    MAP_32BIT,
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_FIXED_NOREPLACE,
    MAP_GROWSDOWN,
    MAP_HUGE_MASK,
    MAP_HUGE_SHIFT,
    MAP_HUGETLB,
    MAP_LOCKED,
    MAP_NORESERVE,
    MAP_PRIVATE,
    MAP_TYPE,
    PROT_EXEC,
    PROT_GROWSDOWN,
    PROT_GROWSUP,
    PROT_READ,
    PROT_SEM,
    PROT_WRITE,
)
from linux_abi.uapi.resource import RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK

from ._native import lib
from .aslr import Aslr
from .vma import ALIAS, PRIVATE, SEALED, SIZED, VmaList

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class MemoryWindow(Protocol):
        """What native/api.h says of the window (`noahpy.window`)."""

        base: int
        size: int

        def map(self, gva: int, length: int, prot: int, flags: int, fd: int, offset: int, present: int) -> int: ...
        def unmap(self, gva: int, length: int) -> int: ...
        def protect(self, gva: int, length: int, prot: int, present: int) -> int: ...
        def move(self, old: int, old_length: int, new: int, new_length: int, prot: int, keep: int, present: int) -> int: ...
        def populate(self, gva: int, length: int, prot: int, huge: bool) -> int: ...
        def alias(self, gva: int, host: int, length: int) -> int: ...
        def clear(self) -> int: ...
        def not_inherited(self) -> None: ...
        def read(self, gva: int, size: int) -> bytes: ...
        def write(self, gva: int, data: bytes | bytearray | memoryview) -> int: ...
        def strnlen(self, gva: int, limit: int) -> int: ...
        def strings(self, gva: int, limit: int, total: int) -> list[bytes] | int: ...


PAGE = 4096
OFFSET = PAGE - 1  # of an address in its page
HUGE_PAGE = 2 << 20
LAZY_BYTES = 1 << 30  # mappings from this size on get their page-table entries by and by, at the first faults
INFINITY = (1 << 64) - 1

# x86-64 has no write-only and no execute-only pages, and the host checks reads of the guest's memory by PROT_READ.
GRANTED = tuple([prot | PROT_READ if prot else 0 for prot in range(8)])
_KEPT_FLAGS = MAP_TYPE | MAP_GROWSDOWN | MAP_HUGETLB | MAP_NORESERVE | MAP_LOCKED
_S_IFMT, _S_IFREG = 0o170000, 0o100000
_CAP_SYS_RAWIO = 17
_PAGE_SIZES = (PAGE, HUGE_PAGE, 1 << 30)


class _Booked:
    """An attribute of Mappings that is kept in C, with the list of mappings (struct book of native/api.h)."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, mappings: Mappings, owner: type) -> int:
        return getattr(mappings.vmas.book, self.name)  # type: ignore[no-any-return]

    def __set__(self, mappings: Mappings, value: int) -> None:
        setattr(mappings.vmas.book, self.name, value)


class _Limited:
    """A soft limit in bytes, which others may set, too (struct limits of native/api.h)."""

    def __init__(self, resource: int) -> None:
        self.resource = resource

    def __get__(self, mappings: Mappings, owner: type) -> int:
        return lib.limits_mine().limit[self.resource].soft  # type: ignore[no-any-return]


class Mappings:
    """Mappings in a window, and what mmap(2), munmap(2), mprotect(2) and brk(2) do to them."""

    as_limit = _Limited(RLIMIT_AS)
    data_limit = _Limited(RLIMIT_DATA)
    stack_limit = _Limited(RLIMIT_STACK)
    lock_future = _Booked()  # MAP_LOCKED after mlockall(MCL_FUTURE)
    brk_start = _Booked()
    brk_end = _Booked()
    stack_start = _Booked()  # the last byte of the stack
    stack_room = _Booked()  # bytes of the stack that Linux would not have mapped at the program's start
    sealed = _Booked()  # whether anything is

    def __init__(self, window: MemoryWindow, aslr: bool = True) -> None:
        self.window = window
        self.aslr = Aslr(aslr)
        self._size = window.size
        self._base = window.base
        self.vmas = VmaList(1 << 16, self._size)
        self.mmap_lock = self.vmas.lock  # guards all that changes here

    def counted(self) -> int:
        """Bytes that RLIMIT_AS is for. A stack grows without our knowing, within what is mapped for it."""
        return self.vmas.total - self.stack_room

    def set_limit(self, resource: int, soft: int) -> None:
        """A soft limit on memory: RLIMIT_AS, RLIMIT_DATA or RLIMIT_STACK, in bytes."""
        lib.limits_mine().limit[resource].soft = soft

    def mmap(self, addr: int, length: int, prot: int, flags: int, fd: int, offset: int) -> int:
        """mmap(2): the mapping's address."""
        if offset & OFFSET:
            raise LinuxError(EINVAL)
        file = PRIVATE
        own, filled, page = 0, INFINITY, PAGE
        if flags & (MAP_TYPE | MAP_ANONYMOUS | MAP_HUGETLB) != MAP_PRIVATE | MAP_ANONYMOUS:
            file, own, filled, page = _object(fd, flags)
        if not length:
            raise LinuxError(EINVAL)
        length = (length + page - 1) & -page
        if length > self._size:
            raise LinuxError(ENOMEM)
        if offset + length > 1 << 64:
            raise LinuxError(EOVERFLOW)
        if flags & MAP_GROWSDOWN and file != PRIVATE:
            raise LinuxError(EINVAL)
        if flags & MAP_ANONYMOUS:
            offset = 0
        if file == PRIVATE and not length % HUGE_PAGE and not addr:
            page = HUGE_PAGE
        filled = length if filled == INFINITY else max(0, min(length, page_up(filled) - offset))
        present = 0 if length >= LAZY_BYTES else filled
        prot &= 7
        flags |= self.lock_future
        with self.mmap_lock:
            vmas = self.vmas
            start = self._place(addr, length, flags, page)
            end = start + length
            fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)
            if self.counted() + length > self.as_limit:
                self._check_size(length, start if fixed else end, end)
            if self.sealed and fixed:
                self._refuse_sealed(start, end)
            signed = offset - (1 << 64) if offset >> 63 else offset
            error = self.window.map(start, length, GRANTED[prot], flags & ~MAP_FIXED_NOREPLACE | MAP_FIXED, fd, signed, present)
            if error:
                vmas.give_back(start, length)
                raise LinuxError(-error)
            if fixed:
                vmas.carve(start, end)
            vmas.add(start, end, prot, flags & _KEPT_FLAGS | own, file, offset, start + filled)
        return start

    def munmap(self, addr: int, length: int) -> int:
        """munmap(2)."""
        if addr & OFFSET or addr > self._size or not 0 < length <= self._size - addr:
            raise LinuxError(EINVAL)
        with self.mmap_lock:
            self._unmap(addr, addr + length + OFFSET & ~OFFSET)
        return 0

    def _unmap(self, start: int, end: int) -> None:
        vma = self.vmas.after(start)
        if vma is None or vma.start >= end:
            return
        if self.sealed:
            self._refuse_sealed(start, end)
        low, high = max(start, vma.start), end
        if vma.end < end:
            high = min(end, self.vmas.within(start, end)[-1].end)
        check(self.window.unmap(low, high - low))
        self.vmas.carve(low, high)

    def mprotect(self, addr: int, length: int, prot: int) -> int:
        """mprotect(2): what precedes a hole or an error is changed."""
        grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP)
        prot &= ~grows
        if addr & OFFSET or grows == PROT_GROWSDOWN | PROT_GROWSUP:
            raise LinuxError(EINVAL)
        if not length:
            return 0
        end = addr + (length + OFFSET & ~OFFSET)
        if end >= 1 << 64:
            raise LinuxError(ENOMEM)
        if prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM):
            raise LinuxError(EINVAL)
        prot &= 7
        with self.mmap_lock:
            vma = self.vmas.after(addr)
            if vma is None or (vma.start >= end if grows & PROT_GROWSDOWN else vma.start > addr):
                raise LinuxError(ENOMEM)
            if grows:
                if grows == PROT_GROWSUP or not vma.flags & MAP_GROWSDOWN:
                    raise LinuxError(EINVAL)
                addr = vma.start
            error, done = self._protect(addr, end, prot)
            if done > addr:
                self.vmas.change(addr, done, prot)
        if error:
            raise LinuxError(error)
        return 0

    def _protect(self, start: int, end: int, prot: int) -> tuple[int, int]:
        """Change the window's protection up to a hole or an error: the errno and how far it got."""
        for vma in self.vmas.within(start, end):
            if vma.start > start:
                break
            stop = min(vma.end, end)
            if vma.flags & SEALED:
                return EPERM, start
            if prot != vma.prot:
                if vma.flags & ALIAS:
                    return EACCES, start
                present = 0 if stop - start >= LAZY_BYTES else max(0, min(vma.limit, stop) - start)
                error = self.window.protect(start, stop - start, GRANTED[prot], present)
                if error:
                    return -error, start
            start = stop
        return (ENOMEM if start < end else 0), start

    def brk(self, addr: int) -> int:
        """brk(2) as the kernel has it: the break that is in force afterwards."""
        with self.mmap_lock:
            if addr < self.brk_start or addr > self._size or addr - self.brk_start > self.data_limit:
                return self.brk_end
            old, new = page_up(self.brk_end), page_up(addr)
            try:
                if new < old:
                    self._unmap(new, old)
                elif new > old:
                    if new > self._size or not self.vmas.is_free(old, new + PAGE - old):
                        return self.brk_end
                    self._check_size(new - old, old, old)
                    flags = MAP_PRIVATE | self.lock_future
                    self._map_anonymous(old, new, PROT_READ | PROT_WRITE, flags)
            except LinuxError:
                return self.brk_end
            self.brk_end = addr
            return addr

    def _map_anonymous(self, start: int, end: int, prot: int, flags: int) -> None:
        """Fill a free place with private memory."""
        present = 0 if end - start >= LAZY_BYTES else end - start
        mapped = flags & (MAP_NORESERVE | MAP_LOCKED) | MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED
        check(self.window.map(start, end - start, GRANTED[prot], mapped, -1, 0, present))
        self.vmas.add(start, end, prot, flags)

    def _place(self, addr: int, length: int, flags: int, align: int) -> int:
        """Where a new mapping goes (get_unmapped_area); LinuxError if there is no room."""
        size = self._size
        if flags & (MAP_FIXED | MAP_FIXED_NOREPLACE):
            if addr > size - length:
                raise LinuxError(ENOMEM)
            if addr & OFFSET:
                raise LinuxError(EINVAL)
            if addr < 1 << 16 and addr < mmap_min_addr() and not _may_map_low():
                raise LinuxError(EPERM)
            if flags & MAP_FIXED_NOREPLACE and self.vmas.within(addr, addr + length):
                raise LinuxError(EEXIST)
            return addr
        vmas = self.vmas
        high = 1 << 31 if flags & MAP_32BIT else size
        if addr:
            addr &= ~OFFSET
            if 0 < addr < 1 << 16:
                addr = max(addr, mmap_min_addr())
            if (
                addr
                and not addr % (align if flags & MAP_HUGETLB else PAGE)
                and addr <= high - length
                and vmas.is_free(addr, length)
            ):
                return addr
        place = -1
        if not flags & MAP_32BIT:
            place = vmas.highest_gap(length, align)
        if place < 0:
            place = vmas.lowest_gap(length, align, 1 << 30 if flags & MAP_32BIT else size // 3 & ~OFFSET, high)
        if place < 0:
            raise LinuxError(ENOMEM)
        return place

    def _check_size(self, length: int, start: int, end: int) -> None:
        """ENOMEM if `length` more bytes, of which [start, end) may be mapped already, exceed RLIMIT_AS."""
        replaced = sum([high - low for low, high in self.vmas.runs(start, end)])
        if self.counted() + length - replaced > self.as_limit:
            raise LinuxError(ENOMEM)

    def _refuse_sealed(self, start: int, end: int) -> None:
        for vma in self.vmas.within(start, end):
            if vma.flags & SEALED:
                raise LinuxError(EPERM)


def check(error: int) -> None:
    """Raise the LinuxError that a window's function returned."""
    if error:
        raise LinuxError(-error)


def page_up(size: int) -> int:
    """`size` rounded up to whole pages."""
    return size + OFFSET & ~OFFSET


_objects = count(1)  # shared memory without a file: each is one of its own


def _object(fd: int, flags: int) -> tuple[tuple[int, int], int, int, int]:
    """What is mapped unless it is plain private memory; LinuxError(EBADF).

    Returns what its mappings are merged by, flags of a Vma, how many bytes it has (INFINITY if that is no question) and
    the size of its pages. Of a shared mapping's file it matters, too, whether the descriptor allows to write.
    """
    shared = flags & MAP_TYPE != MAP_PRIVATE
    if flags & MAP_ANONYMOUS:
        page = 1 << (flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK or 21) if flags & MAP_HUGETLB else PAGE
        if page not in _PAGE_SIZES:
            raise LinuxError(EINVAL)
        return (INFINITY, next(_objects)), SIZED if shared else 0, INFINITY, page
    mode = 0
    page = PAGE
    try:
        status = os.fstat(fd)
        if shared:
            mode = fcntl(fd, F_GETFL) & os.O_ACCMODE
        if status.st_blksize >= HUGE_PAGE:  # of hugetlbfs perhaps
            page = os.fstatvfs(fd).f_bsize
    except OSError:
        raise LinuxError(EBADF) from None
    sized = status.st_mode & _S_IFMT == _S_IFREG
    return (
        (status.st_dev << 2 | mode, status.st_ino),
        SIZED if sized else 0,
        status.st_size if sized else INFINITY,
        page if page in _PAGE_SIZES else PAGE,
    )


def mmap_min_addr() -> int:
    """The lowest address that mmap(2) gives to programs without CAP_SYS_RAWIO."""
    try:
        with open("/proc/sys/vm/mmap_min_addr", "rb") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 1 << 16


def _may_map_low() -> bool:
    with open("self/status", "rb", opener=own.opener) as file:
        for line in file:
            if line.startswith(b"CapEff:"):
                return bool(int(line.split()[1], 16) >> _CAP_SYS_RAWIO & 1)
    return False
