"""Instruments that are asked once about each call, though a signal may make the guest begin it several times."""

from __future__ import annotations

from linux_abi.uapi.errno import ERESTARTSYS
from linux_abi.uapi.x86_64 import ARGUMENT_REGISTERS, NUMBERS, RAX, RIP, RSP

from ._native import lib
from .instrument import Instrument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linux_abi.syscall import Entry
    from linux_abi.task import Task

    Place = tuple[int, ...]

_SIGRETURN = NUMBERS["rt_sigreturn"]
_SYSCALL_LENGTH = 2  # bytes of the instruction


class Answer:
    """What becomes of a call: a result in its stead, or its arguments, as in the registers, if they are others."""

    __slots__ = ("result", "words")

    def __init__(self, result: int | None = None, words: Sequence[int] = ()) -> None:
        self.result = result
        self.words = words

    def registers(self, regs: memoryview[int]) -> memoryview[int]:
        """The registers to serve the call by. The guest's own stay as they are, as Linux promises."""
        if not self.words:
            return regs
        changed = list(regs)
        for register, word in zip(ARGUMENT_REGISTERS, self.words, strict=True):
            changed[register] = word
        return changed  # type: ignore[return-value]


class _Thread:
    """What was said of a thread's calls that are yet to be made."""

    __slots__ = ("next", "suspended")

    def __init__(self) -> None:
        self.next: dict[Place, Answer] = {}
        self.suspended: dict[Place, Answer] = {}  # handlers run that may return there or not


class Once(Instrument):
    """Asks `before` about each of `numbers`, has the call made, and tells `after`."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._numbers = frozenset(numbers)
        self._threads: dict[Task, _Thread] = {}
        self.calls = {*self._numbers, _SIGRETURN}

    def before(self, task: Task, regs: memoryview[int], number: int) -> Answer:
        """What is to become of the call."""
        raise NotImplementedError

    def after(self, task: Task, number: int, answer: Answer, result: int | None) -> int | None:
        """The call's result is to be this; None: the registers say all."""
        raise NotImplementedError

    def thread_ended(self, task: Task) -> None:
        self._threads.pop(task, None)

    def born(self, task: Task) -> None:
        self._threads = {task: self._threads.get(task) or _Thread()}

    def signalled(self, task: Task, info: bytes) -> None:
        if thread := self._threads.get(task):
            thread.suspended.update(thread.next)
            thread.next.clear()

    def wrap(self, number: int, entry: Entry) -> Entry:
        if number in self._numbers:
            entry = self._asking(number, entry)
        return self._returning(entry) if number == _SIGRETURN else entry

    def _asking(self, number: int, entry: Entry) -> Entry:
        def asking(task: Task, regs: memoryview[int]) -> int | None:
            thread = self._threads.get(task) or self._threads.setdefault(task, _Thread())
            place = _place(regs, regs[RIP])
            thread.suspended.pop(place, None)  # a handler has not returned there but jumped
            answer = thread.next.pop(place, None) or self.before(task, regs, number)
            result: int | None = answer.result
            if result is None:
                result = entry(task, answer.registers(regs))
                if result == -ERESTARTSYS:  # a signal comes first, then the call is made again
                    thread.next[place] = answer
                    return result
            told = self.after(task, number, answer, result)
            if answer.result is not None or told != result:
                lib.watch_injected()
            return told

        return asking  # type: ignore[return-value]

    def _returning(self, entry: Entry) -> Entry:
        """A handler's end may lead back to a call that was asked about already."""

        def returning(task: Task, regs: memoryview[int]) -> int | None:
            result = entry(task, regs)
            if thread := self._threads.get(task):
                place = _place(regs, regs[RIP] + _SYSCALL_LENGTH)
                if answer := thread.suspended.pop(place, None):
                    thread.next[place] = answer
            return result

        return returning  # type: ignore[return-value]


def _place(regs: memoryview[int], rip: int) -> Place:
    """What tells a call that is made again: where it is made, by which stack, and all that it is given."""
    return rip, regs[RSP], regs[RAX] & 0xFFFFFFFF, *[regs[r] for r in ARGUMENT_REGISTERS]
