"""The clerk of --count: tells at the end, when it has followed births and ends."""

from __future__ import annotations

import os
from json import dumps
from stat import S_ISREG

from . import counts
from .lines import Lines
from .table import table, tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from linux_abi.syscall import Declarations

    from .lines import Task
    from .options import Options


class Sums(Lines):
    """Tells by `write`, which takes text, what is in the open file `fd`; `out` is where it goes."""

    def __init__(self, options: Options, declared: Declarations, fd: int, out: int, write: Callable[[str], None]) -> None:
        super().__init__(options, declared, [], write)
        self._fd = fd
        self._out = out

    def _print(self, task: Task, when: int, text: str) -> None:
        pass

    def last(self) -> None:
        processes = counts.read(self._fd, self.options.only)
        if self.options.to_file:
            if S_ISREG(os.fstat(self._out).st_mode):  # a child that was slow to begin has not been in it
                os.ftruncate(self._out, 0)
            rows = ",\n ".join(map(dumps, processes))
            self.write(f'{{"processes": [\n {rows}\n]}}\n')
        else:
            self.write(f"{table(processes)}\n{tree(processes)}")
