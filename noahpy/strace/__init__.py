"""System calls told as strace(1) tells them (docs/tracing.md): not imported unless asked for."""

from __future__ import annotations

import os
import socket

from linux_abi.show.text import quoted
from linux_abi.syscall import Declarations

from .._native import ffi, lib
from ..clerk import make, no_stream
from ..errors import CannotRun
from .clerk import Clerk
from .items import items
from .lines import Lines
from .options import Options
from .records import Records
from .ring import Ring
from .sums import Sums

_MOST_STRINGS = 32


def begin(options: Options, out: int, program: bytes, argv: list[bytes], envp: list[bytes]) -> None:
    """Make the clerk and tell C, before there is an engine, what to record; it goes to `out`. CannotRun: it can't be."""
    what = "--count" if options.counts else "--strace"
    try:
        ring = no_stream(os.memfd_create("noahpy-ring"))
        os.ftruncate(ring, ffi.sizeof("struct ring"))
        calls, wake = [no_stream(end.detach()) for end in socket.socketpair()]
        counts = no_stream(os.memfd_create("noahpy-counts")) if options.counts else -1
        if options.counts:
            os.ftruncate(counts, ffi.sizeof("struct counts"))
        make(
            lambda: _work(options, ring, calls, out, counts, _execve(options, program, argv, envp)), {ring, calls, out, counts}
        )
    except OSError as error:
        raise CannotRun(f"{what}: {error.strerror}") from error
    os.close(calls)
    if out != 2:
        os.close(out)
    for call in options.calls():
        found = items(call, options.limit, options.links)
        _check(lib.watch_call(call.number, ffi.new("struct watch_item[]", found), len(found)))
    if options.lines and options.only is None:
        lib.watch_call(-1, ffi.NULL, 0)
    if options.counts:
        _check(lib.count(counts))
    _check(lib.watch(ring, wake))


def _work(options: Options, fd: int, calls: int, out: int, counts: int, first: list[str]) -> None:
    work = Clerk(Ring(fd), out)
    declared, write = Declarations(lazy=False), work.text.append
    if options.counts:
        work.work(Sums(options, declared, counts, out, write), calls)
    else:
        work.work((Records if options.form == "json" else Lines)(options, declared, first, write), calls)


def _execve(options: Options, program: bytes, argv: list[bytes], envp: list[bytes]) -> list[str]:
    """The arguments of the call that the tree begins with, which nobody makes here."""
    if not options.wants(0) or (options.only is not None and "execve" not in options.only):
        return []
    words = [quoted(word, options.limit)[0] + ("..." if len(word) > options.limit else "") for word in argv[:_MOST_STRINGS]]
    if len(argv) > _MOST_STRINGS:
        words.append("...")
    name, variables = quoted(program, len(program))[0], f"{len(envp)} var{'' if len(envp) == 1 else 's'}"
    return [name, f"[{', '.join(words)}]", f"{id(envp):#x} /* {variables} */"]


def _check(error: int) -> None:
    if error < 0:
        raise CannotRun(f"what is traced can't be recorded: {os.strerror(-error)}")
