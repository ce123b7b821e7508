"""`noahpy --strace` prints what strace(1) prints, line by line, but for what tests/expect/strace.txt lists."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from linux_abi import callset
from tests.conftest import ROOT, Engine
from tests.strace.lines import compare

HERE = Path(__file__).parent
ROWS = (ROOT / "tests/expect/strace.txt").read_text().splitlines()
EXPECTED = "|".join(row.rpartition("  # ")[0] for row in ROWS if row[:1] != "#")
LEAST = 0.95
ATTEMPTS = 3
PYTHON = "/usr/bin/python3"  # whose libraries the loader finds in its cache: no folders for each kind of CPU are searched


@pytest.fixture
def traces(guest: Engine, native: Engine, tmp_path: Path) -> Callable[..., tuple[str, str]]:
    """`traces(argv)`: what strace(1) and noahpy print of a program."""

    def traces(argv: list[str | Path]) -> tuple[str, str]:
        strace = shutil.which("strace")
        assert strace, "no strace: make test installs what tests need"
        texts = []
        for name, command in (("expected", [strace, "-f"]), ("found", [*guest.command, "-q", "--strace"])):
            folder = tmp_path / "folder"
            folder.mkdir()
            native.run([*command, "-o", tmp_path / f"{name}.txt", *argv], cwd=folder)
            texts.append((tmp_path / f"{name}.txt").read_text())
            shutil.rmtree(folder)
        return texts[0], texts[1]

    return traces


def check(traces: Callable[..., tuple[str, str]], argv: list[str | Path]) -> None:
    """A signal that came amid a call in one of the two, natively or here, does not in the next attempt."""
    for _ in range(ATTEMPTS):
        expected, found = traces(argv)
        unlisted = compare(expected, found, without=EXPECTED)
        if not unlisted.differences:
            break
    assert not unlisted.differences, "\n".join(unlisted.differences)
    result = compare(expected, found)
    print(f"{result.equal} of {result.all} lines are strace's")
    assert result.equal >= LEAST * result.all > 0


def test_script(traces: Callable[..., tuple[str, str]]) -> None:
    check(traces, ["sh", HERE / "script.sh"])


def test_listing(traces: Callable[..., tuple[str, str]]) -> None:
    check(traces, ["ls", "-l", "/usr"])  # not /: the links of /proc are as many as there are processes


def test_python(traces: Callable[..., tuple[str, str]]) -> None:
    check(traces, [PYTHON, "-c", "print(1)"])


def test_threads(traces: Callable[..., tuple[str, str]], compile_c: Callable[..., Path]) -> None:
    check(traces, [compile_c(HERE / "threads.c", "-pthread")])


def test_client(traces: Callable[..., tuple[str, str]]) -> None:
    check(traces, [PYTHON, HERE / "client.py"])


def test_signals(traces: Callable[..., tuple[str, str]], compile_c: Callable[..., Path]) -> None:
    check(traces, [compile_c(HERE / "signals.c")])


@pytest.mark.parametrize("name", ["file", "desc", "network", "process", "memory", "signal", "ipc", "clock"])
def test_classes_have_all_that_they_have_in_strace(name: str, compile_c: Callable[..., Path], tmp_path: Path) -> None:
    out = tmp_path / "lines"
    subprocess.run(["strace", "-o", out, "-e", f"trace=%{name}", compile_c(HERE / "every_call.c", "-static")], check=True)
    theirs = {call for call in re.findall(r"^(\w+)\(", out.read_text(), re.MULTILINE) if not call.startswith("syscall_0x")}
    assert len(theirs) > 5
    assert theirs - callset.names(f"%{name}") == set()
