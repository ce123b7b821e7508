"""What execve(2) does to a process's credentials: credentials(7), capabilities(7).

They are the host thread's own, which executes nothing: what a real execve takes away is taken away here. It never gives
anything: set-user-ID bits and capabilities of files have no effect.
"""

from __future__ import annotations

import os

from .uapi.capability import _LINUX_CAPABILITY_VERSION_3, SECBIT_NOROOT
from .uapi.prctl import (
    PR_CAP_AMBIENT,
    PR_CAP_AMBIENT_CLEAR_ALL,
    PR_CAP_AMBIENT_IS_SET,
    PR_CAPBSET_READ,
    PR_GET_SECUREBITS,
    PR_SET_DUMPABLE,
    PR_SET_KEEPCAPS,
)
from .uapi.structs import CapData, CapHeader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .task import Host, Task


def renew(task: Task) -> None:
    """The new program's credentials, from the old one's."""
    host = task.host.now
    rgid, egid, _ = os.getresgid()
    ruid, euid, _ = os.getresuid()
    host.setresgid(-1, egid, egid)  # the saved ones, and those for file access
    host.setresuid(-1, euid, euid)
    if mixed := (ruid, rgid) != (euid, egid):
        host.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    _renew_capabilities(host, ruid, euid, task.group.bounded)
    host.prctl(PR_SET_KEEPCAPS, 0)
    host.prctl(PR_SET_DUMPABLE, int(not mixed))


def _renew_capabilities(host: Host, ruid: int, euid: int, bounded: bool) -> None:
    header = CapHeader.pack(_LINUX_CAPABILITY_VERSION_3, 0)
    data = bytearray(2 * CapData.size)
    host.capget(header, data)
    effective, permitted, inheritable = [low | high << 32 for low, high in zip(*CapData.iter_unpack(data), strict=True)]
    ambient = _those_of(permitted & inheritable, lambda number: host.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, number))
    active = kept = ambient
    if 0 in (ruid, euid) and not host.prctl(PR_GET_SECUREBITS) & SECBIT_NOROOT:
        kept = permitted
        if bounded:
            kept &= inheritable | _those_of(permitted, lambda number: host.prctl(PR_CAPBSET_READ, number))
        if euid == 0:
            active = kept
    if (active, kept) != (effective, permitted):
        words = [CapData.pack(*(word >> shift & 0xFFFFFFFF for word in (active, kept, inheritable))) for shift in (0, 32)]
        host.capset(header, b"".join(words))


def _those_of(capabilities: int, has: Callable[[int], int]) -> int:
    """Of a set of capabilities, those for whose number `has` gives 1."""
    return sum([1 << number for number in range(capabilities.bit_length()) if capabilities >> number & 1 and has(number) == 1])
