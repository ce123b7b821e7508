"""The same memory twice: an arena in this process's own address space, and one in a guest's, with a window that has no VM."""

from __future__ import annotations

import ctypes
import errno
import os
from itertools import pairwise

from linux_abi.errors import LinuxError
from linux_abi.uapi.mman import (
    MAP_32BIT,
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_FIXED_NOREPLACE,
    MAP_GROWSDOWN,
    MAP_NORESERVE,
    MAP_PRIVATE,
    MAP_SHARED,
    MREMAP_DONTUNMAP,
    MREMAP_FIXED,
    MREMAP_MAYMOVE,
    PROT_NONE,
    PROT_READ,
    PROT_WRITE,
)
from noahpy._native import lib
from noahpy.mappings import GRANTED
from noahpy.memory import AddressSpace

PAGE = 4096
RW = PROT_READ | PROT_WRITE
ANON = MAP_PRIVATE | MAP_ANONYMOUS
WINDOW = 1 << 46
BASE, ARENA = 1 << 40, 64  # address and pages of where native Linux and we do the same: nothing else ever comes there
READ, WRITE, FETCH = 4, 6, 20  # error codes of #PF at CPL3

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = libc.mremap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_ulong]
libc.mremap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.process_vm_readv.restype = libc.process_vm_writev.restype = ctypes.c_ssize_t


def native(call, *args: int) -> int:
    """The call's result or negative errno."""
    result = call(*args)
    return -ctypes.get_errno() if result in (-1, (1 << 64) - 1) else result or 0


class Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class FakeWindow:
    """A window without an engine: host memory, and a page table that is a dict of the rights given for each page."""

    def __init__(self, size: int = WINDOW) -> None:
        self.size = size
        self.raw = native(libc.mmap, None, size + (1 << 30), PROT_NONE, ANON | MAP_NORESERVE, -1, 0)
        assert self.raw > 0
        self.base = (self.raw + (1 << 30) - 1) & -(1 << 30)
        self.entries: dict[int, int] = {}
        self.calls: list[tuple] = []

    def close(self) -> None:
        libc.munmap(self.raw, self.size + (1 << 30))

    def _lower(self, gva: int, length: int, prot: int) -> None:
        assert gva % PAGE == length % PAGE == 0
        assert 0 < length <= self.size - gva
        pages = range(gva, gva + length, PAGE) if length // PAGE < len(self.entries) else list(self.entries)
        for page in pages:
            if gva <= page < gva + length and page in self.entries:
                self.entries[page] &= prot
                if not self.entries[page]:
                    del self.entries[page]

    def _raise(self, gva: int, length: int, prot: int) -> None:
        assert not prot or length <= 64 << 20, "too much to be eager"
        for page in range(gva, gva + length, PAGE) if prot else ():
            self.entries[page] = prot

    def _reserve(self, gva: int, length: int) -> int:
        result = native(libc.mmap, self.base + gva, length, PROT_NONE, ANON | MAP_NORESERVE | MAP_FIXED, -1, 0)
        return min(result, 0)

    def map(self, gva, length, prot, flags, fd, offset, present):
        self.calls.append(("map", gva, length, prot, flags, fd, offset, present))
        self._lower(gva, length, 0)
        flags = flags & ~(MAP_GROWSDOWN | MAP_32BIT | MAP_FIXED_NOREPLACE) | MAP_FIXED
        result = native(libc.mmap, self.base + gva, length, prot, flags, fd, offset)
        if result < 0:
            return result
        self._raise(gva, present, prot)
        return 0

    def unmap(self, gva, length):
        self.calls.append(("unmap", gva, length))
        self._lower(gva, length, 0)
        return self._reserve(gva, length)

    def not_inherited(self):
        pass

    def clear(self):
        self.entries.clear()
        return self._reserve(0, self.size)

    def protect(self, gva, length, prot, present):
        self.calls.append(("protect", gva, length, prot, present))
        self._lower(gva, length, prot)
        result = native(libc.mprotect, self.base + gva, length, prot)
        if not result:
            self._raise(gva, present, prot)
        return result

    def move(self, old, old_length, new, new_length, prot, keep, present):
        self.calls.append(("move", old, old_length, new, new_length, prot, keep, present))
        if old_length:
            self._lower(old, old_length, 0)
        self._lower(new, new_length, 0)
        flags = MREMAP_MAYMOVE | MREMAP_FIXED | (MREMAP_DONTUNMAP if keep else 0)
        result = native(libc.mremap, self.base + old, old_length, new_length, flags, self.base + new)
        if result < 0:
            return result
        if old_length and not keep:
            self._reserve(old, old_length)
        self._raise(new, present, prot)
        return 0

    def populate(self, gva, length, prot, huge):
        self.calls.append(("populate", gva, length, prot))
        self._lower(gva, length, prot)
        if prot:
            self._raise(gva, length, prot)
        return 0

    def alias(self, gva, host, length):
        self.calls.append(("alias", gva, host, length))
        self._raise(gva, length, PROT_READ)
        return 0

    def _copy(self, call, buffer, gva, size) -> int:
        size = max(0, min(size, self.size - gva))
        local = Iovec(ctypes.addressof(buffer), size)
        done = 0
        while done < size:  # a page at a time, as the call stops at a bad iovec rather than a bad byte
            step = min(size - done, PAGE - (gva + done) % PAGE)
            local = Iovec(ctypes.addressof(buffer) + done, step)
            remote = Iovec(self.base + gva + done, step)
            if call(os.getpid(), ctypes.byref(local), 1, ctypes.byref(remote), 1, 0) != step:
                break
            done += step
        return done

    def read(self, gva, size):
        buffer = ctypes.create_string_buffer(size + 1)
        done = self._copy(libc.process_vm_readv, buffer, gva, size)
        return buffer.raw[:done]

    def write(self, gva, data):
        return self._copy(libc.process_vm_writev, ctypes.create_string_buffer(bytes(data), len(data) + 1), gva, len(data))

    def strnlen(self, gva, limit):
        data = self.read(gva, limit)
        end = data.find(b"\0")
        return end if end >= 0 else limit if len(data) == limit else -errno.EFAULT


