"""`noahpy --strace`: its options, and that nothing is lost and nobody wedged whatever ends when."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.conftest import Engine, Result

HERE = Path(__file__).parent


@pytest.fixture
def traced(guest: Engine) -> Callable[..., Result]:
    """`traced(options, argv)`: a run with --strace and these options."""

    def traced(options: list[str], argv: list[str | Path], **more: object) -> Result:
        return Engine.run(guest, ["-q", "--strace", *options, *argv], **more)  # type: ignore[arg-type]

    return traced


@pytest.fixture
def calls(compile_c: Callable[..., Path]) -> Path:
    return compile_c(HERE / "calls.c")


def test_every_call_is_told_once(traced: Callable[..., Result], calls: Path) -> None:
    result = traced(["-e", "trace=getppid"], [calls, "5000"])
    assert result.status == 0
    lines = result.stderr.decode().splitlines()
    assert len(lines) == 5001
    assert {re.sub(r"\d+", "N", line) for line in lines[:-1]} == {f"{'getppid()':39} = N"}
    assert lines[-1] == "+++ exited with 0 +++"


def test_a_tree_is_told_to_its_last_end(traced: Callable[..., Result], tmp_path: Path) -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9 10; do /bin/true; (exit 2) & done; wait; exit 3"
    result = traced(["-o", str(tmp_path / "lines")], ["sh", "-c", script])
    assert (result.status, result.stderr) == (3, b"")
    text = (tmp_path / "lines").read_text()
    born = set(re.findall(r"^(\d+) ", text, re.MULTILINE))
    ends = dict(re.findall(r"^(\d+) +\+\+\+ exited with (\d) \+\+\+$", text, re.MULTILINE))
    assert len(born) == 21
    assert set(ends) == born
    assert sorted(ends.values()) == ["0"] * 10 + ["2"] * 10 + ["3"]


def test_the_killed_are_told_before_their_parent_hears(traced: Callable[..., Result], compile_c: Callable[..., Path]) -> None:
    result = traced([], [compile_c(HERE / "killed.c")])
    assert result.status == 7
    text = result.stderr.decode()
    ends = re.findall(r"\+\+\+ killed by SIGKILL \+\+\+|--- SIGCHLD .*CLD_KILLED.*---", text)
    assert [end[:3] for end in ends] == ["+++", "---"] * 10


def test_death_by_signal_is_passed_on(traced: Callable[..., Result]) -> None:
    result = traced([], ["sh", "-c", "kill -TERM $$"])
    assert result.status == -signal.SIGTERM
    lines = result.stderr.decode().splitlines()
    assert re.fullmatch(r"--- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=\d+, si_uid=\d+} ---", lines[-2])
    assert lines[-1] == "+++ killed by SIGTERM +++"


def test_a_call_that_waits_is_told_meanwhile(guest: Engine) -> None:
    with subprocess.Popen([*guest.command, "-q", "--strace", "cat"], stdin=-1, stderr=-1) as process:
        assert process.stdin and process.stderr
        text = b""
        while not text.endswith(b"read(0, "):
            text += os.read(process.stderr.fileno(), 1 << 16)
        process.stdin.close()
        assert b'read(0, "", 131072)' not in text
        rest = process.stderr.read()
    assert rest.startswith(b'"", 131072)')
    assert process.returncode == 0


def test_a_slow_reader_loses_nothing(guest: Engine, calls: Path) -> None:
    """More than the pipe and the thread's lane hold: the program waits."""
    with subprocess.Popen([*guest.command, "-q", "--strace", "-e", "getppid", calls, "8000"], stderr=-1) as process:
        assert process.stderr
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        text = process.stderr.read()
    assert text.count(b"getppid()") == 8000


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "0<&- 1>&- 2>&-"])
def test_nowhere_to_write(native: Engine, guest: Engine, calls: Path, tmp_path: Path, redirection: str) -> None:
    """The program's end is its own, and the clerk ends, too."""
    mark = f"MARK={tmp_path}"
    command = " ".join(map(str, [*guest.command, "-q", "--strace", "-E", mark, calls, "2000", redirection]))
    assert native.run(["sh", "-c", f"{command}; exit $(($? + 40))"]).status == 40
    clerks = [process for process in psutil.process_iter(["cmdline"]) if mark in (process.info["cmdline"] or [])]
    assert not psutil.wait_procs(clerks, timeout=60)[1]


