"""vfork(2): the parent waits for its child's execve or end, and sees what the child has written to memory until then.

The child has a copy of the memory; it sends the pages that it has written: posix_spawn(3) and many callers of vfork leave an
errno there. The connection has hidden descriptors, and its end is the child's.

Beside other threads of the parent's, that would undo what they write in the meantime: a third process, the witness, keeps the
memory as it was and passes on only the bytes that have changed. That a page is shared with the witness tells, too, that the
child has not written to it: without one, it also becomes the child's alone when a thread of the parent's writes to it.
"""

from __future__ import annotations

import os
from _struct import Struct
from io import FileIO

from linux_abi.errors import LinuxError
from linux_abi.fds import Room
from linux_abi.host import own
from linux_abi.uapi.errno import EINTR
from linux_abi.uapi.prctl import PR_SET_DUMPABLE
from linux_abi.uapi.socket import AF_UNIX, MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_STREAM
from linux_abi.uapi.wait import __WALL as WALL

from ._native import lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

    from linux_abi.task import Task

    from .memory import AddressSpace

_PAGE = 4096
_RECORD = Struct("<QQ")  # address and number of bytes that follow
_LAST_FD = 0x7FFFFFFF
_WRITTEN = 0x81  # the highest byte of an entry in proc_pid_pagemap(5): present, of no file, this process's alone


class Vfork:
    """A parent and its child: made before the fork, then each calls its own half of the rest.

    All but `wait` and `finish` is to be called in the fork's own `Room`, or with its lock held. Not all children of
    CLONE_VFORK share their memory.
    """

    def __init__(self, task: Task, shares_memory: bool) -> None:
        self.task = task
        self.host = task.host.now
        self.shares_memory = shares_memory
        self._parents, self._childs = self._connection()
        self._ends: tuple[int, ...] = (self._parents, self._childs)
        self._witness = 0

    def _connection(self) -> tuple[int, int]:
        """The places of its two ends."""
        ends = bytearray(8)
        error = self.host.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)
        if error < 0:
            raise LinuxError(-error)
        return lib.hidden_keep(int.from_bytes(ends[:4], "little")), lib.hidden_keep(int.from_bytes(ends[4:], "little"))

    def cancel(self) -> None:
        """Close what is still open here: there is no child, or it is another's."""
        for end in self._ends:
            lib.hidden_release(end)
        self._ends = ()

    # ---- In the parent ----

    def begun(self) -> None:
        """To be called first."""
        lib.hidden_release(self._childs)
        self._ends = (self._parents,)

    def wait(self, mm: AddressSpace) -> None:
        """Wait until the child has called execve or ended; what it has written is this process's then."""
        for address, data in _records(lib.hidden_fd(self._parents)):
            mm.window.write(address, data)

    # ---- In the child ----

    def begin(self, mm: AddressSpace, beside_threads: bool) -> None:
        """To be called first, all signals blocked."""
        lib.hidden_release(self._parents)
        self._ends = (self._childs,)
        if self.shares_memory and beside_threads:
            self._call_witness(mm)

    def finish(self, mm: AddressSpace) -> None:
        """The parent may go on, with the pages of private memory that are the child's alone: those written since the fork."""
        with Room(self.task.group.fds, self.host):
            if self.shares_memory:
                self._send_memory(mm)
            self.cancel()
        if self._witness > 0:
            self.host.wait4(self._witness, 0, WALL, 0)

    def _call_witness(self, mm: AddressSpace) -> None:
        testimony, mine = self._connection()
        self._witness = self.host.clone(0, 0, 0, 0, 0)  # no signal at its end, and no wait(2) of the guest's finds it
        if self._witness == 0:
            self._testify(mm, testimony)
        lib.hidden_release(testimony)
        lib.hidden_release(self._childs)
        self._childs = mine
        self._ends = (mine,)
        self.shares_memory = self._witness > 0

    def _testify(self, mm: AddressSpace, testimony: int) -> NoReturn:
        """Between the child and the parent, to the child's end: what differs from the memory as it was."""
        try:
            source, target = lib.hidden_fd(testimony), lib.hidden_fd(self._childs)
            low, high = sorted((source, target))
            for first, last in ((0, low - 1), (low + 1, high - 1), (high + 1, _LAST_FD)):
                self.host.close_range(first, last, 0)
            self.host.setpgid(0, 0)  # out of reach of signals to the guest's
            for address, data in _records(source):
                for start, part in changes(mm.window.read(address, len(data)), data):
                    self._send(target, address + start, part)
        finally:
            os._exit(0)

    def _send_memory(self, mm: AddressSpace) -> None:
        with self._pagemap() as pagemap:
            for start, end in mm.writable():
                pagemap.seek((mm.window.base + start) // _PAGE * 8)
                states = pagemap.read((end - start) // _PAGE * 8)[7::8]
                place = states.find(_WRITTEN)
                while place >= 0:
                    page = start + place * _PAGE
                    self._send(lib.hidden_fd(self._childs), page, mm.window.read(page, _PAGE))
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

    def _send(self, fd: int, address: int, content: bytes) -> None:
        data = _RECORD.pack(address, len(content)) + content
        while data:
            sent = self.host.sendto(fd, data, len(data), MSG_NOSIGNAL, 0, 0)
            if sent < 0 and sent != -EINTR:
                return  # the parent is gone
            data = data[max(sent, 0) :]


def _records(fd: int) -> Iterator[tuple[int, bytes]]:
    """Addresses and what was written there, to the connection's end."""
    with open(fd, "rb", closefd=False) as stream:
        while len(head := stream.read(_RECORD.size)) == _RECORD.size:
            address, size = _RECORD.unpack(head)
            yield address, stream.read(size)


def changes(old: bytes, new: bytes) -> Iterator[tuple[int, bytes]]:
    """The runs of bytes in which `new` differs from `old`, as far as both go, and where they start."""
    size = min(len(old), len(new))
    differs = (int.from_bytes(old[:size], "little") ^ int.from_bytes(new[:size], "little")).to_bytes(size, "little")
    end = 0
    while run := differs[end:].lstrip(b"\0"):
        start = size - len(run)
        end = start + (run + b"\0").index(0)
        yield start, new[start:end]
