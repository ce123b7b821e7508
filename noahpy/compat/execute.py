"""Running a unit: a session of its own in a fresh folder, a time limit, and nothing of it left afterwards."""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import shutil
import signal
import subprocess
import termios
import time
from dataclasses import dataclass
from pathlib import Path

from .suite import TIMEOUT, Case, Cases, Unit

_OUTPUT_MAX = 4 << 20  # bytes that are read of what a unit prints
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Outcome:
    """How a unit went in one way of running it."""

    cases: Cases
    seconds: float


def become_reaper() -> None:
    """Daemons that a unit leaves become children of this process, so that `end_children` finds them (prctl(2))."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def execute(unit: Unit, prefix: list[str], work: Path, timeout: float) -> Outcome:
    """Run `unit` with `prefix` (noahpy and its options, or nothing) before its command; at most `timeout` seconds.

    It has a terminal of its own as /dev/tty, but nothing to read from its standard input.
    """
    _remove(work)
    work.mkdir(parents=True)
    cwd = unit.prepare(work)
    printed = work.with_suffix(".output")
    master, terminal = os.openpty()
    started = time.monotonic()
    with printed.open("ab+") as output:
        process = subprocess.Popen(
            [*prefix, *unit.argv],
            cwd=cwd,
            env=unit.environment(work),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(terminal, termios.TIOCSCTTY, 0),  # noqa: PLW1509  a worker has one thread
        )
        os.close(terminal)
        late = _late(process, timeout)
        end_children()
        os.close(master)
        seconds = time.monotonic() - started
        output.seek(0)
        text = output.read(_OUTPUT_MAX).decode(errors="backslashreplace")
    printed.unlink()
    _remove(work)
    cases = unit.parse(text, process.returncode)
    if late:
        cases["(time)"] = Case(TIMEOUT, text[-2000:])
    return Outcome(cases, seconds)


def _late(process: subprocess.Popen[bytes], timeout: float) -> bool:
    """Wait for the end; not as Popen does, which sleeps and looks. Kill what is late."""
    ended = os.pidfd_open(process.pid)
    late = not select.select([ended], [], [], timeout)[0]
    os.close(ended)
    if late:
        process.kill()
    process.wait()
    return late


def end_children() -> None:
    """Kill what this process has started, until nothing of it is left."""
    while children := _children():
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            os.waitpid(pid, 0)


def _children() -> list[int]:
    """Children of this process, from all threads' lists (proc_pid_task_children(5))."""
    return [int(pid) for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()]


def _remove(work: Path) -> None:
    """Remove a folder in which tests may have taken permissions away."""
    if not work.exists():
        return
    try:
        shutil.rmtree(work)
    except PermissionError:
        subprocess.run(["chmod", "-R", "u+rwX", str(work)], capture_output=True, check=False)
        shutil.rmtree(work)
