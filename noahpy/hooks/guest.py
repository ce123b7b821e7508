"""The guest's side of hooks: its threads tell the hooks' process of their calls, and do as it says."""

from __future__ import annotations

import marshal
import os
from time import sleep

from linux_abi.errors import LinuxError
from linux_abi.fds import Room
from linux_abi.host import own
from linux_abi.uapi.errno import EINTR, EINVAL
from linux_abi.uapi.mman import MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE
from linux_abi.uapi.socket import AF_UNIX, MSG_NOSIGNAL, SCM_RIGHTS, SOCK_CLOEXEC, SOCK_SEQPACKET, SOL_SOCKET
from linux_abi.uapi.structs import Cmsghdr, Iovec, Msghdr
from linux_abi.uapi.x86_64 import NUMBERS

from .._native import lib
from ..errors import FAILED, CannotRun
from ..once import Answer, Once
from . import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from linux_abi.syscall import Entry
    from linux_abi.task import Task

_GONE = "the hooks' process is gone"
_SIGN = 1 << 63
_FORKS = ("clone", "clone3", "fork", "vfork")
_FORK_NUMBERS = [NUMBERS[name] for name in _FORKS]
# Event -> calls that C makes without telling. Nobody is told of the end of a process of which nobody knew.
_LEFT_TO_PYTHON = {"fork": _FORKS, "exec": ("execve", "execveat"), "exit": ("exit", "exit_group", *_FORKS)}
_PROT, _MAP = PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS


class Lost(Exception):
    """There is no way to the hooks' process, as this says."""


class Watch(Once):
    """Asks hooks about calls, over the socket `announce`."""

    def __init__(self, announce: int) -> None:
        self._announce = announce
        said = marshal.loads(os.read(announce, wire.ROOM))  # noqa: S302  our own
        if "refused" in said:
            raise CannotRun(said["refused"])
        self._when: dict[int, int] = said["calls"]
        self._events: set[str] = set(said["events"])
        self._kill: bool = said["kill"]
        left = [NUMBERS[name] for event in self._events for name in _LEFT_TO_PYTHON.get(event, ())]
        super().__init__(self._when)
        self.calls = {*self.calls, *left}
        self._place = -1
        self._channels: dict[Task, Channel] = {}
        self._areas: list[int] = []  # of ended threads
        self._births = 0
        self._gone = False

    # ---- What becomes of threads ----

    def thread_started(self, task: Task) -> None:
        if self._place < 0:  # the first one of all
            self._place = lib.hidden_keep(self._announce)
            self._reach(task)
            self._first = os.getpid()
            if "end" in self._events:
                lib.fast_linger(self._first)
        else:
            self._tell(task, "thread")

    def thread_ended(self, task: Task) -> None:
        super().thread_ended(task)
        with task.group.fds.lock:
            self._close(self._channels.pop(task, None))

    def executed(self, task: Task) -> None:
        self._areas.clear()
        if task in self._channels:
            self._channels[task].area = 0
            self._reach(task, Channel.renamed)
        self._tell(task, "exec")

    def born(self, task: Task) -> None:
        super().born(task)
        self._births += 1
        for channel in self._channels.values():
            self._close(channel)
        self._channels.clear()

    def ending(self, task: Task, status: int) -> None:
        self._tell(task, "exit", status)
        if os.getpid() == self._first:
            self._tell(task, "end")

    def _close(self, channel: Channel | None) -> None:
        """With the descriptors' lock held."""
        if channel:
            lib.hidden_release(channel.place)
            if channel.area:
                self._areas.append(channel.area)

    def _channel(self, task: Task) -> Channel:
        channel = self._channels.get(task)
        if channel is None:
            channel = self._channels[task] = Channel(task, lib.hidden_fd(self._place), self._areas)
        return channel

    # ---- Calls ----

    def signalled(self, task: Task, info: bytes) -> None:
        super().signalled(task, info)
        self._tell(task, "signal", int.from_bytes(info[:4], "little"))

    def _tell(self, task: Task, event: str, what: int = 0) -> None:
        if event in self._events:
            self._ask(task, wire.EVENT, wire.EVENTS.index(event), what)

    def wrap(self, number: int, entry: Entry) -> Entry:
        if number in _FORK_NUMBERS and self._events & {"fork", "exit"}:
            entry = self._forking(entry)
        return super().wrap(number, entry)

    def before(self, task: Task, regs: memoryview[int], number: int) -> Answer:
        return self._ask(task, wire.BEFORE, number, 0) if self._when[number] & wire.FIRST else Answer()

    def after(self, task: Task, number: int, answer: Answer, result: int | None) -> int | None:
        in_child = number in _FORK_NUMBERS and result == 0 and answer.result is None
        if not self._when[number] & wire.LAST or in_child:
            return result
        other = self._ask(task, wire.AFTER, number, result or 0).result
        return result if other is None else other

    def _ask(self, task: Task, what: bytes, number: int, result: int) -> Answer:
        return self._reach(task, lambda channel: channel.tell(what, number, result)) or Answer()

    def _reach(self, task: Task, use: Callable[[Channel], Answer | None] = lambda _: None) -> Answer | None:
        """Use the thread's connection, if the hooks' process is there."""
        if not self._gone:
            try:
                return use(self._channel(task))
            except Lost as error:
                self._lose(task, error)
        return None

    def _forking(self, entry: Entry) -> Entry:
        """The child announces itself, as soon as it can."""

        def forking(task: Task, regs: memoryview[int]) -> int | None:
            births = self._births
            result = entry(task, regs)
            if births != self._births:
                self._reach(task)
                self._tell(task, "fork", os.getppid())
            return result

        return forking  # type: ignore[return-value]

    def _lose(self, task: Task, error: Lost) -> None:
        self._gone = True
        what = "it is killed" if self._kill else "the program goes on without"
        os.write(2, f"noahpy: {task.tid}: {error}: {what}\n".encode())
        if self._kill:
            task.machine.exit(task, FAILED, group=True)


