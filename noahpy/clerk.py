"""A clerk: the process that tells what noahpy was asked for, with its own rights and root directory, until the tree has ended.

Not imported unless asked for (docs/measuring.md, M5; docs/tracing.md).
"""

from __future__ import annotations

import os
from fcntl import F_DUPFD_CLOEXEC, fcntl

from linux_abi.uapi.prctl import PR_GET_CHILD_SUBREAPER, PR_SET_NAME
from linux_abi.uapi.wait import __WALL as WALL
from linux_abi.uapi.x86_64 import NUMBERS

from ._native import ffi, lib
from .errors import CannotRun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


def output(path: str) -> int:
    """The file of -o, emptied, or stderr."""
    if not path:
        return 2
    try:
        return no_stream(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o666))
    except OSError as error:
        raise CannotRun(f"{path}: {error.strerror}") from error


def no_stream(fd: int) -> int:
    """The same open file by a number that is none of a standard stream's, one of which may be closed."""
    if fd > 2:
        return fd
    high = fcntl(fd, F_DUPFD_CLOEXEC, 3)
    os.close(fd)
    return high


def make(work: Callable[[], None], kept: set[int]) -> None:
    """Begin `work` in a process that no wait(2) of the guest's tells of: an orphan, which another one adopts.

    It holds nothing of the guest's but `kept` and stderr.
    """
    orphan = not _adopts_orphans()
    pid = _clone()
    if pid == 0:
        try:
            if orphan and _clone():
                os._exit(0)
        except OSError as error:
            os._exit(error.errno or 1)
        _work(work, {1, 2, *kept})
    if orphan and (status := os.waitpid(pid, WALL)[1]):
        raise OSError(status >> 8, os.strerror(status >> 8))


def say(text: str) -> None:
    """One line on stderr, if there is one."""
    try:
        os.write(2, f"noahpy: {text}\n".encode(errors="backslashreplace"))
    except OSError:
        pass


def is_alive(pid: int) -> bool:
    """Whether a process or thread runs: no zombie's."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            return file.read(4096).rpartition(b") ")[2][:1] not in b"ZX"
    except OSError:
        return False


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


def _work(work: Callable[[], None], kept: set[int]) -> NoReturn:
    status = 1
    try:
        _leave(kept)
        work()
        status = 0
    except BaseException as error:  # nobody else would tell
        say(f"what was asked for is lost: {type(error).__name__}: {error}")
        if os.environ.get("NOAHPY_DEBUG"):
            import traceback

            traceback.print_exc()
    finally:
        os._exit(status)


def _leave(kept: set[int]) -> None:
    """Hold nothing of the guest's: its terminal, its directory, its descriptors but `kept`."""
    import _signal  # type: ignore[import-not-found]  # not signal, which imports enum
    import gc

    os.setsid()
    name = ffi.from_buffer(b"noahpy-clerk\0")
    lib.host_syscall_now(NUMBERS["prctl"], PR_SET_NAME, ffi.cast("long", name), 0, 0, 0, 0)
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    gc.enable()
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in kept:
            try:
                os.close(fd)
            except OSError:  # the one that listed them
                pass
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 1)
    try:
        os.fstat(2)
    except OSError:  # what is opened from now on must not become stderr
        os.dup2(null, 2)
    os.chdir("/")
