"""Clocks, sleeps and timers: clock_gettime(2), nanosleep(2), timer_create(2), setitimer(2). The host's time is the guest's."""

from __future__ import annotations

from ..errors import LinuxError
from ..syscall import BLOCK, forward, refuse, syscall
from ..types import Flags, In, InOut, Int, Out, Ptr, UInt
from ..uapi.errno import EINTR
from ..uapi.structs import Itimerspec, Itimerval, Sigevent, Timespec, Timeval, Timex, Timezone, Tms
from ..uapi.time import Clock, Itimer, TimerFlags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..task import Task


# ---- Clocks ----


@forward
def time(tloc: Ptr) -> None:
    """Seconds since the Epoch."""


@forward
def gettimeofday(tv: Out[Timeval], tz: Out[Timezone]) -> None:
    """The time in microseconds, and the kernel's time zone."""


@forward
def settimeofday(tv: In[Timeval], tz: In[Timezone]) -> None:
    """Set the host's clock, if the host lets us."""


@forward
def adjtimex(buf: InOut[Timex]) -> None:
    """Read or tune the host's clock discipline."""


@forward
def clock_gettime(clockid: Flags[Clock], tp: Out[Timespec]) -> None:
    """A clock's time; CPU-time clocks count the VMM's work for the guest too."""


@forward
def clock_settime(clockid: Flags[Clock], tp: In[Timespec]) -> None:
    """Set a clock of the host's, if the host lets us."""


@forward
def clock_getres(clockid: Flags[Clock], res: Out[Timespec]) -> None:
    """A clock's resolution."""


@forward
def clock_adjtime(clockid: Flags[Clock], buf: InOut[Timex]) -> None:
    """Read or tune the discipline of one clock of the host's."""


@forward
def times(buf: Out[Tms]) -> None:
    """CPU times of the process and of the children it waited for, in clock ticks."""


# ---- Sleeping. When a handler ran the host has stored the remaining time, so EINTR is all there is to say. ----


@forward(restart=BLOCK)
def nanosleep(req: In[Timespec], rem: Out[Timespec]) -> None:
    """Sleep; a caught signal ends it with the remaining time."""


@forward(restart=BLOCK)
def clock_nanosleep(clockid: Flags[Clock], flags: Flags[TimerFlags], t: In[Timespec], remain: Out[Timespec]) -> None:
    """Sleep on a clock, for a time or until one."""


@refuse(EINTR, "a program that calls it by itself has nothing to restart; sleeps are restarted by the run loop")
def restart_syscall() -> None:
    """Go on with a call that a stop signal interrupted."""


# ---- Timers ----


@forward
def getitimer(which: Flags[Itimer], curr_value: Out[Itimerval]) -> None:
    """The time left of an interval timer."""


@forward
def setitimer(which: Flags[Itimer], new_value: In[Itimerval], old_value: Out[Itimerval]) -> None:
    """Set an interval timer, which signals at its end."""


@forward
def alarm(seconds: UInt) -> None:
    """SIGALRM in some seconds."""


@syscall
def timer_create(task: Task, clockid: Flags[Clock], sevp: In[Sigevent], timerid: Out[Int]) -> int:
    """Make a POSIX timer; thread ids in the sigevent are the host's own."""
    created = bytearray(4)
    result = task.host.timer_create(clockid, task.mm.host_address(sevp), created)
    if result < 0:
        return result
    number = int.from_bytes(created, "little")
    task.group.timers.add(number)
    try:
        task.mm.write(timerid, created)
    except LinuxError:
        task.host.now.timer_delete(number)
        task.group.timers.discard(number)
        raise
    return 0


@forward
def timer_settime(timerid: Int, flags: Flags[TimerFlags], new_value: In[Itimerspec], old_value: Out[Itimerspec]) -> None:
    """Start or stop a POSIX timer."""


@forward
def timer_gettime(timerid: Int, curr_value: Out[Itimerspec]) -> None:
    """The time left of a POSIX timer."""


@forward
def timer_getoverrun(timerid: Int) -> None:
    """How many expirations the last signal of a POSIX timer stood for beyond the first."""


@syscall
def timer_delete(task: Task, timerid: Int) -> int:
    """Delete a POSIX timer."""
    result = task.host.timer_delete(timerid)
    if result == 0:
        task.group.timers.discard(timerid)
    return result
