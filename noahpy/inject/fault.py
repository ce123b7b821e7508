"""What --inject asks for: `SET:error=ENOSPC:when=3+2`, in strace(1)'s words, and a few more.

| | |
|---|---|
| `error=NAME` or a number | the call is not made and fails |
| `retval=N` | the call is not made and returns N |
| `signal=NAME` or a number | the thread gets the signal before the call |
| `delay_enter=TIME`, `delay_exit=TIME` | it waits before or after the call: µs, or a number with s, ms, us, ns |
| `short=N` | the buffer that the call reads or writes has N bytes at most |
| `when=FIRST[..LAST][+[STEP]]` | which of a thread's calls of each name, from 1 on: FIRST alone, with `+` all from there on |
| `chance=P%` and `seed=N` | and of these only so many, chosen by chance, the same ones in each run with one seed |
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from linux_abi import callset
from linux_abi.uapi import errno, signals

from ..errors import CannotRun

_WHEN = re.compile(r"(\d+)(?:\.\.(\d+))?(\+(\d*))?")
_TIME = re.compile(r"(\d+)(s|ms|us|ns|)")
_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "": 1e-6, "ns": 1e-9}
_NO_LAST = 1 << 63


@dataclass
class Fault:
    """What is to happen to calls."""

    calls: frozenset[int]  # numbers
    result: int | None = None  # instead of the call
    signal: int = 0
    delay_enter: float = 0  # s
    delay_exit: float = 0
    short: int = -1  # bytes; -1: as many as the guest says
    first: int = 1
    last: int = _NO_LAST
    step: int = 1
    chance: float = 1
    seed: int = 0

    def fits(self, count: int) -> bool:
        """Whether it is the turn of a thread's call that is the `count`th of its name."""
        return self.first <= count <= self.last and (count - self.first) % self.step == 0


def parse(text: str) -> Fault:
    """What an --inject says. CannotRun: it is wrong."""
    names, *words = text.split(":")
    try:
        fault = Fault(frozenset(callset.numbers(names)))
    except callset.UnknownName as error:
        raise CannotRun(f"--inject: {error}") from error
    given = set()
    for word in words:
        name, _, value = word.partition("=")
        if name not in _READERS:
            raise _wrong(f"knows {', '.join(_READERS)}, not '{word}'")
        if name in given:
            raise _wrong(f"{name}= is given twice in '{text}'")
        given.add(name)
        _READERS[name](fault, value)
    if not given - {"when", "chance", "seed"}:
        raise _wrong(f"'{text}' says nothing that is to happen: error=, retval=, signal=, delay_enter=, delay_exit=, short=")
    if {"error", "retval"} <= given:
        raise _wrong(f"'{text}' has both an error and a result")
    return fault


def _wrong(text: str) -> CannotRun:
    return CannotRun(f"--inject: {text}")


def _number(name: str, value: str, most: int) -> int:
    if not value.isdecimal() or int(value) > most:
        raise _wrong(f"{name}= is a number up to {most}, not '{value}'")
    return int(value)


def _named(what: str, value: str, known: dict[str, int], most: int) -> int:
    if value.isdecimal() and 0 < int(value) <= most:
        return int(value)
    if value in known:
        return known[value]
    raise _wrong(callset.there_is_no(what, value, known))


def _constants(module: object, prefix: str) -> dict[str, int]:
    return {name: value for name, value in vars(module).items() if re.fullmatch(f"{prefix}[A-Z0-9]+", name)}


def _error(fault: Fault, value: str) -> None:
    fault.result = -_named("error", value, _constants(errno, "E"), 4095)


def _retval(fault: Fault, value: str) -> None:
    fault.result = _number("retval", value, (1 << 63) - 1)


def _signal(fault: Fault, value: str) -> None:
    known = _constants(signals, "SIG")
    fault.signal = _named("signal", value if value.startswith("SIG") or value.isdecimal() else f"SIG{value}", known, 64)


def _seconds(value: str) -> float:
    match = _TIME.fullmatch(value)
    if not match:
        raise _wrong(f"a delay is a number of µs, or one with s, ms, us or ns, not '{value}'")
    return int(match[1]) * _UNITS[match[2]]


def _delay_enter(fault: Fault, value: str) -> None:
    fault.delay_enter = _seconds(value)


def _delay_exit(fault: Fault, value: str) -> None:
    fault.delay_exit = _seconds(value)


def _short(fault: Fault, value: str) -> None:
    fault.short = _number("short", value, 1 << 31)


def _when(fault: Fault, value: str) -> None:
    match = _WHEN.fullmatch(value)
    first, last = (int(match[1]), int(match[2] or 0)) if match else (0, 0)
    if not match or not first or match[4] == "0" or (match[2] and last < first):
        raise _wrong(f"when= is FIRST or FIRST..LAST, perhaps with + or +STEP, from 1 on; not '{value}'")
    fault.first, fault.step = first, int(match[4] or 1)
    fault.last = last or (_NO_LAST if match[3] else first)


def _chance(fault: Fault, value: str) -> None:
    try:
        fault.chance = float(value.removesuffix("%")) / 100
    except ValueError:
        fault.chance = -1
    if not value.endswith("%") or not 0 < fault.chance <= 1:
        raise _wrong(f"chance= is a percentage above 0 up to 100%, not '{value}'")


def _seed(fault: Fault, value: str) -> None:
    fault.seed = _number("seed", value, (1 << 63) - 1)


_READERS = {
    "error": _error,
    "retval": _retval,
    "signal": _signal,
    "delay_enter": _delay_enter,
    "delay_exit": _delay_exit,
    "short": _short,
    "when": _when,
    "chance": _chance,
    "seed": _seed,
}
