"""Being told of changes to files: inotify(7), fanotify(7)."""

from __future__ import annotations

from ..syscall import forward
from ..types import DirFd, Fd, Flags, GivenFd, Int, Path, UInt, ULong
from ..uapi.poll import InotifyFlags, InotifyMask


@forward
def inotify_init() -> GivenFd:
    """Make an inotify instance."""


@forward
def inotify_init1(flags: Flags[InotifyFlags]) -> GivenFd:
    """Make an inotify instance, with flags."""


@forward
def inotify_add_watch(fd: Fd, pathname: Path, mask: Flags[InotifyMask]) -> None:
    """Watch a file."""


@forward
def inotify_rm_watch(fd: Fd, wd: Int) -> None:
    """Stop watching a file."""


@forward
def fanotify_init(flags: UInt, event_f_flags: UInt) -> None:
    """Make a fanotify group."""


@forward
def fanotify_mark(fanotify_fd: Fd, mark_flags: UInt, mask: ULong, dirfd: DirFd, pathname: Path) -> None:
    """Say what a fanotify group watches."""
