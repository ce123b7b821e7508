"""Programs on a terminal: an editor that is typed to, and what the terminal is left like."""

from __future__ import annotations

import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from fcntl import ioctl
from pathlib import Path

import pytest

from tests.conformance.test_conformance import BUSYBOX, ENVIRONMENT
from tests.conftest import Engine


class Terminal:
    """A program on a pty of 24 lines of 80 characters, as its controlling terminal."""

    def __init__(self, engine: Engine, argv: list[str], cwd: Path) -> None:
        self.master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.modes = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            [*engine.command, *argv],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env=engine.environment(ENVIRONMENT),
            start_new_session=True,
            preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  there are no threads here
        )
        self.slave = slave
        self.screen = b""

    def wait_for(self, text: bytes, seconds: float = 30) -> None:
        """Read until the program has written `text`, counting from the last time."""
        end = time.monotonic() + seconds
        start = len(self.screen)
        while text not in self.screen[start:]:
            if select.select([self.master], [], [], 0.1)[0]:
                self.screen += os.read(self.master, 65536)
            else:
                waiting = self.process.poll() is None and time.monotonic() < end
                assert waiting, f"{text!r} did not come, but {self.screen[start:]!r}"

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def end(self) -> int:
        """The program's status once it has ended; the terminal is as it was."""
        while self.process.poll() is None:
            if select.select([self.master], [], [], 0.1)[0]:  # a full terminal would hold it up
                self.screen += os.read(self.master, 65536)
        assert termios.tcgetattr(self.slave) == self.modes
        return self.process.returncode

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self.slave)
        os.close(self.master)


@pytest.mark.parametrize("binary", BUSYBOX)
def test_vi(binary: str, engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_text("".join(f"line {i}\n" for i in range(1, 101)))
    with Terminal(engine, [BUSYBOX[binary], "vi", "text"], tmp_path) as terminal:
        terminal.wait_for(b"line 23")
        terminal.type(b"Golast\x1b")  # a line below the end
        terminal.wait_for(b"- text [Modified] 101/101 100%")
        terminal.type(b":%s/line \\(.\\)0$/LINE \\1/\r")
        terminal.wait_for(b"9 substitutions on 9 lines")
        terminal.type(b":1\rdd")  # without the first
        terminal.wait_for(b"Delete 1 lines (7 chars)")
        terminal.type(b":3\rxp:wq\r")  # two letters of what is now the third change places
        assert terminal.end() == 0
    expected = [f"LINE {i // 10}" if 10 <= i < 100 and i % 10 == 0 else f"line {i}" for i in range(2, 101)]
    expected[2] = "ilne 4"
    assert file.read_text().split("\n") == [*expected, "last", ""]


def test_terminal_is_the_programs_own(engine: Engine, tmp_path: Path) -> None:
    script = (
        "import os; print(os.get_terminal_size(), os.ttyname(0), os.tcgetpgrp(0) == os.getpid(), os.getsid(0) == os.getpid());"
        "print(input('name? '))"
    )
    with Terminal(engine, ["/usr/bin/python3", "-c", script], tmp_path) as terminal:
        terminal.wait_for(b"name? ")
        assert b"columns=80, lines=24" in terminal.screen
        assert os.ttyname(terminal.slave).encode() in terminal.screen
        assert b"True True" in terminal.screen
        terminal.type(b"no\x7f\x7fyes\n")
        terminal.wait_for(b"yes\r\n")
        assert terminal.end() == 0


@pytest.mark.parametrize(("key", "number"), [(b"\x03", signal.SIGINT), (b"\x1c", signal.SIGQUIT)])
def test_keys_that_kill(key: bytes, number: int, engine: Engine, tmp_path: Path) -> None:
    with Terminal(engine, ["/bin/sh", "-c", "echo ready; read line"], tmp_path) as terminal:
        terminal.wait_for(b"ready")
        terminal.type(key)
        assert terminal.end() == -number
