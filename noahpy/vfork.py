"""vfork(2): the parent waits for its child's execve or end, and sees what the child has written to memory until then.

The child has a copy of the memory. A child that ends without an execve sends the pages that it has written through a pipe:
posix_spawn(3) and many callers of vfork leave an errno there.
"""

from __future__ import annotations

import os
from struct import Struct

from ._native import lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .memory import AddressSpace

_PAGE = 4096
_RECORD = Struct("<QQ")  # address and number of bytes that follow
_EXCLUSIVE, _PRESENT = 1 << 56, 1 << 63  # proc_pid_pagemap(5)


class VforkParent:
    """The parent's side, made before the fork."""

    def __init__(self, shares_memory: bool) -> None:
        self.shares_memory = shares_memory
        self._read, self._write = os.pipe()

    def child(self) -> VforkChild:
        """To be called in the child."""
        os.close(self._read)
        return VforkChild(self._write, self.shares_memory)

    def wait(self, mm: AddressSpace, pid: int) -> None:
        """Wait until the child has called execve or ended; its memory is this process's then."""
        os.close(self._write)
        if pid > 0:
            with os.fdopen(self._read, "rb") as stream:
                while head := stream.read(_RECORD.size):
                    address, size = _RECORD.unpack(head)
                    mm.window.write(address, stream.read(size))
        else:
            os.close(self._read)


class VforkChild:
    """The child's side, until its execve or end; its descriptor is out of the guest's reach."""

    def __init__(self, write: int, shares_memory: bool) -> None:
        self.shares_memory = shares_memory
        self._fd = lib.hidden_keep(write)

    def release(self) -> None:
        """The parent may go on."""
        lib.hidden_release(self._fd)

    def send_memory(self, mm: AddressSpace) -> None:
        """The parent gets the pages of private memory that are this process's alone: those written since the fork."""
        if not self.shares_memory:
            return
        with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
            for start, end in mm.writable():
                pagemap.seek((mm.window.base + start) // _PAGE * 8)
                entries = memoryview(pagemap.read((end - start) // _PAGE * 8)).cast("Q")
                for i, entry in enumerate(entries):
                    if entry & _EXCLUSIVE and entry & _PRESENT:
                        self._send(start + i * _PAGE, mm.window.read(start + i * _PAGE, _PAGE))

    def _send(self, address: int, page: bytes) -> None:
        data = _RECORD.pack(address, len(page)) + page
        while data:
            data = data[os.write(lib.hidden_fd(self._fd), data) :]
