"""What a hook gets: the call, the guest's thread that makes it, its memory and registers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from linux_abi import types
from linux_abi.show.arguments import size_of
from linux_abi.show.calls import NAMES
from linux_abi.syscall import Declarations
from linux_abi.uapi import errno as errnos
from linux_abi.uapi import x86_64
from linux_abi.uapi.flags import FlagSet
from linux_abi.uapi.layout import Struct
from linux_abi.uapi.structs import Iovec

from . import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Protocol

    class Line(Protocol):
        """To a thread of the guest's that waits for an answer."""

        def ask(self, what: bytes, a: int = 0, b: int = 0, data: bytes = b"") -> bytes:
            """Have it serve a request; OSError if it can't."""


_M64 = (1 << 64) - 1
_REGISTERS: dict[str, int] = {name.lower(): place for name, place in vars(x86_64).items() if name[0] == "R" and name.isalnum()}
_IOV_MAX, _FD_SETSIZE = 1024, 1 << 16
_WRITTEN = (types.OutBuf, types.Out, types.OutArray, types.OutStr, types.OutSockAddr, types.OutCpuSet)
_LONGEST = 1e9  # s, of a delay
_DECODERS: dict[str, Callable[[int], int]] = {}


class Errno(Exception):
    """Raised by a hook: the call fails with this error, which is a name or a number."""

    def __init__(self, error: str | int) -> None:
        number = error if isinstance(error, int) else vars(errnos).get(error)
        if not isinstance(number, int) or not 0 < number < 4096:
            raise ValueError(f"Linux has no error {error!r}")
        super().__init__(errnos.name(number))
        self.errno = number


class Flags(int):
    """A word of flags: an int whose text is their names."""

    _set: type[FlagSet]

    def __new__(cls, value: int, names: type[FlagSet]) -> Flags:
        self = super().__new__(cls, value)
        self._set = names
        return self

    def __str__(self) -> str:
        return self._set.show(int(self))

    __repr__ = __str__


class Memory:
    """A process's memory. OSError(EFAULT) where nothing is mapped, or not so."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes."""
        pieces = range(0, size, wire.PIECE)
        return b"".join([self._line.ask(wire.READ, address + at, min(size - at, wire.PIECE)) for at in pieces])

    def read_cstr(self, address: int, limit: int = 4096) -> bytes:
        """The bytes before the NUL, which is among the first `limit` ones, or OSError(ENAMETOOLONG)."""
        return self._line.ask(wire.STRING, address, min(limit, wire.PIECE))

    def write(self, address: int, data: bytes) -> None:
        """Store `data`."""
        for at in range(0, len(data), wire.PIECE):
            self._line.ask(wire.WRITE, address + at, 0, data[at : at + wire.PIECE])


class Registers:
    """The general registers by name, `rax` to `rflags`, as attributes: unsigned. Set ones hold when the thread goes on."""

    def __init__(self, line: Line) -> None:
        self.__dict__["_line"] = line
        self.show([0] * wire.REGISTERS)

    def show(self, values: Sequence[int]) -> None:
        """Be these now, which are the thread's."""
        self.__dict__["_values"] = list(values)

    def __getattr__(self, name: str) -> int:
        if name not in _REGISTERS:
            raise AttributeError(f"x86-64 has no register {name}")
        values: list[int] = self.__dict__["_values"]
        return values[_REGISTERS[name]]

    def __setattr__(self, name: str, value: int) -> None:
        if name not in _REGISTERS:
            raise AttributeError(f"x86-64 has no register {name}")
        line: Line = self.__dict__["_line"]
        line.ask(wire.REGISTER, _REGISTERS[name], value & _M64)
        self.__dict__["_values"][_REGISTERS[name]] = value & _M64


class Task:
    """A thread of the guest's. Memory, registers and descriptors are in reach while a hook is asked about it."""

    def __init__(self, line: Line, hello: Mapping[str, Any]) -> None:
        self.pid: int = hello["pid"]
        self.tid: int = hello["tid"]
        self.host_pid: int = hello[
            "host_pid"
        ]  # as seen from here: in a tree of its own (--root), the program has other numbers
        self.parent: int = hello["parent"]  # its process's, at that one's first call
        self.program = os.fsdecode(hello["program"])  # the path
        self.memory = Memory(line)
        self.registers = Registers(line)
        self._line = line

    def path(self, fd: int) -> str:
        """What the descriptor is open to (proc_pid_fd(5)). OSError(ENOENT): it is not open."""
        return os.fsdecode(self._line.ask(wire.DESCRIPTOR, fd & 0xFFFFFFFF))

    def __repr__(self) -> str:
        return f"{self.tid} {self.program}"


