"""Sets of system calls, as strace(1) writes them: `open,openat`, `%file`, `!%network`, `/^get.*id`, `all`."""

from __future__ import annotations

from . import types
from .syscall import CALLS
from .syscalls import declare_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# Class of calls -> the modules that declare them, or the type of an argument that they have.
CLASSES: dict[str, tuple[str, ...] | type[types.Arg]] = {
    "file": types.Path,
    "desc": types.Fd,
    "network": ("socket",),
    "process": ("lifecycle",),
    "memory": ("mem",),
    "signal": ("signal",),
    "ipc": ("ipc",),
    "time": ("time",),
    "clock": (),
}
# What strace(1) counts among them besides.
_BESIDES = {
    "file": "fsconfig getcwd quotactl uselib",
    "desc": """bpf creat epoll_create epoll_create1 eventfd eventfd2 fanotify_init fsopen inotify_init inotify_init1
    io_uring_enter io_uring_register io_uring_setup landlock_create_ruleset memfd_create memfd_secret mq_open
    open pidfd_open pipe pipe2 poll ppoll process_madvise pselect6 select timerfd_create userfaultfd""",
    "network": "getpmsg putpmsg sendfile",
    "process": "exit exit_group kill pidfd_send_signal rt_sigqueueinfo rt_tgsigqueueinfo tgkill tkill",
    "memory": "io_destroy io_setup io_uring_register shmat shmdt",
    "signal": "io_uring_enter pidfd_send_signal signalfd signalfd4",
    "clock": "adjtimex clock_adjtime clock_getres clock_gettime clock_settime gettimeofday settimeofday time",
}
_ALIASES = {"files": "file", "net": "network"}
_MOST = 0xFFFFFFFF  # the largest number of a call


class UnknownName(ValueError):
    """What the user reads: there is no such call or class."""


def names(text: str) -> set[str]:
    """The calls, of those that are declared."""
    wanted = numbers(text)
    return {call.name for call in CALLS.values() if call.number in wanted}


def numbers(text: str) -> set[int]:
    """The numbers of declared calls, and those that `text` has as numbers, which Linux need not know."""
    declare_all()
    inverted = text.startswith("!")
    found: set[int] = set()
    for word in text.removeprefix("!").split(","):
        if word.isdecimal() and int(word) <= _MOST:
            found.add(int(word))
        else:
            found |= {CALLS[name].number for name in _named(word)}
    return {call.number for call in CALLS.values()} - found if inverted else found


def _named(word: str) -> set[str]:
    if word == "all":
        return set(CALLS)
    if word == "none":
        return set()
    if word.startswith("/"):
        return _matching(word[1:])
    if word.startswith("%") or (word in {**CLASSES, **_ALIASES} and word not in CALLS):
        return _class(word.removeprefix("%"))
    name = word.removeprefix("?")  # which may be missing
    if name in CALLS:
        return {name}
    return set() if word.startswith("?") else {_unknown(name, CALLS, "system call")}


def _class(name: str) -> set[str]:
    name = _ALIASES.get(name, name)
    wanted = CLASSES[name] if name in CLASSES else _unknown(name, CLASSES, "class of system calls")
    besides = set(_BESIDES.get(name, "").split())
    if isinstance(wanted, type):
        return besides | {call.name for call in CALLS.values() if any(issubclass(kind, wanted) for _, kind in call.parameters)}
    modules = tuple(f"linux_abi.syscalls.{module}" for module in wanted)
    return besides | {call.name for call in CALLS.values() if call.function.__module__ in modules}


def _matching(pattern: str) -> set[str]:
    import re

    try:
        return {name for name in CALLS if re.search(pattern, name)}
    except re.error as error:
        raise UnknownName(f"/{pattern} is no regular expression: {error}") from error


def _unknown(word: str, known: Iterable[str], what: str) -> str:
    raise UnknownName(there_is_no(what, word, known))


def there_is_no(what: str, word: str, known: Iterable[str]) -> str:
    """What the user reads, with the nearest of the words that are known."""
    return f"there is no {what} '{word}'{nearest(word, known)}"


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """`: NAME?` of the nearest other of the words that are known, if one is near (difflib's likeness, 0 to 1)."""
    from difflib import get_close_matches

    near = get_close_matches(word, known, 1, likeness)
    return f": {near[0]}?" if near and near[0] != word else ""
