"""Sets of system calls, as strace(1) writes them: `open,openat`, `%file`, `!%network`, `/^get.*id`, `all`."""

from __future__ import annotations

from . import types
from .syscall import CALLS
from .syscalls import declare_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# Class of calls -> the modules that declare them, or the type of an argument that they have.
_CLASSES: dict[str, tuple[str, ...] | type[types.Arg]] = {
    "file": types.Path,
    "files": types.Path,
    "desc": types.Fd,
    "network": ("socket",),
    "net": ("socket",),
    "process": ("lifecycle",),
    "memory": ("mem",),
    "signal": ("signal",),
    "ipc": ("ipc",),
    "clock": ("time",),
    "time": ("time",),
}
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
    if word.startswith("%") or (word in _CLASSES and word not in CALLS):
        return _class(word.removeprefix("%"))
    name = word.removeprefix("?")  # which may be missing
    if name in CALLS:
        return {name}
    return set() if word.startswith("?") else {_unknown(name, CALLS, "system call")}


def _class(name: str) -> set[str]:
    wanted = _CLASSES.get(name) or _unknown(name, _CLASSES, "class of system calls")
    if isinstance(wanted, type):
        return {call.name for call in CALLS.values() if any(issubclass(kind, wanted) for _, kind in call.parameters)}
    modules = tuple(f"linux_abi.syscalls.{module}" for module in wanted)
    return {call.name for call in CALLS.values() if call.function.__module__ in modules}


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
    from difflib import get_close_matches

    near = get_close_matches(word, known, 1)
    return f"there is no {what} '{word}'{f': {near[0]}?' if near else ''}"
