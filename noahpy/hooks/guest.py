"""The guest's side of hooks: its threads tell the hooks' process of their calls, and do as it says."""

from __future__ import annotations

import marshal
import os
from time import sleep

from linux_abi.errors import LinuxError
from linux_abi.fds import Room
from linux_abi.host import own
from linux_abi.uapi.errno import EINTR, EINVAL, ERESTARTSYS
from linux_abi.uapi.mman import MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE
from linux_abi.uapi.socket import AF_UNIX, MSG_NOSIGNAL, SCM_RIGHTS, SOCK_CLOEXEC, SOCK_SEQPACKET, SOL_SOCKET
from linux_abi.uapi.structs import Cmsghdr, Iovec, Msghdr
from linux_abi.uapi.x86_64 import ARGUMENT_REGISTERS, NUMBERS, RAX, RIP, RSP

from .._native import lib
from ..errors import FAILED, CannotRun
from ..instrument import Instrument
from . import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from linux_abi.syscall import Entry
    from linux_abi.task import Task

    Place = tuple[int, ...]

_SIGN = 1 << 63
_SIGRETURN = NUMBERS["rt_sigreturn"]
_FORKS = ("clone", "clone3", "fork", "vfork")
_FORK_NUMBERS = [NUMBERS[name] for name in _FORKS]
# Event -> calls that C makes without telling. Nobody is told of the end of a process of which nobody knew.
_LEFT_TO_PYTHON = {"fork": _FORKS, "exec": ("execve", "execveat"), "exit": ("exit", "exit_group", *_FORKS)}
_SYSCALL_LENGTH = 2  # bytes of the instruction
_PROT, _MAP = PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS


class Lost(Exception):
    """The hooks' process is gone."""


class Watch(Instrument):
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
        self.calls = {*self._when, _SIGRETURN, *left}
        self._place = -1
        self._channels: dict[Task, Channel] = {}
        self._areas: list[int] = []  # of ended threads
        self._births = 0
        self._gone = False

    def refuse(self, error: CannotRun) -> None:
        """The program can't be run."""
        os.write(self._announce, wire.refusal(error))

    # ---- What becomes of threads ----

    def thread_started(self, task: Task) -> None:
        if self._place < 0:  # the first one of all
            self._place = lib.hidden_keep(self._announce)
            self._channel(task)
            self._first = os.getpid()
            if "end" in self._events:
                lib.fast_linger(self._first)
        else:
            self._tell(task, "thread")

    def thread_ended(self, task: Task) -> None:
        with task.group.fds.lock:
            self._close(self._channels.pop(task, None))

    def executed(self, task: Task) -> None:
        self._areas.clear()
        for channel in self._channels.values():
            channel.area = 0
            channel.renamed()
        self._tell(task, "exec")

    def born(self, task: Task) -> None:
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
        if channel := self._channels.get(task):
            channel.suspended.update(channel.approved)
            channel.approved.clear()
        self._tell(task, "signal", int.from_bytes(info[:4], "little"))

    def _tell(self, task: Task, event: str, what: int = 0) -> None:
        if event in self._events and not self._gone:
            try:
                self._channel(task).tell(wire.EVENT, wire.EVENTS.index(event), what)
            except Lost:
                self._lose(task)

    def wrap(self, number: int, entry: Entry) -> Entry:
        if number == _SIGRETURN:
            entry = self._returning(entry)
        elif number in _FORK_NUMBERS and self._events & {"fork", "exit"}:
            entry = self._forking(entry)
        when = self._when.get(number)
        if when is None:
            return entry

        def watched(task: Task, regs: memoryview[int]) -> int | None:
            if self._gone:
                return entry(task, regs)
            try:
                return self._serve(task, regs, number, when, entry)
            except Lost:
                self._lose(task)
                return entry(task, regs)

        return watched  # type: ignore[return-value]

    def _returning(self, entry: Entry) -> Entry:
        """A handler's end may lead back to a call of which a hook was asked already."""

        def returning(task: Task, regs: memoryview[int]) -> int | None:
            result = entry(task, regs)
            if channel := self._channels.get(task):
                place = _place(regs, regs[RIP] + _SYSCALL_LENGTH)
                if answer := channel.suspended.pop(place, None):
                    channel.approved[place] = answer
            return result

        return returning  # type: ignore[return-value]

    def _forking(self, entry: Entry) -> Entry:
        """The child announces itself, as soon as it can."""

        def forking(task: Task, regs: memoryview[int]) -> int | None:
            births = self._births
            result = entry(task, regs)
            if births != self._births:
                self._channel(task)
                self._tell(task, "fork", os.getppid())
            return result

        return forking  # type: ignore[return-value]

    def _serve(self, task: Task, regs: memoryview[int], number: int, when: int, entry: Entry) -> int | None:
        births = self._births
        channel = self._channel(task)
        place = _place(regs, regs[RIP])
        channel.suspended.pop(place, None)  # a handler has not returned there but jumped
        answer = channel.approved.pop(place, None)
        if answer is None:
            answer = channel.tell(wire.BEFORE, number, 0) if when & wire.FIRST else Answer()
            _wait(answer.delay)
        result: int | None = answer.result
        if result is None:
            result = entry(task, answer.registers(regs))
            if result == -ERESTARTSYS:  # a signal comes first, then the call is made again: as the hook has said
                channel.approved[place] = answer
                return result
        if when & wire.LAST and births == self._births:
            answer = channel.tell(wire.AFTER, number, result or 0)
            _wait(answer.delay)
            if answer.result is not None:
                return answer.result
        return result

    def _lose(self, task: Task) -> None:
        self._gone = True
        what = "it is killed" if self._kill else "the program goes on without"
        os.write(2, f"noahpy: {task.tid}: the hooks' process is gone: {what}\n".encode())
        if self._kill:
            task.machine.exit(task, FAILED, group=True)


