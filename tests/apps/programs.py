"""What each NAME.sh here is, by its head, and how it is run.

The head is the comment that a script begins with: what is run, in one or more lines, then

- `Packages:` the Debian packages that it needs and a Debian has not anyway (of a quick one, tests/packages.txt has them too);
- `Sources:` source packages, unpacked where a variable of its name in capitals, as RUBY3_1, says. `hello` is always one;
- `Slow.` if it is left out of `make test`.
"""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.conftest import Engine, Result

HERE = Path(__file__).parent


class Program(NamedTuple):
    """A script's head."""

    name: str
    about: str
    packages: list[str]
    sources: list[str]
    slow: bool

    @property
    def timeout(self) -> int:
        """Seconds, for what hangs."""
        return 3600 if self.slow else 900


class Outcome(NamedTuple):
    """All that a script did."""

    result: Result
    files: dict[str, tuple[object, ...]]

    def __str__(self) -> str:
        parts = [f"status {self.result.status}", "stdout:", self.result.stdout.decode(errors="backslashreplace")]
        parts += ["stderr:", self.result.stderr.decode(errors="backslashreplace")]
        return "\n".join([*parts, *(f"{name}: {about}" for name, about in sorted(self.files.items()))])


def programs() -> list[Program]:
    """All of them, by name."""
    return [_read(path) for path in sorted(HERE.glob("*.sh"))]


def _read(path: Path) -> Program:
    about, listed, slow = [], {"Packages": [], "Sources": ["hello"]}, False
    for line in path.read_text().splitlines():
        if not line.startswith("# "):
            break
        key, colon, words = line[2:].partition(": ")
        if colon and key in listed:
            listed[key] += words.split()
        elif line == "# Slow.":
            slow = True
        else:
            about.append(line[2:])
    return Program(path.stem, " ".join(about), listed["Packages"], listed["Sources"], slow)


def sources(program: Program, cache: Path) -> dict[str, str]:
    """The unpacked source packages, by the variable that names each."""
    from noahpy.compat import debian

    cache.mkdir(exist_ok=True)
    with open(cache / "sources.lock", "w") as lock:  # several workers want them
        fcntl.flock(lock, fcntl.LOCK_EX)
        return {name.upper().replace(".", "_"): str(debian.source(name, cache / "compat")) for name in program.sources}


def perform(engine: Engine, program: Program, place: Path, cache: Path) -> Outcome:
    """Run a script in an empty folder below `place`, at one path for all engines."""
    from tests.conformance import scratch

    work, home = place / "work", place / "home"
    for folder in work, home:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "TERM": "dumb",
        "SOURCE_DATE_EPOCH": str(scratch.BEFORE),
        "HOME": str(home),
        "TMPDIR": str(home),
        **sources(program, cache),
    }
    result = engine.run(["bash", "-eu", HERE / f"{program.name}.sh"], cwd=work, env=environment, timeout=program.timeout)
    return Outcome(result, scratch.picture(work))


def document() -> str:
    """docs/programs.md."""
    rows = [
        f"| `{p.name}` | {p.about} | {' '.join(f'`{package}`' for package in p.packages)} | {'slow' if p.slow else 'quick'} |"
        for p in programs()
    ]
    return "\n".join(
        [
            "# Programs",
            "",
            "Generated from the heads of `tests/apps/*.sh` by `make gen`.",
            "",
            "Each script is run natively and in noahpy, and must print the same, end the same and leave the same files. `make",
            "apps` installs the packages and prints the table of outcomes; the quick ones are part of `make test`.",
            "",
            "| script | what is run | packages, beside those of any Debian | |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )
