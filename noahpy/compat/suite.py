"""What a suite is: units to run, each of which prints the outcome of one or many cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PASS, FAIL, SKIPPED, UNTESTED, TIMEOUT = "PASS", "FAIL", "SKIPPED", "UNTESTED", "TIMEOUT"


@dataclass(frozen=True)
class Case:
    """One test's outcome: a word of the suite's, and what was printed up to it since the case before."""

    status: str
    output: str


Cases = dict[str, Case]  # by name, unique in its unit


@dataclass(frozen=True)
class Unit:
    """The least that can be run by itself: one process tree in a fresh folder."""

    name: str
    group: str  # its row in the table: an applet, a topic
    argv: Sequence[str]
    prepare: Callable[[Path], Path]  # fills the fresh folder; the folder to start in
    environment: Callable[[Path], dict[str, str]]  # for the fresh folder
    parse: Callable[[str, int], Cases]  # what was printed and the exit status (minus a signal): the cases


@dataclass
class Suite:
    """A suite, ready to run."""

    name: str
    subject: str  # what is tested, for the report's head
    units: list[Unit] = field(default_factory=list)


def one_case(status: Callable[[str, int], str]) -> Callable[[str, int], Cases]:
    """`parse` of a unit that is one test."""
    return lambda output, code: {"result": Case(status(output, code), output)}


def base_environment(home: Path) -> dict[str, str]:
    """The same for all, so that a run does not depend on who starts it."""
    return {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "LOGNAME": "tester",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "SHELL": "/bin/sh",
        "TERM": "dumb",
        "USER": "tester",
    }
