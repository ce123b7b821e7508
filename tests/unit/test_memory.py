"""The guest's address space against Linux itself: the same calls natively and in a window, compared call by call."""

from __future__ import annotations

import ctypes
import errno
import os
import random

import pytest

from linux_abi.errors import LinuxError
from linux_abi.uapi.mman import (
    MADV_DONTFORK,
    MAP_32BIT,
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_FIXED_NOREPLACE,
    MAP_GROWSDOWN,
    MAP_NORESERVE,
    MAP_PRIVATE,
    MAP_SHARED,
    MAP_SHARED_VALIDATE,
    MAP_SYNC,
    MREMAP_DONTUNMAP,
    MREMAP_FIXED,
    MREMAP_MAYMOVE,
    PROT_EXEC,
    PROT_GROWSDOWN,
    PROT_GROWSUP,
    PROT_NONE,
    PROT_READ,
    PROT_WRITE,
)
from linux_abi.uapi.resource import RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK
from noahpy import mappings
from noahpy.mappings import HUGE_PAGE
from noahpy.memory import STACK_AT_START, AddressSpace
from noahpy.vma import STACK_GUARD_GAP, name_of
from tests.unit.arena import ANON, ARENA, BASE, FETCH, PAGE, READ, RW, WINDOW, WRITE, at, check_book, errno_of, fill, same

