"""The suite of busybox's shell, shell/ash_test: each NAME.tests is run by ash, and must print NAME.right.

Does what its run-all does, for one test at a time.
"""

from __future__ import annotations

import re
import shutil
from functools import partial
from pathlib import Path

from .suite import FAIL, PASS, Unit, base_environment, one_case
from .support import compile_support

_RUN = '"$THIS_SH" "./$1.tests" >"$1.xx" 2>&1; diff "$1.xx" "$1.right"'


def units(source: Path, config: str, ash: Path, helpers: Path) -> list[Unit]:
    """The tests in busybox's `source` for the program `ash`, configured by `config`."""
    folder = source / "shell/ash_test"
    compile_support(sorted(folder.glob("*.c")), helpers)
    environment = partial(_environment, dict(re.findall(r'^(CONFIG_\w+)="?(.*?)"?$', config, re.MULTILINE)), ash, helpers)
    return [
        Unit(
            f"{test.parent.name}/{test.stem}",
            test.parent.name,
            ["sh", "-c", _RUN, "sh", test.stem],
            partial(_copy, test.parent),
            environment,
            one_case(_status),
        )
        for test in sorted(folder.glob("*/*.tests"))
        if test.with_suffix(".right").exists() and test.stat().st_mode & 0o100
    ]


def _status(_: str, code: int) -> str:
    return PASS if code == 0 else FAIL


def _copy(folder: Path, work: Path) -> Path:
    return Path(shutil.copytree(folder, work / folder.name, symlinks=True))


def _environment(config: dict[str, str], ash: Path, helpers: Path, work: Path) -> dict[str, str]:
    base = base_environment(work)
    for name in ("LANG", "LC_ALL"):
        del base[name]
    return {**base, **config, "PATH": f"{helpers}:{base['PATH']}", "THIS_SH": str(ash)}
