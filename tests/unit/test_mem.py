"""The memory calls that handlers do with the host, natively and in a guest, compared call by call."""

from __future__ import annotations

import ctypes
import errno
import os
import struct

import pytest

from linux_abi.syscall import CALLS
from linux_abi.uapi.mman import (
    MADV_DODUMP,
    MADV_DOFORK,
    MADV_DONTDUMP,
    MADV_DONTFORK,
    MADV_DONTNEED,
    MADV_FREE,
    MADV_GUARD_INSTALL,
    MADV_KEEPONFORK,
    MADV_NORMAL,
    MADV_POPULATE_WRITE,
    MADV_RANDOM,
    MADV_REMOVE,
    MADV_SEQUENTIAL,
    MADV_WILLNEED,
    MADV_WIPEONFORK,
    MAP_FIXED,
    MAP_LOCKED,
    MAP_SHARED,
    MCL_CURRENT,
    MCL_FUTURE,
    MCL_ONFAULT,
    MLOCK_ONFAULT,
    MREMAP_MAYMOVE,
    MS_ASYNC,
    MS_INVALIDATE,
    MS_SYNC,
    PROT_READ,
)
from linux_abi.uapi.x86_64 import NUMBERS
from tests.unit.arena import ANON, ARENA, BASE, PAGE, RW, arena, at, check_book, fill, native
from tests.unit.fakes import LIBC

TOP = 1 << 64
HOLE = BASE + (ARENA - 1) * PAGE


class Native:
    """This process."""

    @staticmethod
    def call(name: str, *args: int) -> int:
        return native(LIBC.syscall, *[ctypes.c_ulong(word) for word in (NUMBERS[name], *args)])

    @staticmethod
    def read(address: int, size: int) -> bytes:
        return ctypes.string_at(address, size)

    @staticmethod
    def write(address: int, data: bytes) -> None:
        ctypes.memmove(address, data, len(data))


@pytest.fixture
def both(sides, mm, guest, memfd):
    """Callers of both sides, whose arenas are filled; the file's mapping is cut to what the file has."""
    fill(sides, memfd)
    for side in sides:
        side.munmap(at(17), 2 * PAGE)
    guest.mm.close()
    guest.mm = guest.task.mm = mm
    guest.read, guest.write, guest.sides = mm.read, mm.write, sides
    yield Native, guest
    guest.mm.close = lambda: None


def same(both, name: str, *args: int) -> int:
    """Make the call on both sides; what it returned."""
    results = [side.call(name, *args) for side in both]
    assert results[0] == results[1], (name, *args)
    assert arena(both[1].sides[0]) == arena(both[1].sides[1])
    check_book(both[1].mm)
    return results[0]


