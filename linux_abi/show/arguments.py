"""Arguments of calls as strace(1) writes them, each by the type that its declaration gives it.

A type's function takes what is known of the call and the argument's place, and says nothing (None) of an argument that does
not count. What memory held is in `before` and `after`: what the call was to read and what it has written.
"""

from __future__ import annotations

from .. import types
from ..uapi import ioctl as requests
from ..uapi.fcntl import (
    AT_FDCWD,
    F_DUPFD,
    F_DUPFD_CLOEXEC,
    F_GETFD,
    F_GETFL,
    F_GETLK,
    F_SETFD,
    F_SETFL,
    F_SETLK,
    F_SETLKW,
    O_CREAT,
    FdFlags,
    OpenFlags,
)
from ..uapi.futex import (
    FUTEX_BITSET_MATCH_ANY,
    FUTEX_CMD_MASK,
    FUTEX_LOCK_PI,
    FUTEX_LOCK_PI2,
    FUTEX_REQUEUE,
    FUTEX_TRYLOCK_PI,
    FUTEX_UNLOCK_PI,
    FUTEX_WAIT,
    FUTEX_WAIT_BITSET,
    FUTEX_WAIT_REQUEUE_PI,
    FUTEX_WAKE,
    FUTEX_WAKE_BITSET,
)
from ..uapi.layout import Struct
from ..uapi.socket import AF_INET, AF_INET6, SOL_SOCKET, SOL_TCP, InternetProtocol, SocketOption, TcpOption
from ..uapi.structs import Flock, LinuxDirent64, Siginfo, Timespec, Timeval
from .structs import STRUCTS, seconds, siginfo, signal_name, socket_address, vectors
from .text import hexed, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Shows = Callable[["Seen", int, Any], "str | None"]

_O_TMPFILE = 0o20000000
_M32 = 0xFFFFFFFF
_MOST_STRINGS = 32
_DELETED = " (deleted)"  # proc_pid_fd(5)
_PATH_MAX = 4096


class Seen:
    """A call as it was recorded: registers, what they pointed to, the result (None: not known yet)."""

    __slots__ = ("arguments", "before", "after", "result", "limit", "links")

    def __init__(self, arguments: tuple[int, ...], limit: int) -> None:
        self.arguments = arguments
        self.before: dict[int, list[bytes]] = {}  # by argument
        self.after: dict[int, list[bytes]] = {}
        self.result: int | None = None
        self.limit = limit  # bytes of a string or buffer that are shown
        self.links: dict[int, bytes] = {}  # where descriptors lead, by argument; 6: the result


def s32(value: int) -> int:
    """A register as a C int."""
    return ((value & _M32) ^ 0x80000000) - 0x80000000


def s64(value: int) -> int:
    """A register as a C long."""
    return (value ^ 1 << 63) - (1 << 63)


def address(value: int) -> str:
    """A pointer."""
    return f"{value:#x}" if value else "NULL"


def octal(value: int) -> str:
    """Permissions, of three digits at least."""
    return f"0{value:o}" if value > 0o7 else f"{value:03o}"


# ---- by type ----

_SHOWS: dict[type, Shows] = {}
_LATE: set[type] = set()  # shown when the call has come back


def _shows(*kinds: type, late: bool = False) -> Callable[[Shows], Shows]:
    def add(function: Shows) -> Shows:
        for kind in kinds:
            _SHOWS[kind] = function
            if late:
                _LATE.add(kind)
        return function

    return add


def shower(kind: type) -> tuple[Shows, bool]:
    """What shows an argument of that type, and whether only when the call has come back."""
    base = next(t for t in kind.__mro__ if t in _SHOWS)
    return _SHOWS[base], base in _LATE


@_shows(types.Arg, types.Hex, types.Ptr, types.Address)
def _number(seen: Seen, i: int, kind: Any) -> str:
    value = seen.arguments[i]
    return address(value) if issubclass(kind, (types.Ptr, types.Address)) else f"{value:#x}" if value else "0"


@_shows(types.ULong, types.Size)
def _unsigned(seen: Seen, i: int, kind: Any) -> str:
    return str(seen.arguments[i])


@_shows(types.Int)
def _int(seen: Seen, i: int, kind: Any) -> str:
    return str(s32(seen.arguments[i]))


@_shows(types.UInt)
def _uint(seen: Seen, i: int, kind: Any) -> str:
    return str(seen.arguments[i] & _M32)


@_shows(types.Long)
def _long(seen: Seen, i: int, kind: Any) -> str:
    return str(s64(seen.arguments[i]))


@_shows(types.Mode)
def _mode(seen: Seen, i: int, kind: Any) -> str:
    return octal(seen.arguments[i] & _M32)


