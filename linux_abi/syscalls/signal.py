"""Signals: rt_sigaction(2) and its family."""

from __future__ import annotations

from ..sigframe import on_altstack, set_altstack
from ..signals import SIGNALS, UNBLOCKABLE, host_mask, set_action, set_mask, sigreturn, wait_under
from ..syscall import NEVER, NOHAND, forward, syscall
from ..types import Flags, In, Out, Pid, Signal, Size
from ..uapi.errno import EINVAL
from ..uapi.signals import SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK, MaskHow
from ..uapi.structs import Sigaction, Sigaltstack, Siginfo, Sigset, Timespec
from ..uapi.x86_64 import RSP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..task import Task

SIGSET = 8  # bytes
# The sa_flags that Linux knows; others are cleared (sigaction(2), SA_UNSUPPORTED).
_KNOWN_FLAGS = 0xDC000807


@syscall
def rt_sigaction(task: Task, signum: Signal, act: In[Sigaction], oldact: Out[Sigaction], sigsetsize: Size) -> int:
    """Examine and change what a signal does."""
    if sigsetsize != SIGSET:
        return -EINVAL
    new = Sigaction.unpack(task.mm.read(act, Sigaction.size)) if act else None
    if not 1 <= signum <= SIGNALS or (new and UNBLOCKABLE >> (signum - 1) & 1):
        return -EINVAL
    old = task.group.actions[signum]
    if new:
        set_action(task, signum, new.replace(sa_flags=new.sa_flags & _KNOWN_FLAGS, sa_mask=new.sa_mask & ~UNBLOCKABLE))
    if oldact:
        task.mm.write(oldact, bytes(old))
    return 0


@syscall
def rt_sigprocmask(task: Task, how: Flags[MaskHow], set: In[Sigset], oldset: Out[Sigset], sigsetsize: Size) -> int:
    """Examine and change the blocked signals."""
    if sigsetsize != SIGSET:
        return -EINVAL
    old = task.blocked
    if set:
        given = int.from_bytes(task.mm.read(set, SIGSET), "little")
        if how == SIG_BLOCK:
            mask = old | given
        elif how == SIG_UNBLOCK:
            mask = old & ~given
        elif how == SIG_SETMASK:
            mask = given
        else:
            return -EINVAL
        if mask & ~UNBLOCKABLE != old:
            set_mask(task, mask)
    if oldset:
        task.mm.write(oldset, old.to_bytes(SIGSET, "little"))
    return 0


@syscall
def rt_sigpending(task: Task, set: Out[Sigset], sigsetsize: Size) -> int:
    """Which blocked signals wait."""
    if sigsetsize > SIGSET:
        return -EINVAL
    pending = bytearray(SIGSET)
    result = task.host.rt_sigpending(pending, SIGSET)
    if result < 0:
        return result
    mask = int.from_bytes(pending, "little")
    for number in task.kept:
        mask |= 1 << (number - 1)
    task.mm.write(set, mask.to_bytes(SIGSET, "little")[:sigsetsize])
    return 0


@syscall(restart=NOHAND)
def rt_sigsuspend(task: Task, unewset: In[Sigset], sigsetsize: Size) -> int:
    """Wait for a signal under another mask."""
    if sigsetsize != SIGSET:
        return -EINVAL
    mask = int.from_bytes(task.mm.read(unewset, SIGSET), "little")
    host = host_mask(mask).to_bytes(SIGSET, "little")
    return wait_under(task, mask, lambda: task.host.rt_sigsuspend(host, SIGSET))


@syscall(restart=NEVER)
def rt_sigtimedwait(task: Task, uthese: In[Sigset], uinfo: Out[Siginfo], uts: In[Timespec], sigsetsize: Size) -> int:
    """Take a pending signal, waiting for one at most a given time."""
    if sigsetsize != SIGSET:
        return -EINVAL
    these = int.from_bytes(task.mm.read(uthese, SIGSET), "little")
    for number in [n for n in task.kept if these >> (n - 1) & 1]:
        if uinfo:
            task.mm.write(uinfo, task.kept[number])
        del task.kept[number]
        return number
    mm = task.mm
    return task.host.rt_sigtimedwait(these.to_bytes(SIGSET, "little"), mm.host_address(uinfo), mm.host_address(uts), SIGSET)


@forward
def rt_sigqueueinfo(tgid: Pid, sig: Signal, uinfo: In[Siginfo]) -> int:
    """Send a signal with data to a process."""


@forward
def rt_tgsigqueueinfo(tgid: Pid, tid: Pid, sig: Signal, uinfo: In[Siginfo]) -> int:
    """Send a signal with data to a thread."""


@forward
def kill(pid: Pid, sig: Signal) -> int:
    """Send a signal to a process or a group of processes."""


@forward
def tkill(tid: Pid, sig: Signal) -> int:
    """Send a signal to a thread."""


@forward
def tgkill(tgid: Pid, tid: Pid, sig: Signal) -> int:
    """Send a signal to a thread of a process."""


@forward(restart=NOHAND)
def pause() -> int:
    """Wait for a signal."""


@syscall
def sigaltstack(task: Task, ss: In[Sigaltstack], old_ss: Out[Sigaltstack]) -> int:
    """Set and get the alternate signal stack."""
    old = task.altstack
    new = Sigaltstack.unpack(task.mm.read(ss, Sigaltstack.size)) if ss else None
    inside = on_altstack(task, task.cpu.regs[RSP])
    error = set_altstack(task, new) if new else 0
    if not error and old_ss:
        flags = (old.ss_flags & -SS_AUTODISARM) | (SS_ONSTACK if inside else 0 if old.ss_size else SS_DISABLE)
        task.mm.write(old_ss, bytes(old.replace(ss_flags=flags)))
    return error


@syscall
def rt_sigreturn(task: Task) -> None:
    """Return from a signal handler."""
    sigreturn(task)
