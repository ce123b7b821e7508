"""busybox's own suite: new-style testsuite/APPLET.tests, old-style testsuite/APPLET/TEST, and ash's shell/ash_test.

Does what testsuite/runtest does, but for one test file at a time: each starts in a fresh folder of its own, all share the
folder of links to the applets.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from functools import partial
from pathlib import Path

from ..errors import CannotRun
from . import ash, debian
from .suite import FAIL, PASS, Case, Cases, Suite, Unit, base_environment

# Nineteen million small writes: on a host whose exits take 30 µs, ten minutes.
LONG = ("bc parsing of numbers", "bc printing of numbers")
_OUTCOME = re.compile(r"(PASS|FAIL|SKIPPED|UNTESTED): ?(.*)")
# Runs like runtest's run_applet_testcase; its sed and grep for the features are done in `_untested`.
# Takes the place of testing.sh's `testing`, which it calls by the name of suite_testing.
_WITHOUT_LONG = f"""
testing() {{
    case "$1" in
        {"|".join(map(shlex.quote, LONG))}) echo "SKIPPED: $1" ;;
        *) suite_testing "$@" ;;
    esac
}}
"""
_OLD_STYLE = (
    'd=$tsdir sh -x -e "$tsdir/$1" >"$2.stdout.txt" 2>&1 && echo "PASS: $2" || { cat "$2.stdout.txt"; echo "FAIL: $2"; }'
)


class _Busybox:
    def __init__(self, source: Path, program: Path, cache: Path, quick: bool) -> None:
        self.source = source
        self.quick = quick
        self.tests = source / "testsuite"
        self.bin = cache / "busybox"
        self.helpers = cache / "busybox-helpers"
        listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=False)
        if listed.returncode:
            raise CannotRun(f"{program}: is no busybox")
        self.applets = listed.stdout.split()
        self.config = (source / "debian/config/pkg" / ("static" if _is_static(program) else "deb")).read_text()
        self._install(program)

    def _install(self, program: Path) -> None:
        """The folder that the suite calls bindir."""
        shutil.rmtree(self.bin, ignore_errors=True)
        self.links.mkdir(parents=True)
        shutil.copy(program, self.bin / "busybox")
        (self.bin / ".config").write_text(self.config)
        for applet in {"busybox", *self.applets}:
            (self.links / applet).symlink_to(self.bin / "busybox")

    @property
    def links(self) -> Path:
        return self.bin / "runtest-tempdir-links"

    def units(self) -> list[Unit]:
        found = []
        for applet in dict.fromkeys(["busybox", *self.applets]):
            script = self.tests / f"{applet}.tests"
            for test in sorted(self.tests.glob(f"{applet}/*")):
                argv = ["sh", "-c", _OLD_STYLE, "sh", f"{applet}/{test.name}", test.name]
                if self._untested(applet, test):
                    argv = ["echo", f"UNTESTED: {test.name}"]
                found.append(self._unit(f"{applet}/{test.name}", applet, argv, in_suite=False))
            if script.exists():
                found.append(self._unit(script.name, applet, [f"./{script.name}"], in_suite=True))
        return [*found, *ash.units(self.source, self.config, self.links / "ash", self.helpers)]

    def _unit(self, name: str, applet: str, argv: list[str], *, in_suite: bool) -> Unit:
        prepare = self._copy_suite if in_suite else self._empty
        return Unit(name, applet, argv, prepare, partial(self._environment, in_suite), parse)

    def _untested(self, applet: str, test: Path) -> bool:
        """Whether the configuration lacks the applet or a feature that the test names."""
        features = re.findall(r"^# FEATURE: (.*)", test.read_text(errors="replace"), re.MULTILINE)
        wanted = [f"CONFIG_{applet.upper()}", *" ".join(features).split()]
        return any(f"# {feature} is not set\n" in self.config for feature in wanted)

    def _copy_suite(self, work: Path) -> Path:
        """The new-style tests write where they and their data are."""
        shutil.copytree(self.tests, work / "testsuite", symlinks=True)
        (work / "busybox").symlink_to(self.bin / "busybox")
        if self.quick:
            harness = work / "testsuite/testing.sh"
            harness.write_text(harness.read_text().replace("\ntesting()\n", "\nsuite_testing()\n") + _WITHOUT_LONG)
        return work / "testsuite"

    @staticmethod
    def _empty(work: Path) -> Path:
        return work

    def _environment(self, in_suite: bool, work: Path) -> dict[str, str]:
        flags = re.findall(r"^CONFIG_(.*?)=", self.config, re.MULTILINE)
        base = base_environment(work)
        tests = work / "testsuite" if in_suite else self.tests
        return {
            **base,
            "ECHO": "/bin/echo",  # dash's own knows no -e
            "OPTIONFLAGS": f":{':'.join(flags)}:",
            "PATH": f"{self.links}:{tests}:{self.bin}:{base['PATH']}" if in_suite else f"{self.bin}:{base['PATH']}",
            "SKIP_INTERNET_TESTS": "y",
            "VERBOSE": "1",
            "bindir": str(self.bin),
            "tsdir": str(tests),
        }


def _is_static(program: Path) -> bool:
    return b"/lib64/ld-linux-x86-64.so.2" not in program.read_bytes()


def parse(output: str, status: int) -> Cases:
    """The cases in what a test file printed with VERBOSE set; the exit status is one more.

    A case's output is what stands between the outcome before and its own. A FAIL is followed by its diff, up to the next
    line of `=`.
    """
    cases: Cases = {}
    pending: list[str] = []
    failed = ""
    for line in output.splitlines():
        match = _OUTCOME.fullmatch(line)
        if failed and (match or line.startswith("=====")):
            cases[failed] = Case(FAIL, "\n".join([cases[failed].output, *pending]))
            pending, failed = [], ""
        if match:
            name = _unique(match[2].strip(), cases)
            cases[name] = Case(match[1], "\n".join(pending))
            pending = []
            failed = name if match[1] == FAIL else ""
        else:
            pending.append(line)
    if failed:
        cases[failed] = Case(FAIL, "\n".join([cases[failed].output, *pending]))
        pending = []
    cases["(exit)"] = Case(PASS if status == 0 else FAIL, "\n".join([*pending, f"status {status}"]))
    return cases


def _unique(name: str, taken: Cases) -> str:
    number = 1
    while (f"{name} #{number}" if number > 1 else name) in taken:
        number += 1
    return f"{name} #{number}" if number > 1 else name


def suite(cache: Path, program: Path | None, *, quick: bool = False) -> Suite:
    """The suite for `program`, by default Debian's busybox-static; if `quick`, the cases in LONG are SKIPPED."""
    source = debian.source("busybox", cache)
    program = program or debian.binary("busybox-static", "bin/busybox", cache)
    return Suite("busybox", str(program), _Busybox(source, program, cache, quick).units())
