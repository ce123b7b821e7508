"""The command `noahpy compat SUITE`: which suite, in which ways, and what comes of it."""

from __future__ import annotations

import argparse
import fnmatch
import os
import shutil
import signal
import sys
from multiprocessing import get_context
from pathlib import Path
from typing import NoReturn

from ..errors import CannotRun
from . import bash, busybox, coreutils
from .compare import NATIVE, Row, Way, compare
from .execute import become_reaper
from .report import Report, known_failures
from .suite import Unit

SUITES = {"busybox": busybox.suite, "coreutils": coreutils.suite, "bash": bash.suite}


def main(arguments: list[str]) -> int:
    """0 if every case went as natively or as known, else 1."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _exit)  # so that the pool ends its workers, and they what they have started
    cache = options.cache.absolute()
    skip = [*options.skip, *(busybox.SLOW if options.quick else [])]
    suite = SUITES[options.suite](cache, options.program, skip)
    known = known_failures(options.expect) if options.expect else {}
    ways = [way for way in _ways(options.timeout) if way.name in [NATIVE, *options.ways]]
    report = Report(suite.name, suite.subject, options.ways, known)
    units = [unit for unit in suite.units if _wanted(unit, options.tests) and unit.name not in skip]
    if not units:
        raise CannotRun(f"no test of {suite.name} is called {' or '.join(options.tests)}")
    with get_context("fork").Pool(options.jobs, _Worker.start, (units, ways, cache / "work" / suite.name)) as pool:
        for row in pool.imap(_Worker.compare, range(len(units))):
            report.rows.append(row)
            _progress(report, len(units))
    report.write(options.report or cache / f"{suite.name}.json")
    sys.stdout.write(report.table() + report.problems() + report.verdict())
    return 0 if report.ok else 1


class _Worker:
    """What a process of the pool knows: inherited at its fork, so that only a unit's place and its row are passed."""

    units: list[Unit]
    ways: list[Way]
    work: Path

    @classmethod
    def start(cls, units: list[Unit], ways: list[Way], work: Path) -> None:
        """In a new worker: what ends it is the main process's SIGTERM, which leaves nothing running.

        Tests must not find signals ignored that this process was started with: a handler is default again after an execve.
        """
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGTERM, _exit)
        become_reaper()
        cls.units, cls.ways, cls.work = units, ways, work / str(os.getpid())

    @classmethod
    def compare(cls, place: int) -> Row:
        return compare(cls.units[place], cls.ways, cls.work)


def _exit(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)


def _progress(report: Report, total: int) -> None:
    """One line on stderr for a unit."""
    row = report.rows[-1]
    seconds = "  ".join(f"{way} {outcome.seconds:.1f} s" for way, outcome in row.outcomes.items())
    new = len({d.case for d in row.differences if d.key not in report.known})
    print(f"{len(report.rows)}/{total} {row.unit}: {seconds}{f'  {new} DIFFER' if new else ''}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="noahpy compat", description="Runs a test suite natively and in noahpy, and compares test by test."
    )
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("--program", "--busybox", type=Path, metavar="PATH", help="what to test (default: Debian's)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--no-fast", dest="ways", action="store_const", const=["no-fast"], help="every system call in Python")
    how.add_argument("--both", dest="ways", action="store_const", const=["fast", "no-fast"], help="with and without --no-fast")
    parser.set_defaults(ways=["fast"])
    parser.add_argument("--tests", action="append", default=[], metavar="PATTERN", help="only these: an applet, or test file")
    parser.add_argument("--skip", action="append", default=[], metavar="UNIT[: CASE]", help="not this test file, or case of it")
    parser.add_argument("--quick", action="store_true", help="without those of busybox that take minutes")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), metavar="N", help="tests at once")
    parser.add_argument("--timeout", type=float, default=300, metavar="SECONDS", help="for one test file (default: 300)")
    parser.add_argument("--expect", type=Path, metavar="FILE", help="known failures, a line each: UNIT: CASE  # REASON")
    parser.add_argument("--cache", type=Path, default=_cache(), metavar="FOLDER", help="for suites (default: %(default)s)")
    parser.add_argument("--report", type=Path, metavar="FILE", help="the report as JSON (default: in --cache)")
    return parser


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "noahpy"


def _ways(timeout: float) -> list[Way]:
    return [Way(NATIVE, [], timeout), Way("fast", noahpy(), timeout), Way("no-fast", [*noahpy(), "--no-fast"], timeout)]


def noahpy() -> list[str]:
    """The command that this process was started by."""
    script = shutil.which(sys.argv[0])
    return [os.path.abspath(script)] if script else [sys.executable, "-m", "noahpy"]


def _wanted(unit: Unit, patterns: list[str]) -> bool:
    return not patterns or any(fnmatch.fnmatch(name, pattern) for pattern in patterns for name in (unit.name, unit.group))
