"""Files by name: open(2), stat(2), rename(2) and their like. Names are the host's own, but for procfs (`procfs.py`)."""

from __future__ import annotations

from ..errors import LinuxError
from ..procfs import host_path, link_target, opened
from ..syscall import forward, syscall
from ..types import (
    CreateMode,
    DirFd,
    Fd,
    Flags,
    In,
    InOut,
    Int,
    Link,
    Mode,
    NewFd,
    Offset,
    Out,
    OutBuf,
    OutStr,
    Path,
    Ptr,
    Size,
    Str,
    UInt,
    ULong,
)
from ..uapi.errno import ETXTBSY
from ..uapi.fcntl import (
    AT_FDCWD,
    AT_SYMLINK_NOFOLLOW,
    O_CREAT,
    O_NOFOLLOW,
    O_TRUNC,
    O_WRONLY,
    AccessFlags,
    AccessMode,
    AtFlags,
    OpenFlags,
    RenameFlags,
    StatxFlags,
    UnlinkFlags,
)
from ..uapi.resource import PATH_MAX
from ..uapi.stat import StatxMask
from ..uapi.structs import FileHandle, OpenHow, Stat, Statfs, Statx, TimespecPair, TimevalPair, Utimbuf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..task import Task


# ---- Opening ----


def _open(task: Task, dirfd: int, path: int, flags: int, mode: int) -> int:
    dirfd = task.group.fds.visible(dirfd)
    name = host_path(task, path, AT_SYMLINK_NOFOLLOW if flags & O_NOFOLLOW else 0, dirfd)
    if task.group.is_busy(dirfd, name, flags):
        return -ETXTBSY
    fd = task.host.openat(dirfd, name, flags, mode)
    return fd if fd < 0 else opened(task, fd, flags)


@syscall(plain=True, missing="ETXTBSY for a program of the tree that only another user's processes execute")
def open(task: Task, pathname: Path, flags: Flags[OpenFlags], mode: CreateMode) -> NewFd:
    """Open or create a file."""
    return _open(task, AT_FDCWD, pathname, flags, mode)


@syscall(plain=True)
def openat(task: Task, dirfd: DirFd, pathname: Path, flags: Flags[OpenFlags], mode: CreateMode) -> NewFd:
    """Open or create a file below a directory."""
    return _open(task, dirfd, pathname, flags, mode)


@syscall(plain=True)
def creat(task: Task, pathname: Path, mode: Mode) -> NewFd:
    """Create or empty a file."""
    return _open(task, AT_FDCWD, pathname, O_CREAT | O_WRONLY | O_TRUNC, mode)


@syscall
def openat2(task: Task, dirfd: DirFd, pathname: Path, how: In[OpenHow], size: Size) -> int:
    """Open a file with limits on how its name is resolved."""
    try:
        asked = OpenHow.unpack(task.mm.read(how, OpenHow.size))
    except LinuxError:
        asked = OpenHow()  # the host refuses it
    literal = asked.flags & O_NOFOLLOW or asked.resolve
    host_dirfd = task.group.fds.visible(dirfd)
    name = host_path(task, pathname, AT_SYMLINK_NOFOLLOW if literal else 0, host_dirfd)
    if not asked.resolve and size == OpenHow.size and task.group.is_busy(host_dirfd, name, asked.flags):
        return -ETXTBSY
    fd = task.host.openat2(host_dirfd, name, task.mm.host_address(how), size)
    return fd if fd < 0 else opened(task, fd, asked.flags)


@forward
def name_to_handle_at(dirfd: DirFd, pathname: Link, handle: InOut[FileHandle], mount_id: Ptr, flags: Flags[AtFlags]) -> None:
    """A handle for a file that outlives its name."""


@forward
def open_by_handle_at(mount_fd: DirFd, handle: In[FileHandle], flags: Flags[OpenFlags]) -> None:
    """Open a file by its handle."""


