"""What of the calls is to be told, and how: the options of --strace and --count, in strace(1)'s own words."""

from __future__ import annotations

from linux_abi import callset
from linux_abi.syscall import CALLS
from linux_abi.syscalls import declare_all

from ..errors import CannotRun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from linux_abi.syscall import Syscall

STATUSES = ("successful", "failed", "unfinished")
_MOST_STRING = 1 << 14


class Options:
    """All of them, as `given` on the command line: (long form, value). CannotRun: one makes no sense."""

    def __init__(self, given: Iterable[tuple[str, str]], *, to_file: bool) -> None:
        declare_all()
        self.lines = False  # of calls
        self.form = ""  # "json": a record a line
        self.counts = False
        self.to_file = to_file
        self.clock = 0  # 1: the time of day, 2: with microseconds, 3: seconds since 1970
        self.relative = False
        self.durations = False
        self.links = False
        self.limit = 32
        self.only: set[str] | None = None  # names of calls; None: all
        self.statuses: set[str] | None = None
        for option, value in given:
            if option == "--strace":
                self.lines = True
                self.form = value
            elif option == "--count":
                self.counts = True
            elif option == "--only":
                self._expression(value)
            elif option == "--string-limit":
                self.limit = self._size(value)
            elif option == "--absolute-timestamps":
                self.clock += 1
            elif option == "--relative-timestamps":
                self.relative = True
            elif option == "--syscall-times":
                self.durations = True
            elif option == "--decode-fds":
                self.links = True
            elif option == "--successful-only":
                self._keep({"successful"}, "-z")
        if self.counts and self.lines:
            raise CannotRun("--strace and --count would write to one place")
        if self.counts and (self.statuses or self.clock or self.relative or self.durations or self.links or self.limit != 32):
            raise CannotRun("--count knows -e trace=SET and -o FILE; the rest is --strace's")
        if self.clock > 3:
            raise CannotRun("-t counts up to three times")

    @property
    def holds(self) -> bool:
        """Whether nothing is said of a call before it has come back."""
        return self.statuses is not None or self.form == "json"

    def wants(self, result: int | None) -> bool:
        """Whether a call that has returned this is told; None: it has not come back."""
        if self.statuses is None:
            return True
        kind = "unfinished" if result is None else "failed" if -4096 < result < 0 else "successful"
        return kind in self.statuses

    def calls(self) -> list[Syscall]:
        """Those of which records are taken."""
        if not self.lines:
            return []
        return [call for call in CALLS.values() if self.only is None or call.name in self.only]

    def _size(self, value: str) -> int:
        if not value.isdigit() or int(value) > _MOST_STRING:
            raise CannotRun(f"-s is a number of bytes up to {_MOST_STRING}, not '{value}'")
        return int(value)

    def _expression(self, text: str) -> None:
        kind, equals, words = text.partition("=")
        if not equals:
            kind, words = "trace", text
        if kind in ("t", "trace"):
            if self.only is not None:
                raise CannotRun(f"-e trace= is given twice; one list has them all: -e trace=A,B (then '{words}')")
            self.only = _names(words)
        elif kind == "status":
            self._keep({word for word in words.split(",") if _checked(word, STATUSES, "status")}, f"-e {text}")
        else:
            raise CannotRun(f"-e knows trace= and status=, not '{kind}='")

    def _keep(self, statuses: set[str], said: str) -> None:
        if self.statuses is not None and self.statuses != statuses:
            raise CannotRun(f"{said} contradicts what was said before of the calls' status")
        self.statuses = statuses


def _names(words: str) -> set[str]:
    """The calls that a SET of -e trace= names."""
    try:
        return callset.names(words)
    except callset.UnknownName as error:
        raise CannotRun(str(error)) from error


def _checked(word: str, known: Iterable[str], what: str) -> str:
    if word in known:
        return word
    raise CannotRun(callset.there_is_no(what, word, known))
