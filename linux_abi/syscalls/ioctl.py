"""ioctl(2). A request's number says little of its argument: `uapi/ioctl.py` knows those that are passed on."""

from __future__ import annotations

from ..errors import LinuxError
from ..syscall import syscall
from ..types import Fd, Flags, IoctlArg
from ..uapi.errno import ENOTTY
from ..uapi.fcntl import F_GETFD
from ..uapi.ioctl import NONE, VALUE, IoctlRequest, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..task import Task

_SIOCGIFCONF = 0x8912

# What another request may pass on: a number, or an address that is bad on both sides, for the VMM has nothing so low.
_LOWEST_ADDRESS = 1 << 16


@syscall(missing="requests that uapi/ioctl.py does not have, if given an address: ENOTTY")
def ioctl(task: Task, fd: Fd, request: Flags[IoctlRequest], argp: IoctlArg) -> int:
    """Control a device."""
    host_fd = task.group.fds.visible(fd)
    if request == _SIOCGIFCONF:
        return _interfaces(task, host_fd, argp)
    known = argument(request & 0xFFFFFFFF)
    if known is None and argp >= _LOWEST_ADDRESS:
        return min(task.host.fcntl(host_fd, F_GETFD, 0), 0) or -ENOTTY
    numeric = known is None or known[0] in (NONE, VALUE)
    return task.host.ioctl(host_fd, request, argp if numeric else task.mm.host_address(argp))


def _interfaces(task: Task, fd: int, argp: int) -> int:
    """SIOCGIFCONF (netdevice(7)): a struct of a length and an address; the length is stored."""
    mm = task.mm
    try:
        asked = mm.read(argp, 16)
    except LinuxError:
        return task.host.ioctl(fd, _SIOCGIFCONF, mm.BAD_ADDRESS)
    buffer = bytearray(asked[:8] + mm.host_address(int.from_bytes(asked[8:], "little")).to_bytes(8, "little"))
    result = task.host.ioctl(fd, _SIOCGIFCONF, buffer)
    if result >= 0:
        mm.write(argp, buffer[:4])
    return result
