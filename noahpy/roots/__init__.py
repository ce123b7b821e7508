"""Roots and limits (docs/roots.md): a program sees a tree of its own, and may do what it is allowed to.

Not imported unless asked for. The host's kernel does the work, by namespaces that the guest's first process is put into; so a
call of the guest's costs what it costs without.
"""

from __future__ import annotations

import os
import signal
import sys

from linux_abi.uapi.clone import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
)
from linux_abi.uapi.mount import MOUNT_ATTR_RDONLY, MS_PRIVATE, MS_REC

from . import inherited, keeper, kernel, limits, rights, users, view

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from .policy import Policy

_LAUNCHED = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1]  # the interpreter and what it runs, without arguments
_ROOM = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP


def confine(policy: Policy, words: Sequence[str]) -> NoReturn:
    """Run this noahpy anew as the guest's process, in namespaces as `policy` says, wait for it and end as it does.

    `words` are more options for that one. CannotRun: the host does not allow it, or the tree can't be made.
    """
    policy.check()
    inherited.check_streams(policy.network)
    mapping = users.Mapping(policy)
    group = limits.Group(policy)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        group.enter()
        users.separate(_ROOM | (0 if policy.network else CLONE_NEWNET), mapping)
        _ = "".encode("unicode_escape")  # an error's line may need it, when Python's files are out of reach
        init, place, line = keeper.start_init(lambda: view.build(policy))
    except BaseException:
        group.leave()
        group.remove()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        raise
    guest = os.fork()
    if guest == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        inherited.close_ways_out(policy.network, place)
        rights.keep_over_exec()
        _start_anew(place, words)
    group.leave()
    keeper.keep(guest, init, line, group.remove)


def _start_anew(place: int, more: Sequence[str]) -> NoReturn:
    """Execute noahpy again, now by a file that cannot be written to: the guest can open /proc/PID/exe of its processes."""
    program = os.path.realpath("/proc/self/exe")
    kernel.call("unshare", CLONE_NEWNS)
    kernel.call("mount", 0, b"/\0", 0, MS_REC | MS_PRIVATE, 0)
    kernel.put_mount(kernel.copy_mount(program, deep=False), program)
    kernel.restrict_mount(program, MOUNT_ATTR_RDONLY, deep=False)
    os.set_inheritable(place, True)
    os.execv(program, [sys.executable, *_LAUNCHED[1:], f"--inside={place}", *more, *sys.argv[1:]])


def join(place: int, policy: Policy) -> None:
    """Enter the tree, by a descriptor of its mount namespace, and give up what `policy` does not leave."""
    folder = os.getcwd() if not policy.root else "/"
    kernel.call("setns", place, CLONE_NEWNS)
    os.close(place)
    try:
        os.chdir(folder)
    except OSError:
        os.chdir("/")
    rights.give_up(policy)
