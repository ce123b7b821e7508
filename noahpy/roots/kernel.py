"""Calls of the host's kernel that Python has no names for. What fails is an OSError."""

from __future__ import annotations

import os
from _struct import Struct

from linux_abi.uapi.fcntl import AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, O_CLOEXEC
from linux_abi.uapi.mount import (
    FSCONFIG_CMD_CREATE,
    FSCONFIG_SET_FLAG,
    FSCONFIG_SET_STRING,
    FSMOUNT_CLOEXEC,
    FSOPEN_CLOEXEC,
    MOVE_MOUNT_F_EMPTY_PATH,
    OPEN_TREE_CLONE,
)

from ..engine import kvm

_now = kvm.host().now
_MOUNT_ATTR = Struct("<4Q")  # struct mount_attr: attr_set, attr_clr, propagation, userns_fd


def call(name: str, *args: int | bytes | bytearray) -> int:
    """The system call of that name; strings end in NUL."""
    result: int = getattr(_now, name)(*args)
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result


# ---- Mounts that are descriptors until they are put somewhere (open_tree(2), fsopen(2), move_mount(2)) ----


def copy_mount(path: str, *, deep: bool) -> int:
    """What is mounted at `path`, or the file or folder there, as a mount of its own; `deep`: with all that is mounted below."""
    return call("open_tree", AT_FDCWD, os.fsencode(path) + b"\0", OPEN_TREE_CLONE | O_CLOEXEC | (AT_RECURSIVE if deep else 0))


def new_mount(kind: str, **options: str) -> int:
    """A fresh file system; an option without a value is a flag."""
    context = call("fsopen", kind.encode() + b"\0", FSOPEN_CLOEXEC)
    try:
        for key, value in options.items():
            how, given = (FSCONFIG_SET_STRING, os.fsencode(value) + b"\0") if value else (FSCONFIG_SET_FLAG, 0)
            call("fsconfig", context, how, key.encode() + b"\0", given, 0)
        call("fsconfig", context, FSCONFIG_CMD_CREATE, 0, 0, 0)
        return call("fsmount", context, FSMOUNT_CLOEXEC, 0)
    finally:
        os.close(context)


def put_mount(mount: int, path: str) -> None:
    """Show a mount that is a descriptor at `path`; the descriptor is closed."""
    call("move_mount", mount, b"\0", AT_FDCWD, os.fsencode(path) + b"\0", MOVE_MOUNT_F_EMPTY_PATH)
    os.close(mount)


def restrict_mount(path: str, attributes: int, *, deep: bool, mount: int = AT_FDCWD) -> None:
    """Give attributes (MOUNT_ATTR_...) to the mount at `path`, or to the one that `mount` is."""
    flags = (AT_RECURSIVE if deep else 0) | (0 if path else AT_EMPTY_PATH)
    call("mount_setattr", mount, os.fsencode(path) + b"\0", flags, _MOUNT_ATTR.pack(attributes, 0, 0, 0), _MOUNT_ATTR.size)


def mounts() -> list[tuple[str, str, str, str]]:
    """What is mounted: which part of its file system, where, its kind, its options (proc_pid_mountinfo(5))."""
    found = []
    with open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            before, _, after = line.partition(b" - ")
            root, place = [_unescaped(word) for word in before.split()[3:5]]
            kind, _, options = after.split()[:3]
            found.append((root, place, kind.decode(), os.fsdecode(options)))
    return found


def _unescaped(word: bytes) -> str:
    first, *escaped = word.split(b"\\")
    return os.fsdecode(first + b"".join([bytes([int(part[:3], 8)]) + part[3:] for part in escaped]))
