"""coreutils' own suite: tests/*/*.sh and *.pl, against the installed programs.

What the Makefile hands to its tests is in `_environment`; what configure would find out, in `_CONFIG`; the program
`getlimits`, which is built for the tests alone, is a script that prints what it would.

Tests that watch a program with strace or gdb find neither, natively as in noahpy, and skip themselves as on a system without
them: tracers need ptrace(2), which noahpy refuses, so that it is they who would be tested.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

from ..errors import CannotRun
from . import debian
from .suite import FAIL, PASS, SKIPPED, Cases, Suite, Unit, base_environment, one_case

# What tests look up in config.h, as Debian's coreutils is built.
_CONFIG = (
    "HAVE_CAP", "HAVE_GETMNTENT", "HAVE_INOTIFY", "HAVE_LINKAT", "HAVE_LUTIMES", "HAVE_MNTENT_H", "HAVE_OPENAT",
    "HAVE_PTHREAD_T", "HAVE_SELINUX_SELINUX_H", "HAVE_SETGROUPS", "HAVE_UTIMENSAT", "USE_ACL", "USE_XATTR",
)  # fmt: skip
_SIGNED = {
    "CHAR": 8,
    "SCHAR": 8,
    "SHRT": 16,
    "INT": 32,
    "LONG": 64,
    "SSIZE": 64,
    "TIME_T": 64,
    "PID_T": 32,
    "OFF_T": 64,
    "INTMAX": 64,
}
_UNSIGNED = {"UCHAR": 8, "UINT": 32, "ULONG": 64, "SIZE": 64, "UID_T": 32, "GID_T": 32, "UINTMAX": 64}
_FLOATS = {
    "FLT_MIN": "1.17549435e-38", "FLT_MAX": "3.40282347e+38", "DBL_MIN": "2.2250738585072014e-308",
    "DBL_MAX": "1.7976931348623157e+308", "LDBL_MIN": "3.3621031431120935063e-4932", "LDBL_MAX": "1.189731495357231765e+4932",
}  # fmt: skip
_TRACERS = ("gdb", "strace")
_SKIP = 77  # exit status of a test that cannot be run here
# What dash prints of a child that a signal ended, if `wait` is what finds that out and not something earlier: natively, too, a
# race between a test's `kill` and its `wait`.
_TERMINATED = re.compile(r"^Terminated\n", re.MULTILINE)
_LISTS = re.compile(r"^all(?:_root)?_tests =(?:.*\\\n)*", re.MULTILINE)
_TEST = re.compile(r"tests/\S+\.(?:sh|pl|xpl)\b")


class _Coreutils:
    def __init__(self, source: Path, cache: Path) -> None:
        self.source = source
        self.version = (source / ".tarball-version").read_text().strip()
        self.top = cache / "coreutils"
        shutil.rmtree(self.top, ignore_errors=True)
        (self.top / "src").mkdir(parents=True)
        self.programs = installed()
        sources = {path.name: str(path) for path in (source / "src").glob("*.c")}  # some tests look for line numbers there
        for name, path in {**sources, **self.programs}.items():
            (self.top / "src" / name).symlink_to(path)
        self._script("getlimits", f"cat <<end\n{limits()}end")
        for name in _TRACERS:
            self._script(name, "exit 127")  # the shell's status where there is none
        (self.top / "config.h").write_text("".join(f"#define {name} 1\n" for name in _CONFIG))
        for name in ("tests", "init.cfg", "build-aux"):
            (self.top / name).symlink_to(source / name)

    def _script(self, name: str, body: str) -> None:
        """A program beside the tested ones, first in the tests' PATH."""
        path = self.top / "src" / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def units(self) -> list[Unit]:
        lists = _LISTS.findall((self.source / "tests/local.mk").read_text())
        return [self._unit(name) for name in dict.fromkeys(_TEST.findall("".join(lists)))]

    def _unit(self, name: str) -> Unit:
        argv = ["sh", name]
        if not name.endswith(".sh"):
            taint = ["-T"] if name.endswith(".xpl") else []
            argv = ["perl", *taint, "-w", "-Itests", "-MCuSkip", "-MCoreutils", f"-MCuTmpdir qw({name})", name]
        argv = ["sh", "-c", 'exec "$@" 9>&2', "sh", *argv]  # init.cfg's stderr_fileno_
        shown = name.removeprefix("tests/")
        return Unit(shown, shown.split("/")[0], argv, self._links, partial(self._environment, name), parse)

    def _links(self, work: Path) -> Path:
        for path in self.top.iterdir():
            (work / path.name).symlink_to(path)
        return work

    def _environment(self, name: str, work: Path) -> dict[str, str]:
        base = base_environment(work)
        for variable in ("LANG", "LC_ALL", "TERM"):  # tests/lang-default, tests/envvar-check
            del base[variable]
        return {
            **base,
            "AWK": "awk",
            "CC": "cc",
            "CONFIG_HEADER": str(self.top / "config.h"),
            "CU_TEST_NAME": name.replace("/", "-"),
            "EGREP": "grep -E",
            "EXEEXT": "",
            "LC_ALL": "C",
            "LOCALE_FR": "none",
            "LOCALE_FR_UTF8": "none",
            "MAKE": "make",
            "PACKAGE_VERSION": self.version,
            "PATH": f"{work / 'src'}:{base['PATH']}",
            "PERL": "perl",
            "TMPDIR": str(work),
            "VERSION": self.version,
            "abs_srcdir": str(work),
            "abs_top_builddir": str(work),
            "abs_top_srcdir": str(work),
            "built_programs": " ".join(self.programs),
            "fail": "0",
            "host_os": "linux-gnu",
            "host_triplet": "x86_64-pc-linux-gnu",
            "srcdir": ".",
            "top_srcdir": ".",
        }


