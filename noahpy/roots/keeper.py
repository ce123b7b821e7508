"""The two processes beside the guest's: the *keeper*, which is what was called, and *init*, the first one inside.

The keeper is outside. It waits for the guest, stops as it does, passes signals on and ends as it does; then all that is left
inside is killed. Init holds the tree and buries orphans. The guest is process 2, a child of the keeper's, in its session
and group.
"""

from __future__ import annotations

import os
import signal
from _struct import Struct

from linux_abi.uapi.clone import CLONE_NEWNS
from linux_abi.uapi.prctl import PR_SET_DUMPABLE, PR_SET_NAME
from linux_abi.uapi.signals import SI_QUEUE

from ..errors import CannotRun
from . import inherited, kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket
    from typing import NoReturn

_ALL = (1 << 64) - 1
_SIGINFO = 128
_HEAD = Struct("<iii4xIIi")  # siginfo_t: si_signo, si_errno, si_code, si_pid, si_uid, si_value
_OURS = 0x6E6F6168  # a value that marks the keeper's own SIGCONT


def _take(mask: int, *, wait: bool) -> bytes:
    """The siginfo of the next blocked signal of `mask`; empty if there is none and we do not `wait`."""
    info = bytearray(_SIGINFO)
    try:
        kernel.call("rt_sigtimedwait", mask.to_bytes(8, "little"), info, 0 if wait else bytes(16), 8)
    except (BlockingIOError, InterruptedError):
        return b""
    return bytes(info)


# ---- Init ----


def start_init(build: Callable[[], None]) -> tuple[int, int, socket]:
    """Make process 1, which calls `build` in a mount namespace of its own: its number, that namespace, the line to it.

    CannotRun: it failed.
    """
    from socket import recv_fds, socketpair

    keeper, init = socketpair()
    pid = os.fork()
    if pid == 0:
        keeper.close()
        _init(build, init)
    init.close()
    failed, namespaces, _, _ = recv_fds(keeper, 4096, 1)
    if not namespaces:
        os.waitpid(pid, 0)
        raise CannotRun(failed.decode() or "the tree's first process has died")
    return pid, namespaces[0], keeper


def _init(build: Callable[[], None], line: socket) -> NoReturn:
    from socket import send_fds

    from .view import Failed

    try:
        kernel.call("unshare", CLONE_NEWNS)
        build()
        namespace = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    except Failed as error:
        line.send(str(error).encode())
        os._exit(1)
    except OSError as error:
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        line.send(f"the tree can't be made: {where}{error.strerror}".encode())
        os._exit(1)
    except BaseException as error:
        line.send(f"the tree can't be made: {type(error).__name__}: {error}".encode())
        os._exit(1)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so orphans are buried
    kernel.call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)
    kernel.call("prctl", PR_SET_NAME, b"noahpy-init\0", 0, 0, 0)
    send_fds(line, [b"\0"], [namespace])
    own = os.dup2(line.fileno(), 0)
    os.closerange(1, os.sysconf("SC_OPEN_MAX"))
    while asked := os.read(own, 1):
        info = _take(1 << asked[0] - 1, wait=False)
        mine = bool(info) and _HEAD.unpack_from(info)[2::3] != (SI_QUEUE, _OURS)
        os.write(own, bytes([mine]))
    os._exit(0)  # and with it all others, if the keeper is no more


# ---- The keeper ----


def keep(guest: int, init: int, line: socket, end: Callable[[], None]) -> NoReturn:
    """Wait for the guest, be seen by others as it would be, and call `end` at its end. All signals are blocked."""
    terminal = next((os.dup(fd) for fd in range(3) if os.isatty(fd)), -1)
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for fd in range(3):  # others see the end of a pipe when the guest has closed it
        os.dup2(null, fd)
    for fd in inherited.descriptors():
        if fd not in (0, 1, 2, terminal, line.fileno()):
            os.close(fd)
    _Keeper(guest, init, line, terminal, end).serve()


class _Keeper:
    def __init__(self, guest: int, init: int, line: socket, terminal: int, end: Callable[[], None]) -> None:
        self.guest = guest
        self.init = init
        self.line = line
        self.terminal = terminal
        self.end = end
        self.in_front = self._front() == os.getpgrp()

    def serve(self) -> NoReturn:
        while True:
            info = _take(_ALL, wait=True)
            if not info:
                continue
            number, _, code, *_ = _HEAD.unpack_from(info)
            if number != signal.SIGCHLD or code <= 0:
                self._pass_on(number, code, info)
            if number == signal.SIGCHLD:
                self._look_after_guest()

    def _pass_on(self, number: int, code: int, info: bytes) -> None:
        """Send the guest what only this process has got. What went to the group of both, init has got, too."""
        if number == signal.SIGCONT:  # it may be stopped
            mark = bytearray(_SIGINFO)
            _HEAD.pack_into(mark, 0, number, 0, SI_QUEUE, os.getpid(), os.getuid(), _OURS)
            kernel.call("rt_sigqueueinfo", self.init, number, mark)
        self.line.send(bytes([number]))
        to_group = self.line.recv(1) != b"\0"
        try:
            group = os.getpgid(self.guest)
            if not to_group:
                self._send(number, code, info)
            elif group != os.getpgrp() == os.getpid():  # a guest that leads its group natively can't leave it
                os.killpg(group, number)
        except ProcessLookupError:
            return
        if number == signal.SIGCONT and group != os.getpgrp() and self._front() == os.getpgrp():
            os.tcsetpgrp(self.terminal, group)

    def _send(self, number: int, code: int, info: bytes) -> None:
        if code < 0:
            kernel.call("rt_sigqueueinfo", self.guest, number, info)
        else:
            os.kill(self.guest, number)

    def _look_after_guest(self) -> None:
        pid, status = os.waitpid(self.guest, os.WNOHANG | os.WUNTRACED)
        if not pid:
            return
        if os.WIFSTOPPED(status):
            if signal.SIGCONT not in signal.sigpending():
                _suffer(os.WSTOPSIG(status))
            return
        os.kill(self.init, signal.SIGKILL)  # which kills what is left
        os.waitpid(self.init, 0)
        self.end()
        if self.in_front and self._front() not in (-1, os.getpgrp()):
            os.tcsetpgrp(self.terminal, os.getpgrp())
        if os.WIFSIGNALED(status):
            from resource import RLIMIT_CORE, setrlimit

            setrlimit(RLIMIT_CORE, (0, 0))  # the guest has left its own
            _suffer(os.WTERMSIG(status))
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)

    def _front(self) -> int:
        """The terminal's foreground group; -1 if there is no terminal."""
        try:
            return os.tcgetpgrp(self.terminal)
        except OSError:
            return -1


def _suffer(number: int) -> None:
    """Let this process stop, or end, by a signal."""
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    signal.pthread_sigmask(signal.SIG_BLOCK, [number])
