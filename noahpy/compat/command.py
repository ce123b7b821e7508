"""The command `noahpy compat SUITE`: which suite, in which ways, and what comes of it."""

from __future__ import annotations

import argparse
import fcntl
import fnmatch
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn

from ..errors import CannotRun
from . import bash, busybox, coreutils, pool, python
from .compare import NATIVE, Row, Way, compare
from .execute import execute
from .report import Report, known_failures
from .suite import Suite, Unit

SUITES: dict[str, Callable[..., Suite]] = {
    "busybox": busybox.suite,
    "coreutils": coreutils.suite,
    "bash": bash.suite,
    "python": python.suite,
}


def main(arguments: list[str]) -> int:
    """0 if every case went as natively or as known, else 1."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.quick and options.suite != "busybox":
        parser.error("--quick is for busybox")
    signal.signal(signal.SIGTERM, _exit)  # so that the pool ends what it runs
    _try()
    cache = _locked(options.cache.absolute())
    known = known_failures(options.expect) if options.expect else {}
    choices = {"quick": True} if options.quick else {}
    suite = SUITES[options.suite](cache, options.program, **choices)
    units = [unit for unit in suite.units if _wanted(unit, options.tests)]
    if not units:
        raise CannotRun(f"no test of {suite.name} is called {' or '.join(options.tests)}")
    ways = [way for way in _ways(options.timeout) if way.name in [NATIVE, *options.ways]]
    report = Report(suite.name, suite.subject, options.ways, known)
    report.rows = _rows(units, ways, cache / "work" / suite.name, options.jobs, report)
    report.write(options.report or cache / f"{suite.name}.json")
    sys.stdout.write(report.table() + report.problems() + report.verdict())
    return 0 if report.ok else 1


def _try() -> None:
    """CannotRun with noahpy's own words if it can run nothing: not one test would go as natively."""
    result = subprocess.run([*noahpy(), "true"], capture_output=True, text=True, errors="replace", check=False)
    if result.returncode:
        raise CannotRun((result.stderr.strip() or f"true: status {result.returncode}").removeprefix("noahpy: "))


def _locked(cache: Path) -> Path:
    """The folder, for this process alone until it ends: suites are prepared and run in it."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        folder = os.open(cache, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise CannotRun(f"{cache}: another noahpy compat is at work there; --cache names another folder") from error
    except OSError as error:
        raise CannotRun(f"{cache}: {error.strerror}; --cache names another folder") from error
    return cache


def _rows(units: list[Unit], ways: list[Way], work: Path, jobs: int, report: Report) -> list[Row]:
    """Run the units, `jobs` at once: all natively, then in the other ways, those first that took long.

    A unit has the same folder in each way: tests print it.
    """
    folders = [work / f"{place:04}" for place in range(len(units))]
    native = ways[0]
    tasks = [partial(execute, unit, native.prefix, folder, native.timeout) for unit, folder in zip(units, folders, strict=True)]
    natively = dict(pool.run(tasks, jobs))
    print(f"{len(units)} tests natively: {sum(o.seconds for o in natively.values()):.0f} s", file=sys.stderr, flush=True)
    longest_first = sorted(natively, key=lambda place: -natively[place].seconds)
    rows: dict[int, Row] = {}
    for turn, row in pool.run([partial(compare, units[i], natively[i], ways, folders[i]) for i in longest_first], jobs):
        rows[longest_first[turn]] = row
        _progress(report, row, f"{len(rows)}/{len(units)}")
    return [rows[place] for place in sorted(rows)]


def _exit(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)


def _progress(report: Report, row: Row, place: str) -> None:
    """One line on stderr for a unit."""
    seconds = "  ".join(f"{way} {outcome.seconds:.1f} s" for way, outcome in row.outcomes.items())
    new = len({d.case for d in row.differences if not report.knows(d)})
    print(f"{place} {row.unit}: {seconds}{f'  {new} DIFFER' if new else ''}", file=sys.stderr, flush=True)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CannotRun(f"compat: {message} (noahpy compat --help)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="noahpy compat",
        description="Runs a test suite natively and in noahpy, and compares test by test.",
        epilog="A line of --expect is UNIT: CASE  # REASON. What is listed and goes as natively is an error, too,"
        " unless the reason begins with 'sometimes'; 'sometimes prints' is for another output with the same outcome.",
    )
    parser.add_argument("suite", choices=SUITES, help="fetched by apt-get; a source needs dpkg-dev")
    parser.add_argument("--program", "--busybox", type=_program, metavar="PATH", help="what is tested (default: Debian's)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--no-fast", dest="ways", action="store_const", const=["no-fast"], help="every system call in Python")
    how.add_argument("--both", dest="ways", action="store_const", const=["fast", "no-fast"], help="with and without --no-fast")
    how.add_argument("--sim", dest="ways", action="store_const", const=["sim"], help="on the simulated CPU")
    parser.set_defaults(ways=["fast"])
    parser.add_argument("--tests", action="append", default=[], metavar="PATTERN", help="only these: an applet, or test file")
    parser.add_argument("--quick", action="store_true", help="without two cases of busybox's that take ten minutes")
    parser.add_argument("--jobs", type=_positive, default=len(os.sched_getaffinity(0)), metavar="N", help="tests at once")
    parser.add_argument("--timeout", type=_positive, default=600, metavar="SECONDS", help="for one test file (default: 600)")
    parser.add_argument("--expect", type=Path, metavar="FILE", help="known failures")
    parser.add_argument("--cache", type=Path, default=_cache(), metavar="FOLDER", help="for suites (default: %(default)s)")
    parser.add_argument("--report", type=Path, metavar="FILE", help="the report as JSON (default: in --cache)")
    return parser


def _program(text: str) -> Path:
    found = shutil.which(text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text} is no program")
    return Path(found).absolute()


def _positive(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text} is no positive number")
    return int(text)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "noahpy"


def _ways(timeout: float) -> list[Way]:
    options = {"fast": ["--quiet"], "no-fast": ["--quiet", "--no-fast"], "sim": ["--engine=sim"]}
    return [Way(NATIVE, [], timeout), *(Way(name, [*noahpy(), *words], timeout) for name, words in options.items())]


def noahpy() -> list[str]:
    """The command that this process was started by."""
    script = shutil.which(sys.argv[0])
    return [os.path.abspath(script)] if script else [sys.executable, "-m", "noahpy"]


def _wanted(unit: Unit, patterns: list[str]) -> bool:
    return not patterns or any(fnmatch.fnmatch(name, pattern) for pattern in patterns for name in (unit.name, unit.group))