def test_without_its_clerk_the_program_goes_on(guest: Engine, calls: Path, tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    with subprocess.Popen([*guest.command, "-q", "--strace", "-o", lines, calls, "20000"]) as process:
        while not lines.exists() or not lines.stat().st_size:
            assert process.poll() is None
        (clerk,) = (pid for pid in os.listdir("/proc") if pid.isdigit() and holds(pid, lines) and pid != str(process.pid))
        os.kill(int(clerk), signal.SIGKILL)
    assert process.returncode == 0


@pytest.mark.parametrize("options", [[], ["-s", "16384", "-y"]])
def test_memory_that_holds_nonsense(traced: Callable[..., Result], compile_c: Callable[..., Path], options: list[str]) -> None:
    source = HERE / "hostile.c"
    result = traced(options, [compile_c(source)])
    assert result.status == 0
    lines = result.stderr.decode().splitlines()
    told = [line.partition("(")[0] for line in lines]
    made = [*re.findall(r"SYS_(\w+)", source.read_text()), "syscall_0x258", "exit_group", "+++ exited with 0 +++"]
    assert told[-len(made) :] == made


def holds(pid: str, path: Path) -> bool:
    try:
        return any(os.readlink(f"/proc/{pid}/fd/{fd}") == str(path) for fd in os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return False


def test_json(guest: Engine, tmp_path: Path) -> None:
    out = tmp_path / "lines"  # the shell's words may come amid a line of stderr
    Engine.run(guest, ["-q", "--strace=json", "-o", out, "-e", "openat,exit_group", "sh", "-c", "exit 3 </nowhere"])
    records = [json.loads(line) for line in out.read_text().splitlines()]
    failed = next(r for r in records if r.get("error"))
    assert (failed["call"], failed["result"], failed["error"]) == ("openat", -2, "ENOENT")
    assert failed["arguments"]["pathname"] == '"/nowhere"' or failed["arguments"]["dirfd"] == "AT_FDCWD"
    assert records[-2]["call"] == "exit_group"
    assert records[-2]["result"] is None
    assert records[-1]["end"] == "exited with 2"
    assert all(r["pid"] == r["tid"] == records[0]["pid"] for r in records)


def test_what_is_injected(traced: Callable[..., Result], tmp_path: Path) -> None:
    options = ["--inject=write:error=ENOSPC:when=2", "-e", "trace=write"]
    out = tmp_path / "lines"  # the shell's words may come amid a line of stderr
    traced([*options, "-T", "-o", str(out)], ["sh", "-c", "echo a; echo b"])
    lines = [line.split(maxsplit=1)[1] for line in out.read_text().splitlines()]
    assert re.fullmatch(r'write\(1, "a\\n", 2\) += 2 <\S+>', lines[0])
    assert re.fullmatch(r'write\(1, "b\\n", 2\) += -1 ENOSPC \(No space left on device\) \(INJECTED\) <\S+>', lines[1])
    script = "from noahpy import vm\n@vm.on('getppid', after=True)\ndef f(call):\n    call.result = 7\n"
    (tmp_path / "hooks.py").write_text(script)
    result = traced(["--strace=json", "-e", "getppid", "--script", str(tmp_path / "hooks.py")], ["sh", "-c", "true"])
    record = json.loads(result.stderr.splitlines()[0])
    assert (record["result"], record["served"]) == (7, "injected")


def test_options(traced: Callable[..., Result], tmp_path: Path) -> None:
    def lines(*options: str) -> list[str]:
        return traced(list(options), ["cat", "/etc/passwd"]).stderr.decode().splitlines()

    assert '"root:x:"..., ' in next(line for line in lines("-s", "7", "-e", "trace=read") if "root" in line)
    assert all("ENOENT" in line for line in lines("-e", "status=failed", "-e", "%file") if "(" in line and "=" in line)
    assert not [line for line in lines("-z") if " = -1 " in line]
    (first, *_) = lines("-rT", "-tt", "-e", "close")
    assert re.fullmatch(r" +0\.000000 \d\d:\d\d:\d\d\.\d{6} close\(3\) += 0 <\d+\.\d{6}>", first)
    assert "read(3</etc/passwd>, " in "\n".join(lines("-y"))
    gone = traced(["-y", "-e", "write"], ["sh", "-c", f"exec >{tmp_path}/x; rm {tmp_path}/x; echo"]).stderr.decode()
    assert f'write(1<{tmp_path}/x>(deleted), "\\n", 1)' in gone
    names = {line.split("(")[0] for line in lines("-e", "!/^[^e]", "-e", "status=successful") if "(" in line}
    assert names == {"execve"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["-e", "trace=opne"], "there is no system call 'opne': open?"),
        (["-e", "%netwrk"], "there is no class of system calls 'netwrk': network?"),
        (["-e", "status=fail"], "there is no status 'fail': failed?"),
        (["-e", "abbrev=none"], "-e knows trace= and status=, not 'abbrev='"),
        (["-e", "/["], "/[ is no regular expression: unterminated character set at position 0"),
        (
            ["-e", "open", "-e", "close"],
            "-e trace= is given twice; one list has them all: -e trace=A,B (then 'close')",
        ),
        (["-z", "-e", "status=failed"], "-e status=failed contradicts what was said before of the calls' status"),
        (["-s", "x"], "-s is a number of bytes up to 16384, not 'x'"),
        (["-tttt"], "-t counts up to three times"),
        (["-o", "/nowhere/x"], "/nowhere/x: No such file or directory"),
    ],
)
def test_what_cannot_be(traced: Callable[..., Result], options: list[str], says: str) -> None:
    assert traced(options, ["true"]) == (125, b"", f"noahpy: {says}\n".encode())
