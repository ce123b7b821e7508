"""The host's /proc, of which the VMM needs its own entries: also when a guest has left it behind with its root directory."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_held: list[Callable[[], int]] = []


def hold(number: Callable[[], int]) -> None:
    """From now on use the descriptor of /proc that `number` tells: chroot(2), pivot_root(2) and setns(2) don't change it."""
    _held[:] = [number]


def opener(name: str, flags: int) -> int:
    """For open(): the file `name` of /proc, such as self/maps."""
    if _held:
        return os.open(name, flags | os.O_CLOEXEC, dir_fd=_held[0]())
    return os.open(f"/proc/{name}", flags | os.O_CLOEXEC)


def target(name: str) -> bytes:
    """What the link `name` of /proc says."""
    if _held:
        return os.fsencode(os.readlink(name, dir_fd=_held[0]()))
    return os.fsencode(os.readlink(f"/proc/{name}"))


def descriptor() -> int:
    """The one of /proc that is held, or -1."""
    return _held[0]() if _held else -1