@_shows(types.CreateMode)
def _create_mode(seen: Seen, i: int, kind: Any) -> str | None:
    return _mode(seen, i, kind) if seen.arguments[i - 1] & (O_CREAT | _O_TMPFILE) else None


@_shows(types.Fd)
def _fd(seen: Seen, i: int, kind: Any) -> str:
    fd = s32(seen.arguments[i])
    shown = "AT_FDCWD" if fd == AT_FDCWD and issubclass(kind, types.DirFd) else str(fd)
    return shown + link(seen, i)


def link(seen: Seen, i: int) -> str:
    """Where a descriptor leads, if that was asked for."""
    if i not in seen.links:
        return ""
    path = quoted(seen.links[i], _PATH_MAX)[0][1:-1]
    return f"<{path.removesuffix(_DELETED)}>{_DELETED.strip() if path.endswith(_DELETED) else ''}"


@_shows(types.Signal)
def _signal(seen: Seen, i: int, kind: Any) -> str:
    return signal_name(s32(seen.arguments[i]))


@_shows(types.Flags)
def _flags(seen: Seen, i: int, kind: Any) -> str:
    return kind.of.show(s32(seen.arguments[i]))  # type: ignore[no-any-return]


@_shows(types.Protocol)
def _protocol(seen: Seen, i: int, kind: Any) -> str:
    value = s32(seen.arguments[i])
    return InternetProtocol.show(value) if s32(seen.arguments[0]) in (AF_INET, AF_INET6) else str(value)


@_shows(types.OptName)
def _option_name(seen: Seen, i: int, kind: Any) -> str:
    names = {SOL_SOCKET: SocketOption, SOL_TCP: TcpOption}.get(s32(seen.arguments[i - 1]))
    value = s32(seen.arguments[i])
    return names.show(value) if names and not names.unknown(value) else f"{value:#x}"


# ---- strings and buffers ----


@_shows(types.Str)
def _string(seen: Seen, i: int, kind: Any) -> str:
    return _text(seen.before, seen, i, cut=True)


@_shows(types.Path)
def _path(seen: Seen, i: int, kind: Any) -> str:
    return _text(seen.before, seen, i, cut=False)


def _text(memory: dict[int, list[bytes]], seen: Seen, i: int, cut: bool) -> str:
    if i not in memory:
        return address(seen.arguments[i])
    text, whole = quoted(memory[i][0], seen.limit if cut else _PATH_MAX)
    return text if whole else text + "..."


@_shows(types.InBuf)
def _buffer(seen: Seen, i: int, kind: Any) -> str:
    return _bytes(seen.before, seen, i, seen.arguments[i + 1])


@_shows(types.OutBuf, late=True)
def _filled(seen: Seen, i: int, kind: Any) -> str:
    return _bytes(seen.after, seen, i, seen.result or 0)


def _bytes(memory: dict[int, list[bytes]], seen: Seen, i: int, size: int) -> str:
    if i not in memory or size < 0:
        return address(seen.arguments[i])
    return quoted(memory[i][0][: seen.limit], seen.limit)[0] + ("..." if size > seen.limit else "")


@_shows(types.OutBytes, late=True)
def _filled_bytes(seen: Seen, i: int, kind: Any) -> str:
    if i not in seen.after:
        return address(seen.arguments[i])
    return hexed(seen.after[i][0][: seen.limit]) + ("..." if (seen.result or 0) > seen.limit else "")


@_shows(types.OutStr, late=True)
def _written(seen: Seen, i: int, kind: Any) -> str:
    return _text(seen.after, seen, i, cut=False)


@_shows(types.Strings)
def _strings(seen: Seen, i: int, kind: Any) -> str:
    if i not in seen.before:
        return address(seen.arguments[i])
    shown = []
    for text in seen.before[i][:_MOST_STRINGS]:
        one, whole = quoted(text, seen.limit)
        shown.append(one if whole else one + "...")
    return f"[{', '.join(shown)}{', ...' if len(seen.before[i]) > _MOST_STRINGS else ''}]"


@_shows(types.Environment)
def _environment(seen: Seen, i: int, kind: Any) -> str:
    if i not in seen.before:
        return address(seen.arguments[i])
    count = int.from_bytes(seen.before[i][0], "little")
    return f"{address(seen.arguments[i])} /* {count} var{'' if count == 1 else 's'} */"


@_shows(types.OutEntries, late=True)
def _entries(seen: Seen, i: int, kind: Any) -> str:
    if i not in seen.after and seen.result != 0:
        return address(seen.arguments[i])
    data = seen.after.get(i, [b""])[0]
    count = at = 0
    while at + LinuxDirent64.size <= len(data):
        at += LinuxDirent64.unpack_from(data, at).d_reclen
        count += 1
    return f"{address(seen.arguments[i])} /* {count} entries */"


