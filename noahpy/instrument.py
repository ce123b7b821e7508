"""What may stand between a guest and what serves its calls: hooks, injected faults. Without any, calls go their own way."""

from __future__ import annotations

from ._native import lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from linux_abi.syscall import Entry, Table
    from linux_abi.task import Task


class Instrument:
    """Wraps what serves some calls, and is told what becomes of processes and threads, each time in the thread concerned."""

    calls: Iterable[int] = ()  # numbers

    def wrap(self, number: int, entry: Entry) -> Entry:
        """What is to serve the call instead of `entry`."""
        raise NotImplementedError

    def thread_started(self, task: Task) -> None:
        """Nothing of the thread's program has been executed yet."""

    def thread_ended(self, task: Task) -> None:
        """Also of a process's first thread, where the others go on."""

    def born(self, task: Task) -> None:
        """The process is a fork's child, `task` its only thread."""

    def executed(self, task: Task) -> None:
        """The process has another program."""

    def signalled(self, task: Task, info: bytes) -> None:
        """The thread is about to run its handler of a signal, which this siginfo tells."""

    def ending(self, task: Task, status: int) -> None:
        """The process ends with this exit status: by exit_group(2), or its last thread's exit(2)."""


def interpose(instruments: Sequence[Instrument], table: Table) -> None:
    """Their calls are served in Python from now on, through them: the last one is asked first. So are all signals."""
    lib.fast_watch_signals()
    for instrument in instruments:
        for number in instrument.calls:
            table[number] = instrument.wrap(number, table[number])
            lib.fast_watch(number)


def observed(instruments: Sequence[Instrument], serve: Callable[[Task], None]) -> Callable[[Task], None]:
    """`serve`, which runs a thread to its end, with both told."""

    def run(task: Task) -> None:
        for instrument in instruments:
            instrument.thread_started(task)
        try:
            serve(task)
        finally:
            for instrument in instruments:
                instrument.thread_ended(task)

    return run
