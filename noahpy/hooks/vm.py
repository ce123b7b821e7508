"""Running programs from Python, and hooking what they ask of Linux."""

from __future__ import annotations

import os
import subprocess
import sys
from threading import Lock, Thread, get_ident
from typing import TYPE_CHECKING, Any, Literal

from linux_abi import callset

from ..errors import CannotRun
from . import wire
from .controller import Controller, kill_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeVar

    from .call import Call, Event

    Hook = TypeVar("Hook", bound=Callable[[Call], object])
    Watcher = TypeVar("Watcher", bound=Callable[[Event], object])
    Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]

PIPE, STDOUT, DEVNULL = subprocess.PIPE, subprocess.STDOUT, subprocess.DEVNULL
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# As `-m noahpy`, but with no directory of the caller's to import from, and PYTHON... variables left to the guest.
_START = f"import sys; sys.path[0] = {_ROOT!r}; from noahpy.hooks.start import main; main({{}})"


class Hooks:
    """Which functions are to be asked about which calls."""

    def __init__(self) -> None:
        self.kills = True  # a hook that fails ends the guest
        self.asking = 0  # the thread in which one of them runs
        self.events: dict[str, list[Callable[[Event], object]]] = {}
        self._before: dict[int, list[Callable[[Call], object]]] = {}
        self._after: dict[int, list[Callable[[Call], object]]] = {}

    def __bool__(self) -> bool:
        return bool(self._before or self._after or self.events)

    def add(self, numbers: set[int], hook: Callable[[Call], object], *, after: bool) -> None:
        """Ask `hook` about these calls, behind those that there are."""
        table = self._after if after else self._before
        for number in numbers:
            table.setdefault(number, []).append(hook)

    def of(self, number: int, *, after: bool) -> list[Callable[[Call], object]]:
        """The hooks of a call."""
        return (self._after if after else self._before).get(number, [])

    def wanted(self) -> dict[str, object]:
        """What the guest's side is to be told first (wire.py)."""
        numbers = {*self._before, *self._after}
        calls = {n: wire.FIRST * (n in self._before) | wire.LAST * (n in self._after) for n in numbers}
        return {"calls": calls, "events": list(self.events), "kill": self.kills}


class VM:
    """What programs are run in, by which hooks.

    `options` are those of the command line: VM("--engine=sim", "--no-fast"). `on_error` says what becomes of a program when a
    hook fails, or when the process that has the hooks ends before it: it is killed, or its calls go on without.
    """

    def __init__(self, *options: str, on_error: Literal["kill", "continue"] = "kill") -> None:
        self.options = options
        self.hooks = Hooks()
        self.lock = Lock()  # held while a hook runs
        self.on_error = on_error

    @property
    def on_error(self) -> Literal["kill", "continue"]:
        """What becomes of a program when a hook fails."""
        return "kill" if self.hooks.kills else "continue"

    @on_error.setter
    def on_error(self, choice: Literal["kill", "continue"]) -> None:
        if choice not in ("kill", "continue"):
            raise ValueError(f"on_error is kill or continue, not {choice!r}")
        self.hooks.kills = choice == "kill"

    def on(self, *calls: str, after: bool = False) -> Callable[[Hook], Hook]:
        """Have the decorated function asked about these calls, before each is made or after it; see linux_abi/callset.py.

        ValueError: there is no such call.
        """
        numbers = callset.numbers(",".join(calls))

        def register(hook: Hook) -> Hook:
            self.hooks.add(numbers, hook, after=after)
            return hook

        return register

    def event(self, name: Literal["fork", "exec", "thread", "exit", "signal", "end"]) -> Callable[[Watcher], Watcher]:
        """Have the decorated function told of such events; see noahpy.Event."""
        if name not in wire.EVENTS:
            raise ValueError(f"no event is named {name!r}, only {', '.join(wire.EVENTS)}")

        def register(hook: Watcher) -> Watcher:
            self.hooks.events.setdefault(name, []).append(hook)
            return hook

        return register

    def start(
        self,
        argv: Sequence[Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        root: str | os.PathLike[str] | None = None,
        stdin: Any = None,
        stdout: Any = None,
        stderr: Any = None,
    ) -> Program:
        """Run a program: `argv` with the environment `env` (default: this process's) in the directory `cwd`.

        `root` is what --root takes; the streams are as subprocess.Popen takes them. CannotRun: it can't be run. Hooks that
        are registered later are for programs that are started later.
        """
        if isinstance(argv, str | bytes):
            raise TypeError(f"argv is a list of words, not {argv!r}")
        if self.hooks.asking == get_ident():
            raise RuntimeError("a hook can start programs in another VM, not in the one that waits for it")
        options = self.options if root is None else (*self.options, f"--root={os.fspath(root)}")
        theirs, ours = wire.pair()
        with theirs:
            command = [sys.executable, "-E", "-c", _START.format(theirs.fileno()), *options, "--", *argv]
            program = Program(command, env=env, cwd=cwd, stdin=stdin, stdout=stdout, stderr=stderr, pass_fds=[theirs.fileno()])
        program.args = argv  # what errors tell
        controller = Controller(self.hooks, self.lock, ours)
        first = controller.begin()
        if "pid" not in first:
            program.communicate()
            raise CannotRun(first.get("refused", f"noahpy has ended with status {program.returncode}"), program.returncode)
        program.first = controller.first.host_pid
        Thread(target=controller.serve, name="noahpy-hooks", daemon=True).start()
        return program

    def run(
        self,
        argv: Sequence[Path],
        *,
        input: bytes | None = None,
        capture_output: bool = False,
        timeout: float | None = None,
        check: bool = False,
        **how: Any,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program to its end, as subprocess.run does it; `how` as for start().

        TimeoutExpired: it was killed after `timeout` seconds, with all that it had started.
        """
        if input is not None:
            if "stdin" in how:
                raise ValueError("input and stdin are both given")
            how["stdin"] = PIPE
        if capture_output:
            how["stdout"] = how["stderr"] = PIPE
        with self.start(argv, **how) as program:
            try:
                stdout, stderr = program.communicate(input, timeout)
            except BaseException:
                program.kill()
                raise
        result = subprocess.CompletedProcess(argv, program.returncode, stdout, stderr)
        if check:
            result.check_returncode()
        return result


vm = VM()  # whose hooks `noahpy --script` uses


class Program(subprocess.Popen[bytes]):
    """A program that runs: a subprocess.Popen, whose kill() takes all that the program has started."""

    first = -1  # the number of its first process

    def kill(self) -> None:
        """Kill it and all processes that it has started."""
        kill_tree(self.first)
        super().kill()
