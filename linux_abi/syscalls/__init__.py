"""The system calls, by subject. A module's import declares its calls (`linux_abi/syscall.py`)."""

from __future__ import annotations

MODULES = (
    "aio",
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
)


def declare(module: str) -> None:
    """Declare the calls of one module."""
    __import__(f"{__name__}.{module}")


def declare_all() -> None:
    """Declare them all."""
    for module in MODULES:
        declare(module)
