"""Records become lines as strace(1) prints them."""

from __future__ import annotations

import os
from struct import error as StructError  # noqa: N812  it is a class
from time import localtime, monotonic_ns, strftime, time_ns

from linux_abi.show.arguments import Seen
from linux_abi.show.calls import RESULT, Shown, unknown
from linux_abi.show.structs import child_info, siginfo, signal_name
from linux_abi.uapi.clone import CLONE_THREAD
from linux_abi.uapi.errno import EINTR
from linux_abi.uapi.signals import SIGCHLD, SIGKILL
from linux_abi.uapi.structs import SiginfoChild
from linux_abi.uapi.x86_64 import NUMBERS

from .._native import lib
from ..clerk import is_alive
from .ring import ARGUMENTS_SIZE, Record, arguments, parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from linux_abi.syscall import Declarations

    from .options import Options

UNDECODED = (ArithmeticError, LookupError, OSError, StructError, ValueError)  # a program's memory may hold anything
_COLUMN = 40  # where results start
_KEPT = 1 << 14  # texts that are remembered, since programs repeat themselves
_SECOND = 1_000_000_000
_MICROSECOND = 1000
_WAITS = (NUMBERS["wait4"], NUMBERS["waitid"])
_CLONE, _CLONE3 = NUMBERS["clone"], NUMBERS["clone3"]
_FORKS = (_CLONE, _CLONE3, NUMBERS["fork"], NUMBERS["vfork"])
_ENDS = (NUMBERS["exit"], NUMBERS["exit_group"])


class Task:
    """A thread of the tree, as far as its records tell."""

    __slots__ = ("tid", "pid", "parent", "open", "came", "due", "told_of_children", "announced")

    def __init__(self, tid: int, pid: int, parent: int) -> None:
        self.tid = tid
        self.pid = pid
        self.parent = parent
        self.open: Record | None = None  # the beginning of the call that it is in
        self.came: Record | None = None  # its end, when that waits for what comes next
        self.due: list[bytes] = []  # siginfos of signals that nobody catches, for after the call
        self.told_of_children = True  # by a SIGCHLD that nobody catches
        self.announced = False  # its parent's fork has come back


class Told:
    """The parts of a call's line: to the first thing that its end tells, to the closing parenthesis, the result."""

    __slots__ = ("name", "before", "after", "result")

    def __init__(self, name: str, before: str, after: str, result: str) -> None:
        self.name, self.before, self.after, self.result = name, before, after, result


