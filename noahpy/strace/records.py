"""The same as Lines, as JSON: an object a line, of each call, signal and end."""

from __future__ import annotations

from json import dumps

from linux_abi.show.calls import ERRNO
from linux_abi.show.structs import siginfo, signal_name

from .._native import lib
from .lines import UNDECODED, Lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linux_abi.show.arguments import Seen
    from linux_abi.show.calls import Shown

    from .lines import Task
    from .ring import Record

_SECOND = 1_000_000_000
_ERRORS = 4096
_SERVED = {lib.SERVED_C: "C", lib.SERVED_PYTHON: "Python", lib.SERVED_INJECTED: "injected"}


class Records(Lines):
    """Tells by `write`, which takes text."""

    def _finish(self, task: Task, begin: Record, end: Record, result: int | None, *, interrupted: bool) -> None:
        seen, call = self.seen(begin, end, result), self.call(begin.value)
        what: dict[str, object] = {"call": call.name if call else begin.value, "arguments": self._named(call, seen)}
        what |= {"registers": seen.arguments, "result": result}
        if result is not None:
            if -_ERRORS < result < 0:
                what["error"] = ERRNO.get(-result, str(-result))
            what["served"] = _SERVED[end.served]
        self._write(task, begin.when, {**what, "seconds": (end.when - begin.when) / _SECOND})

    def _named(self, call: Shown | None, seen: Seen) -> dict[str, str]:
        try:
            return call.named(seen) if call else {}
        except UNDECODED:
            return {}

    def _print_signal(self, task: Task, when: int, info: bytes) -> None:
        self._write(task, when, {"signal": signal_name(int.from_bytes(info[:4], "little")), "info": siginfo(info)})

    def _print_end(self, task: Task, when: int, how: str) -> None:
        self._write(task, when, {"end": how})

    def _print_first(self, task: Task, when: int, arguments: list[str]) -> None:
        names = dict(zip(("pathname", "argv", "envp"), arguments, strict=True))
        self._write(task, when, {"call": "execve", "arguments": names, "result": 0})

    def _write(self, task: Task, when: int, what: dict[str, object]) -> None:
        self.write(dumps({"time": (self.clock + when) / _SECOND, "pid": task.pid, "tid": task.tid, **what}) + "\n")
