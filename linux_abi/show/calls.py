"""A whole call as strace(1) writes it, from its declaration."""

from __future__ import annotations

import os

from .. import types
from ..uapi import errno
from ..uapi.clone import CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID, CLONE_PARENT_SETTID, CLONE_PIDFD, CLONE_SETTLS, CloneFlags
from ..uapi.errno import EINTR, ERESTARTSYS
from ..uapi.fcntl import F_GETFD, F_GETFL, FdFlags, OpenFlags
from ..uapi.poll import PollEvents
from ..uapi.socket import MessageFlags
from ..uapi.structs import CloneArgs, Pollfd, Timespec, Timeval
from ..uapi.x86_64 import NUMBERS
from .arguments import Length, Seen, address, descriptors, io_vectors, link, octal, s32, s64, shower
from .structs import message, seconds, signal_name, signal_set

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..syscall import Syscall

ERRNO = {value: name for name, value in reversed(vars(errno).items()) if name[:1] == "E" and type(value) is int}
NAMES = {number: name for name, number in NUMBERS.items()}
RESULT = 6  # its place among the arguments
_ERRORS = 4096  # results from -4095 on are errors

Halves = tuple[str, str]  # what is known when it is made, and what when it has come back


class Shown:
    """How one declared call is shown."""

    def __init__(self, call: Syscall) -> None:
        self.name = call.name
        self.restart = call.restart
        self.names = [name for name, _ in call.parameters]
        self.returns = str(call.function.__annotations__.get("return"))
        kinds = [Length if kind.__name__ == "InOut[Int]" else kind for _, kind in call.parameters]
        self.arguments = [(*shower(kind), kind) for kind in kinds]
        late = [late for _, late, _ in self.arguments]
        self.early = late.index(True) if True in late else len(late)
        self._whole = _WHOLE.get(self.name)
        self._result = _RESULTS.get(self.name)

    def before(self, seen: Seen) -> str:
        """The call up to what only its end tells."""
        if self._whole:
            return self._whole(seen)[0]
        shown = self._some(seen, 0, self.early)
        more = shown and self._some(seen, self.early, len(self.arguments))
        return f"{self.name}({', '.join(shown)}{', ' if more else ''}"

    def after(self, seen: Seen) -> str:
        """The rest, to the closing parenthesis."""
        if self._whole:
            return self._whole(seen)[1]
        return f"{', '.join(self._some(seen, self.early, len(self.arguments)))})"

    def named(self, seen: Seen) -> dict[str, str]:
        """The arguments by name."""
        shown = [show(seen, i, kind) for i, (show, _, kind) in enumerate(self.arguments)]
        return {name: text for name, text in zip(self.names, shown, strict=True) if text is not None}

    def is_fd(self, i: int) -> bool:
        """Whether an argument is a descriptor."""
        return issubclass(self.arguments[i][2], types.Fd)

    def _some(self, seen: Seen, start: int, end: int) -> list[str]:
        shown = [show(seen, i, kind) for i, (show, _, kind) in enumerate(self.arguments[:end]) if i >= start]
        return [text for text in shown if text is not None]

    def result(self, seen: Seen, interrupted: bool) -> str:
        """What it has returned; `interrupted`: a signal is delivered right after it."""
        result = seen.result
        assert result is not None
        if result == -ERESTARTSYS or (result == -EINTR and interrupted and self.restart in _RESTARTS):
            name, why = _RESTARTS[self.restart if result == -EINTR else "ERESTARTSYS"]
            return f"? {name} ({why})"
        if -_ERRORS < result < 0:
            return f"-1 {ERRNO.get(-result, f'ERRNO_{-result}')} ({os.strerror(-result)})"
        if self._result:
            return self._result(seen)
        if self.returns == "Place":
            return f"{result & (1 << 64) - 1:#x}" if result else "0"
        if self.returns == "Mode":
            return octal(result)
        return str(result) + link(seen, RESULT)


_RESTARTS = {
    "ERESTARTSYS": ("ERESTARTSYS", "To be restarted if SA_RESTART is set"),
    "ERESTARTNOHAND": ("ERESTARTNOHAND", "To be restarted if no handler"),
    "ERESTART_RESTARTBLOCK": ("ERESTART_RESTARTBLOCK", "Interrupted by signal"),
}


def unknown(number: int, seen: Seen) -> str:
    """A call that Linux does not know, with its closing parenthesis."""
    return f"syscall_{number:#x}({', '.join(f'{value:#x}' if value else '0' for value in seen.arguments)})"


# ---- calls whose arguments are not shown one by one ----


def _clone(seen: Seen) -> Halves:
    flags, stack, parent, child, tls = seen.arguments[:5]
    signal = flags & 0xFF
    names = CloneFlags.show(flags & ~0xFF) if flags & ~0xFF else ""
    shown = "|".join(filter(None, [names, signal_name(signal) if signal else ""])) or "0"
    rest = ""
    if flags & (CLONE_PARENT_SETTID | CLONE_PIDFD):
        number = int.from_bytes(seen.after[2][0], "little") if 2 in seen.after else None
        name = "pidfd" if flags & CLONE_PIDFD else "parent_tid"
        rest += f", {name}={address(parent) if number is None else f'[{number}]'}"
    if flags & CLONE_SETTLS:
        rest += f", tls={address(tls)}"
    if flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID):
        rest += f", child_tidptr={address(child)}"
    return f"clone(child_stack={address(stack)}, flags={shown}", f"{rest})"


