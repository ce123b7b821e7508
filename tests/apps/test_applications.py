"""Real work, natively and in the guest: each NAME.sh here prints the same, ends the same, and leaves the same files.

A script starts in an empty folder, at one path for all engines. What differs from run to run even natively (times, pids,
an index with inode numbers) it keeps to itself or removes. A race that it has all the same is no difference: what the guest
did and the host itself does, in one of a few more runs, is right.
"""

from __future__ import annotations

import difflib
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.apps import programs
from tests.apps.programs import Outcome, Program
from tests.conftest import CACHE, ROOT, Engine

NATIVE_RUNS = 3

APPLICATIONS = [
    pytest.param(p, id=p.name, marks=[pytest.mark.timeout(2 * p.timeout), *([pytest.mark.slow] if p.slow else [])])
    for p in programs.programs()
]


@pytest.fixture(scope="session")
def perform() -> Iterator[Callable[[Engine, Program], Outcome]]:
    """`perform(engine, program)`: run a script."""
    with tempfile.TemporaryDirectory(prefix="noahpy-apps-") as place:
        os.chmod(place, 0o755)  # for what runs as nobody
        yield lambda engine, program: programs.perform(engine, program, Path(place), CACHE)


@pytest.fixture(scope="session")
def expected(perform: Callable[[Engine, Program], Outcome], native: Engine) -> Callable[[Program], Iterator[Outcome]]:
    """`expected(program)`: what a script does natively, run by run."""
    known: defaultdict[str, list[Outcome]] = defaultdict(list)

    def expected(program: Program) -> Iterator[Outcome]:
        seen = known[program.name]
        for run in range(NATIVE_RUNS):
            if run == len(seen):
                seen.append(perform(native, program))
            yield seen[run]

    return expected


@pytest.mark.parametrize("program", APPLICATIONS)
def test_application(
    program: Program,
    guest: Engine,
    perform: Callable[[Engine, Program], Outcome],
    expected: Callable[[Program], Iterator[Outcome]],
) -> None:
    natively = expected(program)
    want = next(natively)
    assert want.result.status == 0, want
    got = perform(guest, program)
    if got != want and got not in natively:
        lines = difflib.unified_diff(str(want).splitlines(), str(got).splitlines(), "native", guest.name, n=1, lineterm="")
        pytest.fail("\n".join(lines), pytrace=False)


def test_the_document_is_made_of_the_heads() -> None:
    assert (ROOT / "docs/programs.md").read_text() == programs.document()


def test_what_quick_ones_need_is_installed_for_the_tests() -> None:
    listed = (ROOT / "tests/packages.txt").read_text().split()
    assert [package for p in programs.programs() if not p.slow for package in p.packages if package not in listed] == []
