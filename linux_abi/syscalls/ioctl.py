"""ioctl(2). A request's number says little of its argument: `uapi/ioctl.py` knows those that are passed on."""

from __future__ import annotations

from ..errors import LinuxError
from ..syscall import syscall
from ..types import Fd, Flags, IoctlArg
from ..uapi.errno import ENOTTY
from ..uapi.fcntl import F_GETFD
from ..uapi.ioctl import INOUT, NONE, VALUE, IoctlRequest, argument, pointer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..task import Task

# What another request may pass on: a number, or an address that is bad on both sides, for the VMM has nothing so low.
_LOWEST_ADDRESS = 1 << 16


@syscall(missing="requests that uapi/ioctl.py does not have, if given an address: ENOTTY")
def ioctl(task: Task, fd: Fd, request: Flags[IoctlRequest], argp: IoctlArg) -> int:
    """Control a device."""
    host_fd = task.group.fds.visible(fd)
    number = request & 0xFFFFFFFF
    known = argument(number)
    if known is None and argp >= _LOWEST_ADDRESS:
        return min(task.host.fcntl(host_fd, F_GETFD, 0), 0) or -ENOTTY
    if known and (at := pointer(number)):
        return _with_pointer(task, host_fd, number, argp, known, at)
    numeric = known is None or known[0] in (NONE, VALUE)
    return task.host.ioctl(host_fd, number, argp if numeric else task.mm.host_address(argp))


def _with_pointer(task: Task, fd: int, request: int, argp: int, known: tuple[int, int], at: int) -> int:
    """A request whose argument holds a pointer, `at` bytes from its start: the host gets a copy with the host's address."""
    direction, size = known
    mm = task.mm
    try:
        given = mm.read(argp, size)
    except LinuxError:
        return task.host.ioctl(fd, request, mm.BAD_ADDRESS)
    address = given[at : at + 8]
    copy = bytearray(given)
    copy[at : at + 8] = mm.host_address(int.from_bytes(address, "little")).to_bytes(8, "little")
    result = task.host.ioctl(fd, request, copy)
    if result >= 0 and direction == INOUT:
        copy[at : at + 8] = address
        mm.write(argp, copy)
    return result
