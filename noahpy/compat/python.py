"""CPython's own suite: of Debian's libpythonX.Y-testsuite, the modules that test what the operating system does.

The system's python3 runs them by its own regrtest, which tells in a JUnit file how each test went.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

from ..errors import CannotRun
from . import debian
from .suite import FAIL, PASS, SKIPPED, Case, Cases, Suite, Unit, base_environment

_MODULES = """
    asyncio concurrent_futures ctypes epoll faulthandler fcntl io mmap multiprocessing_fork multiprocessing_spawn os posix pty
    resource select shutil signal socket sqlite3 subprocess tempfile thread threading time
"""
_PYTHON = "/usr/bin/python3"
_REPORT = "<testsuites "  # the root of regrtest's JUnit file
# VSOCK waits for ever on a host that has the device and nobody at its other end.
_RUN = """
"$PYTHON" -m test -v -u subprocess,cpu -i "*VSOCKSocketStream*" --junit-xml report.xml "$1"
status=$?
cat report.xml
exit $status
"""
_ASK = "import os, sys; print('%d.%d' % sys.version_info[:2], os.path.dirname(os.__file__))"


def suite(cache: Path, program: Path | None) -> Suite:
    """The suite for `program`, by default Debian's python3."""
    python = str(program or _PYTHON)
    asked = subprocess.run([python, "-I", "-c", _ASK], capture_output=True, text=True, check=False)
    if asked.returncode:
        raise CannotRun(f"{python}: is no Python: apt-get install python3")
    version, _, library = asked.stdout.strip().partition(" ")
    copy = _installation(Path(python), Path(library), version, cache)
    environment = partial(_environment, str(copy))
    units = [
        Unit(name, name, ["sh", "-c", _RUN, "sh", name], _folder, environment, parse)
        for name in (f"test_{module}" for module in _MODULES.split())
    ]
    return Suite("python", python, units)


def _installation(python: Path, library: Path, version: str, cache: Path) -> Path:
    """A copy of `python`, which finds a copy of its library by its own place, with the suite in it: so -I and -E do no harm."""
    prefix = cache / "python"
    shutil.rmtree(prefix, ignore_errors=True)
    copied = prefix / "lib" / f"python{version}"
    shutil.copytree(library, copied, symlinks=True, ignore=shutil.ignore_patterns("*-packages"))
    tests = debian.binary(f"libpython{version}-testsuite", f"usr/lib/python{version}", cache)
    shutil.copytree(tests, copied, symlinks=True, dirs_exist_ok=True)
    sqlite = "test/test_sqlite3"  # is in no package
    shutil.copytree(debian.source(f"python{version}", cache) / "Lib" / sqlite, copied / sqlite)
    (prefix / "bin").mkdir()
    return Path(shutil.copy(python, prefix / "bin" / "python3"))


def _folder(work: Path) -> Path:
    return work


def _environment(python: str, work: Path) -> dict[str, str]:
    return {**base_environment(work), "PYTHON": python, "TMPDIR": str(work)}


def parse(output: str, status: int) -> Cases:
    """The cases in regrtest's report, which is the end of what was printed; the exit status is one more."""
    _, root, report = output.rpartition(_REPORT)
    cases: Cases = {}
    for element in ET.fromstring(root + report).iter("testcase") if root else ():  # noqa: S314  of our own child
        name, case = element.get("name", ""), _case(element)
        if name not in cases or case.status == FAIL:  # of sub-tests, each that fails has an element
            cases[name] = case
    told = "" if root else report[-2000:]
    cases["(exit)"] = Case(PASS if status == 0 else FAIL, f"{told}\nstatus {status}")
    return cases


def _case(element: ET.Element) -> Case:
    for tag, outcome in (("error", FAIL), ("failure", FAIL), ("skipped", SKIPPED)):
        found = element.find(tag)
        if found is not None:
            return Case(outcome, "".join(found.itertext()))
    return Case(PASS, "")