def errno_of(call, *args) -> int:
    """The result, or the negative errno of the LinuxError."""
    try:
        return call(*args)
    except LinuxError as error:
        return -error.errno


def check_book(mm: AddressSpace) -> None:
    """The list of mappings is in order, merged, and says what the host's memory and the page tables are."""
    vmas = list(mm.vmas)
    assert sum(v.end - v.start for v in vmas) == mm.vmas.total
    for left, right in pairwise(vmas):
        assert left.end <= right.start
        assert left.end < right.start or not lib.vma_continued_by(left, right)
    expected = {}
    for v in vmas:
        assert v.start < v.end
        assert mm.vmas.find(v.start) == v
        assert v.start <= v.limit <= v.end
        if v.end - v.start <= 16 << 20 and GRANTED[v.prot]:
            expected.update(dict.fromkeys(range(v.start, v.limit, PAGE), GRANTED[v.prot]))
    assert mm.window.entries.items() <= expected.items()
    for page in expected.keys() - mm.window.entries.keys():  # rare, see test_entries_are_made_at_once
        assert mm.fault(page, READ)
    assert mm.window.entries == expected
    host = []
    with open("/proc/self/maps") as maps:
        for line in maps:
            start, end = (int(x, 16) - mm.window.base for x in line.split()[0].split("-"))
            if start < mm.window.size and end > 0 and line.split()[1][:3] != "---":
                prot = sum(bit for bit, letter in zip((1, 2, 4), line.split()[1], strict=False) if letter != "-")
                host.append((start, end, prot))
    for v in vmas:
        if not v.prot:
            continue
        where = v.start
        for start, end, prot in host:
            if start <= where < min(end, v.end):
                assert prot == GRANTED[v.prot]
                where = end
        assert where >= v.end
    assert sum(end - start for start, end, _ in host) == sum(v.end - v.start for v in vmas if v.prot)


# ---- The same calls natively and here ----


class Linux:
    """An arena in this process's own memory."""

    def __init__(self) -> None:
        size = (ARENA + 64) * PAGE
        self.raw = native(libc.mmap, BASE - 32 * PAGE, size, PROT_NONE, ANON | MAP_FIXED_NOREPLACE, -1, 0)
        assert self.raw == BASE - 32 * PAGE
        libc.munmap(BASE, ARENA * PAGE)

    def close(self) -> None:
        libc.munmap(self.raw, (ARENA + 64) * PAGE)

    def mmap(self, *args):
        return native(libc.mmap, *args)

    def munmap(self, *args):
        return native(libc.munmap, *args)

    def mprotect(self, *args):
        return native(libc.mprotect, *args)

    def mremap(self, *args):
        return native(libc.mremap, *args)

    def maps(self) -> bytes:
        with open("/proc/self/maps", "rb") as maps:
            return maps.read()


class Guest:
    """The same arena in a window."""

    def __init__(self, mm: AddressSpace) -> None:
        self.mm = mm
        mm.mmap(BASE - 32 * PAGE, (ARENA + 64) * PAGE, PROT_NONE, ANON | MAP_FIXED, -1, 0)
        mm.munmap(BASE, ARENA * PAGE)

    def __getattr__(self, name):
        return lambda *args: errno_of(getattr(self.mm, name), *args)

    def maps(self) -> bytes:
        return self.mm.maps()


def arena(side: Linux | Guest) -> list[bytes]:
    """The lines of maps in the arena, counted from its start; the number of a shared object is none of ours."""
    lines = []
    for line in side.maps().splitlines():
        span, rest = line.split(b" ", 1)
        start, end = ((int(x, 16) - BASE) // PAGE for x in span.split(b"-"))
        if 0 <= start < ARENA:
            lines.append(
                b"%d-%d %s" % (start, end, b" ".join(f for i, f in enumerate(rest.split()) if i != 3 or b"zero" not in rest))
            )
    return lines


def same(sides, call: str, *args) -> int:
    """Make a call on both sides; returns the common result."""
    results = []
    for side in sides:
        results.append(getattr(side, call)(*args))
    assert results[0] == results[1], (call, *args)
    assert arena(sides[0]) == arena(sides[1])
    check_book(sides[1].mm)
    return results[0]


def at(page: int, plus: int = 0) -> int:
    return BASE + page * PAGE + plus


def fill(sides, memfd: int) -> None:
    """0-3 RW, 4-7 R, 8 hole, 9-12 shared, 13 hole, 14-18 three pages of a file and two past its end, 20 unreadable."""
    same(sides, "mmap", at(0), 4 * PAGE, RW, ANON | MAP_FIXED, -1, 0)
    same(sides, "mmap", at(4), 4 * PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0)
    same(sides, "mmap", at(9), 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
    same(sides, "mmap", at(14), 5 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, memfd, 0)
    same(sides, "mmap", at(20), PAGE, PROT_NONE, ANON | MAP_FIXED, -1, 0)