TOP = 1 << 64
ODD_CALLS = [
    ("mmap", 0, 0, RW, ANON, -1, 0),
    ("mmap", 0, TOP - 1, RW, ANON, -1, 0),
    ("mmap", 0, 1 << 62, RW, ANON, -1, 0),
    ("mmap", 0, PAGE, RW, MAP_ANONYMOUS, -1, 0),
    ("mmap", 0, PAGE, RW, MAP_ANONYMOUS | 5, -1, 0),
    ("mmap", 0, PAGE, RW, MAP_ANONYMOUS | MAP_SHARED_VALIDATE, -1, 0),
    ("mmap", 0, PAGE, RW, MAP_PRIVATE, -1, 0),
    ("mmap", 0, 0, RW, MAP_PRIVATE, -1, 0),
    ("mmap", 0, PAGE, RW, MAP_PRIVATE, "file", 1),
    ("mmap", 0, PAGE, RW, MAP_PRIVATE, -1, 1),
    ("mmap", at(30), 2 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, "file", (1 << 63) - PAGE),
    ("mmap", at(30), 2 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, "file", TOP - PAGE),
    ("mmap", at(30), PAGE, RW, MAP_PRIVATE | MAP_FIXED, "file", 1 << 62),
    ("mmap", at(30), PAGE, RW, MAP_SHARED | MAP_FIXED, "file", 0),
    ("mmap", at(30), PAGE, RW, MAP_SHARED | MAP_FIXED, "readonly", 0),
    ("mmap", at(30), PAGE, RW, MAP_SHARED | MAP_FIXED, "writeonly", 0),
    ("mmap", at(30), PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, "writeonly", 0),
    ("mmap", at(30), PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, "path", 0),
    ("mmap", at(30), PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, "directory", 0),
    ("mmap", at(30), PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, "pipe", 0),
    ("mmap", at(30), PAGE, RW, MAP_PRIVATE | MAP_FIXED, "zero", 0),
    ("mmap", at(30), PAGE, RW, MAP_SHARED_VALIDATE | MAP_SYNC | MAP_FIXED, "file", 0),
    ("mmap", at(30), PAGE, RW, MAP_SHARED_VALIDATE | MAP_FIXED, "file", 0),
    ("mmap", at(30), PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0),
    ("mmap", at(30), PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN | MAP_FIXED, "file", 0),
    ("mmap", at(30, 1), PAGE, RW, ANON | MAP_FIXED, -1, 0),
    ("mmap", at(30), PAGE - 1, RW | 0xF8, ANON | MAP_FIXED, -1, 0),
    ("mmap", at(2), PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0),
    ("mmap", at(30), PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0),
    ("mmap", at(30), PAGE, RW, ANON, -1, 0),
    ("mmap", at(30, 5), PAGE, RW, ANON, -1, 0),
    ("mmap", at(2), 8 * PAGE, RW, ANON | MAP_FIXED, -1, 0),
    ("munmap", at(0, 1), PAGE),
    ("munmap", at(0), 0),
    ("munmap", at(0), TOP - 1),
    ("munmap", TOP - PAGE, PAGE),
    ("munmap", at(40), PAGE),
    ("munmap", at(2), 1),
    ("munmap", at(1), 20 * PAGE),
    ("mprotect", at(0, 1), PAGE, RW),
    ("mprotect", at(40), 0, RW),
    ("mprotect", at(40), 0, 0x80),
    ("mprotect", at(0), PAGE, 0x80),
    ("mprotect", at(0), PAGE, 0x8 | RW),
    ("mprotect", at(0), TOP - 1, RW),
    ("mprotect", at(0), TOP - PAGE, RW),
    ("mprotect", at(40), PAGE, RW),
    ("mprotect", at(2), 10 * PAGE, PROT_READ),
    ("mprotect", at(7), 2 * PAGE, PROT_NONE),
    ("mprotect", at(2), PAGE, PROT_WRITE),
    ("mprotect", at(2), PAGE, PROT_READ | PROT_GROWSDOWN),
    ("mprotect", at(2), PAGE, PROT_READ | PROT_GROWSUP),
    ("mprotect", at(2), PAGE, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP),
    ("mprotect", at(8), PAGE, PROT_READ | PROT_GROWSDOWN),
    ("mprotect", at(30), 8 * PAGE, PROT_READ | PROT_GROWSDOWN),
    ("mremap", at(0), PAGE, 0, 0, 0),
    ("mremap", at(0, 1), PAGE, PAGE, 0, 0),
    ("mremap", at(0), PAGE, PAGE, 8, 0),
    ("mremap", at(0), PAGE, TOP - PAGE, 0, 0),
    ("mremap", at(0), PAGE, TOP - 1, 0, 0),
    ("mremap", at(0), PAGE, PAGE, MREMAP_FIXED, at(40)),
    ("mremap", at(0), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at(40, 1)),
    ("mremap", at(0), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, TOP - PAGE),
    ("mremap", at(0), 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at(1)),
    ("mremap", at(0), 2 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at(1)),
    ("mremap", at(0), PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0),
    ("mremap", at(0), PAGE, PAGE, MREMAP_DONTUNMAP, 0),
    ("mremap", at(40), PAGE, PAGE, 0, 0),
    ("mremap", at(40), PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0),
    ("mremap", at(0), PAGE, PAGE, 0, 0),
    ("mremap", at(0), 8 * PAGE, 8 * PAGE, 0, 0),
    ("mremap", at(0), 8 * PAGE, 9 * PAGE, MREMAP_MAYMOVE, 0),
    ("mremap", at(0), 12 * PAGE, 2 * PAGE, 0, 0),
    ("mremap", at(0), TOP - PAGE, PAGE, 0, 0),
    ("mremap", at(0), PAGE, 2 * PAGE, 0, 0),
    ("mremap", at(4), 4 * PAGE, 5 * PAGE, 0, 0),
    ("mremap", at(4), 4 * PAGE, 6 * PAGE, 0, 0),
    ("mremap", at(6), 2 * PAGE, 3 * PAGE, 0, 0),
    ("mremap", at(9), 4 * PAGE, 5 * PAGE, 0, 0),
    ("mremap", at(14), 5 * PAGE, 6 * PAGE, 0, 0),
    ("mremap", at(20), PAGE, 10 * PAGE, 0, 0),
    ("mremap", at(0), 0, PAGE, MREMAP_MAYMOVE, 0),
    ("mremap", at(9), 0, PAGE, 0, 0),
    ("mremap", at(9), 0, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at(40)),
    ("mremap", at(10), 0, 5 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at(40)),
    ("mremap", at(14), 0, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at(40)),
    ("mremap", at(1), 2 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at(40)),
    ("mremap", at(1), PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at(40)),
    ("mremap", at(16), 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at(40)),
    ("mremap", at(1), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at(3)),
    ("mremap", at(1), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, at(40)),
    ("mremap", at(15), 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, at(40)),
]


