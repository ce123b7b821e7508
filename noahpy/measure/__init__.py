"""Measuring what a program executes (docs/measuring.md): not imported unless asked for."""

from __future__ import annotations

import os
import sys

from linux_abi.uapi.prctl import PR_GET_CHILD_SUBREAPER
from linux_abi.uapi.wait import __WALL as WALL
from linux_abi.uapi.x86_64 import NUMBERS

from .._native import ffi, lib
from ..errors import CannotRun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..cli import Options


def begin(options: Options) -> None:
    """Choose the simulated CPU, make the clerk and tell the engine, which is not open yet, what to record.

    CannotRun: it can't be.
    """
    coverage = f"--coverage={options.coverage}" if options.coverage else ""
    what = coverage or ("--trace=blocks" if options.trace else "--count-instructions")
    if options.engine == "kvm":
        raise CannotRun(f"{what} needs the simulated CPU, not --engine kvm")
    if options.coverage == "lcov" and not any(os.path.exists(os.path.join(path, "elftools")) for path in sys.path):
        raise CannotRun("--coverage=lcov needs the Python package pyelftools: python -m pip install pyelftools")
    try:
        out = _output(options)
        ledger = _no_stream(os.memfd_create("noahpy-ledger"))
        os.ftruncate(ledger, ffi.sizeof("struct ledger"))
        asked, ask = map(_no_stream, os.pipe())
        answer, answered = map(_no_stream, os.pipe())
        _make_clerk(options, ledger, asked, answered, out)
    except OSError as error:
        raise CannotRun(f"{what}: {error.strerror}") from error
    os.close(asked)
    os.close(answered)
    wanted = options.counts * lib.MEASURE_COUNTS | options.trace * lib.MEASURE_TRACE
    wanted |= bool(options.coverage) * lib.MEASURE_COVERAGE
    trace = -1
    if options.trace:
        trace = os.dup(out) if out == 2 else out
    elif out != 2:
        os.close(out)
    failed = lib.measure(wanted, ledger, ask, answer, trace)
    if failed:
        raise CannotRun(f"{what}: {os.strerror(-failed)}")
    if options.engine == "auto" and not options.quiet:
        os.write(2, f"noahpy: {what} needs it: the CPU is simulated, and slow\n".encode())
    options.engine = "sim"


def _output(options: Options) -> int:
    """The file of -o, or stderr."""
    if not options.output:
        return 2
    try:
        return _no_stream(os.open(options.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o666))
    except OSError as error:
        raise CannotRun(f"{options.output}: {error.strerror}") from error


def _no_stream(fd: int) -> int:
    """The same open file by a number that is none of a standard stream's, one of which may be closed."""
    if fd > 2:
        return fd
    from fcntl import F_DUPFD_CLOEXEC, fcntl

    high = fcntl(fd, F_DUPFD_CLOEXEC, 3)
    os.close(fd)
    return high


def _make_clerk(options: Options, ledger: int, asked: int, answered: int, out: int) -> None:
    """A process that no wait(2) of the guest's tells of: an orphan, which another one adopts."""
    orphan = not _adopts_orphans()
    pid = _clone()
    if pid == 0:
        try:
            if orphan and _clone():
                os._exit(0)
        except OSError as error:
            os._exit(error.errno or 1)
        from .clerk import work

        work(options, ledger, asked, answered, out)
    if orphan and (status := os.waitpid(pid, WALL)[1]):
        raise OSError(status >> 8, os.strerror(status >> 8))


def _adopts_orphans() -> bool:
    """Whether this process does: its clerk has to be a child, of which only __WALL tells."""
    answer = ffi.new("int *")
    address = int(ffi.cast("intptr_t", answer))
    lib.host_syscall_now(NUMBERS["prctl"], PR_GET_CHILD_SUBREAPER, address, 0, 0, 0, 0)
    return bool(answer[0]) or os.getpid() == 1


def _clone() -> int:
    """fork(2), but the child's end sends no signal."""
    pid: int = lib.host_syscall_now(NUMBERS["clone"], 0, 0, 0, 0, 0, 0)
    if pid < 0:
        raise OSError(-pid, os.strerror(-pid))
    return pid
