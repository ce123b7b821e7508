"""`noahpy --inject-each=SET PROGRAM`: fails each of its calls in turn, one a run, and tells which failures it mishandles."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from linux_abi import callset, types
from linux_abi.uapi.fcntl import O_ACCMODE, O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY

from ..errors import CannotRun
from ..hooks.call import Errno
from ..hooks.vm import VM
from .fault import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..hooks.call import Call, Event

_PATIENCE = 10  # s, and as many times what a run takes without a fault: then it hangs
_NAMES_FILES = ("open", "openat", "creat", "truncate", "/^(rename|link|unlink|symlink)")
# Calls by which data and its names are kept: whoever claims success when one has failed claims too much.
_KEEPS = (
    "/^(p?write|send|sync|f(data)?sync|msync|close$|f?truncate|fallocate|copy_file|splice|rename|link|symlink|unlink|mkdir)"
)
MISHANDLED = ("crash", "hang", "lost data", "success claimed")


class Run(NamedTuple):
    """How the program has ended: `status` is None if it did not."""

    status: int | None
    stdout: bytes
    stderr: bytes
    files: dict[str, bytes | None]  # that it was to write: None, there is none
    killed: int  # of its processes, by signals
    calls: list[str]
    failed: str  # the one that was made to fail
    keeps: bool  # data, if it does not fail

    def same_data(self, other: Run) -> bool:
        """Whether all that is left of the runs is the same."""
        return self.stdout == other.stdout and all(self.files.get(path) == other.files[path] for path in other.files)


class Files:
    """What the program writes, and what was there before, which each run finds again."""

    def __init__(self) -> None:
        self._before: dict[str, bytes | None] = {}

    def watch(self, call: Call) -> None:
        """A call that names files is about to be made."""
        flags = call.args["flags"] if call.name in ("open", "openat") else O_WRONLY
        if not flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC):
            return
        place = os.readlink(f"/proc/{call.task.host_pid}/cwd")
        for name, kind in call.types.items():
            if issubclass(kind, types.DirFd):
                fd = call.args[name]
                place = call.task.path(fd) if fd >= 0 else os.readlink(f"/proc/{call.task.host_pid}/cwd")
            elif issubclass(kind, types.Path) and (path := call[name]):
                path = os.path.normpath(os.path.join(place, path))
                if path not in self._before and not path.startswith(("/dev/", "/proc/")):
                    self._before[path] = _content(path)

    def restore(self) -> None:
        """Undo what runs have done."""
        for path, content in self._before.items():
            if content is not None and content != _content(path):
                with open(path, "wb") as file:
                    file.write(content)
            elif content is None and os.path.isfile(path):
                os.unlink(path)

    def now(self) -> dict[str, bytes | None]:
        """What there is."""
        return {path: _content(path) for path in self._before}


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read() if os.path.isfile(path) else None
    except OSError:
        return None


class Trials:
    """The runs of one program, by the options `options`, with `error` the negative errno or result of calls that fail."""

    def __init__(self, names: str, error: int, options: Sequence[str], argv: Sequence[str], stdin: bytes) -> None:
        self._names = names
        self._error = error
        self._options = options
        self._argv = argv
        self._stdin = stdin
        self._files = Files()
        self._keeping = callset.names(_KEEPS)
        self.patience: float | None = None

    def run(self, failing: int = -1) -> Run:
        """One run, in which the call of that number fails, from 0 on."""
        vm = VM(*self._options)
        calls: list[str] = []
        failed: list[tuple[str, bool]] = []
        killed: list[int] = []
        vm.on(*_NAMES_FILES)(self._files.watch)

        @vm.on(self._names)
        def count(call: Call) -> None:
            calls.append(call.name)
            if len(calls) - 1 == failing:
                failed.append((f"{call}, by {call.task.program}", self._keeps(call)))
                call.result = self._error

        @vm.event("exit")
        def mourn(event: Event) -> None:
            if event.value is None:
                killed.append(event.task.pid)

        self._files.restore()
        program = vm.start(self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        status: int | None
        with program:
            try:
                stdout, stderr = program.communicate(self._stdin, self.patience)
                status = program.returncode
            except subprocess.TimeoutExpired:
                program.kill()
                stdout, stderr = program.communicate()
                status = None
        text, keeps = failed[0] if failed else ("", False)
        return Run(status, stdout, stderr, self._files.now(), len(killed), calls, text, keeps)

    def _keeps(self, call: Call) -> bool:
        """Whether data may depend on it: it is made to keep some, and not by a descriptor that only reads."""
        if call.name not in self._keeping:
            return False
        if "fd" not in call.types:
            return True
        try:
            with open(f"/proc/{call.task.host_pid}/fdinfo/{call.args['fd']}") as file:
                flags = dict(line.split(":\t", 1) for line in file)["flags"]
        except OSError:  # it is not open
            return False
        return int(flags, 8) & O_ACCMODE != O_RDONLY

    def close(self) -> None:
        """Leave the files as they were found."""
        self._files.restore()


def judge(run: Run, usual: Run) -> str:
    """What has become of a failure: one of MISHANDLED, `told` or `handled`."""
    if run.status is None:
        return "hang"
    if run.status < 0 or run.killed > usual.killed:
        return "crash"
    if run.status != usual.status:
        return "told"
    if not run.same_data(usual):
        return "lost data"
    return "success claimed" if run.keeps and run.stderr == usual.stderr else "handled"


def main(text: str, options: Sequence[str], argv: Sequence[str]) -> int:
    """The report on standard output; 1 if anything is mishandled. CannotRun: there is nothing to compare with."""
    fault = parse(text if ":" in text else f"{text}:error=EIO")
    if fault.result is None or len(text.split(":")) > 2:
        raise CannotRun("--inject-each takes SET, SET:error=... or SET:retval=..., and nothing else")
    stdin = b"" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read()
    trials = Trials(text.partition(":")[0], fault.result, options, argv, stdin)
    try:
        return _report(trials, fault.result)
    finally:
        trials.close()


def _report(trials: Trials, error: int) -> int:
    usual = trials.run()
    if usual.status:
        raise CannotRun(f"without any fault it ends with status {usual.status}: there is nothing to compare with")
    start = monotonic()
    if not trials.run().same_data(usual):
        raise CannotRun("two runs without any fault differ in their output: there is nothing to compare with")
    trials.patience = _PATIENCE * (1 + monotonic() - start)
    found: list[tuple[str, Run]] = []
    for failing in range(len(usual.calls)):
        run = trials.run(failing)
        if run.failed:
            found.append((judge(run, usual), run))
    counts = Counter(verdict for verdict, _ in found)
    what = f"failed with {Errno(-error)}" if error < 0 else f"answered {error}"
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ("told", "handled", *MISHANDLED) if counts[verdict])
    calls = "1 call" if len(found) == 1 else f"{len(found)} calls"
    print(f"{calls}, each {what} in a run of its own: {told or 'none'}")
    for verdict, run in found:
        if verdict in MISHANDLED:
            end = f" (signal {-run.status})" if verdict == "crash" and run.status and run.status < 0 else ""
            print(f"{verdict}{end}: {run.failed}")
    return int(any(counts[verdict] for verdict in MISHANDLED))
