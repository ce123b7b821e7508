"""Open files: read(2), lseek(2), dup(2), fcntl(2), close(2) and their like."""

from __future__ import annotations

from .. import procfs, procguests
from ..forward import UIO_MAXIOV, iovec
from ..syscall import forward, syscall
from ..types import (
    FcntlArg,
    Fd,
    Flags,
    GivenFd,
    InBuf,
    InOut,
    IoVec,
    ListedFd,
    Offset,
    Out,
    OutBuf,
    OutEntries,
    Pid,
    Ptr,
    Size,
    Str,
    UInt,
    ULong,
)
from ..uapi import fcntl as commands
from ..uapi.fcntl import (
    F_GETFD,
    CloseRangeFlags,
    DupFlags,
    EventfdFlags,
    FallocateMode,
    FcntlCommand,
    FileAdvice,
    FlockOperation,
    PipeFlags,
    ReadWriteFlags,
    SpliceFlags,
    SyncFileRangeFlags,
    Whence,
)
from ..uapi.mman import MemfdFlags
from ..uapi.structs import FdPair, LinuxDirent64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..task import Task


# ---- Reading and writing ----


@forward
def read(fd: Fd, buf: OutBuf, count: Size) -> None:
    """Read from a file."""


@forward
def write(fd: Fd, buf: InBuf, count: Size) -> None:
    """Write to a file."""


@forward
def pread64(fd: Fd, buf: OutBuf, count: Size, offset: Offset) -> None:
    """Read at an offset."""


@forward
def pwrite64(fd: Fd, buf: InBuf, count: Size, offset: Offset) -> None:
    """Write at an offset."""


@forward
def readv(fd: Fd, iov: IoVec, iovcnt: ULong) -> None:
    """Read into several buffers."""


@forward
def writev(fd: Fd, iov: IoVec, iovcnt: ULong) -> None:
    """Write from several buffers."""


@forward
def preadv(fd: Fd, iov: IoVec, iovcnt: ULong, pos_l: ULong, pos_h: ULong) -> None:
    """Read at an offset into several buffers."""


@forward
def pwritev(fd: Fd, iov: IoVec, iovcnt: ULong, pos_l: ULong, pos_h: ULong) -> None:
    """Write at an offset from several buffers."""


@forward
def preadv2(fd: Fd, iov: IoVec, iovcnt: ULong, pos_l: ULong, pos_h: ULong, flags: Flags[ReadWriteFlags]) -> None:
    """Read at an offset into several buffers, with flags."""


@forward
def pwritev2(fd: Fd, iov: IoVec, iovcnt: ULong, pos_l: ULong, pos_h: ULong, flags: Flags[ReadWriteFlags]) -> None:
    """Write at an offset from several buffers, with flags."""


@forward
def lseek(fd: Fd, offset: Offset, whence: Flags[Whence]) -> None:
    """Move the file offset."""


# ---- Moving data between descriptors ----


@forward
def sendfile(out_fd: Fd, in_fd: Fd, offset: InOut[Offset], count: Size) -> None:
    """Copy from a file to a descriptor."""


@forward
def copy_file_range(fd_in: Fd, off_in: InOut[Offset], fd_out: Fd, off_out: InOut[Offset], len: Size, flags: UInt) -> None:
    """Copy between files."""


@forward
def splice(fd_in: Fd, off_in: InOut[Offset], fd_out: Fd, off_out: InOut[Offset], len: Size, flags: Flags[SpliceFlags]) -> None:
    """Move data to or from a pipe."""


@forward
def tee(fd_in: Fd, fd_out: Fd, len: Size, flags: Flags[SpliceFlags]) -> None:
    """Copy from pipe to pipe."""


@forward
def vmsplice(fd: Fd, iov: IoVec, nr_segs: ULong, flags: Flags[SpliceFlags]) -> None:
    """Give memory to a pipe, or read a pipe into it."""


# ---- Contents ----


@forward
def fsync(fd: Fd) -> None:
    """Write a file and its metadata to the device."""


@forward
def fdatasync(fd: Fd) -> None:
    """Write a file's data to the device."""


@forward
def sync_file_range(fd: Fd, offset: Offset, nbytes: Offset, flags: Flags[SyncFileRangeFlags]) -> None:
    """Write a part of a file to the device."""


@forward
def fadvise64(fd: Fd, offset: Offset, len: Size, advice: Flags[FileAdvice]) -> None:
    """Announce how a file will be read."""


@forward
def readahead(fd: Fd, offset: Offset, count: Size) -> None:
    """Read a part of a file into the page cache."""


@forward
def cachestat(fd: Fd, cstat_range: Ptr, cstat: Ptr, flags: UInt) -> None:
    """Page cache statistics of a part of a file."""


@forward
def fallocate(fd: Fd, mode: Flags[FallocateMode], offset: Offset, len: Offset) -> None:
    """Allocate or free a part of a file."""


@forward
def ftruncate(fd: Fd, length: Offset) -> None:
    """Set a file's length."""


# ---- Descriptors ----


@forward
def close(fd: Fd) -> None:
    """Close a descriptor."""


@syscall
def close_range(task: Task, first: UInt, last: UInt, flags: Flags[CloseRangeFlags]) -> int:
    """Close all descriptors of a range, or mark them close-on-exec; the VMM's own stay."""
    host = task.host.now
    if first > last:
        return host.close_range(first, last, flags)
    # Where only hidden ones are meant the flags are still looked at: on the last number, which no file can have.
    for start, end in task.group.fds.ranges(first, last) or [(0xFFFFFFFF, 0xFFFFFFFF)]:
        result = host.close_range(start, end, flags)
        if result < 0:
            return result
    return 0


@forward
def dup(oldfd: Fd) -> GivenFd:
    """Duplicate a descriptor."""


