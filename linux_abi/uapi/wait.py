"""Waiting for children: wait4(2), waitid(2)."""

from __future__ import annotations

from .flags import Choice, FlagSet

# wait4(2), waitid(2)
WNOHANG = 0x1
WUNTRACED = 0x2
WSTOPPED = WUNTRACED
WEXITED = 0x4
WCONTINUED = 0x8
WNOWAIT = 0x1000000
__WNOTHREAD = 0x20000000
__WALL = 0x40000000
__WCLONE = 0x80000000

P_ALL = 0
P_PID = 1
P_PGID = 2
P_PIDFD = 3


class WaitOptions(FlagSet):
    """wait4(2)'s and waitid(2)'s `options`."""

    names = "WNOHANG WUNTRACED WEXITED WCONTINUED WNOWAIT __W*"


class IdType(Choice):
    """waitid(2)'s `idtype`."""

    names = "P_*"
