"""bash's own suite: tests/run-NAME, each of which compares what a script prints with NAME.right."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from ..errors import CannotRun
from . import debian
from .suite import FAIL, PASS, Suite, Unit, base_environment, one_case
from .support import compile_support

_NOT_TESTS = ("run-all", "run-minimal", "run-gprof")  # as run-all itself leaves out
# run-NAME's own status says nothing: what diff prints is the failure. Its warnings go to stderr.
_RUN = 'sh "./$1" 2>/dev/null'


def suite(cache: Path, program: Path | None) -> Suite:
    """The suite for `program`, by default the bash in PATH."""
    source = debian.source("bash", cache)
    found = program or shutil.which("bash")
    if not found:
        raise CannotRun("there is no bash in PATH")
    helpers = cache / "bash"
    sources = [source / f"support/{name}.c" for name in ("printenv", "recho", "xcase", "zecho")]
    compile_support(sources, helpers, source, source / "include", source / "lib")
    tests = sorted(path.name for path in (source / "tests").glob("run-*") if path.name not in _NOT_TESTS)
    prepare = partial(_copy, source)
    environment = partial(_environment, Path(found), helpers)
    parse = one_case(_status)
    units = [Unit(name, name[4:], ["sh", "-c", _RUN, "sh", name], prepare, environment, parse) for name in tests]
    return Suite("bash", str(found), units)


def _status(output: str, _: int) -> str:
    return FAIL if output.strip() else PASS


def _copy(source: Path, work: Path) -> Path:
    for name, made in (("config.h.in", "config.h"), ("version.c", "version.h"), ("y.tab.c", "y.tab.c")):
        shutil.copy(source / name, work / made)  # here-documents are made of these
    return Path(shutil.copytree(source / "tests", work / "tests", symlinks=True))


def _environment(program: Path, helpers: Path, work: Path) -> dict[str, str]:
    base = base_environment(work)
    del base["LC_ALL"]  # some tests set LC_CTYPE and LC_COLLATE
    return {
        **base,
        "BASH_TSTOUT": str(work / "printed"),
        "BUILD_DIR": str(work),
        "PATH": f".:{helpers}:{base['PATH']}",
        "THIS_SH": str(program.resolve()),
        "TMPDIR": str(work),
    }
