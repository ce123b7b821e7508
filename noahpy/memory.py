"""The guest's address space: copies, mremap(2), what a page fault means, and what the loader needs."""

from __future__ import annotations

from linux_abi.errors import LinuxError
from linux_abi.host import own
from linux_abi.uapi.errno import EFAULT, EINVAL, ENAMETOOLONG, ENOMEM, EPERM
from linux_abi.uapi.mman import (
    MADV_DODUMP,
    MADV_DOFORK,
    MADV_DONTDUMP,
    MADV_DONTFORK,
    MADV_HUGEPAGE,
    MADV_KEEPONFORK,
    MADV_MERGEABLE,
    MADV_NOHUGEPAGE,
    MADV_NORMAL,
    MADV_RANDOM,
    MADV_SEQUENTIAL,
    MADV_UNMERGEABLE,
    MADV_WIPEONFORK,
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_GROWSDOWN,
    MAP_LOCKED,
    MAP_NORESERVE,
    MAP_PRIVATE,
    MAP_STACK,
    MAP_TYPE,
    MREMAP_DONTUNMAP,
    MREMAP_FIXED,
    MREMAP_MAYMOVE,
    PROT_EXEC,
    PROT_READ,
    PROT_WRITE,
)
from linux_abi.uapi.resource import RLIMIT_STACK

from ._native import lib
from .mappings import GRANTED, HUGE_PAGE, INFINITY, LAZY_BYTES, OFFSET, PAGE, Mappings, check, mmap_min_addr, page_up
from .vma import ALIAS, PRIVATE, SEALED, SIZED, STACK_GUARD_GAP, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .vma import Vma

STACK_AT_START: int = lib.STACK_AT_START  # a page of strings and room (setup_arg_pages() in fs/exec.c)
LAZY_CHUNK = 64 << 20  # of a mapping of LAZY_BYTES or more, populated at once

# Advice that lasts, as flags of a Vma: those that madvise(2) sets and those that it clears.
DONTFORK, DONTDUMP, WIPEONFORK, MERGEABLE, HUGE, NOT_HUGE, RANDOM, SEQUENTIAL = (1 << bit for bit in range(48, 56))
ADVISED = 0xFF << 48
_ADVICE = {
    MADV_NORMAL: (0, RANDOM | SEQUENTIAL),
    MADV_RANDOM: (RANDOM, SEQUENTIAL),
    MADV_SEQUENTIAL: (SEQUENTIAL, RANDOM),
    MADV_DONTFORK: (DONTFORK, 0),
    MADV_DOFORK: (0, DONTFORK),
    MADV_MERGEABLE: (MERGEABLE, 0),
    MADV_UNMERGEABLE: (0, MERGEABLE),
    MADV_HUGEPAGE: (HUGE, NOT_HUGE),
    MADV_NOHUGEPAGE: (NOT_HUGE, HUGE),
    MADV_DONTDUMP: (DONTDUMP, 0),
    MADV_DODUMP: (0, DONTDUMP),
    MADV_WIPEONFORK: (WIPEONFORK, 0),
    MADV_KEEPONFORK: (0, WIPEONFORK),
}

PF_WRITE, PF_RESERVED, PF_FETCH, PF_KEY = 2, 8, 16, 32  # error code of #PF: SDM vol. 3, 4.7
SIGBUS, SIGSEGV = 7, 11
SEGV_MAPERR, SEGV_ACCERR, BUS_ADRERR = 1, 2, 2


