"""Processes, sessions, users and how they are scheduled: all of them are the host's own, so nearly all is forwarded."""

from __future__ import annotations

from ..syscall import forward, refuse, syscall
from ..task import TaskExit
from ..types import Fd, Flags, Hex, In, InOut, Int, Out, OutArray, OutCpuSet, Pid, Ptr, Signal, UInt, ULong
from ..uapi.clone import CLONE_NEWPID
from ..uapi.errno import EACCES, EINVAL, ENOSYS, EPERM
from ..uapi.resource import PriorityWhich, RusageWho
from ..uapi.sched import KCMP_EPOLL_TFD, KCMP_FILE, KcmpType, MembarrierCommand, SchedPolicy
from ..uapi.structs import CapData, CapHeader, Rusage, SchedAttr, SchedParam, Siginfo, Timespec
from ..uapi.x86_64 import NUMBERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..task import Task


# ---- Identity and end ----


@forward
def getpid() -> None:
    """The process's number: the host's own."""


@forward
def gettid() -> None:
    """The thread's number: the host's own."""


@forward
def getppid() -> None:
    """The parent's number."""


@syscall
def set_tid_address(task: Task, tidptr: Ptr) -> int:
    """Name the word that is zeroed and woken when the thread ends."""
    task.clear_child_tid = tidptr
    return task.host.gettid()


@syscall
def exit(task: Task, status: Int) -> int:
    """End the thread."""
    raise TaskExit(status & 0xFF, group=False)


@syscall
def exit_group(task: Task, status: Int) -> int:
    """End the process."""
    raise TaskExit(status & 0xFF, group=True)


# ---- Process groups and sessions ----


@forward
def getpgrp() -> None:
    """The caller's process group."""


@forward
def getpgid(pid: Pid) -> None:
    """A process's process group."""


@syscall
def setpgid(task: Task, pid: Pid, pgid: Pid) -> int:
    """Move a process into a process group; that a child has executed a program the host does not know."""
    host = task.host
    if pgid >= 0 and task.group.has_executed(pid) and host.getsid(pid) == host.getsid(0):
        return -EACCES
    return host.setpgid(pid, pgid)


@forward
def getsid(pid: Pid) -> None:
    """A process's session."""


@forward
def setsid() -> None:
    """Start a session."""


@forward
def vhangup() -> None:
    """Hang up the controlling terminal."""


# ---- Users and groups: of the host's thread, as Linux keeps them per thread; the C library speaks to all threads ----


@forward
def getuid() -> None:
    """The real user."""


@forward
def geteuid() -> None:
    """The effective user."""


@forward
def getgid() -> None:
    """The real group."""


@forward
def getegid() -> None:
    """The effective group."""


@forward
def setuid(uid: UInt) -> None:
    """Become a user."""


@forward
def setgid(gid: UInt) -> None:
    """Become a member of a group."""


@forward
def setreuid(ruid: UInt, euid: UInt) -> None:
    """Set real and effective user."""


@forward
def setregid(rgid: UInt, egid: UInt) -> None:
    """Set real and effective group."""


@forward
def setresuid(ruid: UInt, euid: UInt, suid: UInt) -> None:
    """Set real, effective and saved user."""


@forward
def setresgid(rgid: UInt, egid: UInt, sgid: UInt) -> None:
    """Set real, effective and saved group."""


@forward
def getresuid(ruid: Out[UInt], euid: Out[UInt], suid: Out[UInt]) -> None:
    """The real, effective and saved user."""


@forward
def getresgid(rgid: Out[UInt], egid: Out[UInt], sgid: Out[UInt]) -> None:
    """The real, effective and saved group."""


@forward
def setfsuid(fsuid: UInt) -> None:
    """Set the user for file access."""


@forward
def setfsgid(fsgid: UInt) -> None:
    """Set the group for file access."""


@forward
def getgroups(size: Int, list: OutArray[UInt]) -> None:
    """The supplementary groups."""


@forward
def setgroups(size: Int, list: Ptr) -> None:
    """Set the supplementary groups."""


@forward
def capget(hdrp: InOut[CapHeader], datap: Out[CapData]) -> None:
    """A thread's capabilities."""


@forward
def capset(hdrp: InOut[CapHeader], datap: In[CapData]) -> None:
    """Set the thread's capabilities."""


# ---- Scheduling ----


@forward
def getpriority(which: Flags[PriorityWhich], who: Pid) -> None:
    """20 minus the nice value."""


@forward
def setpriority(which: Flags[PriorityWhich], who: Pid, prio: Int) -> None:
    """Set the nice value."""


@forward
def ioprio_get(which: Int, who: Pid) -> None:
    """The I/O priority."""


@forward
def ioprio_set(which: Int, who: Pid, ioprio: Int) -> None:
    """Set the I/O priority."""


@forward
def sched_yield() -> None:
    """Let others run."""


@forward
def sched_setparam(pid: Pid, param: In[SchedParam]) -> None:
    """Set the real-time priority."""


@forward
def sched_getparam(pid: Pid, param: Out[SchedParam]) -> None:
    """The real-time priority."""


