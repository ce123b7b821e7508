"""The guest's own /proc: the host's, except where that would show the VMM (proc(5)).

Files of text become descriptors of the guest's version of it, made when they are opened (`procviews.py`); listings lose the
VMM's entries; `exe` is the guest's program. /proc of other processes stays the host's.
"""

from __future__ import annotations

from os import getpid

from . import procviews
from .errors import LinuxError
from .uapi.errno import EACCES
from .uapi.fcntl import AT_SYMLINK_NOFOLLOW, O_ACCMODE, O_CLOEXEC, O_NOFOLLOW, O_PATH, O_WRONLY
from .uapi.mount import PROC_SUPER_MAGIC
from .uapi.structs import Statfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .task import Task

_PROC = b"/proc/"
_EXE_PATH_MAX = 64  # bytes: longer than /proc/4194304/task/4194304/exe

# Files that speak of the VMM's address space in a way that has no translation.
_DENIED = frozenset((b"mem", b"pagemap", b"map_files", b"numa_maps", b"smaps_rollup"))


def tids(task: Task) -> set[int]:
    """The numbers of the guest's threads; the host's process has more, such as KVM's."""
    return {getpid(), *task.group.tids}


def _own_file(task: Task, path: bytes) -> bytes:
    """The name of a file in the guest's own directory in procfs, or in that of one of its threads; empty for others."""
    parts = path.split(b"/")
    if len(parts) > 3 and parts[-3] == b"task":
        del parts[-3:-1]
    if len(parts) < 3:
        return b""
    owner = parts[-2]
    if owner in (b"self", b"thread-self") or (owner.isdigit() and int(owner) in tids(task)):
        return parts[-1]
    return b""


def host_path(task: Task, path: int, flags: int = 0) -> int | bytes:
    """The path at a guest address for the host: what is named `exe` of the guest's own is its program.

    Under AT_SYMLINK_NOFOLLOW the link itself is meant.
    """
    address = task.mm.host_address(path)
    if flags & AT_SYMLINK_NOFOLLOW or not path:
        return address
    try:
        if task.mm.read(path, len(_PROC)) != _PROC:
            return address
        text = task.mm.cstr(path, _EXE_PATH_MAX)
    except LinuxError:  # not as long as the names in question are, or the host's to refuse
        return address
    target = followed(task, text)
    return address if target is text else target + b"\0"


def followed(task: Task, path: bytes) -> bytes:
    """The file that `path` leads the guest to, for the host: what is named `exe` of the guest's own is its program."""
    if path[-4:] == b"/exe" and path[: len(_PROC)] == _PROC and _own_file(task, path):
        return task.group.exe
    return path


def _file_of(task: Task, fd: int) -> bytes:
    """Which file of the guest's own in procfs a descriptor is one of; empty for anything else."""
    if task.host.on_block_device(fd):  # most are
        return b""
    name = _own_file(task, task.host.path_of(fd))
    if name:
        status = bytearray(Statfs.size)
        if task.host.fstatfs(fd, status) == 0 and Statfs.unpack(status).f_type != PROC_SUPER_MAGIC:
            return b""  # a caught signal makes the host call fail and leaves it to the path to tell
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
    link = task.host.openat(dirfd, task.mm.host_address(path), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0)
    name = _file_of(task, dirfd if link < 0 else link)  # an empty path means dirfd itself
    if link >= 0:
        task.host.close_now(link)
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
