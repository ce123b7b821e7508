"""The guest's own /proc: the host's, except where that would show the VMM (proc(5)).

Files of text become descriptors of the guest's version of it, made when they are opened (`procviews.py`); listings lose the
VMM's entries; `exe` is the guest's program. /proc of other processes stays the host's.
"""

from __future__ import annotations

from os import getpid

from . import procviews
from .errors import LinuxError
from .uapi.errno import EACCES
from .uapi.fcntl import AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_ACCMODE, O_CLOEXEC, O_NOFOLLOW, O_PATH, O_WRONLY
from .uapi.mount import PROC_SUPER_MAGIC
from .uapi.structs import Statfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .task import Task

_NO_DESCRIPTOR = b"/proc/self/fd/none\0"  # not there, wherever it is

# Files that speak of the VMM's address space in a way that has no translation.
_DENIED = frozenset((b"mem", b"pagemap", b"map_files", b"numa_maps", b"smaps_rollup"))


def tids(task: Task) -> set[int]:
    """The numbers of the guest's threads; the host's process has more, such as KVM's."""
    return {getpid(), *task.group.tids}


def _own_file(task: Task, path: bytes) -> bytes:
    """What a path in procfs names below the guest's own directory, or below that of one of its threads; empty for others."""
    parts = path.split(b"/")
    own = tids(task)
    for at, part in enumerate(parts):
        if part.isdigit() and int(part) in own:
            below = parts[at + 1 :]
            if below[:1] == [b"task"] and len(below) > 2:
                del below[:2]
            return b"/".join(below)
    return b""


def host_path(task: Task, path: int, flags: int = 0, dirfd: int = AT_FDCWD) -> int | bytes:
    """The path at a guest address for the host: `exe` of the guest's own is its program, the VMM's descriptors are nothing.

    Under AT_SYMLINK_NOFOLLOW the link itself is meant. native/fast.c leaves all such names to this function.
    """
    address = task.mm.host_address(path)
    if not path:
        return address
    try:
        text = task.mm.cstr(path)
    except LinuxError:  # the host's to refuse
        return address
    if not flags & AT_SYMLINK_NOFOLLOW:
        target = followed(task, text, dirfd)
        if target is not text:
            return target + b"\0"
    name = text.rpartition(b"/")[2]
    if name.isdigit() and task.group.fds.is_hidden(int(name)) and _named(task, dirfd, address)[:2] == b"fd":
        return _NO_DESCRIPTOR
    return address


def followed(task: Task, path: bytes, dirfd: int = AT_FDCWD) -> bytes:
    """The file that `path` leads the guest to, for the host."""
    if path.rpartition(b"/")[2] == b"exe" and _named(task, dirfd, path + b"\0") == b"exe":
        return task.group.exe_file()
    return path


def _named(task: Task, dirfd: int, path: int | bytes) -> bytes:
    """Which file of the guest's own in procfs a host path names, as `_file_of`; a link is not followed."""
    fd = task.host.now.openat(dirfd, path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0)
    if fd < 0:
        return b""
    name = _file_of(task, fd)
    task.host.close_now(fd)
    return name


def _file_of(task: Task, fd: int) -> bytes:
    """Which file of the guest's own in procfs a descriptor is one of; empty for anything else."""
    if task.host.on_block_device(fd):  # most are
        return b""
    name = _own_file(task, task.host.path_of(fd))
    if name:
        status = bytearray(Statfs.size)
        if task.host.now.fstatfs(fd, status) == 0 and Statfs.unpack(status).f_type != PROC_SUPER_MAGIC:
            return b""
    return name


def opened(task: Task, fd: int, flags: int) -> int:
    """What the guest gets for a descriptor that the host has just opened with `flags` of open(2); takes it over."""
    if flags & O_PATH or flags & O_ACCMODE == O_WRONLY:
        return fd
    name = _file_of(task, fd)
    host = task.host
    if name in _DENIED:
        host.close_now(fd)
        return -EACCES
    view = procviews.VIEWS.get(name)
    if view is None:
        return fd
    try:
        host.replace_content(fd, view(task, host.read_whole(fd)))
    except LinuxError as error:
        host.close_now(fd)
        return -error.errno
    return fd


def link_target(task: Task, dirfd: int, path: int, target: bytes) -> bytes:
    """What the link at a guest address leads to, if the host says `target`."""
    if not task.host.vmm_path().startswith(target):
        return target
    name = _named(task, dirfd, task.mm.host_address(path)) or _file_of(task, dirfd)  # an empty path means dirfd itself
    return task.group.exe if name == b"exe" else target


def listed(task: Task, fd: int) -> Callable[[bytes], bool] | None:
    """Which names a listing of this directory shows the guest; None if all."""
    name = _file_of(task, fd)
    if name in (b"fd", b"fdinfo"):
        return lambda entry: not (entry.isdigit() and task.group.fds.is_hidden(int(entry)))
    if name == b"task":
        shown = tids(task)
        return lambda entry: not entry.isdigit() or int(entry) in shown
    return None
