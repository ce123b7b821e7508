"""The list of a guest's mappings: what is where, and where there is room (mm/mmap.c, mm/vma.c)."""

from __future__ import annotations

from _bisect import bisect_left, bisect_right

from linux_abi.uapi.mman import MAP_GROWSDOWN, MAP_NORESERVE, MAP_PRIVATE, MAP_TYPE, PROT_WRITE

PAGE_SIZE = 4096

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

STACK_GUARD_GAP = 256 * PAGE_SIZE  # kept free below a mapping that grows down

# Flags of a Vma beside mmap(2)'s.
SIZED = 1 << 40  # an object with an end: pages behind it give SIGBUS
ALIAS = 1 << 41  # host pages that are not the window's (vvar)
SEALED = 1 << 42  # mseal(2)
ACCOUNTED = 1 << 43  # private memory over a file, once writable: not one with what never was (VM_ACCOUNT)


class Vma:
    """A mapping of [start, end). No page at or above `limit` has a page-table entry; below it one may still be missing."""

    __slots__ = ("end", "file", "flags", "limit", "name", "offset", "prot", "start")

    def __init__(self, start: int, end: int, prot: int, flags: int, file: object, offset: int, limit: int, name: bytes) -> None:
        self.start = start
        self.end = end
        self.flags = flags
        self.file = file  # None for private anonymous memory; equal for mappings of the same file that may be merged
        self.offset = offset  # in the file, of `start`; 0 without a file
        self.limit = limit
        self.name = name
        self.prot = prot
        if file is not None:
            self.protect(prot)

    def __repr__(self) -> str:
        return f"<{self.start:x}-{self.end:x} prot={self.prot} flags={self.flags:#x}>"

    def protect(self, prot: int) -> None:
        """Set the protection."""
        self.prot = prot
        if prot & PROT_WRITE and self.file is not None and self.flags & (MAP_TYPE | MAP_NORESERVE) == MAP_PRIVATE:
            self.flags |= ACCOUNTED

    def room_below(self) -> int:
        """Where a neighbour below must end."""
        return self.start - STACK_GUARD_GAP if self.flags & MAP_GROWSDOWN else self.start

    def continued_by(self, right: Vma) -> bool:
        """Whether this one and that which starts at its end are one mapping."""
        return (
            self.prot == right.prot
            and self.flags == right.flags
            and self.file == right.file
            and self.name == right.name
            and (self.file is None or self.offset + self.end - self.start == right.offset)
        )

    def swallow(self, right: Vma) -> None:
        """Become one with the mapping that continues this one."""
        self.end = right.end
        if right.limit > right.start:
            self.limit = right.limit

    def cut(self, at: int) -> Vma:
        """Shorten to [start, at); returns the rest."""
        offset = self.offset + at - self.start if self.file is not None else 0
        rest = Vma(at, self.end, self.prot, self.flags, self.file, offset, max(self.limit, at), self.name)
        self.end = at
        self.limit = min(self.limit, at)
        return rest


