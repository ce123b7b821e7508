"""Does in a guest's processes what a Fault says."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from time import sleep

from linux_abi import types
from linux_abi.syscall import Declarations
from linux_abi.uapi.x86_64 import ARGUMENT_REGISTERS

from ..once import Answer, Once
from .fault import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linux_abi.task import Task

    from .fault import Fault


class _Injected(Answer):
    """Of a call that the fault has hit."""


class Injection(Once):
    """Counts each thread's calls of each name, as strace(1) counts each tracee's."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.calls)
        self._fault = fault
        self._counts: dict[tuple[Task, int], int] = {}
        self._sizes = _sizes(fault.calls) if fault.short >= 0 else {}

    def born(self, task: Task) -> None:
        super().born(task)
        self._counts.clear()

    def thread_ended(self, task: Task) -> None:
        super().thread_ended(task)
        for key in [key for key in self._counts if key[0] is task]:
            del self._counts[key]

    def before(self, task: Task, regs: memoryview[int], number: int) -> Answer:
        fault = self._fault
        count = self._counts[task, number] = self._counts.get((task, number), 0) + 1
        if not fault.fits(count) or not self._by_chance(number, count):
            return Answer()
        sleep(fault.delay_enter)
        if fault.signal:
            now = task.host.now
            now.tgkill(now.getpid(), now.gettid(), fault.signal)
        return _Injected(fault.result, self._shortened(regs, number))

    def after(self, task: Task, number: int, answer: Answer, result: int | None) -> int | None:
        if isinstance(answer, _Injected):
            sleep(self._fault.delay_exit)
        return result

    def _by_chance(self, number: int, count: int) -> bool:
        """Of a thread's calls the same ones in each run, however its process and threads are numbered."""
        fault = self._fault
        return fault.chance >= 1 or Random(f"{fault.seed} {number} {count}").random() < fault.chance  # noqa: S311

    def _shortened(self, regs: memoryview[int], number: int) -> list[int]:
        place = self._sizes.get(number)
        if place is None:
            return []
        words = [regs[r] for r in ARGUMENT_REGISTERS]
        words[place] = min(words[place], self._fault.short)
        return words


def asked(text: str) -> Injection:
    """What an --inject says. CannotRun: it is wrong."""
    return Injection(parse(text))


def _sizes(calls: frozenset[int]) -> dict[int, int]:
    """Call -> which argument is the size of its buffer; calls without one are left out."""
    declared = Declarations(lazy=False)
    found = {}
    for number in calls:
        kinds = [kind for _, kind in call.parameters] if (call := declared.get(number)) else []
        for place, (kind, after) in enumerate(pairwise(kinds), 1):
            if issubclass(kind, types.InBuf | types.OutBuf) and issubclass(after, types.Size):
                found[number] = place
                break
    return found
