"""The registry of system calls: one declaration a call drives dispatch, trace, documentation, C table and fuzzing.

    @syscall
    def brk(task: Task, addr: Ptr) -> int: ...      # handled: the body does the work

    @forward(restart=SYS)
    def read(fd: Fd, buf: OutBuf, count: Size): ...  # forwarded: the host does it, arguments translated by their types

    @refuse(EPERM, "there is no kernel to load modules into")
    def init_module(...): ...                        # known, not done: errno and reason

A call's docstring is its line in docs/syscalls.md.
"""

from __future__ import annotations

from . import types
from .errors import LinuxError
from .index import WHERE
from .syscalls import declare, declare_all
from .uapi.errno import ENOSYS
from .uapi.x86_64 import ARGUMENT_REGISTERS, NUMBERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any, TypeVar, overload

    from .task import Task

    Entry = Callable[[Task, memoryview[int]], int]
    Handler = TypeVar("Handler", bound=Callable[..., object])

# What happens to a call that a signal interrupted (signal(7)). The names are the kernel's (include/linux/errno.h).
SYS = "ERESTARTSYS"  # restarted if no handler ran, or one with SA_RESTART did
NOHAND = "ERESTARTNOHAND"  # restarted only if no handler ran
NEVER = "EINTR"  # never restarted
BLOCK = "ERESTART_RESTARTBLOCK"  # like NOHAND, with a relative time-out that goes on running


class Syscall:
    """One declared call."""

    __slots__ = ("name", "function", "how", "restart", "errno", "plain", "note", "_parameters")

    def __init__(
        self, function: Callable[..., object], how: str, restart: str = SYS, errno: int = 0, note: str = "", plain: bool = False
    ) -> None:
        self.name = function.__name__
        self.function = function
        self.how = how  # "handled", "forwarded", "refused"
        self.restart = restart
        self.errno = errno
        self.plain = plain  # handed to the host as it is, if no argument is the VMM's or leads to a view of /proc
        self.note = note  # handled: what is missing, if anything; refused: why
        self._parameters: list[tuple[str, type[types.Arg]]] | None = None

    @property
    def number(self) -> int:
        """The call's number on the guest's architecture."""
        return NUMBERS[self.name]

    @property
    def doc(self) -> str:
        """The docstring's first line."""
        return (self.function.__doc__ or "").strip().split("\n")[0]

    @property
    def parameters(self) -> list[tuple[str, type[types.Arg]]]:
        """The arguments as the guest passes them: name and type, from the `def` alone."""
        if self._parameters is None:
            code = self.function.__code__
            names = code.co_varnames[: code.co_argcount]
            scope = {**vars(types), **self.function.__globals__}
            hints = self.function.__annotations__
            self._parameters = [(n, eval(hints[n], scope)) for n in names if n != "task"]  # noqa: S307  our own source
        return self._parameters

    @property
    def kinds(self) -> bytes:
        """The kind of each argument. Needs no `parameters`: at every start all forwarded calls are asked for theirs."""
        hints = self.function.__annotations__
        names = [hint.partition("[")[0] for name, hint in hints.items() if name not in ("task", "return")]
        return bytes([vars(types)[name].kind for name in names])

    @property
    def opens(self) -> bool:
        """Whether the result is a descriptor of a file that may be of procfs."""
        return self.function.__annotations__.get("return") == "NewFd"

    def compile(self) -> CodeType:
        """The code that defines the function that serves the call: registers in, result or negative errno out."""
        if self.how == "refused":
            source = f"return -{self.errno}"
        elif self.how == "forwarded":
            from . import forward

            source = forward.entry_source(self)
        else:
            args = [t.decode.format(r=f"regs[{ARGUMENT_REGISTERS[i]}]") for i, (_, t) in enumerate(self.parameters)]
            call = f"function({', '.join(['task', *args])})"
            source = f"try:\n  return {call}\n except LinuxError as error:\n  return -error.errno"
        return compile(f"def {self.name}(task, regs):\n {source}", f"<{self.name}>", "exec", dont_inherit=True)

    def entry(self, code: CodeType) -> Entry:
        """The function that `code`, of compile(), defines."""
        scope: dict[str, object] = {"LinuxError": LinuxError, "function": self.function}
        if self.how == "forwarded":
            from . import forward

            scope = {**vars(forward)}
        exec(code, scope)  # noqa: S102  our own
        return scope[self.name]  # type: ignore[return-value]


CALLS: dict[str, Syscall] = {}


def _declares(how: str, **said: Any) -> Callable[[Handler], Handler]:
    def declare(function: Handler) -> Handler:
        name = function.__name__
        if name in CALLS:
            raise ValueError(f"system call {name} is declared twice")
        if name not in NUMBERS:
            raise ValueError(f"{name} is no system call of Linux on this architecture")
        CALLS[name] = Syscall(function, how, **said)
        return function

    return declare


if TYPE_CHECKING:

    @overload
    def syscall(function: Handler, /) -> Handler: ...
    @overload
    def syscall(*, restart: str = ..., missing: str = ..., plain: bool = ...) -> Callable[[Handler], Handler]: ...


def syscall(function: Any = None, *, restart: str = SYS, missing: str = "", plain: bool = False) -> Any:
    """Declare a call that its body handles; `missing` says what of it is not done.

    `plain`: for all but arguments that are the VMM's own or may lead to a view of /proc, the body does what the host does.
    """
    declare = _declares("handled", restart=restart, note=missing, plain=plain)
    return declare if function is None else declare(function)


if TYPE_CHECKING:

    @overload
    def forward(function: Handler, /) -> Handler: ...
    @overload
    def forward(*, restart: str = ...) -> Callable[[Handler], Handler]: ...


def forward(function: Any = None, *, restart: str = SYS) -> Any:
    """Declare a call that the host serves as it is, its arguments translated by their types."""
    declare = _declares("forwarded", restart=restart, plain=True)
    return declare if function is None else declare(function)


def refuse(errno: int, why: str) -> Callable[[Handler], Handler]:
    """Declare a call that is known and not done."""
    return _declares("refused", errno=errno, note=why)


def _unknown(task: Task, regs: memoryview[int]) -> int:
    return -ENOSYS


class Declarations:
    """The declared calls by number. With `lazy`, a module of them is imported when one of its calls is first asked for."""

    def __init__(self, *, lazy: bool) -> None:
        if not lazy:
            declare_all()
        self._known = {call.number: call for call in CALLS.values()}

    def get(self, number: int) -> Syscall | None:
        """The call of that number; None if Linux has none or nothing declares it."""
        call = self._known.get(number)
        if call is None and number in WHERE:
            declare(WHERE[number])
            self._known.update({call.number: call for call in CALLS.values()})
            call = self._known.get(number)
        return call


class Table(dict[int, "Entry"]):
    """Number -> entry, made at the first use; numbers that Linux does not know give -ENOSYS.

    `compiled(number)`: the code of Syscall.compile() where somebody has kept it, or None.
    """

    def __init__(self, *, lazy: bool = False, compiled: Callable[[int], CodeType | None] = lambda _: None) -> None:
        self.declared = Declarations(lazy=lazy)
        self._compiled = compiled

    def __missing__(self, number: int) -> Entry:
        call = self.declared.get(number)
        entry = self[number] = call.entry(self._compiled(number) or call.compile()) if call else _unknown
        return entry