class AddressSpace(Mappings):
    """One guest's memory: `linux_abi.task.Memory`, and what the loader and the run loop need."""

    BAD_ADDRESS = 1 << 63

    # ---- Copies and addresses ----

    def host_address(self, gva: int) -> int:
        """Where `gva` is in the VMM: 0 for 0, BAD_ADDRESS outside of the window."""
        if 0 < gva < self._size:
            return self._base + gva
        return 0 if gva == 0 else self.BAD_ADDRESS

    def read(self, gva: int, size: int) -> bytes:
        """`size` bytes, or LinuxError(EFAULT)."""
        data = self.window.read(gva, size)
        if len(data) < size:
            raise LinuxError(EFAULT)
        return data

    def write(self, gva: int, data: bytes | bytearray | memoryview) -> None:
        """Store `data`, or LinuxError(EFAULT); what came before the bad page is stored."""
        if self.window.write(gva, data) < len(data):
            raise LinuxError(EFAULT)

    def cstr(self, gva: int, limit: int = 4096) -> bytes:
        """The string at `gva` without its NUL; EFAULT, or ENAMETOOLONG if it is longer than `limit` with the NUL."""
        length = self.window.strnlen(gva, limit)
        if length < 0:
            raise LinuxError(-length)
        if length >= limit:
            raise LinuxError(ENAMETOOLONG)
        return self.read(gva, length)

    def strings(self, gva: int, limit: int, total: int) -> list[bytes]:
        """The strings that a NULL-terminated array of pointers names; EFAULT, E2BIG past `limit` bytes each or `total`."""
        found = self.window.strings(gva, limit, total)
        if isinstance(found, int):
            raise LinuxError(-found)
        return found

    # ---- For the loader and fork ----

    def reset(self) -> None:
        """execve(2): everything is unmapped."""
        with self.mmap_lock:
            check(self.window.clear())
            self.vmas.clear()

    def place_stack(self, top: int, size: int, prot: int) -> None:
        """Map the stack, [top - size, top), and choose where mmap(2) starts below it (arch/x86/mm/mmap.c).

        All of it is mapped at once: a system call may be given a buffer deep in the stack that the guest never touched,
        and the host's kernel can't grow a mapping inside the window.
        """
        spread = lib.STACK_RANDOM * PAGE if self.aslr.on else 0
        gap = max(self.stack_limit, size) + spread + STACK_GUARD_GAP
        gap = min(max(gap, 128 << 20), self._size // 6 * 5)
        base = self._size - page_up(gap) - self.aslr.pages("mmap", lib.MMAP_RANDOM) * PAGE
        self.vmas.search_below(base)
        flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_NORESERVE | MAP_STACK
        self.stack_room = max(0, size - STACK_AT_START)
        self.mmap(top - size, size, prot, flags | MAP_FIXED, -1, 0)
        self.stack_start = top - 1

    def set_limit(self, resource: int, soft: int) -> None:
        """A soft limit on memory, in bytes. One on the stack holds at once, for what of it was not used yet."""
        super().set_limit(resource, soft)
        with self.mmap_lock:
            vma = self.vmas.find(self.stack_start) if resource == RLIMIT_STACK else None
            lowest = self.stack_start + 1 - soft & -PAGE
            if vma and vma.flags & MAP_GROWSDOWN and vma.start < lowest:
                self._unmap(vma.start, self._first_used(vma.start, min(lowest, vma.end - PAGE)))

    def _first_used(self, start: int, end: int) -> int:
        """The first page in [start, end) that is in memory or swapped out, or `end` (the kernel's admin-guide/mm/pagemap)."""
        try:
            with open("self/pagemap", "rb", buffering=0, opener=own.opener) as pagemap:
                pagemap.seek((self._base + start) // PAGE * 8)
                states = pagemap.read((end - start) // PAGE * 8)[7::8]
        except OSError:  # who has changed its user may not read it
            return start
        return start + PAGE * next((i for i, state in enumerate(states) if state & 0xC0), (end - start) // PAGE)

    def set_brk(self, start: int) -> None:
        """Where the heap starts, empty."""
        self.brk_start = self.brk_end = start

    def alias(self, gva: int, host: int, length: int, name: bytes = b"[vvar]") -> None:
        """Show pages of the VMM's own at `gva`, read-only: the vDSO's data."""
        with self.mmap_lock:
            check(self.window.unmap(gva, length))
            check(self.window.alias(gva, host, length))
            self.vmas.carve(gva, gva + length)
            self.vmas.add(gva, gva + length, PROT_READ, MAP_PRIVATE | ALIAS, name=name)

    def writable(self) -> list[tuple[int, int]]:
        """The ranges of private memory that the guest may write."""
        return [(v.start, v.end) for v in self.vmas if v.prot & PROT_WRITE and v.flags & MAP_PRIVATE and not v.flags & ALIAS]

    def heritable(self) -> bool:
        """Whether a forked child inherits all of it."""
        return not self.vmas.flags & DONTFORK

    def forked(self) -> None:
        """In a forked child: what it does not inherit."""
        self.lock_future = 0
        if self.vmas.flags & DONTFORK:
            for start, end in [(vma.start, vma.end) for vma in self.vmas if vma.flags & DONTFORK]:
                self.window.unmap(start, end - start)
                self.vmas.carve(start, end)
        if self.vmas.flags & MAP_LOCKED:
            self.vmas.change(0, self._size, clear_flags=MAP_LOCKED)

    # ---- mremap ----

    def mremap(self, old: int, old_size: int, new_size: int, flags: int, new: int) -> int:
        """mremap(2), as Linux 6.17 and later do it: with MREMAP_FIXED several mappings may be moved at once."""
        old_length = page_up(old_size) & INFINITY
        length = page_up(new_size) & INFINITY
        placed = flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)
        if flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP) or old & OFFSET or not 0 < length <= self._size:
            raise LinuxError(EINVAL)
        if placed and (
            new > self._size - length
            or new & OFFSET
            or not flags & MREMAP_MAYMOVE
            or (flags & MREMAP_DONTUNMAP and old_length != length)
            or (old < new + length and new < old + old_length)
        ):
            raise LinuxError(EINVAL)
        with self.mmap_lock:
            if flags & MREMAP_FIXED and old_length == length:
                return self._move_all(old, length, flags, new)
            vma = self._source(old)
            if placed:
                return self._move_to(vma, old, old_length, length, flags, new)
            if length < old_length:
                self._unmap_tail(old + length, old + old_length)
            elif length > old_length:
                return self._grow(vma, old, old_length, length, flags)
            return old

    def _source(self, old: int) -> Vma:
        vma = self.vmas.find(old)
        if vma is None:
            raise LinuxError(EFAULT)
        if vma.flags & SEALED:
            raise LinuxError(EPERM)
        return vma

    def _unmap_tail(self, start: int, end: int) -> None:
        if end > self._size:
            raise LinuxError(EINVAL)
        self._unmap(start, end)

    def _check_move(self, vma: Vma, old: int, old_length: int, length: int, flags: int) -> None:
        if not old_length and vma.flags & MAP_TYPE == MAP_PRIVATE:
            raise LinuxError(EINVAL)
        if min(old_length, length) > vma.end - old:
            raise LinuxError(EFAULT)
        if vma.flags & ALIAS:
            raise LinuxError(EFAULT)
        if length > old_length and vma.offset + old - vma.start + length > 1 << 64:
            raise LinuxError(EINVAL)
        added = length if flags & MREMAP_DONTUNMAP else length - old_length
        if added > 0:
            self._check_size(added, old, old)

    def _move_all(self, old: int, length: int, flags: int, new: int) -> int:
        """Move each mapping in [old, old+length); holes between them are kept, one at the start is refused."""
        end = old + length
        position = old
        while position < end:
            vma = self._source(position) if position == old else self.vmas.after(position)
            if vma is None or vma.start >= end:
                break
            position = max(vma.start, old)
            stop = min(vma.end, end)
            self._move_to(self._source(position), position, stop - position, stop - position, flags, new + position - old)
            position = stop
        return new

    def _move_to(self, vma: Vma, old: int, old_length: int, length: int, flags: int, new: int) -> int:
        """Move to a place of the guest's choice."""
        self._check_move(vma, old, old_length, length, flags)
        if flags & MREMAP_FIXED:
            self._unmap(new, new + length)
            vma = self._source(old)  # the target may have been a part of it
            new = self._place(new, length, MAP_FIXED, PAGE)
        else:
            new = self._place(new, length, 0, PAGE)
        if length < old_length:
            self._unmap_tail(old + length, old + old_length)
            old_length = length
        return self._relocate(vma, old, old_length, new, length, flags & MREMAP_DONTUNMAP)

    def _grow(self, vma: Vma, old: int, old_length: int, length: int, flags: int) -> int:
        """Make longer, in place if there is room."""
        self._check_move(vma, old, old_length, length, flags)
        end = old + length
        if old + old_length == vma.end and end <= self._size and not self.vmas.within(vma.end, end):
            if not vma.file and not vma.flags & ADVISED and not vma.name:
                self._map_anonymous(vma.end, end, vma.prot, vma.flags)
                return old
            # Only the host can make more of this object, and only where room is: there and back.
            aside = self._place_outside(vma.end, end, length)
            self._relocate(self._source(old), old, old_length, aside, length, 0)
            return self._relocate(self._source(aside), aside, length, old, length, 0)
        if not flags & MREMAP_MAYMOVE:
            raise LinuxError(ENOMEM)
        align = HUGE_PAGE if not vma.file and not length % HUGE_PAGE else PAGE
        return self._relocate(vma, old, old_length, self._place(0, length, 0, align), length, 0)

    def _place_outside(self, start: int, end: int, length: int) -> int:
        """Where a new mapping goes if the free place [start, end) is for something else."""
        self.vmas.add(start, end, 0, MAP_PRIVATE | MAP_ANONYMOUS)
        try:
            return self._place(0, length, 0, PAGE)
        finally:
            self.vmas.carve(start, end)

    def _relocate(self, vma: Vma, old: int, old_length: int, new: int, length: int, keep: int) -> int:
        """Move [old, old+old_length), or copy it if that is empty, to the free place `new`."""
        prot, flags, file, name = vma.prot, vma.flags, (vma.file, vma.inode), name_of(vma)
        offset = vma.offset + old - vma.start if file != PRIVATE else 0
        # Whether a file goes on behind its old end shows at the first fault.
        limit = new + (max(0, min(vma.limit - old, length)) if file != PRIVATE else length)
        present = 0 if length >= LAZY_BYTES else limit - new
        error = self.window.move(old, old_length, new, length, GRANTED[prot], 1 if keep else 0, present)
        if error:
            self.vmas.give_back(new, length)
            raise LinuxError(-error)
        if old_length and not keep:
            self.vmas.carve(old, old + old_length)
        self.vmas.add(new, new + length, prot, flags, file, offset, limit, name)
        return new

    # ---- What the host did at a handler's call, and what handlers ask ----

    def runs(self, start: int, end: int) -> list[tuple[int, int]]:
        """The parts of [start, end) that are mapped, each as long as it can be."""
        with self.mmap_lock:
            return self.vmas.runs(start, end)

    def advised(self, start: int, end: int, advice: int) -> None:
        """madvise(2) was done on a range that is mapped."""
        if advice in _ADVICE:
            added, removed = _ADVICE[advice]
            with self.mmap_lock:
                self.vmas.change(start, end, set_flags=added, clear_flags=removed)
        if advice == MADV_DONTFORK:
            self.window.not_inherited()

    def locked(self, start: int, end: int, *, on: bool) -> None:
        """mlock(2) or munlock(2) was done on a range that is mapped."""
        with self.mmap_lock:
            if on:
                self.vmas.change(start, end, set_flags=MAP_LOCKED)
            else:
                self.vmas.change(start, end, clear_flags=MAP_LOCKED)

    def seal(self, start: int, end: int) -> None:
        """mseal(2) of a range: ENOMEM if not all of it is mapped. The VMM keeps it, since execve(2) must undo it."""
        with self.mmap_lock:
            if self.vmas.runs(start, end) != [(start, end)]:
                raise LinuxError(ENOMEM)
            self.vmas.change(start, end, set_flags=SEALED)
            self.sealed = True

    def discardable(self, start: int, end: int) -> bool:
        """Whether no memory in [start, end) is sealed against losing its content: anonymous, sealed and read-only."""
        with self.mmap_lock:
            return not self.sealed or not any(
                vma.flags & SEALED and not vma.prot & PROT_WRITE and not vma.file for vma in self.vmas.within(start, end)
            )

    def refile(self, start: int, end: int, offset: int) -> None:
        """remap_file_pages(2) was done: [start, end) now shows its file from `offset` on."""
        with self.mmap_lock:
            shown = [(v.start, v.end, v.prot, v.flags, (v.file, v.inode)) for v in self.vmas.within(start, end)]
            for first, last, prot, flags, file in shown:
                low, high = max(start, first), min(end, last)
                self.vmas.carve(low, high)
                self.vmas.add(low, high, prot, flags, file, offset + low - start)

    def set_name(self, start: int, end: int, name: bytes) -> None:
        """What /proc/self/maps calls [start, end)."""
        with self.mmap_lock:
            self.vmas.change(start, end, name=name)

    # ---- Faults ----

    def fault(self, address: int, error_code: int) -> bool:
        """A page fault of the guest: True if its access is allowed and the page-table entry is there now.

        That is so after a file has grown, for large mappings, which are filled by and by, and when a stack grows.
        """
        with self.mmap_lock:
            vma = self.vmas.find(address) or self._grow_stack(address)
            if vma is None or vma.flags & ALIAS or not _allows(vma, error_code):
                return False
            page = address & ~OFFSET
            start = max(vma.start, address & -LAZY_CHUNK)
            end = min(vma.end, (address & -LAZY_CHUNK) + LAZY_CHUNK)
            if vma.flags & SIZED:
                end = self._readable_end(page, end)
                if end == page:
                    return False
            huge = vma.flags & (MAP_ANONYMOUS | MAP_TYPE) == MAP_ANONYMOUS | MAP_PRIVATE
            if self.window.populate(start, end - start, GRANTED[vma.prot], huge):
                return False
            vma.limit = max(vma.limit, end)
            return True

    def fault_signal(self, address: int, error_code: int) -> tuple[int, int]:
        """The signal and si_code that a genuine page fault raises."""
        with self.mmap_lock:
            vma = self.vmas.find(address)
            if vma is None:
                return SIGSEGV, SEGV_MAPERR
            # Linux brings a page in before it looks at PROT_EXEC: past a file's end there is none.
            if not _allows(vma, error_code) and not (error_code & PF_FETCH and self._past_the_end(vma, address & ~OFFSET)):
                return SIGSEGV, SEGV_ACCERR
            return SIGBUS, BUS_ADRERR

    def _past_the_end(self, vma: Vma, page: int) -> bool:
        return bool(vma.flags & SIZED and vma.prot) and self._readable_end(page, page + PAGE) == page

    def shrink_files(self) -> bool:
        """After the host refused a page that has an entry: take the entries back from what lies past the end of a file.

        No descriptor is kept for a mapping; where a file ends is found by reading a byte of it. True if an end has moved.
        """
        changed = False
        with self.mmap_lock:
            for vma in self.vmas:
                if vma.flags & SIZED and vma.prot and vma.limit > vma.start:
                    end = self._readable_end(vma.start, vma.limit)
                    if end < vma.limit and not self.window.populate(end, vma.limit - end, 0, False):
                        vma.limit = end
                        changed = True
        return changed

    def _readable_end(self, start: int, end: int) -> int:
        """Where in [start, end) the object behind a mapping ends: `start` if that page is past the end already."""
        read = self.window.read
        if read(end - PAGE, 1):
            return end
        low, high = start // PAGE, end // PAGE - 1
        while low < high:
            middle = (low + high) // 2
            if read(middle * PAGE, 1):
                low = middle + 1
            else:
                high = middle
        return low * PAGE

    def _grow_stack(self, address: int) -> Vma | None:
        """The mapping that grew down to `address`, if one may (the kernel's expand_downwards)."""
        vmas = self.vmas
        vma = vmas.after(address)
        if vma is None or not vma.flags & MAP_GROWSDOWN:
            return None
        start = address & ~OFFSET
        below = vmas.before(vma)
        if below is not None and below.prot and not below.flags & MAP_GROWSDOWN and start - below.end < STACK_GUARD_GAP:
            return None
        if start < mmap_min_addr() or vma.end - start > self.stack_limit or self.counted() + vma.start - start > self.as_limit:
            return None
        flags = vma.flags & (MAP_NORESERVE | MAP_LOCKED) | MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED
        length = vma.start - start
        if self.window.map(start, length, GRANTED[vma.prot], flags, -1, 0, length):
            return None
        vmas.grow_down(vma, start)
        return vma

    def maps(self) -> bytes:
        """The text of /proc/self/maps."""
        from .maps import text

        with self.mmap_lock:
            return text(self)


def _allows(vma: Vma, error_code: int) -> bool:
    if error_code & (PF_RESERVED | PF_KEY):
        return False
    if error_code & PF_WRITE:
        return bool(vma.prot & PROT_WRITE)
    if error_code & PF_FETCH:
        return bool(vma.prot & PROT_EXEC)
    return bool(vma.prot)
