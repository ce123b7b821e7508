"""File systems: mount(2) and its successors, quotas, syncing. The host decides what the guest's user may do."""

from __future__ import annotations

from ..syscall import forward
from ..types import DirFd, Fd, Flags, Int, Link, Path, Ptr, Size, Str, UInt
from ..uapi.mount import MountFlags, UmountFlags


@forward
def sync() -> None:
    """Write all file systems to their devices."""


@forward
def syncfs(fd: Fd) -> None:
    """Write a file's file system to its device."""


@forward
def mount(source: Str, target: Path, filesystemtype: Str, mountflags: Flags[MountFlags], data: Ptr) -> None:
    """Mount a file system."""


@forward
def umount2(target: Path, umount_flags: Flags[UmountFlags]) -> None:
    """Unmount a file system."""


@forward
def pivot_root(new_root: Path, put_old: Path) -> None:
    """Change the root mount."""


@forward
def open_tree(dirfd: DirFd, pathname: Path, flags: UInt) -> None:
    """Open or clone a mount."""


@forward
def open_tree_attr(dirfd: DirFd, pathname: Path, flags: UInt, attr: Ptr, size: Size) -> None:
    """Open or clone a mount and set its attributes."""


@forward
def move_mount(from_dirfd: DirFd, from_pathname: Path, to_dirfd: DirFd, to_pathname: Path, move_flags: UInt) -> None:
    """Move a mount."""


@forward
def mount_setattr(dirfd: DirFd, pathname: Path, flags: UInt, attr: Ptr, size: Size) -> None:
    """Set a mount's attributes."""


@forward
def fsopen(fsname: Str, flags: UInt) -> None:
    """Begin to configure a file system."""


@forward
def fsconfig(fd: Fd, cmd: UInt, key: Str, value: Ptr, aux: Int) -> None:
    """Configure a file system."""


@forward
def fsmount(fd: Fd, flags: UInt, attr_flags: UInt) -> None:
    """Make a mount of a configured file system."""


@forward
def fspick(dirfd: DirFd, pathname: Link, flags: UInt) -> None:
    """Begin to configure a mounted file system anew."""


@forward
def statmount(req: Ptr, buf: Ptr, bufsize: Size, flags: UInt) -> None:
    """What is known of a mount."""


@forward
def listmount(req: Ptr, mnt_ids: Ptr, nr_mnt_ids: Size, flags: UInt) -> None:
    """The mounts below a mount."""


@forward
def quotactl(op: UInt, special: Str, id: UInt, addr: Ptr) -> None:
    """Disk quotas."""


@forward
def quotactl_fd(fd: Fd, op: UInt, id: UInt, addr: Ptr) -> None:
    """Disk quotas by an open file."""
