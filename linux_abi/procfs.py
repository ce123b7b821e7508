"""The guest's /proc: the host's, except where that would show the VMM (proc(5)).

Of guests (`procguests.py`), files of text become descriptors of the guest's version of it, made when they are opened
(`procviews.py`); listings lose the VMM's entries; `exe` is the guest's program. All else stays the host's.
"""

from __future__ import annotations

from os import readlink

from . import procviews
from .errors import LinuxError
from .procguests import Own, guest
from .uapi.errno import EACCES
from .uapi.fcntl import AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_ACCMODE, O_CLOEXEC, O_NOFOLLOW, O_PATH, O_WRONLY, SEEK_SET
from .uapi.mount import PROC_SUPER_MAGIC
from .uapi.structs import Statfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .procguests import Other
    from .task import Task

_NO_DESCRIPTOR = b"/proc/self/fd/none\0"  # not there, wherever it is

# Files that speak of the VMM's address space in a way that has no translation.
_DENIED = frozenset((b"mem", b"pagemap", b"map_files", b"numa_maps"))


def _below(task: Task, path: bytes) -> tuple[Own | Other | None, bytes]:
    """The guest into whose directory, or that of one of whose threads, a path in procfs leads, and the rest of the path."""
    parts = path.split(b"/")
    for at, part in enumerate(parts):
        if part.isdigit() and (shown := guest(task, int(part))):
            below = parts[at + 1 :]
            if below[:1] == [b"task"] and len(below) > 2:
                del below[:2]
            return shown, b"/".join(below)
    return None, b""


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
    if name.isdigit() and task.group.fds.is_hidden(int(name)):
        shown, place = _named(task, dirfd, address)
        if shown and place[:2] == b"fd" and shown.hides(int(name)):
            return _NO_DESCRIPTOR
    return address


def followed(task: Task, path: bytes, dirfd: int = AT_FDCWD) -> bytes:
    """The file that `path` leads the guest to, for the host."""
    if path.rpartition(b"/")[2] != b"exe":
        return path
    shown, name = _named(task, dirfd, path + b"\0")
    return shown.exe_file() if shown and name == b"exe" else path


def _named(task: Task, dirfd: int, path: int | bytes) -> tuple[Own | Other | None, bytes]:
    """Which guest's file in procfs a host path names, as `_file_of`; a link is not followed."""
    fd = task.host.now.openat(dirfd, path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0)
    if fd < 0:
        return None, b""
    found = _file_of(task, fd)
    task.host.close_now(fd)
    return found


def _file_of(task: Task, fd: int) -> tuple[Own | Other | None, bytes]:
    """Which guest's file in procfs a descriptor is one of, and its name below the guest's directory; None for anything else."""
    if task.host.on_block_device(fd):  # most are
        return None, b""
    shown, name = _below(task, task.host.path_of(fd))
    if name:
        status = bytearray(Statfs.size)
        if task.host.now.fstatfs(fd, status) == 0 and Statfs.unpack(status).f_type != PROC_SUPER_MAGIC:
            return None, b""
    return shown, name


def opened(task: Task, fd: int, flags: int) -> int:
    """What the guest gets for a descriptor that the host has just opened with `flags` of open(2); takes it over."""
    if flags & O_PATH or flags & O_ACCMODE == O_WRONLY:
        return fd
    shown, name = _file_of(task, fd)
    host = task.host
    if name in _DENIED:
        host.close_now(fd)
        return -EACCES
    view = procviews.VIEWS.get(name)
    if shown is None or view is None:
        return fd
    try:
        host.replace_content(fd, _seen(task, fd, shown, view))
    except LinuxError as error:
        host.close_now(fd)
        return -error.errno
    return fd


def _seen(task: Task, fd: int, shown: Own | Other, view: Callable[[Own | Other, bytes], bytes]) -> bytes:
    """The content of a file of procfs as the guest sees it."""
    try:
        return view(shown, task.host.read_whole(fd))
    except LinuxError:
        if isinstance(shown, Own):
            raise
        task.host.now.lseek(fd, 0, SEEK_SET)  # it has just ended: what is left of it has nothing of the VMM's
        return task.host.read_whole(fd)


def link_target(task: Task, dirfd: int, path: int, target: bytes) -> bytes:
    """What the link at a guest address leads to, if the host says `target`."""
    if not task.host.vmm_path().startswith(target):
        return target
    shown, name = _named(task, dirfd, task.mm.host_address(path))
    if not name:  # an empty path means dirfd itself
        shown, name = _file_of(task, dirfd)
    return _program(shown) if shown and name == b"exe" else target


def _program(shown: Own | Other) -> bytes:
    """What the link `exe` says: the program's name now."""
    try:
        return readlink(shown.exe_file())
    except OSError:
        return shown.exe


def listed(task: Task, fd: int) -> Callable[[bytes], bool] | None:
    """Which names a listing of this directory shows the guest; None if all."""
    shown, name = _file_of(task, fd)
    if shown and name in (b"fd", b"fdinfo"):
        return lambda entry: not (entry.isdigit() and shown.hides(int(entry)))
    if shown and name == b"task":
        threads = shown.threads()
        return lambda entry: not entry.isdigit() or int(entry) in threads
    return None