def limits() -> str:
    """What coreutils' `getlimits` prints on x86-64."""
    lines = [line for name, bits in _SIGNED.items() for line in _limit(name, "MAX", (1 << (bits - 1)) - 1)]
    lines += [line for name, bits in _SIGNED.items() for line in _limit(name, "MIN", -1 << (bits - 1))]
    lines += [line for name, bits in _UNSIGNED.items() for line in _limit(name, "MAX", (1 << bits) - 1)]
    return "".join(f"{line}\n" for line in [*lines, *(f"{name}={value}" for name, value in _FLOATS.items())])


def _limit(name: str, which: str, value: int) -> tuple[str, str]:
    beyond = value + 1 if value > 0 else value - 1
    return f"{name}_{which}={value}", f"{name}_{'OFLOW' if value > 0 else 'UFLOW'}={beyond}"


def installed() -> dict[str, str]:
    """The package's programs, by the names that the suite has for them: name -> path."""
    listed = subprocess.run(["dpkg-query", "-L", "coreutils"], capture_output=True, text=True, check=False).stdout.splitlines()
    found = {Path(path).name: path for path in listed if "bin/" in path and "." not in path and Path(path).is_file()}
    if not found:
        raise CannotRun("coreutils is not installed as Debian's package")
    return {"ginstall" if name == "install" else name: path for name, path in found.items()}  # make renames it


def parse(output: str, status: int) -> Cases:
    """The one case that a test is."""
    return one_case(_status)(_TERMINATED.sub("", output), status)


def _status(_: str, code: int) -> str:
    return {0: PASS, _SKIP: SKIPPED}.get(code, FAIL)


def suite(cache: Path, program: Path | None) -> Suite:
    """The suite for the installed coreutils."""
    if program:
        raise CannotRun("coreutils' suite is for the programs that are installed: it takes no --program")
    units = _Coreutils(debian.source("coreutils", cache), cache).units()
    return Suite("coreutils", "the programs in PATH", units)