ODD_CALLS = [
    ("madvise", at(0), PAGE, MADV_NORMAL),
    ("madvise", at(0), PAGE - 1, MADV_DONTNEED),
    ("madvise", at(0, 1), PAGE, MADV_DONTNEED),
    ("madvise", at(0, 1), PAGE, 99),
    ("madvise", at(0), 0, 99),
    ("madvise", at(0), 0, MADV_DONTNEED),
    ("madvise", HOLE, 0, MADV_DONTNEED),
    ("madvise", HOLE, PAGE, 99),
    ("madvise", HOLE, PAGE, MADV_DONTNEED),
    ("madvise", at(7), 3 * PAGE, MADV_DONTNEED),
    ("madvise", at(7), 3 * PAGE, MADV_FREE),
    ("madvise", at(0), TOP - 1, MADV_DONTNEED),
    ("madvise", at(0), TOP - 2 * PAGE, MADV_DONTNEED),
    ("madvise", TOP - PAGE, PAGE, MADV_DONTNEED),
    ("madvise", TOP - PAGE, 0, MADV_DONTNEED),
    ("madvise", at(9), PAGE, MADV_FREE),
    ("madvise", at(9), PAGE, MADV_REMOVE),
    ("madvise", at(0), PAGE, MADV_REMOVE),
    ("madvise", at(9), PAGE, MADV_WIPEONFORK),
    ("madvise", at(0), 4 * PAGE, MADV_WILLNEED),
    ("madvise", at(14), 3 * PAGE, MADV_WILLNEED),
    ("madvise", at(4), PAGE, MADV_POPULATE_WRITE),
    ("madvise", at(20), PAGE, MADV_POPULATE_WRITE),
    ("madvise", at(0), PAGE, MADV_POPULATE_WRITE),
    ("mincore", at(0, 1), PAGE, at(0)),
    ("mincore", HOLE, PAGE, at(0)),
    ("mincore", HOLE, 0, at(0)),
    ("mincore", at(0), 8 * PAGE, at(0)),
    ("mincore", at(0), 8 * PAGE, at(4)),
    ("mincore", at(0), 8 * PAGE, TOP - PAGE),
    ("mincore", at(0), 8 * PAGE, 0),
    ("mincore", at(7), 3 * PAGE, at(0)),
    ("mincore", at(0), TOP - 1, at(0)),
    ("mincore", 1 << 63, PAGE, at(0)),
    ("msync", at(0), PAGE, MS_SYNC),
    ("msync", at(9), 4 * PAGE, MS_SYNC),
    ("msync", at(9, 1), PAGE, MS_SYNC),
    ("msync", at(9), PAGE, MS_SYNC | MS_ASYNC),
    ("msync", at(9), PAGE, 8),
    ("msync", HOLE, PAGE, 8),
    ("msync", HOLE, 0, MS_SYNC),
    ("msync", HOLE, PAGE, MS_SYNC),
    ("msync", HOLE, PAGE, MS_ASYNC),
    ("msync", at(7), 3 * PAGE, MS_ASYNC),
    ("msync", at(7), 3 * PAGE, MS_SYNC),
    ("msync", at(0), TOP - 1, MS_SYNC),
    ("msync", at(14), 3 * PAGE, MS_INVALIDATE),
    ("mlock", at(0), PAGE),
    ("mlock", at(0, 5), 1),
    ("mlock", at(0, 5), PAGE),
    ("mlock", at(0), 0),
    ("mlock", HOLE, 0),
    ("mlock", HOLE, PAGE),
    ("mlock", at(7), 3 * PAGE),
    ("mlock", at(20), PAGE),
    ("mlock", at(0), TOP - 1),
    ("mlock", TOP - PAGE, PAGE),
    ("mlock2", at(0), PAGE, MLOCK_ONFAULT),
    ("mlock2", at(0), PAGE, 2),
    ("mlock2", HOLE, PAGE, 2),
    ("munlock", at(0), PAGE),
    ("munlock", HOLE, PAGE),
    ("munlock", at(7), 3 * PAGE),
    ("mlockall", 0),
    ("mlockall", 8),
    ("mlockall", MCL_ONFAULT),
    ("remap_file_pages", at(9), PAGE, 0, 2, 0),
    ("remap_file_pages", at(10, 3), 2 * PAGE, 0, 0, 0),
    ("remap_file_pages", at(9), PAGE, 1, 2, 0),
    ("remap_file_pages", at(0), PAGE, 0, 2, 0),
    ("remap_file_pages", HOLE, PAGE, 0, 2, 0),
    ("mseal", at(0, 1), PAGE, 0),
    ("mseal", at(0), PAGE, 1),
    ("mseal", HOLE, PAGE, 0),
    ("mseal", HOLE, 0, 0),
    ("mseal", at(0), TOP - 1, 0),
    ("pkey_mprotect", at(0), PAGE, PROT_READ, TOP - 1),
    ("pkey_mprotect", at(0), PAGE, PROT_READ, 3),
    ("pkey_alloc", 1, 0),
    ("pkey_alloc", 0, 4),
    ("pkey_free", 77),
    ("set_mempolicy", 99, 0, 0),
    ("get_mempolicy", at(4), 0, 0, 0, 0),
    ("mbind", at(0, 1), PAGE, 0, 0, 0, 0),
    ("mbind", at(0), PAGE, 99, 0, 0, 0),
    ("mbind", at(0), PAGE, 0, 0, 0, 0),
    ("mbind", at(0), 0, 2, 0, 0, 0),
    ("move_pages", 0, 1, at(4), 0, HOLE, 0),
    ("move_pages", 0, 1, HOLE, 0, at(0), 0),
    ("process_madvise", TOP - 1, at(0), 1, MADV_DONTNEED, 0),
    ("process_madvise", TOP - 1, at(0), 1, MADV_DONTNEED, 1),
]


@pytest.mark.parametrize("call", ODD_CALLS, ids=lambda c: f"{c[0]}-{ODD_CALLS.index(c)}")
def test_odd_call_is_as_on_linux(both, call):
    same(both, *call)


def test_mincore_tells_what_was_touched(both):
    for side in both:
        side.write(at(1), b"x")
    assert same(both, "mincore", at(0), 4 * PAGE, at(2)) == 0
    assert [side.read(at(2), 4) for side in both] == [b"\0\1\0\0"] * 2


def test_advice_changes_content(both):
    for side in both:
        side.write(at(0), b"x" * PAGE)
        side.write(at(14), b"mine")
    assert same(both, "madvise", at(0), PAGE, MADV_DONTNEED) == 0
    assert same(both, "madvise", at(14), PAGE, MADV_DONTNEED) == 0
    for side in both:
        assert side.read(at(0), PAGE) == bytes(PAGE)
        assert side.read(at(14), 4) == bytes(4)


def test_advice_beside_a_hole_is_taken_and_reported(both):
    for side in both:
        side.write(at(3), b"x" * PAGE)
        side.call("munmap", at(2), PAGE)
    assert same(both, "madvise", at(2), 2 * PAGE, MADV_DONTNEED) == -errno.ENOMEM
    assert [side.read(at(3), 1) for side in both] == [b"\0"] * 2


