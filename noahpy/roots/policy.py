"""What is asked: the tree that the guest sees, and what it may not do."""

from __future__ import annotations

import os
from stat import S_ISDIR, S_ISREG

from ..errors import CannotRun
from . import limits

MEMORY = "memory"  # of --overlay: changes are kept in memory, and gone at the end
_HOST_NAME_MAX = 64


class Bind:
    """A file or folder of the host's that is shown in the tree."""

    __slots__ = ("source", "target", "read_only")

    def __init__(self, text: str) -> None:
        parts = text.split(":")
        if not 2 <= len(parts) <= 3 or not parts[0] or parts[2:] not in ([], ["ro"], ["rw"]):
            raise CannotRun(f"--bind needs SRC:DST, SRC:DST:ro or SRC:DST:rw, not '{text}'")
        self.source = parts[0]
        self.target = os.path.normpath(parts[1])
        self.read_only = parts[2:] == ["ro"]
        if not parts[1].startswith("/") or self.target in ("/", "/dev", "/proc"):
            raise CannotRun(f"--bind {text}: DST is an absolute path in the tree, but not /, /dev or /proc")


class Policy:
    """The options of docs/roots.md. Nothing is looked at before `check`."""

    __slots__ = ("root", "binds", "overlay", "user", "hostname", "read_only", "network", "memory", "cpus", "processes")

    def __init__(self) -> None:
        self.root = ""  # the host's own tree
        self.binds: list[Bind] = []
        self.overlay = ""
        self.user = ""
        self.hostname = ""
        self.read_only = False
        self.network = True
        self.memory = 0  # bytes; 0: no limit, as of the next two
        self.cpus = 0.0
        self.processes = 0

    def set(self, option: str, value: str) -> None:
        """Take over one option of the command line. CannotRun: its value is none."""
        if option == "--bind":
            self.binds.append(Bind(value))
        elif option == "--read-only":
            self.read_only = True
        elif option == "--no-network":
            self.network = False
        elif option == "--memory":
            self.memory = limits.size(option, value)
        elif option == "--cpus":
            self.cpus = limits.number(option, value)
        elif option == "--processes":
            self.processes = int(limits.number(option, value, whole=True))
        else:
            name = option[2:]
            if not value:
                raise CannotRun(f"{option} needs a value")
            if getattr(self, name) not in ("", value):
                raise CannotRun(f"{option} is given twice: '{getattr(self, name)}' and '{value}'")
            setattr(self, name, value)

    def check(self) -> None:
        """CannotRun where they contradict each other, or name what is not there."""
        if self.overlay and self.read_only:
            raise CannotRun("--overlay keeps changes, --read-only allows none: choose one")
        if self.overlay and not self.root:
            raise CannotRun(
                "--overlay needs --root: over this machine's own tree, in which others are mounted, Linux lays none"
            )
        if len(self.hostname) > _HOST_NAME_MAX:
            raise CannotRun(f"--hostname: a name has at most {_HOST_NAME_MAX} letters")
        targets = [bind.target for bind in self.binds]
        twice = next((target for target in targets if targets.count(target) > 1), None)
        if twice:
            raise CannotRun(f"--bind: {twice} is given twice")
        if self.root:
            mode = _must_be_there("--root", self.root)
            if not (S_ISDIR(mode) or S_ISREG(mode)):
                raise CannotRun(f"--root {self.root}: neither a folder nor an archive")
        for bind in self.binds:
            _must_be_there("--bind", bind.source)
        if self.overlay not in ("", MEMORY) and not os.path.isdir(self.overlay):
            raise CannotRun(f"--overlay {self.overlay}: there is no such folder: mkdir it, or say --overlay {MEMORY}")
        if self.overlay not in ("", MEMORY) and _lies_in(self.overlay, self.root):
            raise CannotRun(
                f"--overlay {self.overlay} lies in the tree itself: choose another folder, or say --overlay {MEMORY}"
            )


def _lies_in(path: str, folder: str) -> bool:
    return f"{os.path.realpath(path)}/".startswith(f"{os.path.realpath(folder).rstrip('/')}/")


def _must_be_there(option: str, path: str) -> int:
    """Its st_mode."""
    try:
        return os.stat(path).st_mode
    except OSError as error:
        raise CannotRun(f"{option} {path}: {os.strerror(error.errno or 0)}") from None
