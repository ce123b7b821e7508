"""Waiting for descriptors: poll(2), select(2), epoll(7), and the descriptors that stand for signals and timers.

A mask for the wait goes to the host's kernel, which sets and restores it as Linux does (docs/design.md, D3).
"""

from __future__ import annotations

from ..errors import LinuxError
from ..signals import host_mask, wait_under
from ..syscall import BLOCK, NEVER, NOHAND, forward, syscall
from ..types import Fd, FdSet, Flags, GivenFd, In, InOut, InOutArray, Int, Out, OutArray, Size, UInt, WaitMask
from ..uapi.poll import EpollFlags, EpollOperation
from ..uapi.signals import SignalfdFlags
from ..uapi.structs import EpollEvent, Itimerspec, Pollfd, PselectSigmask, Sigset, Timespec, Timeval
from ..uapi.time import Clock, TimerfdFlags, TimerfdSetFlags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..task import Task


def wait_masked(task: Task, mask: int, size: int, wait: Callable[[int | bytes], int]) -> int:
    """Let `wait` wait on the host under the guest's mask of `size` bytes at `mask`; what is amiss with it the host finds."""
    mm = task.mm
    if not mask or size != Sigset.size:
        return wait(mm.host_address(mask))
    try:
        given = int.from_bytes(mm.read(mask, size), "little")
    except LinuxError:
        return wait(mm.BAD_ADDRESS)
    host = host_mask(given).to_bytes(size, "little")
    return wait_under(task, given, lambda: wait(host))


# ---- poll and select ----


@forward(restart=BLOCK)
def poll(fds: InOutArray[Pollfd], nfds: UInt, timeout: Int) -> None:
    """Wait for descriptors."""


@syscall(restart=NOHAND, plain=True)
def ppoll(
    task: Task, fds: InOutArray[Pollfd], nfds: UInt, tmo_p: InOut[Timespec], sigmask: WaitMask[Sigset], sigsetsize: Size
) -> int:
    """Wait for descriptors with a signal mask."""
    host, address = task.host, task.mm.host_address
    return wait_masked(task, sigmask, sigsetsize, lambda mask: host.ppoll(address(fds), nfds, address(tmo_p), mask, sigsetsize))


@forward(restart=NOHAND)
def select(nfds: Int, readfds: FdSet, writefds: FdSet, exceptfds: FdSet, timeout: InOut[Timeval]) -> None:
    """Wait for descriptors in bit sets."""


@syscall(restart=NOHAND, plain=True)
def pselect6(
    task: Task,
    nfds: Int,
    readfds: FdSet,
    writefds: FdSet,
    exceptfds: FdSet,
    timeout: InOut[Timespec],
    sigmask: WaitMask[PselectSigmask],
) -> int:
    """Wait for descriptors in bit sets with a signal mask."""
    mm, host = task.mm, task.host
    sets = mm.host_address(readfds), mm.host_address(writefds), mm.host_address(exceptfds)

    def wait(argument: int | bytes) -> int:
        return host.pselect6(nfds, *sets, mm.host_address(timeout), argument)

    if not sigmask:
        return wait(0)
    try:
        asked = PselectSigmask.unpack(mm.read(sigmask, PselectSigmask.size))
    except LinuxError:
        return wait(mm.BAD_ADDRESS)

    def wait_with(mask: int | bytes) -> int:
        return wait(PselectSigmask.pack(mask if isinstance(mask, int) else host.address_of(mask), asked.ss_len))

    return wait_masked(task, asked.ss, asked.ss_len, wait_with)


# ---- epoll ----


@forward
def epoll_create(size: Int) -> GivenFd:
    """Make an epoll instance."""


@forward
def epoll_create1(flags: Flags[EpollFlags]) -> GivenFd:
    """Make an epoll instance, with flags."""


@forward
def epoll_ctl(epfd: Fd, op: Flags[EpollOperation], fd: Fd, event: In[EpollEvent]) -> None:
    """Change what an epoll instance waits for."""


@forward(restart=NEVER)
def epoll_wait(epfd: Fd, events: OutArray[EpollEvent], maxevents: Int, timeout: Int) -> None:
    """Wait for events."""


@syscall(restart=NEVER, plain=True)
def epoll_pwait(
    task: Task,
    epfd: Fd,
    events: OutArray[EpollEvent],
    maxevents: Int,
    timeout: Int,
    sigmask: WaitMask[Sigset],
    sigsetsize: Size,
) -> int:
    """Wait for events with a signal mask."""
    fd, host, address = task.group.fds.visible(epfd), task.host, task.mm.host_address
    return wait_masked(
        task, sigmask, sigsetsize, lambda mask: host.epoll_pwait(fd, address(events), maxevents, timeout, mask, sigsetsize)
    )


@syscall(restart=NEVER, plain=True)
def epoll_pwait2(
    task: Task,
    epfd: Fd,
    events: OutArray[EpollEvent],
    maxevents: Int,
    timeout: In[Timespec],
    sigmask: WaitMask[Sigset],
    sigsetsize: Size,
) -> int:
    """Wait for events with a signal mask and a time-out in nanoseconds."""
    fd, host, address = task.group.fds.visible(epfd), task.host, task.mm.host_address

    def wait(mask: int | bytes) -> int:
        return host.epoll_pwait2(fd, address(events), maxevents, address(timeout), mask, sigsetsize)

    return wait_masked(task, sigmask, sigsetsize, wait)


# ---- Signals and timers as descriptors ----


@forward
def signalfd(fd: Fd, mask: In[Sigset], sizemask: Size) -> GivenFd:
    """Make a descriptor that receives signals."""


@forward
def signalfd4(fd: Fd, mask: In[Sigset], sizemask: Size, flags: Flags[SignalfdFlags]) -> GivenFd:
    """Make a descriptor that receives signals, with flags."""


@forward
def timerfd_create(clockid: Flags[Clock], flags: Flags[TimerfdFlags]) -> GivenFd:
    """Make a descriptor that a timer makes readable."""


@forward
def timerfd_settime(fd: Fd, flags: Flags[TimerfdSetFlags], new_value: In[Itimerspec], old_value: Out[Itimerspec]) -> None:
    """Start or stop such a timer."""


@forward
def timerfd_gettime(fd: Fd, curr_value: Out[Itimerspec]) -> None:
    """The time that such a timer has left."""