# ---- What is there ----


@forward
def stat(pathname: Path, statbuf: Out[Stat]) -> None:
    """A file's metadata."""


@forward
def lstat(pathname: Link, statbuf: Out[Stat]) -> None:
    """A file's metadata, a symbolic link's own."""


@forward
def fstat(fd: Fd, statbuf: Out[Stat]) -> None:
    """An open file's metadata."""


@forward
def newfstatat(dirfd: DirFd, pathname: Path, statbuf: Out[Stat], flags: Flags[AtFlags]) -> None:
    """Metadata of a file below a directory."""


@forward
def statx(dirfd: DirFd, pathname: Path, flags: Flags[StatxFlags], mask: Flags[StatxMask], statxbuf: Out[Statx]) -> None:
    """A file's metadata, as far as asked for."""


@forward
def access(pathname: Path, mode: Flags[AccessMode]) -> None:
    """Whether the real user may use a file."""


@forward
def faccessat(dirfd: DirFd, pathname: Path, mode: Flags[AccessMode]) -> None:
    """Whether the real user may use a file below a directory."""


@forward
def faccessat2(dirfd: DirFd, pathname: Path, mode: Flags[AccessMode], flags: Flags[AccessFlags]) -> None:
    """Whether a user may use a file below a directory."""


@forward
def statfs(path: Path, buf: Out[Statfs]) -> None:
    """The file system of a file."""


@forward
def fstatfs(fd: Fd, buf: Out[Statfs]) -> None:
    """The file system of an open file."""


@forward
def ustat(dev: UInt, ubuf: Ptr) -> None:
    """The file system of a device."""


@syscall
def sysfs(task: Task, option: Int, arg1: ULong, arg2: Ptr) -> int:
    """The types of file systems that the host knows."""
    host_address = task.mm.host_address
    return task.host.sysfs(option, host_address(arg1) if option == 1 else arg1, host_address(arg2))


def _read_link(task: Task, dirfd: int, path: int, buf: int, size: int) -> int:
    dirfd = task.group.fds.visible(dirfd)
    target = bytearray(PATH_MAX)
    name = host_path(task, path, AT_SYMLINK_NOFOLLOW, dirfd)
    length = task.host.readlinkat(dirfd, name, target, min(size, PATH_MAX))
    if length <= 0:
        return length
    shown = link_target(task, dirfd, path, bytes(target[:length]))[:size]
    task.mm.write(buf, shown)
    return len(shown)


@syscall
def readlink(task: Task, pathname: Link, buf: OutBuf, bufsiz: Int) -> int:
    """Where a symbolic link leads."""
    return _read_link(task, AT_FDCWD, pathname, buf, bufsiz)


@syscall
def readlinkat(task: Task, dirfd: DirFd, pathname: Link, buf: OutBuf, bufsiz: Int) -> int:
    """Where a symbolic link below a directory leads."""
    return _read_link(task, dirfd, pathname, buf, bufsiz)


# ---- Making, naming and removing ----


@forward
def mkdir(pathname: Link, mode: Mode) -> None:
    """Make a directory."""


@forward
def mkdirat(dirfd: DirFd, pathname: Link, mode: Mode) -> None:
    """Make a directory below another."""


@forward
def mknod(pathname: Link, mode: Mode, dev: UInt) -> None:
    """Make a FIFO, socket, device or file."""


@forward
def mknodat(dirfd: DirFd, pathname: Link, mode: Mode, dev: UInt) -> None:
    """Make a FIFO, socket, device or file below a directory."""


@forward
def rmdir(pathname: Link) -> None:
    """Remove a directory."""


@forward
def unlink(pathname: Link) -> None:
    """Remove a name."""


@forward
def unlinkat(dirfd: DirFd, pathname: Link, flags: Flags[UnlinkFlags]) -> None:
    """Remove a name or directory below a directory."""