@_shows(types.OutCpuSet, late=True)
def _cpus(seen: Seen, i: int, kind: Any) -> str:
    if i not in seen.after:
        return address(seen.arguments[i])
    bits = int.from_bytes(seen.after[i][0], "little")
    return f"[{' '.join(str(n) for n in range(bits.bit_length()) if bits >> n & 1)}]"


# ---- structs ----


def _element(of: Any, data: bytes) -> str:
    if of is Siginfo:
        return siginfo(data)  # the rest depends on what the first fields say
    if of in STRUCTS:
        return STRUCTS[of](of.unpack(data))
    if issubclass(of, Struct):
        fields = zip(of.fields, of.unpack(data), strict=True)
        shown = [f"{name.strip('_')}={value}" for name, value in fields]
        return f"{{{', '.join(shown)}}}"
    if issubclass(of, types.WaitStatus):
        return f"[{wait_status(int.from_bytes(data, 'little'))}]"
    value = int.from_bytes(data, "little", signed=not issubclass(of, (types.UInt, types.ULong)))
    return f"[{value}]"


@_shows(types.In, types.InOut)
def _in(seen: Seen, i: int, kind: Any) -> str:
    return _element(kind.of, seen.before[i][0]) if i in seen.before else address(seen.arguments[i])


@_shows(types.Out, late=True)
def _out(seen: Seen, i: int, kind: Any) -> str:
    return _element(kind.of, seen.after[i][0]) if seen.after.get(i, [b""])[0] else address(seen.arguments[i])


def _array(of: Any, data: bytes, count: int, limit: int) -> str:
    size = size_of(of)
    shown = [_element(of, data[at : at + size]).strip("[]") for at in range(0, min(len(data), limit * size), size)]
    return f"[{', '.join(shown)}{', ...' if count > limit else ''}]"


@_shows(types.OutArray, late=True)
def _out_array(seen: Seen, i: int, kind: Any) -> str:
    if i not in seen.after:
        return "[]" if seen.result == 0 and seen.arguments[i] else address(seen.arguments[i])
    return _array(kind.of, seen.after[i][0], seen.result or 0, seen.limit)


@_shows(types.InOutArray)
def _in_array(seen: Seen, i: int, kind: Any) -> str:
    if i not in seen.before:
        return address(seen.arguments[i]) if seen.arguments[i + 1] else "[]"
    return _array(kind.of, seen.before[i][0], seen.arguments[i + 1], seen.limit)


def size_of(of: type) -> int:
    """Bytes of what In[...] and the like point to."""
    if issubclass(of, Struct):
        return of.size
    return 4 if issubclass(of, (types.Int, types.UInt)) else 8


@_shows(types.IoVec)
def _vectors(seen: Seen, i: int, kind: Any) -> str:
    return io_vectors(seen.before, seen, i)


def io_vectors(memory: dict[int, list[bytes]], seen: Seen, i: int) -> str:
    """Buffers, of what memory held before or after."""
    if i not in memory:
        return address(seen.arguments[i])
    return vectors(memory[i], seen.limit, seen.arguments[i + 1])


# ---- sockets ----


@_shows(types.SockAddr)
def _address_in(seen: Seen, i: int, kind: Any) -> str:
    return socket_address(seen.before[i][0]) if i in seen.before else address(seen.arguments[i])


@_shows(types.OutSockAddr, late=True)
def _address_out(seen: Seen, i: int, kind: Any) -> str:
    return socket_address(seen.after[i][0]) if seen.after.get(i, [b""])[0] else address(seen.arguments[i])


def _option(memory: dict[int, list[bytes]], seen: Seen, i: int) -> str:
    if i not in memory:
        return address(seen.arguments[i])
    data = memory[i][0]
    if len(data) == 4:
        return f"[{int.from_bytes(data, 'little', signed=True)}]"
    if len(data) == Timeval.size and s32(seen.arguments[1]) == SOL_SOCKET:
        return seconds(Timeval.unpack(data))
    return quoted(data, seen.limit)[0]


@_shows(types.OptVal)
def _option_in(seen: Seen, i: int, kind: Any) -> str:
    return _option(seen.before, seen, i)


@_shows(types.OutOptVal, late=True)
def _option_out(seen: Seen, i: int, kind: Any) -> str:
    return _option(seen.after, seen, i)


class Length(types.InOut):  # type: ignore[type-arg]
    """The size of what the argument before it points to, before and after."""


@_shows(Length, late=True)
def _length(seen: Seen, i: int, kind: Any) -> str:
    if i not in seen.before:
        return address(seen.arguments[i])
    before, after = [int.from_bytes(m[i][0], "little") for m in (seen.before, seen.after if i in seen.after else seen.before)]
    return f"[{before}]" if before == after else f"[{before} => {after}]"


# ---- arguments that depend on others ----

