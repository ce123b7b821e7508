"""Sets of system calls, as strace writes them: `open,openat`, `%file`, `!%network`, `/^get.*id`, `all`."""

from __future__ import annotations

from . import types
from .syscall import CALLS, Syscall
from .syscalls import declare_all
from .uapi.x86_64 import NUMBERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def _declared_in(*modules: str) -> Callable[[Syscall], bool]:
    return lambda call: call.function.__module__.rpartition(".")[2] in modules


def _has(kind: int) -> Callable[[Syscall], bool]:
    return lambda call: kind in call.kinds


# strace's names, where it has one.
FAMILIES: dict[str, Callable[[Syscall], bool]] = {
    "file": _has(types.PATH),
    "desc": lambda call: call.opens or types.FD in call.kinds,
    "network": _declared_in("socket"),
    "process": lambda call: call.name in ("exit", "exit_group") or _declared_in("lifecycle")(call),
    "memory": _declared_in("mem"),
    "signal": _declared_in("signal"),
    "time": _declared_in("time"),
    "ipc": _declared_in("ipc"),
}


def numbers(text: str) -> frozenset[int]:
    """The calls' numbers. ValueError, in one line: it is none of these, or names what there is not."""
    wanted = text.removeprefix("!")
    found: set[int] = set()
    for word in wanted.split(","):
        found |= _named(word)
    return frozenset(set(NUMBERS.values()) - found if text.startswith("!") else found)


def _named(word: str) -> set[int]:
    if word == "all":
        return set(NUMBERS.values())
    if word == "none":
        return set()
    if word.startswith("/"):
        return _matching(word[1:])
    if word.startswith("%"):
        if (belongs := FAMILIES.get(word[1:])) is None:
            raise ValueError(f"no family of calls is named {word!r}{_nearest(word[1:], FAMILIES, '%')}")
        declare_all()
        return {call.number for call in CALLS.values() if belongs(call)}
    name = word.removeprefix("?")  # which may be missing
    if name in NUMBERS:
        return {NUMBERS[name]}
    if name.isdecimal() and int(name) in NUMBERS.values():
        return {int(name)}
    if word.startswith("?"):
        return set()
    raise ValueError(f"no system call is named {word!r}{_nearest(word, NUMBERS, '')}")


def _matching(pattern: str) -> set[int]:
    import re

    try:
        found = {number for name, number in NUMBERS.items() if re.search(pattern, name)}
    except re.error as error:
        raise ValueError(f"/{pattern} is no pattern: {error}") from None
    if not found:
        raise ValueError(f"no system call's name matches /{pattern}")
    return found


def _nearest(word: str, names: dict[str, Callable[[Syscall], bool]] | dict[str, int], before: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, names, 1)
    return f"; {before}{near[0]}?" if near else ""
