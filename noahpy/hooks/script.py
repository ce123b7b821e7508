"""`noahpy --script FILE`: the hooks that a Python file registers with noahpy.vm, called in a process of their own."""

from __future__ import annotations

import os
import signal
import socket
import sys

from ..clerk import make, no_stream
from ..errors import CannotRun
from . import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .vm import VM

_LOOK_AROUND = 0.5  # s
_NAME = "noahpy_script"  # what the file finds as its __name__


def begin(path: str) -> int:
    """Make the hooks' process, which has this one's standard output and directory: the socket to it. CannotRun: it can't be."""
    try:
        ours, theirs = wire.pair()
        place = os.getcwd()
        out = no_stream(os.dup(1))
        make(lambda: _work(path, place, theirs, out), {theirs.fileno(), out})
    except OSError as error:
        raise CannotRun(f"--script: {error.strerror}") from error
    theirs.close()
    os.close(out)
    return no_stream(ours.detach())


def _work(path: str, place: str, announce: socket.socket, out: int) -> None:
    from .controller import Controller

    os.dup2(out, 1)
    os.close(out)
    os.chdir(place)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        vm = _load(path)
    except CannotRun as error:
        announce.send(wire.refusal(error))
        return
    controller = Controller(vm.hooks, vm.lock, announce)
    signal.signal(signal.SIGALRM, lambda *_: controller.look_around())  # Ctrl-C reaches the program, not this process
    signal.setitimer(signal.ITIMER_REAL, _LOOK_AROUND, _LOOK_AROUND)
    if "pid" in controller.begin():
        controller.serve()
    sys.stdout.flush()


def _load(path: str) -> VM:
    """Run the file, which registers its hooks."""
    from types import ModuleType

    from .vm import vm

    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    module = sys.modules[_NAME] = ModuleType(_NAME)
    module.__file__ = path
    try:
        with open(path, "rb") as file:
            exec(compile(file.read(), path, "exec"), vars(module))  # noqa: S102  what the user asks for
    except BaseException as error:  # sys.exit() too
        raise CannotRun(f"--script {_where(path, error)}") from error
    if not vm.hooks:
        raise CannotRun(f"--script {path} registers nothing with noahpy.vm")
    return vm


def _where(path: str, error: BaseException) -> str:
    """One line: place and error."""
    from traceback import extract_tb

    if isinstance(error, OSError) and error.filename == path:
        return f"{path}: {error.strerror}"
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == path]
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == path else next(reversed(lines), None)
    text = (error.msg if isinstance(error, SyntaxError) else str(error)).split("\n")[0]
    return f"{path}{f':{line}' if line else ''}: {type(error).__name__}{f': {text}' if text else ''}"
