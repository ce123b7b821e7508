"""What --allow and --deny say: which calls a program may make, and on which files."""

from __future__ import annotations

import os
import re
from fnmatch import translate
from functools import cache

from linux_abi import callset, types
from linux_abi.errors import LinuxError
from linux_abi.syscall import Declarations
from linux_abi.uapi.errno import EACCES, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EPERM
from linux_abi.uapi.fcntl import AT_FDCWD, O_CLOEXEC, O_PATH
from linux_abi.uapi.signals import SIGSYS
from linux_abi.uapi.x86_64 import ARGUMENT_REGISTERS

from ..errors import CannotRun
from ..instrument import Instrument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linux_abi.syscall import Entry
    from linux_abi.task import Task

_LINKS = 40  # that lead to each other, and Linux goes no further
_NO_FILE = (ENOENT, ENOTDIR, ELOOP, EACCES, ENAMETOOLONG)  # so the call itself finds none either
# What would give files other names than those that the rules are about.
_RENAMING = callset.numbers("chroot,pivot_root,mount,move_mount,open_tree,fsmount,setns,unshare")


class Rule:
    """One --allow or --deny: calls, a pattern of paths ("": whatever they are about), and what becomes of the call."""

    __slots__ = ("text", "calls", "matches", "allows", "kills")

    def __init__(self, option: str, text: str) -> None:
        """CannotRun: it is wrong."""
        self.text = text
        names, _, pattern = text.removesuffix("=kill").partition(":")
        self.allows = option == "--allow"
        self.kills = text.endswith("=kill")
        if self.allows and self.kills:
            raise CannotRun(f"--allow {text}: what is allowed does not kill")
        if pattern[:1] not in ("", "/"):
            raise CannotRun(f"{option} {text}: a pattern is of whole paths, such as {names}:/etc/*")
        try:
            self.calls = callset.numbers(names)
        except callset.UnknownName as error:
            raise CannotRun(f"{option} {text}: {error}") from error
        self.matches = re.compile(os.fsencode(translate(pattern)), re.DOTALL).match if pattern else None
        without = [number for number in self.calls if not _files(number)] if pattern else []
        if without and len(without) == len(self.calls):
            raise CannotRun(f"{option} {text}: {names} is about no file, so there is no path to look at")

    def decides(self, paths: list[bytes]) -> bool:
        """Whether a call of `calls`, on files that have these paths, is this rule's."""
        if self.matches is None:
            return True
        found = [bool(self.matches(path)) for path in paths]
        return bool(found) and (all(found) if self.allows else any(found))


class Rules(Instrument):
    """The first rule that decides about a call does; a call that none decides about is allowed."""

    def __init__(self, rules: list[Rule]) -> None:
        """CannotRun: the last one says nothing."""
        if rules[-1].allows:
            raise CannotRun(f"--allow {rules[-1].text} says nothing behind all --deny: the first that fits a call decides")
        self._rules = rules
        self._guards = any(rule.matches for rule in rules)
        self.calls = set().union(*(rule.calls for rule in rules), _RENAMING if self._guards else ())

    def wrap(self, number: int, entry: Entry) -> Entry:
        rules = [rule for rule in self._rules if number in rule.calls]
        files = _files(number) if any(rule.matches for rule in rules) else []
        keeps = self._guards and number in _RENAMING

        def asked(task: Task, regs: memoryview[int]) -> int | None:
            try:
                paths = [path for file in files for path in _paths(task, regs, file)]
            except LinuxError as error:
                return -error.errno
            rule = next((rule for rule in rules if rule.decides(paths)), None)
            if rule and rule.kills:
                task.signals.die(SIGSYS)
            if keeps or (rule and not rule.allows):
                return -EPERM
            return entry(task, regs)

        return asked  # type: ignore[return-value]


# ---- The files of a call, by the names that the kernel has for them ----


@cache
def _files(number: int) -> list[tuple[int, int]]:
    """Of a call, which arguments name a file: (descriptor, path) and (descriptor, -1), or (-1, path)."""
    call = _DECLARED.get(number)
    found = []
    folder = -1
    for place, (_, kind) in enumerate(call.parameters if call else []):
        if issubclass(kind, types.Path):
            found.append((folder, place))
            folder = -1
        elif issubclass(kind, types.DirFd):
            folder = place
        elif issubclass(kind, types.Fd):
            found.append((place, -1))
    return found


_DECLARED = Declarations(lazy=False)


def _paths(task: Task, regs: memoryview[int], file: tuple[int, int]) -> list[bytes]:
    """The path of a descriptor's file; of a name that of what it is, and of what it leads to. Empty: there is no file."""
    descriptor, path = (regs[ARGUMENT_REGISTERS[place]] if place >= 0 else -1 for place in file)
    folder = AT_FDCWD if file[0] < 0 else task.group.fds.visible((descriptor + (1 << 31)) % (1 << 32) - (1 << 31))
    text = task.mm.cstr(path) if file[1] >= 0 and path else b""
    if not text:
        return [path for path in [task.host.path_of(folder)] if path]
    return _names(task, folder, text, _LINKS)


def _names(task: Task, folder: int, text: bytes, links: int) -> list[bytes]:
    above, _, last = text.rstrip(b"/").rpartition(b"/")
    found = []
    if last not in (b"", b".", b".."):
        parent = _name(task, folder, above or (b"/" if text[:1] == b"/" else b"."))
        if parent:
            found.append(parent.rstrip(b"/") + b"/" + last)
    target = _name(task, folder, text)
    if target:
        return [*found, target]
    try:  # a link that leads to what is not there yet
        leads = os.readlink(found[0]) if found else b""
    except OSError:
        return found
    if links and leads:
        found += _names(task, AT_FDCWD, leads if leads[:1] == b"/" else found[0].rpartition(b"/")[0] + b"/" + leads, links - 1)
    return found


def _name(task: Task, folder: int, text: bytes) -> bytes:
    """The kernel's name of the file that a path leads to; empty: it leads to none. LinuxError: it can't be told."""
    fd = task.host.now.openat(folder, text + b"\0", O_PATH | O_CLOEXEC, 0)
    if fd < 0:
        if -fd in _NO_FILE:
            return b""
        raise LinuxError(-fd)
    name = task.host.path_of(fd)
    task.host.close_now(fd)
    return name