class Answer:
    """What a hook wants: other arguments, or a result instead of the call; and a delay."""

    __slots__ = ("delay", "result", "words")

    def __init__(self, delay: float = 0, result: int | None = None, words: Sequence[int] = ()) -> None:
        self.delay = delay  # s
        self.result = result
        self.words = words

    def registers(self, regs: memoryview[int]) -> memoryview[int]:
        """The registers to serve the call by. The guest's own stay as they are, as Linux promises."""
        if not self.words:
            return regs
        changed = list(regs)
        for register, word in zip(ARGUMENT_REGISTERS, self.words, strict=True):
            changed[register] = word
        return changed  # type: ignore[return-value]


class Channel:
    """A thread's own connection."""

    def __init__(self, task: Task, announce: int, areas: list[int]) -> None:
        self._task = task
        self._host = host = task.host.now
        self._buffer = bytearray(wire.ROOM)
        self._areas = areas
        self.area = 0  # guest memory for what hooks change
        self.approved: dict[Place, Answer] = {}  # what hooks have said of calls that are yet to be made
        self.suspended: dict[Place, Answer] = {}  # the same, but handlers that run may not return there
        ends = bytearray(8)
        with Room(task.group.fds, task.host):
            error = host.socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)
            if error < 0:
                raise LinuxError(-error)
            ours, theirs = int.from_bytes(ends[:4], "little"), int.from_bytes(ends[4:], "little")
            self.place = lib.hidden_keep(ours)
            hello = {"pid": os.getpid(), "tid": task.tid, "parent": os.getppid(), "program": task.group.exe}
            error = _send_descriptor(task, announce, marshal.dumps(hello), theirs)
            host.close(theirs)
        if error < 0:
            raise Lost

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
            if said == wire.GO_ON:
                return Answer(a / 1e9, None, wire.WORDS.unpack(data))
            if said == wire.INSTEAD:
                return Answer(a / 1e9, (b ^ _SIGN) - _SIGN)
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
                self.area = self._areas.pop() if self._areas else task.mm.mmap(0, wire.AREA, _PROT, _MAP, -1, 0)
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
            raise Lost

    def _receive(self) -> tuple[bytes, int, int, bytes]:
        got = -EINTR
        while got == -EINTR:
            got = self._host.recvfrom(lib.hidden_fd(self.place), self._buffer, len(self._buffer), 0, 0, 0)
        if got <= 0:
            raise Lost
        return *wire.SAID.unpack_from(self._buffer), bytes(self._buffer[wire.SAID.size : got])


def _place(regs: memoryview[int], rip: int) -> Place:
    """What tells a call that is made again: where it is made, by which stack, and all that it is given."""
    return rip, regs[RSP], regs[RAX] & 0xFFFFFFFF, *[regs[r] for r in ARGUMENT_REGISTERS]


def _send_descriptor(task: Task, socket: int, data: bytes, fd: int) -> int:
    """sendmsg(2) with one descriptor."""
    address_of = task.host.address_of
    control = Cmsghdr.pack(Cmsghdr.size + 4, SOL_SOCKET, SCM_RIGHTS) + fd.to_bytes(8, "little")
    vector = Iovec.pack(address_of(data), len(data))
    return task.host.now.sendmsg(
        socket, Msghdr.pack(0, 0, address_of(vector), 1, address_of(control), len(control), 0), MSG_NOSIGNAL
    )


def _wait(seconds: float) -> None:
    if seconds:
        sleep(seconds)
