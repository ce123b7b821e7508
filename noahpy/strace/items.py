"""What C records of each argument's memory, by the types that the call's declaration gives them (struct watch_item)."""

from __future__ import annotations

from linux_abi import types
from linux_abi.show.arguments import size_of
from linux_abi.uapi.structs import Mmsghdr, Msghdr

from .._native import lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from linux_abi.syscall import Syscall

    # argument, kind, at, by, from, size, most
    Item = tuple[int, int, int, int, int, int, int]

_PATH_MAX = 4096
_LISTING = 1 << 15  # bytes of a directory's listing
_REQUEST = 64  # bytes of what ioctl(2)'s or fcntl(2)'s argument may point to
_DESCRIPTOR_SETS = 128  # bytes
BEGIN, END = lib.WATCH_BEGIN, lib.WATCH_END
_ONE, _BY_ARGUMENT, _BY_RESULT, _BY_MEMORY = (
    lib.WATCH_BY_ONE,
    lib.WATCH_BY_ARGUMENT,
    lib.WATCH_BY_RESULT,
    lib.WATCH_BY_MEMORY,
)


def items(call: Syscall, strings: int, links: bool) -> list[Item]:
    """The call's. `strings`: bytes of a string or buffer that are shown; `links`: where descriptors lead is, too."""
    found = [item for i, (_, kind) in enumerate(call.parameters) for item in _of(i, kind, strings)]
    if links:
        fds = [i for i, (_, kind) in enumerate(call.parameters) if issubclass(kind, types.Fd)]
        found += [(i, lib.WATCH_LINK, BEGIN, _ONE, 0, 1, 0) for i in fds]
        if call.function.__annotations__.get("return") in ("NewFd", "GivenFd"):
            found.append((lib.WATCH_RESULT, lib.WATCH_LINK, END, _ONE, 0, 1, 0))
    return found[: lib.WATCH_ITEMS]


def _of(i: int, kind: Any, strings: int) -> Iterator[Item]:
    of: Any = getattr(kind, "of", None)

    def take(at: int, by: int, place: int, size: int, most: int) -> Item:
        return i, lib.WATCH_BYTES, at, by, place, size, most

    if issubclass(kind, types.Path):
        yield i, lib.WATCH_STRING, BEGIN, _ONE, 0, 1, _PATH_MAX
    elif issubclass(kind, types.Str):
        yield i, lib.WATCH_STRING, BEGIN, _ONE, 0, 1, strings + 1
    elif issubclass(kind, types.OutStr):
        yield i, lib.WATCH_STRING, END, _ONE, 0, 1, _PATH_MAX
    elif issubclass(kind, types.Environment):
        yield i, lib.WATCH_COUNT, BEGIN, _ONE, 0, 1, 0
    elif issubclass(kind, types.Strings):
        yield i, lib.WATCH_STRINGS, BEGIN, _ONE, 0, 1, strings + 1
    elif issubclass(kind, (types.SockAddr, types.OptVal)):
        yield take(BEGIN, _BY_ARGUMENT, i + 1, 1, 128)
    elif issubclass(kind, types.OutSockAddr):
        yield take(END, _BY_MEMORY, i + 1, 1, 128)
    elif issubclass(kind, types.InBuf):
        yield take(BEGIN, _BY_ARGUMENT, i + 1, 1, strings)
    elif issubclass(kind, (types.OutEntries, types.OutCpuSet)):
        yield take(END, _BY_RESULT, 0, 1, _LISTING)
    elif issubclass(kind, types.OutBuf):
        yield take(END, _BY_RESULT, 0, 1, strings)
    elif issubclass(kind, types.IoVec):
        for at in (BEGIN, END):
            yield i, lib.WATCH_VECTORS, at, _BY_ARGUMENT, i + 1, 1, strings
    elif of in (Msghdr, Mmsghdr):
        many = of is Mmsghdr
        at = BEGIN if issubclass(kind, types.In) else END
        if at == END and not many:
            yield take(BEGIN, _ONE, 0, of.size, of.size)
        by = _BY_RESULT if many else _ONE
        yield i, lib.WATCH_MESSAGES, at, by, 0, of.size, strings
    elif issubclass(kind, types.InOutArray):
        for at in (BEGIN, END):
            yield take(at, _BY_ARGUMENT, i + 1, size_of(of), size_of(of) * strings)
    elif issubclass(kind, types.OutArray):
        yield take(END, _BY_RESULT, 0, size_of(of), size_of(of) * strings)
    elif of is types.WaitStatus:
        yield take(END, _BY_RESULT, 0, 4, 4)  # none where no child was waited for
    elif issubclass(kind, (types.In, types.Out, types.InOut)):
        times = ([] if issubclass(kind, types.Out) else [BEGIN]) + ([] if issubclass(kind, types.In) else [END])
        for at in times:
            yield take(at, _ONE, 0, size_of(of), size_of(of))
    elif issubclass(kind, types.FdSet):
        for at in (BEGIN, END):
            yield take(at, _ONE, 0, _DESCRIPTOR_SETS, _DESCRIPTOR_SETS)
    elif issubclass(kind, (types.FcntlArg, types.IoctlArg)):
        for at in (BEGIN, END):
            yield take(at, _ONE, 0, _REQUEST, _REQUEST)
    elif issubclass(kind, types.FutexTimeout):
        yield take(BEGIN, _ONE, 0, 16, 16)