@forward
def rename(oldpath: Link, newpath: Link) -> None:
    """Rename."""


@forward
def renameat(olddirfd: DirFd, oldpath: Link, newdirfd: DirFd, newpath: Link) -> None:
    """Rename below directories."""


@forward
def renameat2(olddirfd: DirFd, oldpath: Link, newdirfd: DirFd, newpath: Link, flags: Flags[RenameFlags]) -> None:
    """Rename below directories, with flags."""


@forward
def link(oldpath: Link, newpath: Link) -> None:
    """Give a file one more name."""


@forward
def linkat(olddirfd: DirFd, oldpath: Link, newdirfd: DirFd, newpath: Link, flags: Flags[AtFlags]) -> None:
    """Give a file one more name below a directory."""


@forward
def symlink(target: Str, linkpath: Link) -> None:
    """Make a symbolic link."""


@forward
def symlinkat(target: Str, newdirfd: DirFd, linkpath: Link) -> None:
    """Make a symbolic link below a directory."""


# ---- Changing metadata ----


@forward
def chmod(pathname: Path, mode: Mode) -> None:
    """Set a file's permissions."""


@forward
def fchmod(fd: Fd, mode: Mode) -> None:
    """Set an open file's permissions."""


@forward
def fchmodat(dirfd: DirFd, pathname: Path, mode: Mode) -> None:
    """Set the permissions of a file below a directory."""


@forward
def fchmodat2(dirfd: DirFd, pathname: Path, mode: Mode, flags: Flags[AtFlags]) -> None:
    """Set the permissions of a file below a directory, with flags."""


@forward
def chown(pathname: Path, owner: UInt, group: UInt) -> None:
    """Set a file's owner and group."""


@forward
def lchown(pathname: Link, owner: UInt, group: UInt) -> None:
    """Set a file's owner and group, a symbolic link's own."""


@forward
def fchown(fd: Fd, owner: UInt, group: UInt) -> None:
    """Set an open file's owner and group."""


@forward
def fchownat(dirfd: DirFd, pathname: Path, owner: UInt, group: UInt, flags: Flags[AtFlags]) -> None:
    """Set owner and group of a file below a directory."""


@forward
def utime(filename: Path, times: In[Utimbuf]) -> None:
    """Set a file's times in seconds."""


@forward
def utimes(filename: Path, times: In[TimevalPair]) -> None:
    """Set a file's times in microseconds."""


@forward
def futimesat(dirfd: DirFd, pathname: Path, times: In[TimevalPair]) -> None:
    """Set the times of a file below a directory in microseconds."""


@forward
def utimensat(dirfd: DirFd, pathname: Path, times: In[TimespecPair], flags: Flags[AtFlags]) -> None:
    """Set the times of a file below a directory in nanoseconds."""


@syscall(plain=True)
def truncate(task: Task, path: Path, length: Offset) -> int:
    """Set a file's length."""
    name = host_path(task, path, 0)
    if length >= 0 and task.group.is_busy(AT_FDCWD, name, O_WRONLY):
        return -ETXTBSY
    return task.host.truncate(name, length)


@forward
def file_getattr(dirfd: DirFd, pathname: Path, ufattr: Ptr, usize: Size, flags: UInt) -> None:
    """A file's inode flags and project."""


@forward
def file_setattr(dirfd: DirFd, pathname: Path, ufattr: Ptr, usize: Size, flags: UInt) -> None:
    """Set a file's inode flags and project."""


# ---- Directories of the process ----


@forward
def getcwd(buf: OutStr, size: ULong) -> None:
    """The working directory."""


@forward
def chdir(path: Path) -> None:
    """Change the working directory."""


@forward
def fchdir(fd: Fd) -> None:
    """Change the working directory to an open one."""


@forward
def chroot(path: Path) -> None:
    """Change the root directory."""


@forward
def umask(mask: Mode) -> Mode:
    """Set the permissions that new files don't get."""