class Lines:
    """Tells by `write`, which takes text. `first`: the arguments of the execve that begins the tree."""

    def __init__(self, options: Options, declared: Declarations, first: list[str], write: Callable[[str], None]) -> None:
        self.options = options
        self.write = write
        self.tasks: dict[int, Task] = {}
        self._first = first
        self._early: set[int] = set()  # processes that have ended before their parent's fork came back
        self._current: Task | None = None  # whose call's beginning was the last that happened
        self._begun = ""  # that line, as far as it is written
        self._declared = declared
        self._calls: dict[int, Shown | None] = {}
        self._texts: dict[tuple[object, ...], Told] = {}
        self.clock = time_ns() - monotonic_ns()
        self._last = 0  # time of the line before
        self._handlers = {
            lib.RECORD_BORN: self._born,
            lib.RECORD_BEGIN: self._begin,
            lib.RECORD_END: self._end,
            lib.RECORD_SIGNAL: self._signal,
            lib.RECORD_ACTION: self._action,
            lib.RECORD_THREAD_ENDED: self._thread_ended,
            lib.RECORD_ENDED: self._process_ended,
        }

    def last(self) -> None:
        """Nobody is left."""

    def feed(self, records: list[Record]) -> None:
        """Tell of these."""
        tasks, handlers = self.tasks, self._handlers
        for record in records:
            task = tasks.get(record.tid)
            if task is None and record.kind != lib.RECORD_BORN:
                continue  # a thread that has run on after its process's end was told
            task = task or self._adopt(record)
            if task.came:
                self._back(task, task.came, interrupted=record.kind == lib.RECORD_SIGNAL)
            handlers[record.kind](record, task)

    def idle(self) -> None:
        """Nothing has come for a while: what has begun is shown as far as it is known."""
        if self._current and not self._begun and not self.options.holds:
            self._begun = self._beginning(self._current)
            self.write(self._begun)

    def killed(self, pid: int) -> None:
        """A process is no more and has not said so."""
        self._process_ends(pid, SIGKILL, monotonic_ns())

    # ---- what happens ----

    def _adopt(self, record: Record) -> Task:
        task = self._know(record.tid, record.pid, record.value)
        if self._first:
            self._print_first(task, record.when, self._first)
            self._first = []
        return task

    def _know(self, tid: int, pid: int, parent: int) -> Task:
        task = self.tasks.get(tid)
        if task is None:
            task = self.tasks[tid] = Task(tid, pid, parent)
            if parent in self.tasks:
                task.told_of_children = self.tasks[parent].told_of_children
        return task

    def _announced(self, parent: Task, pid: int) -> None:
        """A fork has come back: its child may be killed before it has a word to say."""
        if pid in self._early:
            self._early.remove(pid)
        else:
            self._know(pid, pid, parent.pid).announced = True

    def _born(self, record: Record, task: Task) -> None:
        pass  # it is known by now

    def _begin(self, record: Record, task: Task) -> None:
        self._leave()
        task.open = record
        if not self.options.holds:
            self._current = task

    def _end(self, record: Record, task: Task) -> None:
        if task.open is None:
            return
        if record.value == (1 << 64) - EINTR:
            task.came = record
        else:
            self._back(task, record, interrupted=False)

    def _signal(self, record: Record, task: Task) -> None:
        child = SiginfoChild.unpack(record.content[: SiginfoChild.size])
        if child.si_signo == SIGCHLD and child.si_code > 0:
            self._reaped(child.si_pid)
        self._print_signal(task, record.when, record.content)

    def _action(self, record: Record, task: Task) -> None:
        leader = self.tasks.get(task.pid, task)
        leader.told_of_children = record.value == lib.ACTION_DEFAULT

    def _thread_ended(self, record: Record, task: Task) -> None:
        status = arguments(task.open.content)[0] & 0xFF if task.open and task.open.value in _ENDS else 0
        self._task_ends(task, f"exited with {status}", record.when)

    def _process_ended(self, record: Record, task: Task) -> None:
        self._process_ends(task.pid, record.value, record.when)

    # ---- calls that have come back ----

    def _back(self, task: Task, end: Record, interrupted: bool) -> None:
        begin = task.open
        assert begin is not None
        result = end.value - (1 << 64) if end.value >> 63 else end.value
        if begin.value in _WAITS and result > 0:
            self._reaped(result)
        if begin.value in _FORKS and result > 0 and self._makes_process(begin):
            self._announced(task, result)
        if self.options.wants(result):
            self._finish(task, begin, end, result, interrupted=interrupted)
        task.open = task.came = None
        while task.due:
            self._print_signal(task, end.when, task.due.pop(0))

    def _makes_process(self, begin: Record) -> bool:
        memory = dict(parts(begin.content, ARGUMENTS_SIZE))
        flags = int.from_bytes(memory.get(0, b"")[:8], "little") if begin.value == _CLONE3 else arguments(begin.content)[0]
        return begin.value not in (_CLONE3, _CLONE) or not flags & CLONE_THREAD

    def _finish(self, task: Task, begin: Record, end: Record, result: int | None, *, interrupted: bool) -> None:
        """A call has come back; without a result: its thread ends."""
        told = self._tell(begin, end, result, interrupted)
        if self._current is task:
            written = self._begun
            line = written or self._prefix(task, begin.when) + told.before
            self._current, self._begun = None, ""
        elif self.options.holds:
            written, line = "", self._prefix(task, begin.when) + told.before
        else:
            self._leave()
            written, line = "", f"{self._prefix(task, end.when)}<... {told.name} resumed>"
        line += told.after + " "
        took = f" <{_seconds(end.when - begin.when)}>" if self.options.durations else ""
        injected = " (INJECTED)" if end.served == lib.SERVED_INJECTED else ""
        self.write(f"{line.ljust(_COLUMN)}= {told.result}{injected}{took}\n"[len(written) :])

    def _tell(self, begin: Record, end: Record | None, result: int | None, interrupted: bool) -> Told:
        key = begin.value, begin.content, end and end.content, result, interrupted
        told = self._texts.get(key)
        if told is None:
            if len(self._texts) >= _KEPT:
                self._texts.clear()
            told = self._texts[key] = self._decode(begin, end, result, interrupted)
        return told

    def _decode(self, begin: Record, end: Record | None, result: int | None, interrupted: bool) -> Told:
        seen = self.seen(begin, end, result)
        call = self.call(begin.value)
        if call is None:
            text = unknown(begin.value, seen)
            return Told(f"syscall_{begin.value:#x}", text[:-1], ")", "-1 ENOSYS (Function not implemented)")
        try:
            what = "?" if result is None else call.result(seen, interrupted)
            return Told(call.name, call.before(seen), call.after(seen), what)
        except UNDECODED:
            return Told(call.name, f"{call.name}({', '.join(map(hex, seen.arguments))}", ")", str(result))

    def call(self, number: int) -> Shown | None:
        """How the call of that number is shown; None: Linux has none."""
        if number not in self._calls:
            declared = self._declared.get(number)
            self._calls[number] = Shown(declared) if declared else None
        return self._calls[number]

    def seen(self, begin: Record, end: Record | None, result: int | None) -> Seen:
        """A call's records taken apart."""
        seen = Seen(arguments(begin.content), self.options.limit)
        seen.result = result
        call = self.call(begin.value)
        for memory, content, at in ((seen.before, begin.content, ARGUMENTS_SIZE), (seen.after, end.content if end else b"", 0)):
            for argument, data in parts(content, at):
                if self.options.links and (argument == RESULT or (call and call.is_fd(argument))):
                    seen.links[argument] = data
                else:
                    memory.setdefault(argument, []).append(data)
        return seen

    # ---- ends ----

    def _reaped(self, pid: int) -> None:
        """Somebody is told of that process's end."""
        if pid in self.tasks and not is_alive(pid):
            self.killed(pid)

    def _process_ends(self, pid: int, status: int, when: int) -> None:
        signal = status & 0x7F
        how = f"killed by {signal_name(signal)}" if signal else f"exited with {status >> 8}"
        tasks = [task for task in self.tasks.values() if task.pid == pid]
        for task in sorted(tasks, key=lambda task: task.tid == pid):  # the leader is the last
            self._task_ends(task, how, when)
        leader = next((task for task in tasks if task.tid == pid), None)
        parent = self.tasks.get(leader.parent) if leader else None
        if parent and parent.told_of_children:
            parent.due.append(child_info(pid, os.getuid(), status))
            if parent.open is None:
                self._print_signal(parent, when, parent.due.pop())

    def _task_ends(self, task: Task, how: str, when: int) -> None:
        if task.open and self.options.wants(None):
            self._finish(task, task.open, Record.at(when), None, interrupted=False)
        self._print_end(task, when, how)
        del self.tasks[task.tid]
        if not self.tasks:
            self.last()
        if task.tid == task.pid and not task.announced and task.parent in self.tasks:
            self._early.add(task.pid)

    # ---- lines ----

    def _print_signal(self, task: Task, when: int, info: bytes) -> None:
        number = int.from_bytes(info[:4], "little")
        self._print(task, when, f"--- {signal_name(number)} {siginfo(info)} ---")

    def _print_end(self, task: Task, when: int, how: str) -> None:
        self._print(task, when, f"+++ {how} +++")

    def _print_first(self, task: Task, when: int, arguments: list[str]) -> None:
        """The call that has begun the tree, which nobody has made here."""
        text = f"execve({', '.join(arguments)}) ".ljust(_COLUMN - len(self._prefix(task, when)))
        self._print(task, when, f"{text}= 0")

    def _print(self, task: Task, when: int, text: str) -> None:
        self._leave()
        self.write(f"{self._prefix(task, when)}{text}\n")

    def _beginning(self, task: Task) -> str:
        assert task.open is not None
        return self._prefix(task, task.open.when) + self._tell(task.open, None, None, interrupted=False).before

    def _leave(self) -> None:
        """Something else happens while a call is not back."""
        if self._current:
            line = self._begun or self._beginning(self._current)
            self.write(f"{line[len(self._begun) :]} <unfinished ...>\n")
            self._current, self._begun = None, ""

    def _prefix(self, task: Task, when: int) -> str:
        options = self.options
        who = f"{task.tid:<5} " if options.to_file else f"[pid {task.tid:5}] " if len(self.tasks) > 1 else ""
        if options.relative:
            who += f"{_seconds(when - (self._last or when)):>12} "
            self._last = when
        if options.clock:
            now = self.clock + when
            day = strftime("%H:%M:%S", localtime(now // _SECOND)) if options.clock < 3 else str(now // _SECOND)
            fraction = f".{now % _SECOND // _MICROSECOND:06}" if options.clock > 1 else ""
            who += f"{day}{fraction} "
        return who


def _seconds(ns: int) -> str:
    return f"{ns // _SECOND}.{ns % _SECOND // _MICROSECOND:06}"
