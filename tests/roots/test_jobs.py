"""The process that was called is seen by shells and others as its program would be: signals, stops, terminals, ends."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from noahpy.tree import Record
from noahpy.tree import trees as list_trees
from tests.conformance.test_terminal import Terminal
from tests.conftest import Engine
from tests.roots.conftest import Noahpy

COUNT = "n=0; trap 'n=$((n+1)); echo $n' {0}; trap 'echo end; exit 3' TERM; echo ready; while :; do sleep 0.05; done"


@contextmanager
def running(noahpy: Noahpy, tree: Path, script: str) -> Iterator[subprocess.Popen[str]]:
    command = [*noahpy.command, "--root", str(tree), "sh", "-c", script]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, start_new_session=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def pending(pid: int) -> bool:
    """Whether a signal waits for the process (proc_pid_status(5))."""
    rows = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return bool(int(rows["ShdPnd"], 16) | int(rows["SigPnd"], 16))


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGINT, signal.SIGRTMIN, signal.SIGCHLD, signal.SIGQUIT])
def test_signals_are_passed_on_once(number: signal.Signals, noahpy: Noahpy, tree: Path) -> None:
    """Sent to the process, and to its group, which the program is in."""
    with running(noahpy, tree, COUNT.format(int(number))) as process:
        for count in range(1, 5):
            (os.kill if count % 2 else os.killpg)(process.pid, number)
            assert process.stdout.readline() == f"{count}\n"
            while pending(process.pid):  # or the next one would be the same to the keeper
                time.sleep(0.01)
        process.terminate()
        assert process.stdout.read() == "end\n"
        assert process.wait() == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGABRT, signal.SIGRTMAX])
def test_death_by_a_signal(number: signal.Signals, noahpy: Noahpy, tree: Path) -> None:
    with running(noahpy, tree, "echo ready; exec sleep 1000") as process:
        os.kill(process.pid, number)
        assert process.wait() == -number


def test_sigkill_ends_it_all(noahpy: Noahpy, tree: Path) -> None:
    with running(noahpy, tree, "sleep 1000 & (setsid sleep 1000 &); echo ready; exec sleep 1000") as process:
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) > 3
        process.kill()
        psutil.wait_procs(children, 60)
        assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
        assert process.stdout.read() == ""  # nobody holds the pipe


def test_noahpy_processes_tells_the_numbers_of_outside(noahpy: Noahpy, tree: Path) -> None:
    with running(noahpy, tree, "(exit 3); sleep 1000 & echo ready; wait") as process:
        records: list[Record] = []
        while len(records) < 3:  # the last one may not have come to its record yet
            inside = {child.pid for child in psutil.Process(process.pid).children(recursive=True)}
            (records,) = [found for found in list_trees() if inside & {record.pid for record in found if not record.end}]
        shell, left, sleeper = records
        assert [record.state() for record in records] == ["runs", "exit 3", "runs"]
        assert {shell.pid, sleeper.pid} <= inside
        assert left.parent == sleeper.parent == shell.pid
        process.kill()


def test_stop_and_continue(noahpy: Noahpy, tree: Path) -> None:
    """By the program itself: the caller sees the stop, and its SIGCONT arrives."""
    script = "trap 'echo continued' CONT; echo ready; kill -STOP $$; kill -STOP $$; echo end; exit 4"
    with running(noahpy, tree, script) as process:
        for send in (os.kill, os.killpg):
            _, status = os.waitpid(process.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGSTOP
            send(process.pid, signal.SIGCONT)
            assert process.stdout.readline() == "continued\n"
        assert process.stdout.read() == "end\n"
        assert process.wait() == 4


def test_a_shells_jobs(noahpy: Noahpy, tree: Path, tmp_path: Path) -> None:
    noahpy_ = shlex.join([*noahpy.command, "--root", str(tree)])
    (tmp_path / "box").write_text(f'#!/bin/sh\nexec {noahpy_} "$@"\n')
    (tmp_path / "box").chmod(0o755)
    shell = Terminal(Engine("native"), ["bash", "--norc", "--noprofile", "-i"], tmp_path)

    def step(keys: bytes, *answers: bytes) -> None:
        """Type, and wait for the answers in their order."""
        at = len(shell.screen)
        shell.type(keys)
        for answer in answers:
            if answer not in shell.screen[at:]:
                shell.wait_for(answer)
            at = shell.screen.index(answer, at) + len(answer)

    step(b"PS1='ou''t> '\r", b"out> ")
    # A program that is stopped and interrupted by keys.
    step(b"./box sh -c 'echo go$((1+1)); exec sleep 1000'\r", b"go2")
    step(b"\x1a", b"Stopped", b"out> ")
    step(b"fg\r", b"sleep 1000")
    time.sleep(0.3)
    step(b"\x03", b"out> ")
    step(b"echo status $?\r", b"status 130", b"out> ")
    # A shell inside that has jobs of its own.
    step(b"./box sh -i\r", b"# ")
    step(b"sleep 1000\r", b"sleep 1000")
    time.sleep(0.3)
    step(b"\x1a", b"Stopped", b"# ")
    step(b"fg\r", b"sleep 1000")
    time.sleep(0.3)
    step(b"\x03", b"# ")
    step(b"echo inner $?\r", b"inner 130", b"# ")
    # It is stopped as a whole, and goes on in front.
    step(b"kill -STOP $$\r", b"Stopped", b"out> ")
    step(b"fg\r", b"box sh -i")
    time.sleep(0.3)
    step(b"\recho again $((3*7))\r", b"again 21", b"# ")
    step(b"exit 5\r", b"out> ")
    step(b"echo ended $?\r", b"ended 5", b"out> ")
    shell.type(b"exit\r")
    assert shell.end() == 0