def _clone3(seen: Seen) -> Halves:
    if 0 not in seen.before:
        return f"clone3({address(seen.arguments[0])}, {seen.arguments[1]}", ")"
    args = CloneArgs.unpack(seen.before[0][0].ljust(CloneArgs.size, b"\0")[: CloneArgs.size])
    shown = [f"flags={CloneFlags.show(args.flags)}"]
    if args.flags & CLONE_PIDFD:
        shown.append(f"pidfd={address(args.pidfd)}")
    if args.flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID):
        shown.append(f"child_tid={address(args.child_tid)}")
    if args.flags & CLONE_PARENT_SETTID:
        shown.append(f"parent_tid={address(args.parent_tid)}")
    shown += [
        f"exit_signal={signal_name(args.exit_signal) if args.exit_signal else 0}",
        f"stack={address(args.stack)}",
        f"stack_size={f'{args.stack_size:#x}' if args.stack_size else 0}",
    ]
    if args.flags & CLONE_SETTLS:
        shown.append(f"tls={address(args.tls)}")
    after = f" => {{parent_tid=[{seen.result}]}}" if args.flags & CLONE_PARENT_SETTID and (seen.result or 0) > 0 else ""
    return f"clone3({{{', '.join(shown)}}}", f"{after}, {seen.arguments[1]})"


def _sigreturn(seen: Seen) -> Halves:
    mask = signal_set(int.from_bytes(seen.before[0][0], "little")) if 0 in seen.before else "???"
    return f"rt_sigreturn({{mask={mask}}}", ")"


def _ends(name: str) -> Callable[[Seen], Halves]:
    return lambda seen: (f"{name}({s32(seen.arguments[0])}", ")")


def _read_vectors(name: str) -> Callable[[Seen], Halves]:
    def show(seen: Seen) -> Halves:
        fd = shower(types.Fd)[0](seen, 0, types.Fd)
        more = f", {s64(seen.arguments[3])}" if name == "preadv" else ""
        return f"{name}({fd}, ", f"{io_vectors(seen.after, seen, 1)}, {seen.arguments[2]}{more})"

    return show


def _message(name: str, late: bool) -> Callable[[Seen], Halves]:
    def show(seen: Seen) -> Halves:
        memory = (seen.after if late else seen.before).get(1)
        before = seen.before.get(1, [b""])[0] if late else b""
        text = message(memory, seen.limit, before)[0] if memory else address(seen.arguments[1])
        start, rest = f"{name}({shower(types.Fd)[0](seen, 0, types.Fd)}, ", f"{MessageFlags.show(s32(seen.arguments[2]))})"
        return (start, f"{text}, {rest}") if late else (f"{start}{text}, {rest[:-1]}", ")")

    return show


def _messages(name: str) -> Callable[[Seen], Halves]:
    def show(seen: Seen) -> Halves:
        memory, shown = seen.after.get(1, []), []
        while memory:
            text, memory = message(memory, seen.limit)
            shown.append(text)
        text = f"[{', '.join(shown)}]" if shown else address(seen.arguments[1])
        rest = f"{seen.arguments[2] & 0xFFFFFFFF}, {MessageFlags.show(s32(seen.arguments[3]))}"
        if name == "recvmmsg":
            rest += f", {seconds(Timespec.unpack(seen.before[4][0])) if 4 in seen.before else address(seen.arguments[4])}"
        return f"{name}({shower(types.Fd)[0](seen, 0, types.Fd)}, ", f"{text}, {rest})"

    return show


_WHOLE: dict[str, Callable[[Seen], Halves]] = {
    "clone": _clone,
    "clone3": _clone3,
    "rt_sigreturn": _sigreturn,
    "exit": _ends("exit"),
    "exit_group": _ends("exit_group"),
    "readv": _read_vectors("readv"),
    "preadv": _read_vectors("preadv"),
    "sendmsg": _message("sendmsg", late=False),
    "recvmsg": _message("recvmsg", late=True),
    "sendmmsg": _messages("sendmmsg"),
    "recvmmsg": _messages("recvmmsg"),
}


# ---- calls whose result means more than a number ----


def _fcntl_result(seen: Seen) -> str:
    command, result = s32(seen.arguments[1]), seen.result or 0
    if command in (F_GETFD, F_GETFL) and result:
        return f"{result:#x} (flags {(FdFlags if command == F_GETFD else OpenFlags).show(result)})"
    return str(result)


def _poll_result(seen: Seen) -> str:
    ready = list(Pollfd.iter_unpack(seen.after[0][0])) if 0 in seen.after else []
    if not seen.result:
        return "0 (Timeout)"
    shown = [f"{{fd={p.fd}, revents={PollEvents.show(p.revents)}}}" for p in ready if p.revents]
    return f"{seen.result} ([{', '.join(shown)}])"


def _select_result(seen: Seen, kind: type[Timespec] | type[Timeval] = Timeval) -> str:
    if not seen.result:
        return "0 (Timeout)"
    names = {1: "in", 2: "out", 3: "except"}
    sets = {names[i]: descriptors(seen.after[i][0], seen.arguments[0]) for i in names if i in seen.after}
    shown = [f"{name} {text}" for name, text in sets.items() if text != "[]"]
    if 4 in seen.after:
        shown.append(f"left {seconds(kind.unpack(seen.after[4][0]))}")
    return f"{seen.result} ({', '.join(shown)})"


_RESULTS: dict[str, Callable[[Seen], str]] = {
    "fcntl": _fcntl_result,
    "poll": _poll_result,
    "ppoll": _poll_result,
    "rt_sigtimedwait": lambda seen: f"{seen.result} ({signal_name(seen.result or 0)})",
    "select": _select_result,
    "pselect6": lambda seen: _select_result(seen, Timespec),
}
