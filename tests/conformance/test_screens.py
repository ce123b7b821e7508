"""What a person sees who works at a terminal: after each of their steps, the guest's screen is as the native one."""

from __future__ import annotations

import os
import re
import select
import struct
import termios
import time
from collections.abc import Callable
from fcntl import ioctl
from pathlib import Path
from typing import NamedTuple

import pyte
import pytest

from tests.conformance.test_conformance import BUSYBOX
from tests.conformance.test_terminal import Terminal
from tests.conftest import Engine

PATIENCE = 60  # seconds until a screen must be the expected one
QUIET = 0.5  # seconds without output after which a native screen is taken to be complete
PAUSE = 0.02  # seconds without output after which it is asked whether the program waits


class Size(tuple[int, int]):
    """A step: the window gets this many lines and columns."""


class Foreground(str):
    """A step: wait until this program has the terminal."""

    __slots__ = ()


Step = bytes | Size | Foreground
UP, ESCAPE, INTERRUPT, SUSPEND, END_OF_FILE, SEARCH = b"\x1b[A", b"\x1b", b"\x03", b"\x1a", b"\x04", b"\x12"

SHELL = ["/usr/bin/env", "HISTFILE=", "INPUTRC=/dev/null", "/bin/bash", "--norc", "--noprofile", "-i"]
PROGRAMS: dict[str, tuple[list[str], list[Step]]] = {
    "less": (
        ["/usr/bin/less", "-N", "text"],
        [
            b" ",
            b"/line 77\r",
            b"n",
            b"G",
            b"10g",
            Size((12, 50)),
            b"b",
            b"-S\r",
            b"\x1b(",
            b"=",
            b"h",
            b"q",
            Size((30, 100)),
            b"q",
        ],
    ),
    "busybox less": ([BUSYBOX["busybox"], "less", "text"], [b" ", b"/line 77\r", b"G", b"g", b"q"]),
    "busybox vi": (
        [BUSYBOX["busybox"], "vi", "text"],
        [b"5dd", b"p", b"/line 33\r", b"cwLINE\x1b", b"u", b"G", b"\x02", Size((12, 50)), b":1,3d\r", b":q!\r"],
    ),
    "vim": (
        ["/usr/bin/vim.tiny", "-u", "NONE", "-i", "NONE", "-n", "text"],
        [
            b"5dd",
            b"p",
            b"/line 33\r",
            b"cwLINE\x1b",
            b"G",
            Size((12, 50)),
            b":1,3d\r",
            b":!echo from a shell\r",
            b"\r",
            b":wq\r",
        ],
    ),
    "top": (
        ["/usr/bin/top", "-d", "1000", "-p", str(os.getpid())],
        [b"m", b"m", b"m", b"m", b"1", b"1", b"c", b"V", b"V", Size((12, 60)), b"q"],
    ),
    "history": (
        SHELL,
        [
            b"echo one two\r",
            UP + b"\r",
            b"echo three\r",
            SEARCH + b"one\r",
            b"echo !$ !!\r",
            b"^one^four\r",
            b"history\r",
            b"exit\r",
        ],
    ),
    "completion": (
        SHELL,
        [
            b"cat tex\t\x01wc -l \x05\x15",
            b"echo long-\t",
            b"\t\t",
            b"o\t\r",
            b"unset HO\t\t",
            b"\x15ech\to done\r",
            b"exit 3\r",
        ],
    ),
    "editing": (
        SHELL,
        [
            b"echo abc def\x1b\x7fxyz\r",
            b"echo one two\x01\x0b\x19\x19\r",
            b"set -o vi\r",
            b"echo word\x1bbcwother\r",
            b"exit\r",
        ],
    ),
    "jobs": (
        SHELL,
        [
            *(b"sleep 1000\r", Foreground("sleep"), SUSPEND, b"jobs\r", b"bg\r", b"jobs\r", b"fg\r", Foreground("sleep")),
            *(INTERRUPT, b"echo $?\r", b"sleep 1001 | cat &\r", b"jobs -r\r", b"kill %1; wait %1\r", b"jobs\r"),
            *(b"cat\r", Foreground("cat"), b"typed\r", SUSPEND, b"fg\r", Foreground("cat"), b"more\r", END_OF_FILE),
            b"exit 5\r",
        ],
    ),
    "signals": (
        SHELL,
        [
            *(b"trap 'echo INT' INT\r", b"partly", INTERRUPT, b"sleep 1000\r", Foreground("sleep"), INTERRUPT),
            *(b"trap - INT\r", b"sleep 1000\r", Foreground("sleep"), b"\x1c", b"echo $?\r"),
            *(b"(exec sleep 1000)\r", Foreground("sleep"), SUSPEND, b"echo $?\r"),
            *(b"kill -9 %1; while kill -0 %1; do :; done 2>&-\r", b"exit\r"),
        ],
    ),
    "window": (
        SHELL,
        [
            *(b"trap 'echo $(stty size)' WINCH\r", Size((10, 40)), b"stty size\r", b"echo $LINES $COLUMNS\r"),
            *(b"less text\r", Size((15, 60)), b"q", b"echo $LINES $COLUMNS\r", b"exit\r"),
        ],
    ),
    "a shell in a shell": (
        SHELL,
        [
            *(b"bash --norc --noprofile\r", b"echo inner $SHLVL\r", b"suspend\r", b"jobs\r", b"fg\r", b"echo again\r"),
            *(b"sleep 1000\r", Foreground("sleep"), SUSPEND, b"exit\r", b"exit\r", b"exit\r"),
        ],
    ),
}


