"""Native outcomes against noahpy's."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from .execute import Outcome, execute
from .suite import Case, Unit

NATIVE = "native"
_LOST = Case("MISSING", "")


@dataclass(frozen=True)
class Way:
    """A way to run a unit: `native`, or noahpy with options."""

    name: str
    prefix: list[str]
    timeout: float  # seconds for one unit


@dataclass(frozen=True)
class Difference:
    """A case that did not go as natively."""

    unit: str
    group: str
    case: str
    way: str
    native: str
    here: str
    diff: str

    @property
    def key(self) -> str:
        """What a line of a file of known failures begins with."""
        return f"{self.unit}: {self.case}"


@dataclass
class Row:
    """All that is known of one unit."""

    unit: str
    group: str
    outcomes: dict[str, Outcome]  # by way
    differences: list[Difference]
    unstable: list[str]  # cases that two native runs disagree on: only those are not compared


def compare(unit: Unit, first: Outcome, ways: list[Way], work: Path) -> Row:
    """Run `unit` in each way but the first, native, whose outcome is known; natively again if something differs.

    What two native runs differ in always can. `work` is to be the folder that the first one was run in: tests print it.
    """
    native, *others = ways
    row = Row(unit.name, unit.group, {NATIVE: first}, [], [])
    second: Outcome | None = None
    for way in others:
        here = row.outcomes[way.name] = execute(unit, way.prefix, work, way.timeout)
        found = _differences(unit, way.name, first, here)
        if found and second is None:
            second = execute(unit, native.prefix, work, native.timeout)
            row.unstable = [difference.case for difference in _differences(unit, NATIVE, first, second)]
        row.differences += [difference for difference in found if not _explained(difference, row, first, second)]
    return row


def _differences(unit: Unit, way: str, native: Outcome, here: Outcome) -> list[Difference]:
    return [
        Difference(unit.name, unit.group, name, way, a.status, b.status, _diff(a, b, way))
        for name in {**native.cases, **here.cases}
        if (a := native.cases.get(name, _LOST)) != (b := here.cases.get(name, _LOST))
    ]


def _explained(difference: Difference, row: Row, first: Outcome, second: Outcome | None) -> bool:
    """Whether the difference is one that two native runs have too: in what a case prints, or in its outcome."""
    if second is None or difference.case not in row.unstable:
        return False
    seen = {outcome.cases.get(difference.case, _LOST).status for outcome in (first, second)}
    return difference.here in seen


def _diff(native: Case, here: Case, way: str) -> str:
    lines = difflib.unified_diff(native.output.splitlines(), here.output.splitlines(), "native", way, lineterm="")
    return "\n".join([f"native: {native.status}, {way}: {here.status}", *lines])
