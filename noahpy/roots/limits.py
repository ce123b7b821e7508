"""Limits of all processes of a tree together: a control group of its own (cgroups(7)), where the host lends one."""

from __future__ import annotations

import os
import re
from time import sleep

from linux_abi.uapi.errno import EBUSY, ENOENT

from ..errors import CannotRun
from . import kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .policy import Policy

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_PERIOD = 100_000  # µs
_LEAST_MEMORY = 16 << 20  # with less, noahpy itself does not start
_NAME, _ASIDE = "noahpy-{}", "noahpy-aside"
_PATIENCE = 500
_HELPS = "on a host with systemd: systemd-run --user --scope -p Delegate=yes noahpy ..."


def size(option: str, text: str) -> int:
    """Bytes of a SIZE such as 512M."""
    match = re.fullmatch(r"(\d+)([KMG]?)", text)
    found = int(match[1]) * _UNITS[match[2]] if match else 0
    if found < _LEAST_MEMORY:
        raise CannotRun(f"{option} needs a size such as 512M or 2G, of 16M at least, not '{text}'")
    return found


def number(option: str, text: str, *, whole: bool = False) -> float:
    """A number above 0."""
    match = re.fullmatch(r"\d{1,6}" if whole else r"\d{1,6}(\.\d+)?", text)
    if not match or float(text) <= 0:
        raise CannotRun(f"{option} needs a number such as {2 if whole else 1.5}, not '{text}'")
    return float(text)


def _wanted(policy: Policy) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """By controller, what to write to which files: those of version 2, and of version 1."""
    wanted = {}
    if policy.memory:
        limit = str(policy.memory)
        wanted["memory"] = {"memory.max": limit, "memory.swap.max": "0"}, {
            "memory.limit_in_bytes": limit, "memory.memsw.limit_in_bytes": limit
        }  # fmt: skip
    if policy.cpus:
        quota = str(max(1000, int(policy.cpus * _PERIOD)))
        wanted["cpu"] = {"cpu.max": f"{quota} {_PERIOD}"}, {"cpu.cfs_period_us": str(_PERIOD), "cpu.cfs_quota_us": quota}
    if policy.processes:
        tasks = str(2 * policy.processes + 1)  # KVM has a thread in each process, and there is init
        wanted["pids"] = {"pids.max": tasks}, {"pids.max": tasks}
    return wanted


class Group:
    """The control groups of a tree. Processes that are made between `enter` and `leave` are in them."""

    def __init__(self, policy: Policy) -> None:
        """Make them. CannotRun: the host lends none."""
        self._inside: list[int] = []  # of each, the file that takes processes in, and that of the one above
        self._outside: list[int] = []
        self._made: list[str] = []  # in the order of removal
        for controller, (files, old_files) in _wanted(policy).items():
            try:
                parent, outside, old = _folder(controller)
                self._make(parent, outside, old_files if old else files)
            except OSError as error:
                self.leave()
                self.remove()
                where = f"{error.filename}: " if error.filename else ""
                raise CannotRun(f"no limit of {controller} here: {where}{error.strerror}; {_HELPS}") from None

    def enter(self) -> None:
        """From now on, this process's children are in them."""
        for file in self._inside:
            os.write(file, b"0")

    def leave(self) -> None:
        """Take this process back."""
        for file in self._outside:
            os.write(file, b"0")

    def remove(self) -> None:
        """All others in them have ended, or are just ending."""
        for folder in self._made:
            for _ in range(_PATIENCE):
                try:
                    os.rmdir(folder)
                    break
                except OSError:
                    sleep(0.01)

    def _make(self, parent: str, outside: str, files: dict[str, str]) -> None:
        folder = os.path.join(parent, _NAME.format(os.getpid()))
        if folder not in self._made:
            _tidy(parent)
            os.mkdir(folder)
            self._made.append(folder)
            self._inside.append(os.open(os.path.join(folder, "cgroup.procs"), os.O_WRONLY | os.O_CLOEXEC))
            self._outside.append(os.open(os.path.join(outside, "cgroup.procs"), os.O_WRONLY | os.O_CLOEXEC))
        for name, value in files.items():
            path = os.path.join(folder, name)
            if os.path.exists(path):  # swap is not counted everywhere
                _write(path, value)


def _folder(controller: str) -> tuple[str, str, bool]:
    """Where groups of a controller can be made, where this process stays meanwhile, and whether that is version 1."""
    groups = {}
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        for line in file:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            groups.update(dict.fromkeys(controllers.split(","), path))
    if controller in groups:
        own = _mounted(controller, groups[controller])
        return own, own, True
    own = _mounted("", groups.get("", "none"))
    parent = os.path.dirname(own) if os.path.basename(own) == _ASIDE else own
    _lend(parent, controller)
    aside = os.path.join(parent, _ASIDE)
    return parent, aside if os.path.exists(aside) else parent, False


def _mounted(controller: str, group: str) -> str:
    """The folder of a group; of version 2 without a controller."""
    for root, place, kind, options in kernel.mounts():
        shown = group == root or group.startswith(f"{root.rstrip('/')}/")
        if shown and (kind == "cgroup2" if not controller else kind == "cgroup" and controller in options.split(",")):
            return os.path.normpath(place + "/" + group[len(root.rstrip("/")) :])
    raise FileNotFoundError(ENOENT, os.strerror(ENOENT), "/sys/fs/cgroup")


def _lend(parent: str, controller: str) -> None:
    """Version 2 shares out controllers where no processes are: those of `parent` step aside. OSError: they can't."""
    path = os.path.join(parent, "cgroup.subtree_control")
    with open(path, encoding="utf-8") as file:
        if controller in file.read().split():
            return
    try:
        _write(path, f"+{controller}")
    except OSError as error:
        if error.errno != EBUSY:
            raise
        os.makedirs(os.path.join(parent, _ASIDE), exist_ok=True)
        with open(os.path.join(parent, "cgroup.procs"), encoding="utf-8") as file:
            for process in file.read().split():
                _write(os.path.join(parent, _ASIDE, "cgroup.procs"), process)
        _write(path, f"+{controller}")


def _tidy(parent: str) -> None:
    """Remove what noahpys that were killed have left."""
    for name in os.listdir(parent):
        match = re.fullmatch(_NAME.format(r"(\d+)"), name)
        if match and not os.path.exists(f"/proc/{match[1]}"):
            try:
                os.rmdir(os.path.join(parent, name))
            except OSError:
                continue


def _write(path: str, text: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(file, text.encode())
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
    finally:
        os.close(file)
