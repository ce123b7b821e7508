"""--inject-each: which failures a program mishandles."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import noahpy_command


@pytest.fixture
def each(options, tmp_path, compile_c):
    """`each(calls, *argv)`: the report and status of a program that saves a file."""

    def each(calls: str, *argv: str) -> tuple[int, list[str]]:
        program = str(compile_c(Path(__file__).with_name("careless.c"), "-static"))
        command = [*noahpy_command(), *options, f"--inject-each={calls}", program, *argv]
        result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, stdin=subprocess.DEVNULL, timeout=100)
        assert result.stderr == ""
        return result.returncode, result.stdout.replace(program, "careless").splitlines()

    return each


def test_careless(each, tmp_path):
    (tmp_path / "saved").write_text("what was there")
    status, lines = each("openat,write,fsync,close", "saved")
    assert status == 1
    assert lines[0] == "6 calls, each failed with EIO in a run of its own: 1 crash, 3 lost data, 2 success claimed"
    assert [line.partition("(")[0] if "crash" not in line else line[:15] for line in lines[1:]] == [
        "crash (signal 1",
        "lost data: openat",
        "lost data: write",
        "success claimed: fsync",
        "success claimed: close",
        "lost data: write",
    ]
    assert lines[3] == r"lost data: write(fd=4, buf=b'line\n', count=5), by careless"
    assert (tmp_path / "saved").read_text() == "what was there"


def test_careful(each, tmp_path):
    assert each("openat,write,fsync,close:error=ENOSPC", "saved", "careful") == (
        0,
        ["6 calls, each failed with ENOSPC in a run of its own: 6 told"],
    )
    assert not (tmp_path / "saved").exists()


def test_answers(each):
    assert each("openat,write,fsync,close:retval=0", "saved", "careful")[1][0].startswith("6 calls, each answered 0 in a run")


@pytest.mark.parametrize(
    ("calls", "argv", "why"),
    [
        ("opneat", ["true"], "--inject: there is no system call 'opneat': openat?"),
        (
            "read:when=2",
            ["true"],
            "--inject: 'read:when=2' says nothing that is to happen: error=, retval=, signal=, delay_enter=, ",
        ),
        ("read:signal=9", ["true"], "--inject-each takes SET, SET:error=... or SET:retval=..., and nothing else"),
        ("read", ["false"], "without any fault it ends with status 1: there is nothing to compare with"),
        (
            "read",
            ["sh", "-c", "echo $$"],
            "two runs without any fault differ in their output: there is nothing to compare with",
        ),
        ("read", ["nosuch"], "nosuch: not found in PATH"),
    ],
)
def test_nothing_to_compare_with(kvm, calls, argv, why):
    command = [*noahpy_command(), f"--inject-each={calls}", *argv]
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert result.returncode == (127 if argv == ["nosuch"] else 125)
    assert result.stderr.startswith(f"noahpy: {why}")
    assert result.stderr.count("\n") == 1


def test_what_hangs(kvm, tmp_path):
    script = "read line < /etc/hostname || while :; do :; done"
    command = [*noahpy_command(), "--inject-each=openat", "bash", "-c", script]
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=tmp_path, timeout=100)
    assert result.returncode == 1
    assert "hang: openat(dirfd=-100, pathname='/etc/hostname'" in result.stdout


def test_hooks_of_its_own(kvm):
    command = [*noahpy_command(), "--inject-each=read", "--script=hooks.py", "true"]
    result = subprocess.run(command, capture_output=True, text=True)
    why = "--inject-each has hooks of its own, and takes no --script; see noahpy --help"
    assert (result.returncode, result.stdout, result.stderr) == (125, "", f"noahpy: {why}\n")
