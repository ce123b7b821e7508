"""The same command natively and in the guest: status, output, and what it leaves behind."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conformance import commands, scratch
from tests.conftest import CACHE, Engine, Result
from tests.guest.conftest import VARIANTS

BUSYBOX = {"busybox": "/bin/busybox", "static busybox": str(CACHE / "busybox-static/bin/busybox")}
PYTHON = {"system": "/usr/bin/python3", "tests": sys.executable}
ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/", "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "xterm"}


class Outcome(NamedTuple):
    """All that a command did."""

    result: Result
    files: dict[str, tuple[object, ...]]


def lines(text: str) -> list[str]:
    return text.strip().split("\n")


class Scratch:
    """The directory in which commands run, at one path for all of them: it may be printed."""

    def __init__(self, place: Path) -> None:
        self.place = place
        scratch.build(place)
        self.fresh = self.picture = scratch.picture(place)

    def perform(self, engine: Engine, argv: list[str]) -> Outcome:
        """Run `argv`, which may end in `< FILE`, in a directory as it was at first."""
        if self.picture != self.fresh:
            shutil.rmtree(self.place)
            scratch.build(self.place)
        stdin = b""
        if argv[-2:-1] == ["<"]:
            stdin = (self.place / argv[-1]).read_bytes()
            argv = argv[:-2]
        result = engine.run(argv, cwd=self.place, env=ENVIRONMENT, stdin=stdin)
        self.picture = scratch.picture(self.place)
        return Outcome(result, self.picture)


@pytest.fixture(scope="session")
def compare(tmp_path_factory: pytest.TempPathFactory, native: Engine) -> Callable[[Engine, list[str]], None]:
    """`compare(guest, argv)`: does `argv` do the same in the guest?"""
    directory = Scratch(tmp_path_factory.mktemp("conformance") / "scratch")
    expected: dict[tuple[str, ...], Outcome] = {}

    def compare(guest: Engine, argv: list[str]) -> None:
        key = tuple(argv)
        if key not in expected:
            expected[key] = directory.perform(native, argv)
        want, got = expected[key], directory.perform(guest, argv)
        assert got.result.stderr.decode(errors="replace") == want.result.stderr.decode(errors="replace")
        assert got.result.stdout.decode(errors="replace") == want.result.stdout.decode(errors="replace")
        assert got == want

    return compare


@pytest.mark.parametrize("line", lines(commands.BUSYBOX))
@pytest.mark.parametrize("binary", BUSYBOX)
def test_busybox(binary: str, line: str, guest: Engine, compare: Callable[[Engine, list[str]], None]) -> None:
    compare(guest, [BUSYBOX[binary], *shlex.split(line)])


@pytest.mark.parametrize("line", lines(commands.COREUTILS) + lines(commands.OTHERS))
def test_command(line: str, guest: Engine, compare: Callable[[Engine, list[str]], None]) -> None:
    compare(guest, shlex.split(line))


@pytest.mark.parametrize("name", commands.PYTHON)
@pytest.mark.parametrize("interpreter", PYTHON)
def test_python(interpreter: str, name: str, guest: Engine, compare: Callable[[Engine, list[str]], None]) -> None:
    compare(guest, [PYTHON[interpreter], "-c", commands.PYTHON[name], "an argument", ""])


@pytest.mark.parametrize("variant", VARIANTS)
def test_vectors(variant: str, guest: Engine, native: Engine, compile_c: Callable[..., Path]) -> None:
    """A program computes by every set of instructions that it is told of: by the same ones, to the same result."""
    compiler, flags = VARIANTS[variant]
    program = compile_c(Path(__file__).parent / "vectors.c", *flags, "-lm", cc=compiler)
    want = native.run([program])
    if guest.name == "sim":  # has no AVX, and says so (docs/design.md, D14)
        want = want._replace(stdout=want.stdout.splitlines(keepends=True)[0])
    assert guest.run([program]) == want


@pytest.mark.usefixtures("kvm")
def test_libraries_of_the_same_cpu(compare: Callable[[Engine, list[str]], None]) -> None:
    """On KVM a program is told of the instructions that the host has: the dynamic loader chooses the same libraries."""
    compare(Engine("kvm"), ["/lib64/ld-linux-x86-64.so.2", "--help"])
