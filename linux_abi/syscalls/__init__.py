"""The system calls. Importing the package declares them all (`linux_abi/syscall.py`)."""

from __future__ import annotations

from . import (
    file,
    futex,
    ioctl,
    ipc,
    lifecycle,
    limits,
    mem,
    mount,
    notify,
    path,
    poll,
    prctl,
    process,
    signal,
    socket,
    system,
    time,
    xattr,
)

__all__ = [
    "file",
    "futex",
    "ioctl",
    "ipc",
    "lifecycle",
    "limits",
    "mem",
    "mount",
    "notify",
    "path",
    "poll",
    "prctl",
    "process",
    "signal",
    "socket",
    "system",
    "time",
    "xattr",
]