@syscall(plain=True)
def dup2(task: Task, oldfd: Fd, newfd: Fd) -> GivenFd:
    """Duplicate a descriptor to a number."""
    fds = task.group.fds
    if task.host.now.fcntl(fds.visible(oldfd), F_GETFD, 0) >= 0:
        fds.make_way(task.host.now, newfd)
    return task.host.dup2(fds.visible(oldfd), fds.visible(newfd))


@syscall(plain=True)
def dup3(task: Task, oldfd: Fd, newfd: Fd, flags: Flags[DupFlags]) -> GivenFd:
    """Duplicate a descriptor to a number, with flags."""
    fds = task.group.fds
    if task.host.now.fcntl(fds.visible(oldfd), F_GETFD, 0) >= 0:
        fds.make_way(task.host.now, newfd)
    return task.host.dup3(fds.visible(oldfd), fds.visible(newfd), flags)


@forward
def pipe(pipefd: Out[FdPair]) -> None:
    """Make a pipe."""


@forward
def pipe2(pipefd: Out[FdPair], flags: Flags[PipeFlags]) -> None:
    """Make a pipe, with flags."""


@forward
def eventfd(initval: UInt) -> GivenFd:
    """Make a counter to wait for."""


@forward
def eventfd2(initval: UInt, flags: Flags[EventfdFlags]) -> GivenFd:
    """Make a counter to wait for, with flags."""


@forward
def memfd_create(name: Str, flags: Flags[MemfdFlags]) -> GivenFd:
    """Make a file that is only in memory."""


# Commands whose argument is an address.
_WITH_ADDRESS = frozenset(
    (
        commands.F_GETLK,
        commands.F_SETLK,
        commands.F_SETLKW,
        commands.F_OFD_GETLK,
        commands.F_OFD_SETLK,
        commands.F_OFD_SETLKW,
        commands.F_SETOWN_EX,
        commands.F_GETOWN_EX,
        commands.F_GETOWNER_UIDS,
        commands.F_GET_RW_HINT,
        commands.F_SET_RW_HINT,
        commands.F_GET_FILE_RW_HINT,
        commands.F_SET_FILE_RW_HINT,
    )
)
_COPYING = frozenset((commands.F_DUPFD, commands.F_DUPFD_CLOEXEC))


@syscall(plain=True)
def fcntl(task: Task, fd: Fd, cmd: Flags[FcntlCommand], arg: FcntlArg) -> int:
    """Flags, locks, owner, size and copies of a descriptor."""
    if cmd in _WITH_ADDRESS:
        arg = FcntlArg(task.mm.host_address(arg))
    fds = task.group.fds
    result = task.host.fcntl(fds.visible(fd), cmd, arg)
    if cmd in _COPYING and result >= 0 and fds.is_hidden(result):
        task.host.close_now(result)
        fds.make_way(task.host.now, result)
        return task.host.now.fcntl(fds.visible(fd), cmd, arg)
    return result


@forward
def flock(fd: Fd, operation: Flags[FlockOperation]) -> None:
    """Lock a whole file."""


# ---- Directories ----


def _list(task: Task, host_list: Callable[..., int], fd: int, dirp: int, count: int, name_at: int) -> int:
    """A listing by the host, without what is the VMM's in procfs; names start at `name_at` of an entry."""
    fd = task.group.fds.visible(fd)
    shows = procfs.listed(task, fd)
    if shows is None:
        return host_list(fd, task.mm.host_address(dirp), count)
    entries = bytearray(min(count, 1 << 16))
    while True:
        end = host_list(fd, entries, len(entries))
        if end <= 0:
            return end
        kept = bytearray()
        at = 0
        while at < end:
            length = int.from_bytes(entries[at + 16 : at + 18], "little")
            entry = entries[at : at + length]
            if shows(bytes(entry[name_at : entry.index(0, name_at)])):
                kept += entry
            at += length
        if kept:
            task.mm.write(dirp, kept)
            return len(kept)


@syscall(plain=True)
def getdents(task: Task, fd: ListedFd, dirp: OutBuf, count: UInt) -> int:
    """List a directory, in the old format."""
    return _list(task, task.host.getdents, fd, dirp, count, 18)


@syscall(plain=True)
def getdents64(task: Task, fd: ListedFd, dirp: OutEntries, count: UInt) -> int:
    """List a directory."""
    return _list(task, task.host.getdents64, fd, dirp, count, LinuxDirent64.size)


# ---- Memory of a process, by address ----


def _process_vm(task: Task, pid: int, local: tuple[int, int], remote: tuple[int, int]) -> tuple[int | bytes, ...]:
    """The host call's first five arguments for arrays of (address, count). Other processes' windows are not known here."""
    own = pid in procguests.Own(task).threads()
    far = iovec(task, *remote) if remote[1] <= UIO_MAXIOV else task.mm.BAD_ADDRESS
    return pid if own else -1, iovec(task, *local), local[1], far, remote[1]


@syscall(missing="another process: ESRCH")
def process_vm_readv(
    task: Task, pid: Pid, local_iov: Ptr, liovcnt: ULong, remote_iov: Ptr, riovcnt: ULong, flags: ULong
) -> int:
    """Copy from a process's memory."""
    return task.host.process_vm_readv(*_process_vm(task, pid, (local_iov, liovcnt), (remote_iov, riovcnt)), flags)


@syscall(missing="another process: ESRCH")
def process_vm_writev(
    task: Task, pid: Pid, local_iov: Ptr, liovcnt: ULong, remote_iov: Ptr, riovcnt: ULong, flags: ULong
) -> int:
    """Copy to a process's memory."""
    return task.host.process_vm_writev(*_process_vm(task, pid, (local_iov, liovcnt), (remote_iov, riovcnt)), flags)