class VmaList:
    """Mappings in the order of their addresses: never overlapping, and merged wherever they can be.

    `highest_gap` remembers where the last search ended: above `_resume` no gap is larger than `_skipped`.
    """

    def __init__(self, floor: int, ceiling: int) -> None:
        self.total = 0  # bytes mapped
        self.flags = 0  # all that any mapping has had
        self.floor = floor
        self._vmas: list[Vma] = []
        self._starts: list[int] = []
        self._ceiling = self._resume = ceiling
        self._skipped = 0

    def __iter__(self) -> Iterator[Vma]:
        return iter(self._vmas)

    def __len__(self) -> int:
        return len(self._vmas)

    # ---- Looking ----

    def find(self, address: int) -> Vma | None:
        """The mapping of `address`."""
        i = bisect_right(self._starts, address) - 1
        if i >= 0:
            vma = self._vmas[i]
            if address < vma.end:
                return vma
        return None

    def _index(self, address: int) -> int:
        """The place of the first mapping that ends above `address`."""
        i = bisect_right(self._starts, address)
        return i - 1 if i and self._vmas[i - 1].end > address else i

    def after(self, address: int) -> Vma | None:
        """The first mapping that ends above `address` (the kernel's find_vma)."""
        i = self._index(address)
        return self._vmas[i] if i < len(self._vmas) else None

    def before(self, vma: Vma) -> Vma | None:
        """The mapping below `vma`."""
        i = bisect_left(self._starts, vma.start)
        return self._vmas[i - 1] if i else None

    def within(self, start: int, end: int) -> list[Vma]:
        """The mappings that [start, end) touches."""
        return self._vmas[self._index(start) : bisect_left(self._starts, end)]

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
        vmas, starts = self._vmas, self._starts
        i = self._index(start)
        if i == len(vmas) or starts[i] >= end:
            return
        vma = vmas[i]
        if vma.start < start:
            self.total -= vma.end - start
            rest = vma.cut(start)
            i += 1
            if rest.end > end:
                vmas.insert(i, rest.cut(end))
                starts.insert(i, end)
                self.total += vmas[i].end - end
        j = i
        while j < len(vmas) and vmas[j].end <= end:
            self.total -= vmas[j].end - vmas[j].start
            j += 1
        if j < len(vmas) and starts[j] < end:
            self.total -= end - starts[j]
            vmas[j] = vmas[j].cut(end)
            starts[j] = end
        if j > i:
            del vmas[i:j], starts[i:j]
        if end > self._resume:
            self._resume = min(starts[i], self._ceiling) if i < len(starts) else self._ceiling

    def add(
        self,
        start: int,
        end: int,
        prot: int,
        flags: int,
        file: object = None,
        offset: int = 0,
        limit: int = -1,
        name: bytes = b"",
    ) -> None:
        """Put a mapping into free place. Without `limit` all of its pages may have entries."""
        vmas, starts = self._vmas, self._starts
        vma = Vma(start, end, prot, flags, file, offset, end if limit < 0 else limit, name)
        self.total += end - start
        self.flags |= flags
        i = bisect_left(starts, start)
        left = vmas[i - 1] if i else None
        right = vmas[i] if i < len(vmas) else None
        if left is not None and left.end == start and left.continued_by(vma):
            left.swallow(vma)
            if right is not None and right.start == end and left.continued_by(right):
                left.swallow(right)
                del vmas[i], starts[i]
        elif right is not None and right.start == end and vma.continued_by(right):
            vma.swallow(right)
            vmas[i] = vma
            starts[i] = start
        else:
            vmas.insert(i, vma)
            starts.insert(i, start)

    def _split(self, address: int) -> int:
        """Make `address` an edge of the mapping that holds it; the place of the first one at or above."""
        i = bisect_left(self._starts, address)
        if i and address < self._vmas[i - 1].end:
            self._vmas.insert(i, self._vmas[i - 1].cut(address))
            self._starts.insert(i, address)
        return i

    def change(
        self, start: int, end: int, prot: int = -1, set_flags: int = 0, clear_flags: int = 0, name: bytes | None = None
    ) -> None:
        """Give what is mapped in [start, end) other properties."""
        vmas = self._vmas
        self.flags |= set_flags
        i = self._split(start)
        j = self._split(end)
        for vma in vmas[i:j]:
            if prot >= 0:
                vma.protect(prot)
            if name is not None:
                vma.name = name
            vma.flags = vma.flags & ~clear_flags | set_flags
        for k in range(min(j, len(vmas) - 1), max(i, 1) - 1, -1):
            left, right = vmas[k - 1], vmas[k]
            if left.end == right.start and left.continued_by(right):
                left.swallow(right)
                del vmas[k], self._starts[k]

    def grow_down(self, vma: Vma, start: int) -> None:
        """Lower the start of a mapping without a file."""
        self._starts[bisect_left(self._starts, vma.start)] = start
        self.total += vma.start - start
        vma.start = start

    # ---- Room ----

    def is_free(self, start: int, length: int) -> bool:
        """Whether a new mapping may lie there, stacks' guard gaps regarded."""
        above = self.after(start)
        return above is None or start + length <= above.room_below()

    def search_below(self, ceiling: int) -> None:
        """Look for gaps below `ceiling` from now on."""
        self._ceiling = self._resume = ceiling
        self._skipped = 0

    def highest_gap(self, length: int, align: int) -> int:
        """The highest free place below the ceiling, a multiple of `align`; -1 if there is none."""
        vmas = self._vmas
        if length <= self._skipped:
            self._skipped = 0
            self._resume = self._ceiling
        end = self._resume
        i = bisect_left(self._starts, end)
        if i < len(vmas):
            end = min(end, vmas[i].room_below())
        while True:
            i -= 1
            start = vmas[i].end if i >= 0 else self.floor
            place = (end - length) & -align
            if place >= start:
                self._skipped = max(self._skipped, end - place - length)
                self._resume = place
                return place
            self._skipped = max(self._skipped, end - start)
            if i < 0:
                return -1
            end = vmas[i].room_below()

    def give_back(self, place: int, length: int) -> None:
        """A found gap was not used."""
        if place + length > self._resume:
            self._resume = min(self._ceiling, place + length)

    def lowest_gap(self, length: int, align: int, low: int, high: int) -> int:
        """The lowest free place in [low, high), a multiple of `align`; -1 if there is none."""
        place = -low // align * -align
        for vma in self.within(low, high):
            if place + length <= vma.room_below():
                return place
            place = max(place, -vma.end // align * -align)
        return place if place + length <= high else -1
