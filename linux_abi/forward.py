"""Forwarded calls: the host does what the guest asks, once the arguments mean the same to both.

What each kind of argument becomes is said here for Python and in native/fast.c for the fast path; tests run both. The
names below are used by the compiled entries.
"""

from __future__ import annotations

from . import types
from .errors import LinuxError
from .procfs import host_path  # noqa: F401  for the compiled entries
from .uapi.fcntl import AT_FDCWD, AT_SYMLINK_NOFOLLOW
from .uapi.futex import (
    FUTEX_CMD_MASK,
    FUTEX_LOCK_PI,
    FUTEX_LOCK_PI2,
    FUTEX_WAIT,
    FUTEX_WAIT_BITSET,
    FUTEX_WAIT_REQUEUE_PI,
)
from .uapi.structs import Iovec
from .uapi.x86_64 import ARGUMENT_REGISTERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .syscall import Syscall
    from .task import Task

UIO_MAXIOV = 1024
_WAITING = frozenset((FUTEX_WAIT, FUTEX_LOCK_PI, FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI, FUTEX_LOCK_PI2))
_EXPRESSIONS = {
    types.VALUE: "{r}",
    types.FD: "task.group.fds.visible({r})",
    types.POINTER: "task.mm.host_address({r})",
    types.PATH: "host_path(task, {r}, {flags}, {dirfd})",
    types.IOVEC: "iovec(task, {r}, {next})",
    types.FUTEX: "futex_timeout(task, {r}, {second})",
}


def entry_source(call: Syscall) -> str:
    """The body of a forwarded call's entry."""
    registers = [f"regs[{r}]" for r in ARGUMENT_REGISTERS]
    flags = {name: r for (name, _), r in zip(call.parameters, registers, strict=False)}.get("flags", "0")
    args = []
    dirfd = str(AT_FDCWD)
    for i, (_, t) in enumerate(call.parameters):
        args.append(
            _EXPRESSIONS[t.kind].format(
                r=registers[i],
                second=registers[1],
                next=registers[min(i + 1, 5)],
                flags=AT_SYMLINK_NOFOLLOW if issubclass(t, types.Link) else flags,
                dirfd=dirfd,
            )
        )
        dirfd = args[i] if issubclass(t, types.DirFd) else str(AT_FDCWD)
    if any(t.kind in (types.PATH, types.IOVEC) for _, t in call.parameters):
        return f"return task.host.call({', '.join([str(call.number), *args])})"
    return f"words = task.host.words[{len(args)}]\n return words({', '.join([str(call.number), *args])})"


def futex_timeout(task: Task, timeout: int, operation: int) -> int:
    """The fourth argument of futex(2)."""
    return task.mm.host_address(timeout) if operation & FUTEX_CMD_MASK & 0xFFFFFFFF in _WAITING else timeout


def iovec(task: Task, addr: int, count: int) -> int | bytes:
    """The guest's `count` iovecs at `addr` with host addresses, for readv(2) and its family.

    A count that Linux refuses and an array that can't be read are left to the host's kernel to refuse. Of the count it
    looks at the lower half alone (import_iovec() in lib/iov_iter.c).
    """
    mm = task.mm
    count &= 0xFFFFFFFF
    if not 0 < count <= UIO_MAXIOV:
        return mm.BAD_ADDRESS  # not looked at: never the guest's own array, its addresses are none of the host's
    try:
        raw = mm.read(addr, count * Iovec.size)
    except LinuxError:
        return mm.BAD_ADDRESS
    out = bytearray()
    for base, length in Iovec.iter_unpack(raw):
        out += Iovec.pack(mm.host_address(base), length)
    return bytes(out)
