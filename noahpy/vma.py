"""The list of a guest's mappings, kept in C (native/vma.c), where system calls that C finishes find it, too."""

from __future__ import annotations

from ._native import ffi, lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Protocol

    class Vma(Protocol):
        """A mapping of [start, end): struct vma of native/api.h, as it is until the list changes."""

        start: int
        end: int
        limit: int  # no page at or above it has a page-table entry; below it one may still be missing
        flags: int
        file: int  # 0 for private anonymous memory; with `inode` equal for mappings of the same file that may be merged
        inode: int
        offset: int  # in the file, of `start`; 0 without a file
        prot: int
        name: Any


STACK_GUARD_GAP: int = lib.STACK_GUARD_GAP  # kept free below a mapping that grows down

# Flags of a Vma beside mmap(2)'s (native/vma.h).
SIZED = 1 << 40  # an object with an end: pages behind it give SIGBUS
ALIAS = 1 << 41  # host pages that are not the window's (vvar)
SEALED = 1 << 42  # mseal(2)

_LAST = (1 << 64) - 1  # address
PRIVATE = (0, 0)  # `file` and `inode` of memory that belongs to no file


def name_of(vma: Vma) -> bytes:
    """What /proc/self/maps calls it; empty if nothing."""
    return ffi.string(vma.name) if vma.name else b""


class Lock:
    """A book's lock, which C takes, too. It is reentrant, and held by the child of a fork as by the thread that forked."""

    def __init__(self, book: Any) -> None:
        self._book = book

    def __enter__(self) -> None:
        lib.book_lock(self._book)

    def __exit__(self, *error: object) -> None:
        lib.book_unlock(self._book)


class VmaList:
    """Mappings in the order of their addresses: never overlapping, and merged wherever they can be."""

    def __init__(self, floor: int, size: int) -> None:
        self.book: Any = ffi.gc(lib.book_new(floor, size), lib.book_free)
        self.lock = Lock(self.book)

    @property
    def total(self) -> int:
        """Bytes mapped."""
        return self.book.total  # type: ignore[no-any-return]

    @property
    def flags(self) -> int:
        """All that any mapping has had."""
        return self.book.flags  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[Vma]:
        return iter(ffi.unpack(self.book.list, self.book.count) if self.book.count else ())

    def __len__(self) -> int:
        return self.book.count  # type: ignore[no-any-return]

    def clear(self) -> None:
        """Make all free and forget what else the book has of the address space, but for its limits."""
        lib.book_clear(self.book)

    # ---- Looking ----

    def find(self, address: int) -> Vma | None:
        """The mapping of `address`."""
        return lib.book_find(self.book, address) or None

    def after(self, address: int) -> Vma | None:
        """The first mapping that ends above `address` (the kernel's find_vma)."""
        return lib.book_after(self.book, address) or None

    def before(self, vma: Vma) -> Vma | None:
        """The mapping below `vma`."""
        i = lib.book_below(self.book, vma.start)
        return self.book.list[i - 1] if i else None

    def within(self, start: int, end: int) -> list[Vma]:
        """The mappings that [start, end) touches; `end` may lie beyond all addresses."""
        first, after = lib.book_index(self.book, start), lib.book_below(self.book, min(end, _LAST))
        return ffi.unpack(self.book.list + first, after - first) if first < after else []

    def runs(self, start: int, end: int) -> list[tuple[int, int]]:
        """The parts of [start, end) that are mapped, each as long as it can be."""
        found: list[tuple[int, int]] = []
        for vma in self.within(start, end):
            low, high = max(start, vma.start), min(end, vma.end)
            if found and found[-1][1] == low:
                found[-1] = (found[-1][0], high)
            else:
                found.append((low, high))
        return found

    # ---- Changing ----

    def carve(self, start: int, end: int) -> None:
        """Make [start, end) free."""
        lib.book_carve(self.book, start, end)

    def add(
        self,
        start: int,
        end: int,
        prot: int,
        flags: int,
        file: tuple[int, int] = PRIVATE,
        offset: int = 0,
        limit: int = -1,
        name: bytes = b"",
    ) -> None:
        """Put a mapping into free place. Without `limit` all of its pages may have entries."""
        text = ffi.new("char[]", name) if name else ffi.NULL
        vma = ffi.new("struct vma *", (start, end, end if limit < 0 else limit, flags, *file, offset, prot, text))
        lib.book_add(self.book, vma)

    def change(
        self, start: int, end: int, prot: int = -1, set_flags: int = 0, clear_flags: int = 0, name: bytes | None = None
    ) -> None:
        """Give what is mapped in [start, end) other properties."""
        lib.book_change(self.book, start, end, prot, set_flags, clear_flags, ffi.NULL if name is None else name)

    def grow_down(self, vma: Vma, start: int) -> None:
        """Lower the start of a mapping without a file."""
        lib.book_grow_down(self.book, vma, start)

    # ---- Room ----

    def is_free(self, start: int, length: int) -> bool:
        """Whether a new mapping may lie there, stacks' guard gaps regarded."""
        return bool(lib.book_is_free(self.book, start, length))

    def search_below(self, ceiling: int) -> None:
        """Look for gaps below `ceiling` from now on."""
        lib.book_search_below(self.book, ceiling)

    def highest_gap(self, length: int, align: int) -> int:
        """The highest free place below the ceiling, a multiple of `align`; -1 if there is none."""
        return lib.book_highest_gap(self.book, length, align)  # type: ignore[no-any-return]

    def give_back(self, place: int, length: int) -> None:
        """A found gap was not used."""
        lib.book_give_back(self.book, place, length)

    def lowest_gap(self, length: int, align: int, low: int, high: int) -> int:
        """The lowest free place in [low, high), a multiple of `align`; -1 if there is none."""
        return lib.book_lowest_gap(self.book, length, align, low, high)  # type: ignore[no-any-return]