@pytest.mark.parametrize(
    ("advice", "undone"),
    [
        (MADV_DONTFORK, MADV_DOFORK),
        (MADV_DONTDUMP, MADV_DODUMP),
        (MADV_WIPEONFORK, MADV_KEEPONFORK),
        (MADV_RANDOM, MADV_NORMAL),
        (MADV_SEQUENTIAL, MADV_NORMAL),
    ],
)
def test_advice_that_lasts_splits_mappings(both, advice, undone):
    assert same(both, "madvise", at(1), PAGE, advice) == 0
    assert len(arena(both[1].sides[1])) == 7
    assert same(both, "madvise", at(1), 2 * PAGE, advice) == 0
    assert same(both, "madvise", at(0), 4 * PAGE, undone) == 0
    assert len(arena(both[1].sides[1])) == 5


def test_guard_pages_are_refused_as_by_older_kernels(both):
    assert both[1].call("madvise", at(0), PAGE, MADV_GUARD_INSTALL) == -errno.EINVAL


def test_remapped_pages_show_their_place_in_the_file(both, memfd):
    os.pwrite(memfd, b"zero", 0)
    os.pwrite(memfd, b"two", 2 * PAGE)
    assert same(both, "mmap", at(30), 3 * PAGE, RW, MAP_SHARED | MAP_FIXED, memfd, 0) == at(30)
    assert same(both, "remap_file_pages", at(30), PAGE, 0, 2, 0) == 0
    assert [side.read(at(30), 3) for side in both] == [b"two"] * 2
    assert same(both, "munmap", at(32), PAGE) == 0
    assert same(both, "mremap", at(30), PAGE, 2 * PAGE, 0, 0) == -errno.ENOMEM


def locked() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmLck"))


def test_locking_all_locks_the_guest_alone(both):
    guest = both[1]
    before = locked()
    assert guest.call("mlockall", MCL_CURRENT | MCL_FUTURE) == 0
    size = sum(v.end - v.start for v in guest.mm.vmas)
    assert locked() - before == size // 1024
    guest.call("mmap", 1 << 33, PAGE, RW, ANON, TOP - 1, 0)
    assert locked() - before == size // 1024 + 4
    assert guest.mm.vmas.find(1 << 33).flags & MAP_LOCKED
    assert guest.call("munlockall") == 0
    assert locked() == before
    guest.call("mmap", 1 << 34, PAGE, RW, ANON, TOP - 1, 0)
    assert locked() == before
    check_book(guest.mm)


def test_locked_memory_grows_locked(both):
    assert same(both, "mlock", at(6), 2 * PAGE) == 0
    before = locked()
    assert both[1].call("mremap", at(6), 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE, 0) == at(6)
    assert locked() - before == 4


def test_seals(both):
    guest = both[1]
    assert guest.call("mseal", at(4), PAGE, 0) == 0
    assert guest.call("munmap", at(0), 8 * PAGE) == -errno.EPERM
    assert guest.call("mprotect", at(4), PAGE, RW) == -errno.EPERM
    assert guest.call("madvise", at(4), PAGE, MADV_DONTNEED) == -errno.EPERM
    assert guest.call("madvise", at(4), PAGE, MADV_WILLNEED) == 0


def test_process_madvise(both):
    guest = both[1]
    pidfd = os.pidfd_open(os.getpid())
    parent = os.pidfd_open(os.getppid())
    guest.write(at(0), b"x" * 4 * PAGE)
    vector = struct.pack("<6Q", at(0), PAGE, at(2), PAGE, HOLE, PAGE)
    guest.write(at(9), vector)
    try:
        assert guest.call("process_madvise", pidfd, at(9), 3, MADV_DONTNEED, 0) == 2 * PAGE
        assert [guest.read(at(i), 1) for i in range(4)] == [b"\0", b"x", b"\0", b"x"]
        assert guest.call("process_madvise", TOP - 10001, at(9), 1, MADV_DONTNEED, 0) == PAGE
        assert guest.call("process_madvise", pidfd, at(9), 0, MADV_DONTNEED, 0) == 0
        assert guest.call("process_madvise", pidfd, at(9), 1, 99, 0) == -errno.EINVAL
        assert guest.call("process_madvise", pidfd, HOLE, 1, MADV_DONTNEED, 0) == -errno.EFAULT
        assert guest.call("process_madvise", parent, at(9), 1, MADV_DONTNEED, 0) == -errno.EPERM
        assert guest.call("process_madvise", 0, at(9), 1, MADV_DONTNEED, 0) == -errno.EBADF
    finally:
        os.close(pidfd)
        os.close(parent)


def test_the_vmms_descriptors_are_not_mapped(both):
    guest = both[1]
    assert guest.call("mmap", 0, PAGE, PROT_READ, 2, guest.HIDDEN, 0) == -errno.EBADF


def test_refused_calls_say_why():
    for name in ("memfd_secret", "userfaultfd", "map_shadow_stack"):
        assert CALLS[name].how == "refused"
        assert CALLS[name].note