class View(pyte.Screen):
    """What pyte makes of a terminal's output, but for xterm's setting of its keys (CSI > m), which it takes for colours."""

    def select_graphic_rendition(self, *attributes: int, private: bool = False) -> None:
        if not private:
            super().select_graphic_rendition(*attributes)


class Screen:
    """A terminal and what is seen on it."""

    def __init__(self, engine: Engine, argv: list[str], cwd: Path) -> None:
        self.terminal = Terminal(engine, argv, cwd)
        self.view = View(80, 24)
        self.stream = pyte.ByteStream(self.view)
        self.answered = False  # whether something was written since the last step

    def read(self, seconds: float) -> bool:
        """Whether there was something new to see within this time."""
        if not select.select([self.terminal.master], [], [], seconds)[0]:
            return False
        self.stream.feed(os.read(self.terminal.master, 65536))
        self.answered = True
        return True

    def do(self, step: Step) -> None:
        if step and not isinstance(step, Foreground):
            self.settle()
        self.answered = False
        if isinstance(step, bytes):
            self.terminal.type(step)
        elif isinstance(step, Size):
            self.view.resize(*step)
            ioctl(self.terminal.slave, termios.TIOCSWINSZ, struct.pack("HHHH", *step, 0, 0))
        else:
            end = time.monotonic() + PATIENCE
            while self.foreground()[0] != step:
                assert time.monotonic() < end, f"{step} has not got the terminal, but {self.foreground()}"
                self.read(0.01)

    def settle(self) -> None:
        """Return when the program waits.

        Natively, too, it takes two keys at once for another, and misses a signal that comes between its drawing and its read.
        """
        end = time.monotonic() + PATIENCE
        while self.read(PAUSE) or self.foreground()[1] != "S":
            assert time.monotonic() < end, f"{self.foreground()} does not wait"

    def foreground(self) -> tuple[str, str]:
        """Name and state (proc_pid_stat(5)) of the first process of the terminal's foreground group."""
        group = struct.unpack("i", ioctl(self.terminal.master, termios.TIOCGPGRP, bytes(4)))[0]
        try:
            name, _, rest = Path(f"/proc/{group}/stat").read_text().partition("(")[2].rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            return "", ""
        return name, rest[1]

    def seen(self) -> str:
        """The screen's lines without what differs from run to run: the numbers of processes; in top, all numbers."""
        text = "\n".join(line.rstrip() for line in self.view.display).rstrip()
        if "PID USER" in text:
            return re.sub(r"[# ]+", " ", re.sub(r"[\d.:,|]+( days?| min|\+)?| [RSDI] ", "#", text))
        return re.sub(r"\b\d{4,}\b", "N", text.replace("sleep 1000", "sleep long").replace("sleep 1001", "sleep long"))


class Session(NamedTuple):
    """After each step but the last: the screen, and whether anything was written to it. At the end: status and text file."""

    screens: list[tuple[str, bool]]
    status: int
    text: str


def end_of(screen: Screen) -> int:
    while screen.terminal.process.poll() is None:
        screen.read(0.1)
    return screen.terminal.process.returncode


@pytest.fixture(scope="session")
def expected(native: Engine, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Session]:
    """`expected(name)`: what is seen natively."""
    known: dict[str, Session] = {}

    def expected(name: str) -> Session:
        if name not in known:
            place = prepare(tmp_path_factory.mktemp("native"))
            argv, steps = PROGRAMS[name]
            seen = []
            with (screen := Screen(native, argv, place)).terminal:
                for step in [b"", *steps[:-1]]:
                    screen.do(step)
                    while screen.read(QUIET):
                        pass
                    seen.append((screen.seen(), screen.answered))
                screen.do(steps[-1])
                known[name] = Session(seen, end_of(screen), (place / "text").read_text())
        return known[name]

    return expected


def prepare(place: Path) -> Path:
    lines = [f"line {i} " + "word " * (i % 30) for i in range(1, 201)]
    (place / "text").write_text("\n".join(lines) + "\n")
    for name in ("long-one", "long-other", "long-others"):
        (place / name).touch()
    return place


@pytest.mark.parametrize("name", PROGRAMS)
def test_screens(name: str, guest: Engine, expected: Callable[[str], Session], tmp_path: Path) -> None:
    want = expected(name)
    argv, steps = PROGRAMS[name]
    with (screen := Screen(guest, argv, prepare(tmp_path))).terminal:
        for step, (view, answered) in zip([b"", *steps[:-1]], want.screens, strict=True):
            screen.do(step)
            end = time.monotonic() + PATIENCE
            while (screen.seen() != view or screen.answered < answered) and time.monotonic() < end:
                screen.read(0.1)
            assert screen.seen() == view, step
        screen.do(steps[-1])
        assert end_of(screen) == want.status
    assert (tmp_path / "text").read_text() == want.text