class Channel:
    """A thread's own connection."""

    def __init__(self, task: Task, announce: int, areas: list[int]) -> None:
        self._task = task
        self._host = host = task.host.now
        self._buffer = bytearray(wire.ROOM)
        self._areas = areas
        self.area = 0  # guest memory for what hooks change
        ends = bytearray(8)
        with Room(task.group.fds, task.host):
            error = host.socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)
            if error < 0:
                raise Lost(f"no descriptor for hooks: {os.strerror(-error)}")
            ours, theirs = int.from_bytes(ends[:4], "little"), int.from_bytes(ends[4:], "little")
            self.place = lib.hidden_keep(ours)
            hello = {"pid": os.getpid(), "tid": task.tid, "parent": os.getppid(), "program": task.group.exe}
            error = _send_descriptor(task, announce, marshal.dumps(hello), theirs)
            host.close(theirs)
        if error < 0:
            raise Lost(_GONE)

    def tell(self, what: bytes, number: int, result: int) -> Answer:
        """Of a call, and do what is asked until the answer comes."""
        return self._talk(wire.TOLD.pack(what, number, result, *self._task.cpu.regs))

    def renamed(self) -> None:
        """Tell what the process executes now."""
        self._send(wire.PROGRAM + self._task.group.exe)

    def _talk(self, message: bytes) -> Answer:
        while True:
            self._send(message)
            said, a, b, data = self._receive()
            if said in (wire.GO_ON, wire.INSTEAD):
                sleep(a / 1e9)
                return Answer((b ^ _SIGN) - _SIGN) if said == wire.INSTEAD else Answer(None, wire.WORDS.unpack(data))
            if said == wire.DIE:
                self._task.machine.exit(self._task, FAILED, group=True)
            try:
                message = wire.ANSWER.pack(0) + self._obey(said, a, b, data)
            except LinuxError as error:
                message = wire.ANSWER.pack(-error.errno)

    def _obey(self, said: bytes, a: int, b: int, data: bytes) -> bytes:
        task = self._task
        if said == wire.READ:
            return task.mm.read(a, b)
        if said == wire.STRING:
            return task.mm.cstr(a, b)
        if said == wire.WRITE:
            task.mm.write(a, data)
        elif said == wire.PLACE:
            if not self.area:
                area = self._areas.pop() if self._areas else task.mm.mmap(0, wire.AREA, _PROT, _MAP, -1, 0)
                if area < 0:
                    raise LinuxError(-area)
                self.area = area
            return self.area.to_bytes(8, "little")
        elif said == wire.REGISTER:
            task.cpu.regs[a] = b
        elif said == wire.DESCRIPTOR:
            try:
                return own.target(f"self/fd/{task.group.fds.visible(a)}")
            except OSError as error:
                raise LinuxError(error.errno or EINVAL) from None
        return b""

    def _send(self, message: bytes) -> None:
        sent = -EINTR
        while sent == -EINTR:
            sent = self._host.sendto(lib.hidden_fd(self.place), message, len(message), MSG_NOSIGNAL, 0, 0)
        if sent < 0:
            raise Lost(_GONE)

    def _receive(self) -> tuple[bytes, int, int, bytes]:
        got = -EINTR
        while got == -EINTR:
            got = self._host.recvfrom(lib.hidden_fd(self.place), self._buffer, len(self._buffer), 0, 0, 0)
        if got <= 0:
            raise Lost(_GONE)
        return *wire.SAID.unpack_from(self._buffer), bytes(self._buffer[wire.SAID.size : got])


def _send_descriptor(task: Task, socket: int, data: bytes, fd: int) -> int:
    """sendmsg(2) with one descriptor."""
    address_of = task.host.address_of
    control = Cmsghdr.pack(Cmsghdr.size + 4, SOL_SOCKET, SCM_RIGHTS) + fd.to_bytes(8, "little")
    vector = Iovec.pack(address_of(data), len(data))
    return task.host.now.sendmsg(
        socket, Msghdr.pack(0, 0, address_of(vector), 1, address_of(control), len(control), 0), MSG_NOSIGNAL
    )
