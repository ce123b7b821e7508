"""Namespaces of the guest's own, and which users and groups there are in them (user_namespaces(7)).

Root's are mapped as they are. Another user is root in the tree (*fake root*): its own number is shown as 0, and those that
/etc/subuid and /etc/subgid lend it follow, if newuidmap(1) is there to ask.
"""

from __future__ import annotations

import os
import subprocess

from ..errors import CannotRun
from . import kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .policy import Policy

Extent = tuple[int, int, int]  # first number inside, first number outside, how many


class Mapping:
    """The users and groups inside; `helped`: newuidmap(1) and newgidmap(1) write it."""

    __slots__ = ("users", "groups", "helped")

    def __init__(self, policy: Policy) -> None:
        self.helped = False
        self.users: list[Extent]
        self.groups: list[Extent]
        if os.geteuid() == 0:
            self.users, self.groups = _as_they_are("uid"), _as_they_are("gid")
            return
        lent = _lent("/etc/subuid", os.geteuid()), _lent("/etc/subgid", os.geteuid())
        if policy.root and all(lent) and _helper("newuidmap") and _helper("newgidmap"):
            self.helped = True
            self.users = _extended(os.geteuid(), lent[0])
            self.groups = _extended(os.getegid(), lent[1])
            return
        user, group = _numbers(policy)
        self.users = [(user, os.geteuid(), 1)]
        self.groups = [(group, os.getegid(), 1)]

    def write(self, pid: int) -> None:
        """Give it to the user namespace that process `pid` has just made; this process is outside."""
        if self.helped:
            for helper, extents in (("newuidmap", self.users), ("newgidmap", self.groups)):
                words = [str(number) for extent in extents for number in extent]
                done = subprocess.run([helper, str(pid), *words], capture_output=True, text=True, check=False)
                if done.returncode:
                    raise OSError(0, done.stderr.partition("\n")[0] or f"{helper} fails")
            return
        if os.geteuid():
            _write(f"/proc/{pid}/setgroups", "deny")
        for name, extents in (("uid_map", self.users), ("gid_map", self.groups)):
            _write(f"/proc/{pid}/{name}", "".join(f"{inside} {outside} {count}\n" for inside, outside, count in extents))


def separate(flags: int, mapping: Mapping) -> None:
    """Leave the host's namespaces that `flags` (CLONE_NEW..., of which CLONE_NEWUSER) name. CannotRun: the host forbids it."""
    parent = os.getpid()
    begun, begin = os.pipe()
    writer = os.fork()
    if writer == 0:
        os.close(begin)
        failed = ""
        try:
            if os.read(begun, 1):
                mapping.write(parent)
        except OSError as error:
            failed = error.strerror or str(error)
            os.write(2, f"noahpy: no users for the tree: {failed}\n".encode())
        os._exit(1 if failed else 0)
    os.close(begun)
    try:
        kernel.call("unshare", flags)
    except OSError as error:
        os.close(begin)
        os.waitpid(writer, 0)
        raise CannotRun(_forbidden(error.errno or 0)) from None
    os.write(begin, b"x")
    os.close(begin)
    if os.waitpid(writer, 0)[1]:
        os._exit(125)  # it has said why


def _forbidden(errno: int) -> str:
    what = f"this host gives no user namespace ({os.strerror(errno)})"
    for name, off, helps in (
        ("user/max_user_namespaces", "0", "sudo sysctl user.max_user_namespaces=10000"),
        ("kernel/unprivileged_userns_clone", "0", "sudo sysctl kernel.unprivileged_userns_clone=1"),
    ):
        try:
            with open(f"/proc/sys/{name}", encoding="ascii") as file:
                if file.read().strip() == off:
                    return f"{what}: {helps}"
        except OSError:
            continue
    return f"{what}: in a container, let it have them (docker run --security-opt seccomp=unconfined)"


def _numbers(policy: Policy) -> tuple[int, int]:
    """Which user and group this one is to be, where there is only one."""
    if not policy.user:
        return (0, 0) if policy.root else (os.geteuid(), os.getegid())
    user, _, group = policy.user.partition(":")
    if not user.isdigit() or (group and not group.isdigit()):
        raise CannotRun(f"--user {policy.user}: there is only one user in the tree: give it a number")
    return int(user), int(group or user)


def _as_they_are(kind: str) -> list[Extent]:
    with open(f"/proc/self/{kind}_map", encoding="ascii") as file:
        return [(int(line.split()[0]), int(line.split()[0]), int(line.split()[2])) for line in file]


def _lent(path: str, user: int) -> list[tuple[int, int]]:
    """Ranges of numbers that `path` (subuid(5)) lends a user: first, how many."""
    from pwd import getpwuid

    try:
        name = getpwuid(user).pw_name
    except KeyError:
        name = str(user)
    found = []
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                who, _, rest = line.strip().partition(":")
                first, _, count = rest.partition(":")
                if who in (name, str(user)) and first.isdigit() and count.isdigit():
                    found.append((int(first), int(count)))
    except OSError:
        pass
    return found


def _extended(own: int, lent: list[tuple[int, int]]) -> list[Extent]:
    extents = [(0, own, 1)]
    for first, count in lent:
        extents.append((extents[-1][0] + extents[-1][2], first, count))
    return extents


def _helper(name: str) -> bool:
    return any(os.access(os.path.join(folder, name), os.X_OK) for folder in os.environ.get("PATH", "").split(":") if folder)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
