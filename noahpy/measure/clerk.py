"""The clerk: the process that tells what was measured, with its own rights and root directory, after the guest's last word."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # not signal, which imports enum
import gc
import os
from stat import S_ISREG

from linux_abi.uapi.prctl import PR_SET_NAME
from linux_abi.uapi.x86_64 import NUMBERS

from .._native import ffi, lib
from .ledger import Ledger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from ..cli import Options
    from .ledger import Process


def work(options: Options, ledger: int, asked: int, answered: int, out: int) -> NoReturn:
    """In a fresh child: tell at each byte from `asked`, say so by one to `answered`, and end with the tree."""
    status = 1
    try:
        _leave({1, 2, ledger, asked, answered, out})
        clerk = Clerk(options, Ledger(ledger), out)
        while os.read(asked, 1):
            clerk.report()
            try:
                os.write(answered, b"\0")
            except OSError:  # who has asked is gone meanwhile
                pass
        clerk.report(final=True)
        status = 0
    except BaseException as error:  # nobody else would tell
        say(f"what was measured is lost: {type(error).__name__}: {error}")
        if os.environ.get("NOAHPY_DEBUG"):
            import traceback

            traceback.print_exc()
    finally:
        os._exit(status)


def _leave(kept: set[int]) -> None:
    """Hold nothing of the guest's: its terminal, its directory, its descriptors but `kept` and stderr."""
    os.setsid()
    name = ffi.from_buffer(b"noahpy-clerk\0")
    lib.host_syscall_now(NUMBERS["prctl"], PR_SET_NAME, ffi.cast("long", name), 0, 0, 0, 0)
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    gc.enable()
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in kept:
            try:
                os.close(fd)
            except OSError:  # the one that listed them
                pass
    os.dup2(os.open("/dev/null", os.O_RDWR), 1)
    os.chdir("/")


def say(text: str) -> None:
    """One line on stderr, if there is one."""
    try:
        os.write(2, f"noahpy: {text}\n".encode(errors="backslashreplace"))
    except OSError:
        pass


class Clerk:
    """Tells what is in the ledger."""

    def __init__(self, options: Options, ledger: Ledger, out: int) -> None:
        self.options = options
        self.ledger = ledger
        self.out = out
        self.told: set[int] = set()  # places of processes
        self.all = 0  # instructions of these
        self.complete = 0  # how many there were when all were told of
        self.counts_out = bool(options.counts and options.output and not options.trace and not options.coverage)
        self.may_rewrite = bool(options.output) and S_ISREG(os.fstat(out).st_mode)

    def report(self, final: bool = False) -> None:
        """Of all that has ended; `final`: everything has."""
        processes = self.ledger.processes()
        if len(processes) == self.complete:
            return
        ended = [p for p in processes if final or p.ended]
        complete = len(ended) == len(processes)
        if self.options.trace:
            for process in ended:
                if process.untold:
                    os.write(self.out, self.ledger.take_trace(process))
        if self.options.counts:
            self._tell_counts([p for p in ended if p.place not in self.told], complete)
        if self.counts_out and (complete or self.may_rewrite):
            from json import dumps

            rows = [{"pid": p.pid, "parent": p.parent, "program": p.program, "instructions": p.instructions} for p in ended]
            self._rewrite(f"[{', '.join(map(dumps, rows))}]\n".replace("}, {", "},\n {").encode())
        if self.options.coverage and (complete or self.may_rewrite):
            self._rewrite(self._coverage())
        self.complete = len(ended) if complete else 0

    def _tell_counts(self, processes: list[Process], complete: bool) -> None:
        for process in processes:
            say(f"{process.pid} {process.program}: {process.instructions} instructions")
            self.all += process.instructions
            self.told.add(process.place)
        if processes and complete and len(self.told) > 1:
            say(f"all {len(self.told)} processes: {self.all} instructions")

    def _coverage(self) -> bytes:
        modules = self.ledger.modules()
        if lost := self.ledger.lost():
            say(f"coverage: {lost} executions of blocks found no place")
        if self.options.coverage == "drcov":
            from .drcov import write

            return write(modules)
        from . import lcov

        return lcov.write(modules, say)

    def _rewrite(self, data: bytes) -> None:
        if self.may_rewrite:
            os.ftruncate(self.out, 0)
        while data:
            data = data[os.write(self.out, data) :]
