"""--inject: as strace(1) does it, in the same run; and what strace does not have."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter

import pytest

from noahpy.errors import CannotRun
from noahpy.inject.fault import Fault, parse
from tests.conftest import OPTIONS, noahpy_command


@pytest.fixture
def inject(options, calls):
    """`inject(faults, *what)`: status and output of the program of calls."""

    def inject(faults: list[str], *what: str) -> tuple[int, str]:
        command = [*noahpy_command(), *options, *[f"--inject={fault}" for fault in faults], calls, *what]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert result.stderr == ""
        return result.returncode, result.stdout

    return inject


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ("getppid:retval=42", ["parent", "parent", "children=2", "threads=2"]),
        ("getppid:retval=42:when=2", ["parent", "parent", "parent", "children=2"]),
        ("getppid:retval=42:when=2+", ["parent", "parent", "parent", "parent"]),
        ("getppid:retval=42:when=2+2", 7 * ["parent"]),
        ("getppid:retval=42:when=2..4", 7 * ["parent"]),
        ("getppid:retval=42:when=1..5+2", 7 * ["parent"]),
        ("uname,getppid:error=ENOENT:when=2", 3 * ["named", "answer"]),
        ("getppid:error=77", ["answer"]),
        ("openat:error=ELOOP:when=3+", ["file=/etc/hostname", "file=/etc/hostname"]),
        ("getppid:signal=SIGUSR1:when=2", 3 * ["parent"]),
        ("getppid:signal=USR1:error=EINTR:when=2", ["count=USR1", *3 * ["answer"], "counted"]),
        ("uname:signal=10", ["count=USR1", *3 * ["named"], "counted"]),
        ("getppid:retval=42:delay_enter=20000:delay_exit=10ms", ["parent"]),
        ("/^getpp:retval=42", ["vforked"]),
        ("getppid:retval=42:when=2", ["parent", "exec=parent"]),
    ],
)
def test_as_strace(inject, calls, fault, what):
    strace = shutil.which("strace")
    assert strace
    command = [strace, "-f", "-o", "/dev/null", f"--inject={fault}", calls, *what]
    native = subprocess.run(command, capture_output=True, text=True, timeout=60)
    status, out = inject([fault], *what)
    assert (status, masked(out)) == (native.returncode, masked(native.stdout))


def masked(out: str) -> str:
    """Without the parents' numbers."""
    return re.sub(r"\d{3,}", "PID", out)


def test_short_reads_and_writes(inject, tmp_path):
    (tmp_path / "x").write_text("content")
    path = tmp_path / "x"
    assert inject(["read:short=3:when=2+"], f"file={path}")[1] == f"file {path}: 3 con\n"
    assert inject(["write:short=2:when=1"], "write=hello")[1] == "he\n"
    assert inject(["getdents64,uname:short=3"], f"file={path}")[1] == f"file {path}: 7 content\n"


def test_chance_is_the_same_in_each_run(inject):
    def numbers(seed: int) -> list[str]:
        return inject([f"getppid:retval=42:chance=50%:seed={seed}"], *64 * ["parent"])[1].splitlines()

    first = numbers(1)
    assert numbers(1) == first
    assert numbers(2) != first
    assert 10 < Counter(first)["parent 42"] < 54


def test_several_faults(inject):
    faults = ["getppid:retval=1:when=1", "getppid:retval=2:when=2", "uname:error=EFAULT"]
    assert inject(faults, "parent", "parent", "named") == (0, "parent 1\nparent 2\nnamed -14\n")


def test_a_call_that_a_signal_comes_before_is_counted_once(inject):
    out = inject(["getppid:signal=USR1:when=1+", "getppid:retval=42:when=3"], "count=USR1", *4 * ["parent"], "counted")[1]
    assert [line == "parent 42" for line in out.splitlines()] == [False, False, True, False, False]
    assert out.endswith("counted 3\n")  # the last fault is the first to see a call, which it answered


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("opneat:error=EIO", "there is no system call 'opneat': openat?"),
        ("read:error=EAGAN", "there is no error 'EAGAN': EAGAIN?"),
        ("read:error=0", "there is no error '0'"),
        ("read:signal=SIGKIL", "there is no signal 'SIGKIL': SIGKILL?"),
        *[
            (text, f"'{text}' says nothing that is to happen: error=, retval=, signal=, delay_enter=, delay_exit=, short=")
            for text in ("read", "read:when=2", "read:seed=2:chance=3%")
        ],
        ("read:error=EIO:retval=1", "'read:error=EIO:retval=1' has both an error and a result"),
        ("read:error=EIO:error=EIO", "error= is given twice in 'read:error=EIO:error=EIO'"),
        ("read:fail", "knows error, retval, signal, delay_enter, delay_exit, short, when, chance, seed, not 'fail'"),
        ("read:retval=-1", "retval= is a number up to 9223372036854775807, not '-1'"),
        ("read:delay_exit=1m", "a delay is a number of µs, or one with s, ms, us or ns, not '1m'"),
        *[
            (f"read:short=1:when={when}", f"when= is FIRST or FIRST..LAST, perhaps with + or +STEP, from 1 on; not '{when}'")
            for when in ("", "0", "2..1", "1+0", "+2", "x", "1..", "1-2")
        ],
        *[
            (f"read:error=EIO:chance={chance}", f"chance= is a percentage above 0 up to 100%, not '{chance}'")
            for chance in ("", "5", "0%", "101%", "x%", "nan%")
        ],
        ("read:error=EIO:seed=x", "seed= is a number up to 9223372036854775807, not 'x'"),
        ("read:short=all", "short= is a number up to 2147483648, not 'all'"),
    ],
)  # fmt: skip
def test_wrong_words(text, why):
    with pytest.raises(CannotRun) as caught:
        parse(text)
    assert str(caught.value) == f"--inject: {why}"


def test_words():
    fault = parse("getppid,uname:signal=USR1:delay_enter=2ms:delay_exit=3:when=2..9+3:short=5:chance=12.5%:seed=3")
    assert fault == Fault(frozenset((110, 63)), None, 10, 2e-3, 3e-6, 5, 2, 9, 3, 0.125, 3)
    assert [n for n in range(12) if fault.fits(n)] == [2, 5, 8]


def test_nothing_is_begun_if_a_fault_is_wrong(kvm, tmp_path):
    command = [*noahpy_command(), *OPTIONS["kvm"], "--inject=read:error=EAGAN", "touch", tmp_path / "done"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (125, "noahpy: --inject: there is no error 'EAGAN': EAGAIN?\n")
    assert not (tmp_path / "done").exists()
