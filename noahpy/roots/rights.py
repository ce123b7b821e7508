"""What the guest's first process gives up before its program starts."""

from __future__ import annotations

import os

from linux_abi.uapi import capability
from linux_abi.uapi.errno import EINVAL
from linux_abi.uapi.prctl import (
    PR_CAP_AMBIENT,
    PR_CAP_AMBIENT_CLEAR_ALL,
    PR_CAP_AMBIENT_RAISE,
    PR_CAPBSET_DROP,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
)
from linux_abi.uapi.structs import CapData, CapHeader

from ..errors import CannotRun
from . import confinement, kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .policy import Policy

# What root of the tree may do there; no mounts, no other namespaces' business.
_KEPT = (
    capability.CAP_CHOWN, capability.CAP_DAC_OVERRIDE, capability.CAP_FOWNER, capability.CAP_FSETID, capability.CAP_KILL,
    capability.CAP_SETGID, capability.CAP_SETUID, capability.CAP_SETPCAP, capability.CAP_NET_BIND_SERVICE,
    capability.CAP_NET_RAW, capability.CAP_SYS_CHROOT, capability.CAP_MKNOD, capability.CAP_AUDIT_WRITE,
    capability.CAP_SETFCAP,
)  # fmt: skip
_ROOT = sum(1 << number for number in _KEPT)
_ALL = (1 << 64) - 1


def keep_over_exec() -> None:
    """Take the capabilities of this namespace over an execve(2), which would leave them to root alone."""
    permitted = _permitted()
    _set(permitted, permitted)
    for number in range(permitted.bit_length()):
        if permitted >> number & 1:
            kernel.call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0)


def give_up(policy: Policy) -> None:
    """Become the tree's user, without what only makes trees. CannotRun: there is no such user."""
    rules = confinement.rules()
    kernel.call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    for number in range(64):
        if not _ROOT >> number & 1:
            try:
                kernel.call("prctl", PR_CAPBSET_DROP, number, 0, 0, 0)
            except OSError as error:
                if error.errno != EINVAL:  # the kernel has no capability of that number
                    raise
    if policy.user:
        _become(policy.user)
    _set(_permitted() & _ROOT if os.geteuid() == 0 else 0, 0)
    kernel.call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)
    kernel.call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if rules >= 0:
        kernel.call("landlock_restrict_self", rules, 0)
        os.close(rules)
    confinement.filter_calls(policy.network)


def _permitted() -> int:
    data = bytearray(2 * CapData.size)
    kernel.call("capget", CapHeader.pack(capability._LINUX_CAPABILITY_VERSION_3, 0), data)
    low, high = CapData.iter_unpack(data)
    return int(low[1] | high[1] << 32)


def _set(permitted: int, inheritable: int) -> None:
    words = [CapData.pack(*(word >> shift & 0xFFFFFFFF for word in (permitted, permitted, inheritable))) for shift in (0, 32)]
    kernel.call("capset", CapHeader.pack(capability._LINUX_CAPABILITY_VERSION_3, 0), b"".join(words))


# ---- Users of the tree (passwd(5), group(5)) ----


def _become(text: str) -> None:
    name, _, group_name = text.partition(":")
    user = next((row for row in _rows("/etc/passwd") if row[0] == name or row[2] == name), None)
    if user is None and not name.isdigit():
        raise CannotRun(f"--user {text}: /etc/passwd of the tree has no {name}")
    group = int(user[3]) if user else 0
    if group_name:
        row = next((row for row in _rows("/etc/group") if group_name in (row[0], row[2])), None)
        if row is None and not group_name.isdigit():
            raise CannotRun(f"--user {text}: /etc/group of the tree has no {group_name}")
        group = int(row[2] if row else group_name)
    number = int(user[2]) if user else int(name)
    if (os.getuid(), os.getgid()) == (number, group):  # the only one that there is
        return
    others = [int(row[2]) for row in _rows("/etc/group") if user and user[0] in row[3].split(",")]
    try:
        os.setgroups([group, *others])
        os.setresgid(group, group, group)
        os.setresuid(number, number, number)
    except OSError as error:
        raise CannotRun(f"--user {text}: this host lends no such number ({error.strerror})") from None


def _rows(path: str) -> list[list[str]]:
    """The lines of four fields or more."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return [row for row in (line.rstrip("\n").split(":") for line in file) if len(row) > 3 and row[2].isdigit()]
    except OSError:
        return []
