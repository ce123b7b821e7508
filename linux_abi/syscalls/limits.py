"""Resource limits: getrlimit(2), setrlimit(2), prlimit(2).

Most bind the host's process as they would the guest's, and are the host's. Those on memory would bind the VMM's own, of
which the window alone is more than any sane limit: the guest's are kept in memory that the processes of a tree share, for
prlimit(2) of another's, and its address space keeps to them. RLIMIT_NOFILE also says where the VMM's descriptors lie (fds.py),
and RLIMIT_NPROC is in the way of the threads that KVM starts, one a VM: the host's hard limits of these two are never lowered.
"""

from __future__ import annotations

from ..errors import LinuxError
from ..syscall import syscall
from ..types import Flags, In, Out, Pid
from ..uapi.capability import _LINUX_CAPABILITY_VERSION_3, CAP_SYS_RESOURCE
from ..uapi.errno import EINVAL, EPERM
from ..uapi.resource import RLIMIT_AS, RLIMIT_DATA, RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_STACK, Resource
from ..uapi.structs import CapData, CapHeader, Rlimit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..task import Task

_KEPT = frozenset((RLIMIT_DATA, RLIMIT_STACK, RLIMIT_AS))
_HARD_KEPT = frozenset((RLIMIT_NOFILE, RLIMIT_NPROC))


def limit(task: Task, resource: int, pid: int = 0) -> Rlimit:
    """Look up a guest's limit; EINVAL for a resource that the host does not know, and its errno where it does not tell."""
    host = _host_limit(task, resource, pid)
    if resource == RLIMIT_NOFILE and not pid and task.group.fds.own_limit:
        host = host.replace(rlim_cur=task.group.fds.own_limit)
    limits = task.group.limits(pid)
    kept = limits.get(resource) if limits else None
    if kept is None:
        return host
    return kept.replace(rlim_cur=host.rlim_cur) if resource in _HARD_KEPT else kept


def _host_limit(task: Task, resource: int, pid: int) -> Rlimit:
    old = bytearray(Rlimit.size)
    result = task.host.now.prlimit64(pid, resource, 0, old)
    if result < 0:
        raise LinuxError(-result)
    return Rlimit.unpack(old)


def set_limit(task: Task, resource: int, new: Rlimit, pid: int = 0) -> None:
    """Change a guest's limit, in Linux's order of checks."""
    limits = task.group.limits(pid)
    if limits is None or resource not in _KEPT | _HARD_KEPT:
        _set_host_limit(task, resource, new, pid)
        return
    old = limit(task, resource, pid)
    if new.rlim_cur > new.rlim_max:
        raise LinuxError(EINVAL)
    if new.rlim_max > old.rlim_max and not _may_raise(task):
        raise LinuxError(EPERM)
    if resource in _HARD_KEPT:
        _set_host_limit(task, resource, new.replace(rlim_max=max(new.rlim_max, _host_limit(task, resource, pid).rlim_max)), pid)
    elif not pid:
        task.mm.set_limit(resource, new.rlim_cur)
    limits[resource] = new


def _set_host_limit(task: Task, resource: int, new: Rlimit, pid: int) -> None:
    result = task.host.now.prlimit64(pid, resource, bytes(new), 0)
    if result < 0:
        raise LinuxError(-result)
    if resource == RLIMIT_NOFILE and not pid:
        fds = task.group.fds
        fds.own_limit = 0
        fds.watch()
        fds.settle(task.host.now)


def _may_raise(task: Task) -> bool:
    """Whether the thread has CAP_SYS_RESOURCE (capabilities(7))."""
    data = bytearray(2 * CapData.size)
    result = task.host.now.capget(CapHeader.pack(_LINUX_CAPABILITY_VERSION_3, 0), data)
    if result < 0:
        raise LinuxError(-result)
    return bool(CapData.unpack_from(data).effective >> CAP_SYS_RESOURCE & 1)


@syscall
def getrlimit(task: Task, resource: Flags[Resource], rlim: Out[Rlimit]) -> int:
    """A resource's soft and hard limit."""
    with task.group.fds.lock:
        now = limit(task, resource)
    task.mm.write(rlim, bytes(now))
    return 0


@syscall
def setrlimit(task: Task, resource: Flags[Resource], rlim: In[Rlimit]) -> int:
    """Set a resource's soft and hard limit."""
    new = Rlimit.unpack(task.mm.read(rlim, Rlimit.size))
    with task.group.fds.lock:
        set_limit(task, resource, new)
    return 0


@syscall(
    missing="another's limit on its stack holds from its next execve on; to RLIMIT_NPROC a process is two, with KVM's thread"
)
def prlimit64(task: Task, pid: Pid, resource: Flags[Resource], new_limit: In[Rlimit], old_limit: Out[Rlimit]) -> int:
    """Get and set a process's limits."""
    mm, host = task.mm, task.host.now
    who = 0 if pid in (host.getpid(), *task.group.tids()) else pid
    new = Rlimit.unpack(mm.read(new_limit, Rlimit.size)) if new_limit else None
    with task.group.fds.lock:
        old = limit(task, resource, who)
        if new is not None:
            set_limit(task, resource, new, who)
    if old_limit:
        mm.write(old_limit, bytes(old))
    return 0
