"""Real work, natively and in the guest: each NAME.sh here prints the same, ends the same, and leaves the same files.

A script starts in an empty folder, at one path for all engines. What differs from run to run even natively (times, pids,
an index with inode numbers) it keeps to itself or removes.
"""

from __future__ import annotations

import difflib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from noahpy.compat import debian
from tests.conformance import scratch
from tests.conftest import CACHE, Engine, Result

HERE = Path(__file__).parent
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "TERM": "dumb",
    "SOURCE_DATE_EPOCH": str(scratch.BEFORE),
}
SLOW = {"autotools"}
TIMEOUT = 900  # seconds, for what hangs
APPLICATIONS = [
    pytest.param(path.stem, marks=[pytest.mark.timeout(2 * TIMEOUT), *([pytest.mark.slow] if path.stem in SLOW else [])])
    for path in sorted(HERE.glob("*.sh"))
]


class Outcome(NamedTuple):
    """All that a script did."""

    result: Result
    files: dict[str, tuple[object, ...]]

    def __str__(self) -> str:
        parts = [f"status {self.result.status}", "stdout:", self.result.stdout.decode(errors="backslashreplace")]
        parts += ["stderr:", self.result.stderr.decode(errors="backslashreplace")]
        return "\n".join([*parts, *(f"{name}: {about}" for name, about in sorted(self.files.items()))])


@pytest.fixture(scope="session")
def hello() -> Path:
    """The sources of GNU hello."""
    CACHE.mkdir(exist_ok=True)
    with open(CACHE / "hello.lock", "w") as lock:  # several workers want it
        fcntl.flock(lock, fcntl.LOCK_EX)
        return debian.source("hello", CACHE / "compat")


@pytest.fixture(scope="session")
def perform(hello: Path) -> Iterator[Callable[[Engine, str], Outcome]]:
    """`perform(engine, name)`: run a script."""

    def perform(engine: Engine, name: str) -> Outcome:
        for folder in work, home:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        environment = {**ENVIRONMENT, "HOME": str(home), "HELLO": str(hello), "TMPDIR": str(home)}
        script = HERE / f"{name}.sh"
        result = engine.run(["bash", "-eu", script], cwd=work, env=environment, timeout=TIMEOUT)
        return Outcome(result, scratch.picture(work))

    with tempfile.TemporaryDirectory(prefix="noahpy-apps-") as place:
        os.chmod(place, 0o755)  # for what runs as nobody
        work, home = Path(place, "work"), Path(place, "home")
        yield perform


@pytest.fixture(scope="session")
def expected(perform: Callable[[Engine, str], Outcome], native: Engine) -> Callable[[str], Outcome]:
    """`expected(name)`: what a script does natively."""
    known: dict[str, Outcome] = {}

    def expected(name: str) -> Outcome:
        if name not in known:
            known[name] = perform(native, name)
        return known[name]

    return expected


@pytest.mark.parametrize("name", APPLICATIONS)
def test_application(
    name: str, guest: Engine, perform: Callable[[Engine, str], Outcome], expected: Callable[[str], Outcome]
) -> None:
    want = expected(name)
    assert want.result.status == 0, want
    got = perform(guest, name)
    if got != want:
        lines = difflib.unified_diff(str(want).splitlines(), str(got).splitlines(), "native", guest.name, n=1, lineterm="")
        pytest.fail("\n".join(lines), pytrace=False)