@forward
def sched_setscheduler(pid: Pid, policy: Flags[SchedPolicy], param: In[SchedParam]) -> None:
    """Set the scheduling policy."""


@forward
def sched_getscheduler(pid: Pid) -> None:
    """The scheduling policy."""


@forward
def sched_get_priority_max(policy: Flags[SchedPolicy]) -> None:
    """The highest priority of a policy."""


@forward
def sched_get_priority_min(policy: Flags[SchedPolicy]) -> None:
    """The lowest priority of a policy."""


@forward
def sched_rr_get_interval(pid: Pid, tp: Out[Timespec]) -> None:
    """The time slice of SCHED_RR."""


@forward
def sched_setattr(pid: Pid, attr: InOut[SchedAttr], flags: UInt) -> None:
    """Set policy and all that belongs to it."""


@forward
def sched_getattr(pid: Pid, attr: Out[SchedAttr], size: UInt, flags: UInt) -> None:
    """Policy and all that belongs to it."""


@forward
def sched_setaffinity(pid: Pid, cpusetsize: UInt, mask: Ptr) -> None:
    """Set the CPUs that a thread may run on: a vCPU runs where its host thread does."""


@forward
def sched_getaffinity(pid: Pid, cpusetsize: UInt, mask: OutCpuSet) -> None:
    """The CPUs that a thread may run on."""


@forward
def getcpu(cpu: Ptr, node: Ptr, tcache: Ptr) -> None:
    """The host CPU and NUMA node that the thread is on."""


@forward
def membarrier(cmd: Flags[MembarrierCommand], flags: UInt, cpu_id: Int) -> None:
    """Memory barriers on all threads: the interrupt that the host sends makes a vCPU exit, which is one."""


# ---- Namespaces ----


def _may_be_alone(task: Task, result: int, flags: int) -> bool:
    """Whether a VM may be why a call got EINVAL: some namespaces, not that of processes, need a process of one thread."""
    return result == -EINVAL and not task.group.tids() and flags != CLONE_NEWPID


@syscall(missing="a user namespace after one of processes: EINVAL")
def unshare(task: Task, flags: ULong) -> int:
    """Leave shared namespaces."""
    result = task.host.unshare(flags)
    if _may_be_alone(task, result, flags):
        result = task.cpu.without_vm(NUMBERS["unshare"], flags & ~CLONE_NEWPID, 0)
        if result == 0 and flags & CLONE_NEWPID:  # past that there can be no new thread, and so no VM
            result = task.host.unshare(CLONE_NEWPID)
    return result


@syscall
def setns(task: Task, fd: Fd, nstype: Int) -> int:
    """Enter namespaces."""
    host_fd = task.group.fds.visible(fd)
    result = task.host.setns(host_fd, nstype)
    if _may_be_alone(task, result, nstype):
        result = task.cpu.without_vm(NUMBERS["setns"], host_fd, nstype & ~CLONE_NEWPID)
        if result == 0 and nstype & CLONE_NEWPID:
            result = task.host.setns(host_fd, CLONE_NEWPID)
    return result


# ---- Processes by descriptor, and looking at others ----


@forward
def pidfd_open(pid: Pid, flags: UInt) -> None:
    """A descriptor of a process."""


@forward
def pidfd_getfd(pidfd: Fd, targetfd: Fd, flags: UInt) -> None:
    """A copy of another process's descriptor; a number that the VMM's own have is none there either."""


@forward
def pidfd_send_signal(pidfd: Fd, sig: Signal, info: In[Siginfo], flags: UInt) -> None:
    """Send a signal to a process by its descriptor."""


@forward
def process_mrelease(pidfd: Fd, flags: UInt) -> None:
    """Free the memory of a process that is dying."""


@syscall
def kcmp(task: Task, pid1: Pid, pid2: Pid, type: Flags[KcmpType], idx1: ULong, idx2: ULong) -> int:
    """Whether two processes share a kernel object."""
    visible = task.group.fds.visible
    if type == KCMP_FILE:
        return task.host.kcmp(pid1, pid2, type, visible(idx1), visible(idx2))
    if type == KCMP_EPOLL_TFD:
        return task.host.kcmp(pid1, pid2, type, visible(idx1), task.mm.host_address(idx2))
    return task.host.kcmp(pid1, pid2, type, idx1, idx2)


@forward
def getrusage(who: Flags[RusageWho], usage: Out[Rusage]) -> None:
    """Resources used, by the VMM for the guest included."""


@forward
def personality(persona: UInt) -> None:
    """The execution domain: the host's thread has it, inherits it as the guest's would and answers uname by it."""


# ---- Known, not done ----


@refuse(EPERM, "the tracer would see the VMM in the guest's place")
def ptrace(request: Int, pid: Pid, addr: Ptr, data: Ptr) -> None:
    """Trace another process."""


@refuse(ENOSYS, "the host would rewrite an address of the VMM's; C libraries do without")
def rseq(rseq: Ptr, rseq_len: Hex, flags: Int, sig: Hex) -> None:
    """Register for restartable sequences."""