class Call:
    """A system call of the guest's, before or after it is made.

    `call["pathname"]` is an argument by the name that its manual page has. Numbers are ints, flags know their names; of what an
    address leads to: paths and strings are str, buffers bytes, structs tuples with named fields, arrays and sets of descriptors
    lists. None is what can't be read, or is not there yet. Before the call, each can be set: numbers, and str, bytes, structs
    and lists of strings, for which there is a place of their own in the guest. What the call writes (a buffer, a struct) can be
    set at any time. `call.args` has the bare numbers.

    `result` is None before the call, then what it has given, a negative errno for an error. To set it is to answer: before the
    call, in its stead.
    """

    def __init__(self, task: Task, number: int, words: Sequence[int], result: int | None, declared: Declarations) -> None:
        self.task = task
        self.number = number
        self.name = NAMES.get(number, str(number))
        self._result = result
        self.is_made = result is not None
        self.waits = 0.0  # s, before the call or before its end
        call = declared.get(number)
        # Name -> what the argument is.
        self.types = dict(call.parameters) if call else {f"arg{i}": types.Arg for i in range(6)}
        self.args = Arguments(list(words), self.types)
        self._used = 0  # bytes of the place for what is set

    @property
    def result(self) -> int | None:
        """None before the call, then what it has given; to set it is to answer."""
        return self._result

    @result.setter
    def result(self, value: int | None) -> None:
        if not isinstance(value, int | None):
            raise TypeError(f"the result of {self.name} is a number, not {value!r}")
        self._result = value

    @property
    def error(self) -> str:
        """The result's errno by name, or an empty string."""
        return errnos.name(-self.result) if self.result is not None and -4096 < self.result < 0 else ""

    def delay(self, seconds: float) -> None:
        """Have the guest's thread wait, before the call or after it; hooks go on."""
        if not 0 <= seconds <= _LONGEST:
            raise ValueError(f"{self.name} waits for {seconds} s: from 0 to {_LONGEST:g} it can")
        self.waits += seconds

    def __getitem__(self, name: str) -> Any:
        kind, value = self.types[self.args.known(name)], self.args[name]
        if issubclass(kind, types.Flags):
            return Flags(value, kind.of)  # type: ignore[attr-defined]
        if not issubclass(kind, types.Ptr):
            return value
        if kind is types.Ptr or not value:
            return value or None
        try:
            return self._content(name, kind, value)
        except OSError:
            return None

    def _content(self, name: str, kind: type[types.Arg], address: int) -> Any:
        memory = self.task.memory
        if issubclass(kind, types.Path | types.Str):
            return os.fsdecode(memory.read_cstr(address))
        if issubclass(kind, types.Strings):
            return [os.fsdecode(memory.read_cstr(string, wire.PIECE)) for string in self._pointers(address)]
        if issubclass(kind, types.InBuf):
            return memory.read(address, self.args.after(name))
        if issubclass(kind, types.IoVec):
            return _array(Iovec, memory.read(address, min(self.args.after(name), _IOV_MAX) * Iovec.size))
        if issubclass(kind, types.FdSet):
            bits = int.from_bytes(memory.read(address, (max(0, min(self.args["nfds"], _FD_SETSIZE)) + 7) // 8), "little")
            return [fd for fd in range(bits.bit_length()) if bits >> fd & 1]
        if issubclass(kind, types.FutexAddress):
            return address
        if issubclass(kind, _WRITTEN) and not self.is_made:
            return None
        result = max(0, self.result or 0)
        if issubclass(kind, types.OutStr):
            return os.fsdecode(memory.read_cstr(address))
        if issubclass(kind, types.OutSockAddr):
            size = int.from_bytes(memory.read(self.args.after(name), 4), "little")
            return memory.read(address, min(size, wire.PIECE))
        if issubclass(kind, types.OutCpuSet):
            return memory.read(address, result)
        if issubclass(kind, types.OutBuf):
            return memory.read(address, min(result, self.args.after(name)))
        what = kind.of  # type: ignore[attr-defined]
        if issubclass(kind, types.InOutArray | types.OutArray):
            count = self.args.after(name) if issubclass(kind, types.InOutArray) else result
            return _array(what, memory.read(address, count * size_of(what)))
        return _array(what, memory.read(address, size_of(what)))[0]

    def _pointers(self, address: int) -> Iterator[int]:
        """The elements of an array that a NULL ends."""
        while pointer := int.from_bytes(self.task.memory.read(address, 8), "little"):
            yield pointer
            address += 8

    def __setitem__(self, name: str, value: Any) -> None:
        kind = self.types[self.args.known(name)]
        if isinstance(value, int):
            self._change(name, value)
            return
        if issubclass(kind, types.Strings):
            places = [self._place(os.fsencode(string) + b"\0") for string in value]
            self._change(name, self._place(b"".join(place.to_bytes(8, "little") for place in (*places, 0))))
            return
        data = os.fsencode(value) if isinstance(value, str | os.PathLike) else bytes(value)
        if issubclass(kind, types.Path | types.Str):
            self._change(name, self._place(data + b"\0"))
        elif issubclass(kind, types.InBuf):
            self._change(name, self._place(data))
            self._change(self.args.name_after(name), len(data))
        elif issubclass(kind, types.In):
            self._change(name, self._place(data))
        elif issubclass(kind, types.OutBuf) and len(data) > self.args.after(name):
            raise ValueError(f"{self.name} has room for {self.args.after(name)} bytes in {name}, not {len(data)}")
        elif issubclass(kind, types.OutBuf | types.Out | types.InOut):
            self.task.memory.write(self.args[name], data)
        else:
            raise TypeError(f"{name} of {self.name} is a number, not {value!r}")

    def _change(self, name: str, value: int) -> None:
        if self.is_made:
            raise TypeError(f"{self.name} was made already: {name} can't be changed any more")
        self.args.words[self.args.place(name)] = value & _M64

    def _place(self, data: bytes) -> int:
        """Where `data` is put in the guest."""
        if self._used + len(data) > wire.AREA:
            raise ValueError(f"{len(data)} bytes are too many: a call's strings and buffers have {wire.AREA} together")
        address = int.from_bytes(self.task._line.ask(wire.PLACE), "little") + self._used
        self._used += -(-len(data) // 16) * 16
        self.task.memory.write(address, data)
        return address

    def __repr__(self) -> str:
        args = ", ".join(f"{name}={self._shown(name)}" for name in self.types)
        result = "" if self.result is None else f" = {f'-1 {self.error}' if self.error else self.result}"
        return f"{self.name}({args}){result}"

    def _shown(self, name: str) -> str:
        value = self[name]
        if issubclass(self.types[name], types.Ptr) and (value is None or type(value) is int):
            return hex(self.args[name])
        return repr(value)


class Event:
    """What becomes of a thread or its process.

    `name` and `value` are: fork, of a new process: its parent. exec, of one that has begun another program: 0. thread, of a
    new thread: 0. exit, of a process that ends: the status, or None if it was killed, when its memory is gone. signal,
    of a thread whose handler runs next: the signal's number. end, of the first process of all, when it is the last one and
    ends, or when the last one has ended: 0.
    """

    def __init__(self, task: Task, name: str, value: int | None) -> None:
        self.task = task
        self.name = name
        self.value = value

    def __repr__(self) -> str:
        return f"{self.name} {self.value} of {self.task}"


class Arguments:
    """A call's arguments as numbers: `call.args["buf"]` is an address."""

    def __init__(self, words: list[int], kinds: Mapping[str, type[types.Arg]]) -> None:
        self.words = words  # as in the registers
        self._kinds = kinds
        self._names = list(kinds)

    def known(self, name: str) -> str:
        """`name`, or KeyError that tells the names that there are."""
        if name not in self._kinds:
            raise KeyError(f"no argument {name!r}, only {', '.join(self._names) or 'none'}")
        return name

    def place(self, name: str) -> int:
        """Which argument it is, from 0 on."""
        return self._names.index(self.known(name))

    def name_after(self, name: str) -> str:
        """The next one's."""
        return self._names[self.place(name) + 1]

    def after(self, name: str) -> int:
        """The next one's value: of a buffer, its size."""
        return self[self.name_after(name)]

    def __getitem__(self, name: str) -> int:
        decode = self._kinds[self.known(name)].decode
        decoder = _DECODERS.get(decode)
        if decoder is None:
            decoder = _DECODERS[decode] = eval(f"lambda r: {decode.format(r='r')}")  # noqa: S307  our own source
        value: int = decoder(self.words[self.place(name)])
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _array(what: type, data: bytes) -> list[Any]:
    """The structs or numbers that an address leads to."""
    if issubclass(what, Struct):
        return list(what.iter_unpack(data))
    size = size_of(what)
    return [int.from_bytes(data[at : at + size], "little", signed=True) for at in range(0, len(data), size)]
