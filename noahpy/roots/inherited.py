"""What a program inherits: of its descriptors, none may lead out of the tree."""

from __future__ import annotations

import os
from stat import S_ISBLK, S_ISCHR, S_ISDIR, S_ISFIFO, S_ISREG, S_ISSOCK

from linux_abi.uapi import mount
from linux_abi.uapi.fcntl import F_GETFL, O_PATH
from linux_abi.uapi.structs import Statfs

from ..errors import CannotRun
from . import kernel

_STREAMS = ("stdin", "stdout", "stderr")
_PLAIN = {f"anon_inode:{name}" for name in ("[eventfd]", "[eventpoll]", "[timerfd]", "[signalfd]", "inotify")}
# Kinds of file systems whose regular files are doors to the kernel or to other processes.
_DOORS = {
    mount.BPF_FS_MAGIC, mount.CGROUP2_SUPER_MAGIC, mount.CGROUP_SUPER_MAGIC, mount.DEBUGFS_MAGIC, mount.NSFS_MAGIC,
    mount.PROC_SUPER_MAGIC, mount.SECURITYFS_MAGIC, mount.SYSFS_MAGIC, mount.TRACEFS_MAGIC,
}  # fmt: skip


def check_streams(network: bool) -> None:
    """CannotRun: a standard stream is a way out, and the program could not do without it."""
    for fd, name in enumerate(_STREAMS):
        why = _way_out(fd, network)
        if why:
            raise CannotRun(f"{name} is {why}")


def close_ways_out(network: bool, kept: int) -> None:
    """Close what leads out of the tree, of all other descriptors but `kept`."""
    for fd in descriptors():
        if fd >= len(_STREAMS) and fd != kept and _way_out(fd, network):
            os.close(fd)


def descriptors() -> list[int]:
    """Those that are open."""
    from fcntl import F_GETFD, fcntl

    found = []
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            fcntl(fd, F_GETFD)
        except OSError:  # it was the listing's own
            continue
        found.append(fd)
    return found


def _way_out(fd: int, network: bool) -> str:
    """What makes a descriptor a way out of the tree, or to the network where there is to be none; empty: nothing."""
    from fcntl import fcntl

    try:
        mode = os.fstat(fd).st_mode
        flags = fcntl(fd, F_GETFL)
    except OSError:  # not open
        return ""
    if S_ISDIR(mode):
        return "a folder outside of the tree"
    if flags & O_PATH or S_ISBLK(mode):
        return "a file outside of the tree" if flags & O_PATH else "a disk"
    if S_ISSOCK(mode):
        return "" if network or _is_local(fd) else "a network's, which --no-network forbids"
    if S_ISREG(mode):
        status = bytearray(Statfs.size)
        kernel.call("fstatfs", fd, status)
        return "a file of the kernel's, outside of the tree" if Statfs.unpack(status).f_type in _DOORS else ""
    if S_ISCHR(mode) or S_ISFIFO(mode) or os.readlink(f"/proc/self/fd/{fd}") in _PLAIN:
        return ""
    return "no file, pipe or terminal"


def _is_local(fd: int) -> bool:
    from socket import AF_UNIX, socket

    one = socket(fileno=os.dup(fd))
    with one:
        return one.family == AF_UNIX
