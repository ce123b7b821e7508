"""Tasks in processes of their own, several at once; whatever ends the caller leaves nothing of them running."""

from __future__ import annotations

import os
import pickle
import select
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, NoReturn, TypeVar

from ..errors import CannotRun
from .execute import become_reaper, end_children

T = TypeVar("T")
_ENDING = {signal.SIGINT, signal.SIGTERM}


def run(tasks: Sequence[Callable[[], T]], jobs: int) -> Iterator[tuple[int, T]]:
    """Call each of `tasks` in a process of its own, `jobs` at once: its place and its result, in the order of their ends.

    What a task raises is raised here.
    """
    waiting = list(enumerate(tasks))[::-1]
    running: dict[BinaryIO, tuple[int, int]] = {}  # by the pipe that brings the result: place, pid
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                place, task = waiting.pop()
                before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)  # the child is to be known before one comes
                pipe, pid = _start(task, before)
                running[pipe] = place, pid
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            for pipe in select.select(list(running), [], [])[0]:
                content = pipe.read()
                place, pid = running.pop(pipe)
                pipe.close()
                os.waitpid(pid, 0)
                if not content:
                    raise CannotRun(f"process {pid}, which ran a test, was killed")
                result, error = pickle.loads(content)  # noqa: S301  from our own child
                if error:
                    raise error
                yield place, result
    finally:
        for _, pid in running.values():
            os.kill(pid, signal.SIGTERM)
        for _, pid in running.values():
            os.waitpid(pid, 0)


def _start(task: Callable[[], T], mask: set[int]) -> tuple[BinaryIO, int]:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _serve(task, mask, writer)
    os.close(writer)
    return os.fdopen(reader, "rb"), pid


def _serve(task: Callable[[], T], mask: set[int], writer: int) -> NoReturn:
    """The child's part, with `mask` for signals. SIGTERM from its parent ends it, not what a terminal sends to both.

    Tests must not find signals ignored that noahpy was started with: a handler is default again after an execve.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGTERM, _end)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    become_reaper()
    result, error = None, None
    try:
        result = task()
    except Exception as raised:
        error = raised
    with os.fdopen(writer, "wb") as pipe:
        pickle.dump((result, error), pipe)
    os._exit(0)


def _end(number: int, _: object) -> NoReturn:
    end_children()
    os._exit(128 + number)
