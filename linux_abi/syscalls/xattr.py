"""Extended attributes: xattr(7)."""

from __future__ import annotations

from ..errors import LinuxError
from ..procfs import host_path
from ..syscall import forward, syscall
from ..types import DirFd, Fd, Flags, InBuf, Link, OutBuf, Path, Ptr, Size, Str
from ..uapi.fcntl import AtFlags, XattrFlags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..task import Task


@forward
def setxattr(path: Path, name: Str, value: InBuf, size: Size, flags: Flags[XattrFlags]) -> None:
    """Set an attribute."""


@forward
def lsetxattr(path: Link, name: Str, value: InBuf, size: Size, flags: Flags[XattrFlags]) -> None:
    """Set an attribute, a symbolic link's own."""


@forward
def fsetxattr(fd: Fd, name: Str, value: InBuf, size: Size, flags: Flags[XattrFlags]) -> None:
    """Set an open file's attribute."""


@forward
def getxattr(path: Path, name: Str, value: OutBuf, size: Size) -> None:
    """An attribute's value."""


@forward
def lgetxattr(path: Link, name: Str, value: OutBuf, size: Size) -> None:
    """An attribute's value, a symbolic link's own."""


@forward
def fgetxattr(fd: Fd, name: Str, value: OutBuf, size: Size) -> None:
    """An attribute's value of an open file."""


@forward
def listxattr(path: Path, list: OutBuf, size: Size) -> None:
    """The names of the attributes."""


@forward
def llistxattr(path: Link, list: OutBuf, size: Size) -> None:
    """The names of the attributes, a symbolic link's own."""


@forward
def flistxattr(fd: Fd, list: OutBuf, size: Size) -> None:
    """The names of an open file's attributes."""


@forward
def removexattr(path: Path, name: Str) -> None:
    """Remove an attribute."""


@forward
def lremovexattr(path: Link, name: Str) -> None:
    """Remove an attribute, a symbolic link's own."""


@forward
def fremovexattr(fd: Fd, name: Str) -> None:
    """Remove an open file's attribute."""


@forward
def listxattrat(dirfd: DirFd, pathname: Path, flags: Flags[AtFlags], list: OutBuf, size: Size) -> None:
    """The names of the attributes of a file below a directory."""


@forward
def removexattrat(dirfd: DirFd, pathname: Path, flags: Flags[AtFlags], name: Str) -> None:
    """Remove an attribute of a file below a directory."""


_XATTR_ARGS = 16  # bytes of struct xattr_args (linux/xattr.h): the value's address comes first
_PAGE = 4096


def _host_args(task: Task, args: int, size: int) -> int | bytes:
    """The guest's struct xattr_args with the value's host address; what is amiss with it the host finds."""
    if not _XATTR_ARGS <= size <= _PAGE:
        return task.mm.BAD_ADDRESS
    try:
        raw = task.mm.read(args, size)
    except LinuxError:
        return task.mm.BAD_ADDRESS
    return task.mm.host_address(int.from_bytes(raw[:8], "little")).to_bytes(8, "little") + raw[8:]


@syscall
def setxattrat(task: Task, dirfd: DirFd, pathname: Path, flags: Flags[AtFlags], name: Str, args: Ptr, size: Size) -> int:
    """Set an attribute of a file below a directory."""
    fd = task.group.fds.visible(dirfd)
    path = host_path(task, pathname, flags, fd)
    return task.host.setxattrat(fd, path, flags, task.mm.host_address(name), _host_args(task, args, size), size)


@syscall
def getxattrat(task: Task, dirfd: DirFd, pathname: Path, flags: Flags[AtFlags], name: Str, args: Ptr, size: Size) -> int:
    """An attribute's value of a file below a directory."""
    fd = task.group.fds.visible(dirfd)
    path = host_path(task, pathname, flags, fd)
    return task.host.getxattrat(fd, path, flags, task.mm.host_address(name), _host_args(task, args, size), size)
