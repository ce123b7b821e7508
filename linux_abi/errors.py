"""How a handler says that a system call fails."""

from __future__ import annotations


class LinuxError(Exception):
    """A system call fails with `errno` (a positive Linux number, errno(3)); the entry returns it negated."""

    def __init__(self, errno: int) -> None:
        self.errno = errno

    def __str__(self) -> str:
        from .uapi.errno import name

        return name(self.errno)