_LOCKS = (F_GETLK, F_SETLK, F_SETLKW)


@_shows(types.FcntlArg)
def _fcntl_argument(seen: Seen, i: int, kind: Any) -> str | None:
    command, value = s32(seen.arguments[1]), seen.arguments[i]
    if command in (F_GETFD, F_GETFL):
        return None
    if command in (F_DUPFD, F_DUPFD_CLOEXEC):
        return str(s32(value))
    if command in (F_SETFD, F_SETFL):
        return (FdFlags if command == F_SETFD else OpenFlags).show(s32(value))
    if command in _LOCKS and i in seen.before:
        return STRUCTS[Flock](Flock.unpack(seen.before[i][0][: Flock.size]))
    return f"{value:#x}" if value else "0"


@_shows(types.IoctlArg, late=True)
def _ioctl_argument(seen: Seen, i: int, kind: Any) -> str | None:
    known = requests.structure(seen.arguments[1] & _M32)
    value = seen.arguments[i]
    if known is None:
        return address(value)
    direction, what = known
    if direction == requests.NONE:
        return None
    if direction == requests.VALUE:
        return str(s32(value))
    memory = seen.before if direction == requests.IN else seen.after
    if i not in memory or (not isinstance(what, int) and what not in STRUCTS):
        return address(value)
    if isinstance(what, int):
        return f"[{int.from_bytes(memory[i][0][:4], 'little', signed=True)}]" if what == 4 else address(value)
    return STRUCTS[what](what.unpack(memory[i][0][: what.size]))


@_shows(types.FdSet)
def _fd_set(seen: Seen, i: int, kind: Any) -> str:
    return descriptors(seen.before[i][0], seen.arguments[0]) if i in seen.before else address(seen.arguments[i])


def descriptors(data: bytes, count: int) -> str:
    """A set of descriptors, all below `count`."""
    bits = int.from_bytes(data, "little") & ((1 << min(count, 8 * len(data))) - 1)
    return f"[{' '.join(str(n) for n in range(bits.bit_length()) if bits >> n & 1)}]"


# Operation: the arguments that count; else all do.
_FUTEX_ARGUMENTS = {
    FUTEX_WAKE: (0, 1, 2),
    FUTEX_WAIT: (0, 1, 2, 3),
    FUTEX_WAIT_BITSET: (0, 1, 2, 3, 5),
    FUTEX_WAKE_BITSET: (0, 1, 2, 5),
    FUTEX_REQUEUE: (0, 1, 2, 3, 4),
    FUTEX_LOCK_PI: (0, 1, 3),
    FUTEX_UNLOCK_PI: (0, 1),
    FUTEX_TRYLOCK_PI: (0, 1),
}
_FUTEX_TIMED = (FUTEX_WAIT, FUTEX_LOCK_PI, FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI, FUTEX_LOCK_PI2)


def _futex_lacks(seen: Seen, i: int) -> bool:
    operation = s32(seen.arguments[1]) & FUTEX_CMD_MASK
    return i not in _FUTEX_ARGUMENTS.get(operation, range(6))


@_shows(types.FutexValue, types.FutexAddress)
def _futex_value(seen: Seen, i: int, kind: Any) -> str | None:
    if _futex_lacks(seen, i):
        return None
    if issubclass(kind, types.FutexAddress):
        return address(seen.arguments[i])
    value = seen.arguments[i] & _M32
    bits = i == 5 and s32(seen.arguments[1]) & FUTEX_CMD_MASK in (FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET)
    return ("FUTEX_BITSET_MATCH_ANY" if value == FUTEX_BITSET_MATCH_ANY else f"{value:#x}") if bits else str(value)


@_shows(types.FutexTimeout)
def _futex_timeout(seen: Seen, i: int, kind: Any) -> str | None:
    if _futex_lacks(seen, i):
        return None
    if i in seen.before:
        return seconds(Timespec.unpack(seen.before[i][0]))
    timed = s32(seen.arguments[1]) & FUTEX_CMD_MASK in _FUTEX_TIMED
    return address(seen.arguments[i]) if timed else str(seen.arguments[i])


def wait_status(status: int) -> str:
    """As wait(2)'s macros take it apart."""
    signal = status & 0x7F
    if status & 0xFF == 0x7F:
        return f"{{WIFSTOPPED(s) && WSTOPSIG(s) == {signal_name(status >> 8 & 0xFF)}}}"
    if status == 0xFFFF:
        return "{WIFCONTINUED(s)}"
    if signal:
        return f"{{WIFSIGNALED(s) && WTERMSIG(s) == {signal_name(signal)}{' && WCOREDUMP(s)' if status & 0x80 else ''}}}"
    return f"{{WIFEXITED(s) && WEXITSTATUS(s) == {status >> 8 & 0xFF}}}"
