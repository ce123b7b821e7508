"""The clerk of measuring: tells what is in the ledger, after the guest's last word."""

from __future__ import annotations

import os
from stat import S_ISREG

from ..clerk import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..cli import Options
    from .ledger import Ledger, Process


class Clerk:
    """Knows what is asked for and what of it has been told."""

    def __init__(self, options: Options, ledger: Ledger, out: int) -> None:
        self.options = options
        self.ledger = ledger
        self.out = out
        self.told: set[int] = set()  # places of processes
        self.all = 0  # instructions of these
        self.complete = 0  # how many there were when all were told of
        self.counts_out = bool(options.counts and options.output and not options.trace and not options.coverage)
        self.may_rewrite = bool(options.output) and S_ISREG(os.fstat(out).st_mode)

    def work(self, asked: int, answered: int) -> None:
        """Tell at each byte from `asked`, say so by one to `answered`, and end with the tree."""
        while os.read(asked, 1):
            self.report()
            try:
                os.write(answered, b"\0")
            except OSError:  # who has asked is gone meanwhile
                pass
        self.report(final=True)

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