@pytest.mark.parametrize("call", ODD_CALLS, ids=lambda c: f"{c[0]}-{ODD_CALLS.index(c)}")
def test_odd_call_is_as_on_linux(sides, memfd, tmp_path, call):
    fill(sides, memfd)
    (tmp_path / "f").write_bytes(b"x" * 100)
    pipe = os.pipe()
    fds = {
        "file": memfd,
        "readonly": os.open(tmp_path / "f", os.O_RDONLY),
        "writeonly": os.open(tmp_path / "f", os.O_WRONLY),
        "path": os.open(tmp_path / "f", os.O_PATH),
        "directory": os.open(tmp_path, os.O_RDONLY),
        "zero": os.open("/dev/zero", os.O_RDWR),
        "pipe": pipe[0],
    }
    try:
        name, *args = call
        same(sides, name, *[fds[a] if isinstance(a, str) else a for a in args])
    finally:
        for fd in [*fds.values(), pipe[1]]:
            if fd != memfd:
                os.close(fd)


def test_random_calls_are_as_on_linux(sides, memfd):
    rng = random.Random(20)
    os.truncate(memfd, 20 * PAGE)
    protections = (PROT_NONE, PROT_READ, RW, RW | PROT_EXEC, PROT_READ | PROT_EXEC)
    results = []
    for _ in range(300):
        page = rng.randrange(ARENA - 1)
        pages = rng.randint(1, min(12, ARENA - page))
        size = pages * PAGE
        match rng.randrange(8):
            case 0 | 1:
                same(sides, "mmap", at(page), size, rng.choice(protections), ANON | MAP_FIXED, -1, 0)
            case 2:
                kind = rng.choice((MAP_PRIVATE, MAP_SHARED))
                offset = rng.choice((page, rng.randrange(24))) * PAGE
                same(sides, "mmap", at(page), size, rng.choice(protections), kind | MAP_FIXED, memfd, offset)
            case 3:
                same(sides, "mmap", at(page), size, rng.choice(protections), MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
            case 4:
                same(sides, "munmap", at(page), size)
            case 5 | 6:
                results.append(same(sides, "mprotect", at(page), size, rng.choice(protections)))
            case 7:
                target = rng.randrange(ARENA - pages + 1)
                flags = rng.choice((0, MREMAP_MAYMOVE | MREMAP_FIXED, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
                old = size if flags & MREMAP_DONTUNMAP else rng.choice((0, size, size, size + PAGE, PAGE))
                results.append(same(sides, "mremap", at(page), old, size, flags, at(target)))
    assert {0, -errno.ENOMEM, -errno.EFAULT, -errno.EINVAL} <= set(results)
    assert any(result > 0 for result in results)


# ---- maps ----


def test_a_line_of_maps_is_as_long_as_linuxs(sides, memfd):
    """Columns and blanks, for what has a name and what has none."""
    fill(sides, memfd)
    texts = []
    for side in sides:
        lines = [line for line in side.maps().splitlines() if BASE <= int(line.split(b"-")[0], 16) < BASE + ARENA * PAGE]
        texts.append([line for line in lines if b"zero" not in line])
    assert texts[0] == texts[1]
    assert len(texts[0]) == 4


def test_names_in_maps(mm):
    mm.set_brk(1 << 32)
    mm.brk((1 << 32) + 1)
    vdso = mm.mmap(0, 2 * PAGE, PROT_NONE, ANON, -1, 0)
    host = ctypes.create_string_buffer(PAGE)
    mm.alias(vdso, ctypes.addressof(host), PAGE)
    mm.mprotect(vdso + PAGE, PAGE, PROT_READ | PROT_EXEC)
    mm.set_name(vdso + PAGE, vdso + 2 * PAGE, b"[vdso]")
    text = [(line[:31].split(b" ")[1], line[73:]) for line in mm.maps().splitlines()]
    assert text == [(b"rw-p", b"[heap]"), (b"r--p", b"[vvar]"), (b"r-xp", b"[vdso]"), (b"rw-p", b"[stack]")]
    assert errno_of(mm.mprotect, vdso, PAGE, RW) == -errno.EACCES
    mm.munmap(vdso, 2 * PAGE)
    check_book(mm)


# ---- Where new mappings go ----


def highest_gap(mm: AddressSpace, length: int, ceiling: int, align: int) -> int:
    """By looking at every gap."""
    best, low = 0, 1 << 16
    for vma in [*mm.vmas, None]:
        high = ceiling if vma is None else min(ceiling, vma.start - (STACK_GUARD_GAP if vma.flags & MAP_GROWSDOWN else 0))
        place = (high - length) // align * align
        if place >= low:
            best = max(best, place)
        if vma is not None:
            low = vma.end
    return best


@pytest.mark.parametrize("seed", range(4))
def test_new_mappings_take_the_highest_gap(mm, seed):
    rng = random.Random(seed)
    ceiling = mm.mmap(0, PAGE, PROT_READ, ANON, -1, 0) + PAGE
    assert ceiling == WINDOW - (128 << 20)
    for _ in range(300):
        old = list(mm.vmas)
        if rng.random() < 0.45:
            vma = rng.choice(old)
            pages = (vma.end - vma.start) // PAGE
            first = rng.randrange(pages)
            if not vma.flags & MAP_GROWSDOWN or rng.random() < 0.2:
                mm.munmap(vma.start + first * PAGE, rng.randint(1, pages - first) * PAGE)
            continue
        length = rng.choice((1, 1, 2, 3, 7, 40, 512, 1024)) * PAGE
        grows = MAP_GROWSDOWN if rng.random() < 0.1 else 0
        expected = highest_gap(mm, length, ceiling, PAGE if length % HUGE_PAGE else HUGE_PAGE)
        assert mm.mmap(0, length, rng.choice((PROT_READ, RW)), ANON | grows, -1, 0) == expected


def test_a_place_that_the_host_refused_is_found_again(mm, memfd):
    place = mm.mmap(0, PAGE, PROT_READ, ANON, -1, 0)
    mm.munmap(place, PAGE)
    with pytest.raises(LinuxError):
        mm.mmap(0, PAGE, RW, MAP_ANONYMOUS, -1, 0)  # neither shared nor private
    assert mm.mmap(0, PAGE, PROT_READ, ANON, -1, 0) == place


def test_hints(mm):
    at = 1 << 33
    assert mm.mmap(at + 5, PAGE, RW, ANON, -1, 0) == at
    assert mm.mmap(at, PAGE, RW, ANON, -1, 0) > at + PAGE
    assert mm.mmap(WINDOW, PAGE, RW, ANON, -1, 0) < WINDOW
    low = mm.mmap(1, PAGE, RW, ANON, -1, 0)
    assert low == mappings.mmap_min_addr() or low > at
    stack = mm.mmap(at + (1 << 30), PAGE, RW, ANON | MAP_GROWSDOWN, -1, 0)
    assert mm.mmap(stack - 2 * PAGE, PAGE, RW, ANON, -1, 0) != stack - 2 * PAGE  # the guard gap
    below = stack - STACK_GUARD_GAP - PAGE
    assert mm.mmap(below, PAGE, RW, ANON, -1, 0) == below


def test_map_32bit(mm):
    assert mm.mmap(0, PAGE, RW, ANON | MAP_32BIT, -1, 0) == 1 << 30
    assert mm.mmap(0, (1 << 30) - 2 * PAGE, PROT_NONE, ANON | MAP_32BIT, -1, 0) == (1 << 30) + PAGE
    assert mm.mmap(0, PAGE, RW, ANON | MAP_32BIT, -1, 0) == (1 << 31) - PAGE
    assert errno_of(mm.mmap, 0, PAGE, RW, ANON | MAP_32BIT, -1, 0) == -errno.ENOMEM


def test_bottom_up_when_nothing_is_left_below_the_stack(mm):
    low = mm.mmap(0, WINDOW - (129 << 20), PROT_NONE, ANON | MAP_NORESERVE, -1, 0)
    assert low >= 1 << 16
    assert mm.mmap(0, 2 << 20, RW, ANON, -1, 0) > 0
    high = mm.mmap(0, 100 << 20, PROT_NONE, ANON, -1, 0)
    assert high >= WINDOW - (128 << 20)
    assert errno_of(mm.mmap, 0, 100 << 20, PROT_NONE, ANON, -1, 0) == -errno.ENOMEM


def test_low_addresses_are_for_the_privileged(mm, monkeypatch):
    monkeypatch.setattr(mappings, "mmap_min_addr", lambda: 1 << 16)
    monkeypatch.setattr(mappings, "_may_map_low", lambda: False)
    assert errno_of(mm.mmap, 0, PAGE, RW, ANON | MAP_FIXED, -1, 0) == -errno.EPERM
    assert errno_of(mm.mmap, 15 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == -errno.EPERM
    assert mm.mmap(16 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == 16 * PAGE
    assert mm.mmap(PAGE, PAGE, RW, ANON, -1, 0) > 16 * PAGE


def test_aslr(window):
    bases = set()
    for _ in range(8):
        mm = AddressSpace(window)
        mm.place_stack(WINDOW - (1 << 30), 1 << 20, RW)
        bases.add(mm.mmap(0, PAGE, RW, ANON, -1, 0))
        mm.reset()
        assert not list(mm.vmas)
        assert not window.entries
    assert len(bases) >= 5  # near places are 512: of eight, some may be the same
    assert all(WINDOW - (1 << 41) < base < WINDOW - (128 << 20) for base in bases)


def test_address_space_limit(mm):
    mm.set_limit(RLIMIT_AS, STACK_AT_START + 4 * PAGE)
    at = mm.mmap(0, 3 * PAGE, RW, ANON, -1, 0)
    assert errno_of(mm.mmap, 0, 2 * PAGE, RW, ANON, -1, 0) == -errno.ENOMEM
    assert mm.mmap(at - PAGE, 4 * PAGE, RW, ANON | MAP_FIXED, -1, 0) == at - PAGE
    assert errno_of(mm.mremap, at - PAGE, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE, 0) == -errno.ENOMEM
    mm.set_brk(1 << 32)
    assert mm.brk((1 << 32) + 1) == 1 << 32


# ---- The heap ----


def test_brk(mm):
    start = 1 << 32
    mm.set_brk(start)
    assert mm.brk(0) == start
    assert mm.brk(start - 1) == start
    assert mm.brk(start + 1) == start + 1
    mm.write(start, b"x" * PAGE)
    assert mm.brk(start + 5 * PAGE) == start + 5 * PAGE
    assert [(v.start, v.end) for v in mm.vmas][:1] == [(start, start + 5 * PAGE)]
    assert mm.brk(start + 1) == start + 1
    assert mm.read(start, 1) == b"x"
    assert mm.brk(start + 3 * PAGE) == start + 3 * PAGE
    assert mm.read(start + PAGE, PAGE) == bytes(PAGE)
    mm.mmap(start + 10 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0)
    assert mm.brk(start + 9 * PAGE) == start + 9 * PAGE  # a page stays free
    assert mm.brk(start + 10 * PAGE) == start + 9 * PAGE
    assert mm.brk(WINDOW) == start + 9 * PAGE
    assert mm.brk((1 << 64) - 1) == start + 9 * PAGE
    mm.set_limit(RLIMIT_DATA, 2 * PAGE)
    assert mm.brk(start + 3 * PAGE) == start + 9 * PAGE
    assert mm.brk(start + 2 * PAGE) == start + 2 * PAGE
    assert mm.brk(start) == start
    check_book(mm)
    assert all(v.start > start for v in mm.vmas)


# ---- Entries and faults ----


def calls_of(window, name: str) -> list[tuple]:
    return [call for call in window.calls if call[0] == name]


def test_entries_are_made_at_once(mm, window, memfd):
    at = mm.mmap(0, 4 * PAGE, PROT_NONE, ANON, -1, 0)
    assert at not in window.entries
    mm.mprotect(at, PAGE, PROT_WRITE)
    assert window.entries[at] == RW  # nothing is write-only
    file = mm.mmap(0, 5 * PAGE, PROT_EXEC, MAP_PRIVATE, memfd, PAGE)
    assert [window.entries.get(file + i * PAGE) for i in range(5)] == [5, 5, None, None, None]
    assert not calls_of(window, "populate")


def test_large_mappings_are_filled_by_and_by(mm, window):
    size = 3 << 30
    at = mm.mmap(0, size, RW, ANON | MAP_NORESERVE, -1, 0)
    assert at % HUGE_PAGE == 0
    assert window.calls[-1][-1] == 0
    before = len(window.entries)
    where = at + (1 << 30) + 5
    assert mm.fault(where, WRITE)
    assert window.entries[where & -PAGE] == RW
    assert len(window.entries) - before <= (64 << 20) // PAGE
    assert not mm.fault(where, FETCH)
    assert mm.fault(at, READ)
    assert mm.fault(at + size - 1, READ)
    mm.mprotect(at, size, PROT_READ)
    assert window.calls[-1][-1] == 0
    assert not mm.fault(where, WRITE)
    assert mm.fault_signal(where, WRITE) == (11, 2)
    mm.mprotect(at + (2 << 30), PAGE, RW)
    assert window.entries[at + (2 << 30)] == RW
    mm.munmap(at, size)
    assert len(window.entries) == before
    assert not mm.fault(at, READ)


def test_a_file_that_grows_and_shrinks(mm, window, memfd):
    at = mm.mmap(0, 40 * PAGE, RW, MAP_SHARED, memfd, PAGE)
    assert mm.fault_signal(at + 2 * PAGE, READ) == (7, 2)
    assert not mm.fault(at + 2 * PAGE, READ)
    os.truncate(memfd, 21 * PAGE + 1)
    assert mm.fault(at + 9 * PAGE, WRITE)
    assert max(page for page in window.entries if page < at + 40 * PAGE) == at + 20 * PAGE
    assert not mm.fault(at + 21 * PAGE, READ)
    check_book(mm)
    assert not mm.shrink_files()
    os.truncate(memfd, 5 * PAGE)
    mm.mprotect(at + 2 * PAGE, PAGE, PROT_READ)  # several mappings, some of them past the end
    mm.mprotect(at + 7 * PAGE, PAGE, PROT_READ)
    assert mm.shrink_files()
    assert max(page for page in window.entries if page < at + 40 * PAGE) == at + 3 * PAGE
    assert not mm.shrink_files()
    check_book(mm)
    os.truncate(memfd, 0)
    mm.mprotect(at, 40 * PAGE, PROT_NONE)
    mm.mprotect(at, 40 * PAGE, PROT_READ)
    assert mm.shrink_files()
    assert not [page for page in window.entries if page < at + 40 * PAGE]
    assert mm.fault_signal(at, READ) == (7, 2)


def test_private_mappings_of_a_file_shrink_too(mm, window, memfd):
    at = mm.mmap(0, 3 * PAGE, RW, MAP_PRIVATE, memfd, 0)
    mm.write(at + 2 * PAGE, b"mine")
    os.truncate(memfd, PAGE)
    assert mm.shrink_files()
    assert sorted(page for page in window.entries if page < at + 40 * PAGE) == [at]


def test_shared_memory_has_an_end(mm, window):
    at = mm.mmap(0, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
    mm.write(at, b"kept")
    at = mm.mremap(at, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE, 0)
    assert mm.read(at, 4) == b"kept"
    assert not mm.fault(at + 2 * PAGE, READ)
    assert mm.fault_signal(at + 2 * PAGE, READ) == (7, 2)
    check_book(mm)


def test_fault_signals(mm, memfd):
    at = mm.mmap(0, PAGE, PROT_READ, ANON, -1, 0)
    assert mm.fault_signal(at, WRITE) == (11, 2)
    assert mm.fault_signal(at, FETCH) == (11, 2)
    assert mm.fault_signal(at - PAGE, READ) == (11, 1)
    assert mm.fault_signal(WINDOW + 5, READ) == (11, 1)
    assert mm.fault_signal((1 << 64) - 1, READ) == (11, 1)
    for address in (0, at - PAGE, WINDOW, (1 << 64) - 1):
        assert not mm.fault(address, READ)


def test_stacks_grow(mm, window):
    top = 1 << 36
    stack = mm.mmap(top - PAGE, PAGE, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0)
    assert mm.fault(stack - 100 * PAGE + 8, WRITE)
    assert mm.vmas.find(stack).start == stack - 100 * PAGE
    mm.write(stack - 100 * PAGE, b"deep")
    assert not mm.fault(stack - 200 * PAGE, FETCH)
    mm.set_limit(RLIMIT_STACK, 300 * PAGE)
    assert not mm.fault(top - 301 * PAGE, WRITE)
    assert mm.fault_signal(top - 301 * PAGE, WRITE) == (11, 1)
    assert mm.fault(top - 300 * PAGE, WRITE)
    mm.set_limit(RLIMIT_STACK, 1 << 40)
    mm.mmap(top - 1000 * PAGE, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0)
    assert not mm.fault(top - 999 * PAGE + STACK_GUARD_GAP - 1, WRITE)
    assert mm.fault(top - 999 * PAGE + STACK_GUARD_GAP, WRITE)
    check_book(mm)
    mm.mprotect(top - PAGE, PAGE, PROT_READ | PROT_GROWSDOWN)
    assert {v.prot for v in mm.vmas.within(top - 900 * PAGE, top)} == {PROT_READ}
    check_book(mm)


# ---- The rest ----


def test_growing_in_place_keeps_content(mm, window, memfd):
    os.pwrite(memfd, b"second", PAGE)
    for flags, fd in ((ANON, -1), (MAP_SHARED, memfd), (MAP_PRIVATE, memfd)):
        at = mm.mmap(0, 10 * PAGE, RW, ANON, -1, 0)
        mm.mmap(at, PAGE, RW, flags | MAP_FIXED, fd, 0)
        mm.munmap(at + PAGE, 9 * PAGE)
        mm.write(at, b"first")
        assert mm.mremap(at, PAGE, 2 * PAGE, 0, 0) == at
        assert mm.read(at, 5) == b"first"
        assert mm.read(at + PAGE, 6) == (bytes(6) if fd < 0 else b"second")
        check_book(mm)


def test_advised_memory_grows_with_what_was_advised(mm, window):
    at = mm.mmap(1 << 33, PAGE, RW, ANON, -1, 0)
    mm.advised(at, at + PAGE, MADV_DONTFORK)
    assert mm.mremap(at, PAGE, 3 * PAGE, 0, 0) == at
    assert len(calls_of(window, "move")) == 2
    mm.forked()
    assert mm.vmas.find(at) is None
    assert mm.vmas.find(at + 2 * PAGE) is None
    check_book(mm)


def test_named_memory_grows_with_its_name(mm):
    at = mm.mmap(1 << 33, PAGE, RW, ANON, -1, 0)
    mm.set_name(at, at + PAGE, b"[anon:mine]")
    assert mm.mremap(at, PAGE, 3 * PAGE, 0, 0) == at
    assert name_of(mm.vmas.find(at + 2 * PAGE)) == b"[anon:mine]"
    check_book(mm)


def test_copies(mm):
    at = mm.mmap(1 << 33, PAGE, RW, ANON, -1, 0)
    assert mm.host_address(0) == 0
    assert mm.host_address(at) == mm.window.base + at
    assert mm.host_address(WINDOW) == mm.host_address((1 << 64) - 1) == mm.BAD_ADDRESS
    mm.write(at + PAGE - 4, b"end\0")
    assert mm.cstr(at + PAGE - 4) == b"end"
    assert mm.cstr(at + PAGE - 4, 4) == b"end"
    assert errno_of(mm.cstr, at + PAGE - 4, 3) == -errno.ENAMETOOLONG
    assert errno_of(mm.cstr, at + PAGE) == -errno.EFAULT
    mm.write(at + PAGE - 1, b"x")
    assert errno_of(mm.cstr, at + PAGE - 4) == -errno.EFAULT
    assert errno_of(mm.read, at + PAGE - 1, 2) == -errno.EFAULT
    assert errno_of(mm.write, at + PAGE - 1, b"yz") == -errno.EFAULT
    assert mm.read(at + PAGE - 1, 1) == b"y"
    mm.mprotect(at, PAGE, PROT_READ)
    assert errno_of(mm.write, at, b"z") == -errno.EFAULT


def test_failed_protection_leaves_a_true_book(mm, tmp_path):
    """Linux changes what precedes the mapping that it refuses."""
    (tmp_path / "f").write_bytes(bytes(PAGE))
    fd = os.open(tmp_path / "f", os.O_RDONLY)
    at = mm.mmap(1 << 33, 3 * PAGE, PROT_READ, ANON, -1, 0)
    mm.mmap(at + PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0)
    os.close(fd)
    assert errno_of(mm.mprotect, at, 3 * PAGE, RW) == -errno.EACCES
    assert [v.prot for v in mm.vmas.within(at, at + 3 * PAGE)] == [RW, PROT_READ, PROT_READ]
    check_book(mm)


def test_seals(mm, window):
    at = mm.mmap(1 << 33, 3 * PAGE, PROT_READ, ANON, -1, 0)
    assert errno_of(mm.seal, at, at + 4 * PAGE) == -errno.ENOMEM
    mm.seal(at + PAGE, at + 2 * PAGE)
    before = list(window.calls)
    for call, *args in (
        (mm.munmap, at, 3 * PAGE),
        (mm.mmap, at, 3 * PAGE, RW, ANON | MAP_FIXED, -1, 0),
        (mm.mremap, at + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0),
        (mm.mprotect, at + PAGE, PAGE, RW),
    ):
        assert errno_of(call, *args) == -errno.EPERM
    assert window.calls == before
    assert not mm.discardable(at, at + 3 * PAGE)
    assert mm.discardable(at, at + PAGE)
    mm.reset()
    assert mm.mmap(at, 3 * PAGE, RW, ANON | MAP_FIXED, -1, 0) == at
