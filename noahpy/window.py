"""The window: the guest's user space in the VMM's own addresses (native/window.c)."""

from __future__ import annotations

import os
from errno import EFAULT

from linux_abi.host import own

from ._native import ffi, lib
from .errors import CannotRun

SIZE = 1 << 46  # the guest's TASK_SIZE (docs/design.md, D1)


class Window:
    """Guest memory. Changes return 0 or a negative errno; addresses and lengths are multiples of 4096 bytes."""

    def __init__(self, size: int = SIZE) -> None:
        error = lib.window_create(size)
        if error:
            from .doctor import diagnose

            raise CannotRun(diagnose(-error, detail=f"no room for the guest: {os.strerror(-error)}"))
        self.base: int = lib.window_base()
        self.size = size
        self.map = lib.window_map
        self.unmap = lib.window_unmap
        self.protect = lib.window_protect
        self.populate = lib.window_populate
        self.strnlen = lib.window_strnlen

    def read(self, gva: int, size: int) -> bytes:
        """Up to `size` bytes: fewer where a page can't be read."""
        buffer = ffi.new("char[]", size)
        return bytes(ffi.buffer(buffer, lib.window_read(buffer, gva, size)))

    def strings(self, gva: int, limit: int, total: int) -> list[bytes] | int:
        """What execve(2) is given at `gva`; a negative errno (native/api.h)."""
        room = 1 << 13
        while True:
            buffer = ffi.new("char[]", room)
            used: int = lib.window_strings(buffer, room, gva, limit, total)
            if used <= 0:
                return used or []
            if used <= room:
                return bytes(ffi.buffer(buffer, used - 1)).split(b"\0")
            room = used

    def write(self, gva: int, data: bytes | bytearray | memoryview) -> int:
        """Store `data`: the number of bytes stored."""
        count: int = lib.window_write(gva, ffi.from_buffer(data), len(data))
        return count

    def move(self, old: int, old_length: int, new: int, new_length: int, prot: int, keep: int, present: int) -> int:
        """mremap(2) to a fixed place; `keep` leaves the old one mapped."""
        error: int = lib.window_move(old, old_length, new, new_length, prot, keep, present)
        if error != -EFAULT or old_length > new_length:
            return error
        # What is one mapping for the guest may be several for the host, whose 2 MiB advice is a property of each.
        for start, end in self._host_mappings(old, old + old_length):
            grown = new_length - old_length if end == old + old_length else 0
            length, to = end - start, new + start - old
            visible = min(max(present - (start - old), 0), length + grown)
            error = lib.window_move(start, length, to, length + grown, prot, keep, visible)
            if error:
                break
        return error

    def _host_mappings(self, start: int, end: int) -> list[tuple[int, int]]:
        """The host's mappings in [start, end), each cut to it, by guest address."""
        found = []
        with open("self/maps", "rb", opener=own.opener) as maps:
            for line in maps:
                low, high = (int(x, 16) - self.base for x in line.split(b" ", 1)[0].split(b"-"))
                if low < end and high > start:
                    found.append((max(low, start), min(high, end)))
        return found

    def alias(self, gva: int, host: int, length: int) -> int:
        """Show `length` bytes at host address `host` at `gva`, read-only."""
        error: int = lib.window_alias(gva, ffi.cast("void *", host), length)
        return error

    def not_inherited(self) -> None:
        """A forked child is not to have all of it: what its book says must be changed before it goes on."""
        lib.fast_fork(False)

    def clear(self) -> int:
        """Everything is unmapped."""
        error: int = lib.window_clear()
        return error
