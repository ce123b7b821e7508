"""vfork(2): the parent waits for its child's execve or end, and sees what the child has written to memory until then.

The child has a copy of the memory; it sends the pages that it has written: posix_spawn(3) and many callers of vfork leave an
errno there. The connection has hidden descriptors, and its end is the child's.
"""

from __future__ import annotations

from io import FileIO
from struct import Struct

from linux_abi.errors import LinuxError
from linux_abi.fds import Room
from linux_abi.host import own
from linux_abi.uapi.errno import EINTR
from linux_abi.uapi.prctl import PR_SET_DUMPABLE
from linux_abi.uapi.socket import AF_UNIX, MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_STREAM

from ._native import lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linux_abi.task import Task

    from .memory import AddressSpace

_PAGE = 4096
_RECORD = Struct("<QQ")  # address and number of bytes that follow
_WRITTEN = 0x81  # the highest byte of an entry in proc_pid_pagemap(5): present, of no file, this process's alone


class Vfork:
    """A parent and its child: made before the fork (in a `Room`), then each calls its own half of the rest."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.host = task.host.now
        ends = bytearray(8)
        error = self.host.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)
        if error < 0:
            raise LinuxError(-error)
        self._parents, self._childs = [lib.hidden_keep(int.from_bytes(ends[i : i + 4], "little")) for i in (0, 4)]

    # ---- In the parent ----

    def wait(self, mm: AddressSpace) -> None:
        """Wait until the child has called execve or ended; what it has written is this process's then."""
        lib.hidden_release(self._childs)
        with open(lib.hidden_fd(self._parents), "rb", closefd=False) as stream:
            while len(head := stream.read(_RECORD.size)) == _RECORD.size:
                address, size = _RECORD.unpack(head)
                mm.window.write(address, stream.read(size))
        lib.hidden_release(self._parents)

    def cancel(self) -> None:
        """There is no child."""
        lib.hidden_release(self._childs)
        lib.hidden_release(self._parents)

    # ---- In the child ----

    def begin(self, shares_memory: bool) -> None:
        """To be called first. Not all children of CLONE_VFORK share their memory."""
        self.shares_memory = shares_memory
        lib.hidden_release(self._parents)

    def finish(self, mm: AddressSpace) -> None:
        """The parent may go on, with the pages of private memory that are the child's alone: those written since the fork."""
        if self.shares_memory:
            self._send_memory(mm)
        self.release()

    def release(self) -> None:
        """The parent may go on: it does not wait for this process."""
        lib.hidden_release(self._childs)

    def _send_memory(self, mm: AddressSpace) -> None:
        with Room(self.task.group.fds, self.host), self._pagemap() as pagemap:
            for start, end in mm.writable():
                pagemap.seek((mm.window.base + start) // _PAGE * 8)
                states = pagemap.read((end - start) // _PAGE * 8)[7::8]
                place = states.find(_WRITTEN)
                while place >= 0:
                    page = start + place * _PAGE
                    self._send(_RECORD.pack(page, _PAGE) + mm.window.read(page, _PAGE))
                    place = states.find(_WRITTEN, place + 1)

    def _pagemap(self) -> FileIO:
        """Another owns it where a process has changed its user, and so is not dumpable (prctl(2)), or called setfsuid(2)."""
        try:
            return FileIO("self/pagemap", opener=own.opener)
        except PermissionError:
            user = self.host.setfsuid(self.host.geteuid())
            self.host.prctl(PR_SET_DUMPABLE, 1)
            try:
                return FileIO("self/pagemap", opener=own.opener)
            finally:
                self.host.prctl(PR_SET_DUMPABLE, 0)
                self.host.setfsuid(user)

    def _send(self, data: bytes) -> None:
        while data:
            sent = self.host.sendto(lib.hidden_fd(self._childs), data, len(data), MSG_NOSIGNAL, 0, 0)
            if sent < 0 and sent != -EINTR:
                return  # the parent is gone
            data = data[max(sent, 0) :]
