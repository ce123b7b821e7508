"""The window: the guest's user space in the VMM's own addresses (native/window.c)."""

from __future__ import annotations

import os

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
        self.move = lib.window_move
        self.populate = lib.window_populate
        self.strnlen = lib.window_strnlen

    def read(self, gva: int, size: int) -> bytes:
        """Up to `size` bytes: fewer where a page can't be read."""
        buffer = ffi.new("char[]", size)
        return bytes(ffi.buffer(buffer, lib.window_read(buffer, gva, size)))

    def write(self, gva: int, data: bytes | bytearray | memoryview) -> int:
        """Store `data`: the number of bytes stored."""
        count: int = lib.window_write(gva, ffi.from_buffer(data), len(data))
        return count

    def alias(self, gva: int, host: int, length: int) -> int:
        """Show `length` bytes at host address `host` at `gva`, read-only."""
        error: int = lib.window_alias(gva, ffi.cast("void *", host), length)
        return error

    def clear(self) -> int:
        """Everything is unmapped."""
        error: int = lib.window_clear()
        return error
