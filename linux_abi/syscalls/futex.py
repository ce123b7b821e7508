"""Futexes: the host's own, on the window's address of the guest's word; key, waiters and PI owners are right as they are."""

from __future__ import annotations

from ..errors import LinuxError
from ..syscall import SYS, forward, syscall
from ..types import Flags, FutexAddress, FutexTimeout, FutexValue, In, Int, Pid, Ptr, Size, UInt, ULong
from ..uapi.errno import EINVAL, EPERM
from ..uapi.futex import FUTEX_WAITV_MAX, FutexOperation
from ..uapi.structs import FutexWaitv, RobustListHead, Timespec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..task import Task


@forward(restart=SYS)
def futex(
    uaddr: Ptr, futex_op: Flags[FutexOperation], val: FutexValue, timeout: FutexTimeout, uaddr2: FutexAddress, val3: FutexValue
) -> None:
    """Wait for, wake and hand over waiters at a word of memory."""


@forward(restart=SYS)
def futex_wait(uaddr: Ptr, val: ULong, mask: ULong, flags: UInt, timeout: In[Timespec], clockid: Int) -> None:
    """Wait at a word of memory until an absolute time."""


@forward
def futex_wake(uaddr: Ptr, mask: ULong, nr: Int, flags: UInt) -> None:
    """Wake waiters at a word of memory."""


def _host_waiters(task: Task, waiters: int, count: int) -> int | bytes:
    """Copy an array of struct futex_waitv, with host addresses; one that can't be read is left to the host to refuse."""
    mm = task.mm
    if not 0 < count <= FUTEX_WAITV_MAX:
        return mm.host_address(waiters)
    try:
        raw = bytearray(mm.read(waiters, count * FutexWaitv.size))
    except LinuxError:
        return mm.BAD_ADDRESS
    place = FutexWaitv.offsets["uaddr"]
    for at in range(place, len(raw), FutexWaitv.size):
        raw[at : at + 8] = mm.host_address(int.from_bytes(raw[at : at + 8], "little")).to_bytes(8, "little")
    return bytes(raw)


@syscall(restart=SYS)
def futex_waitv(task: Task, waiters: Ptr, nr_futexes: UInt, flags: UInt, timeout: In[Timespec], clockid: Int) -> int:
    """Wait at several words of memory at once."""
    host = task.host
    return host.futex_waitv(_host_waiters(task, waiters, nr_futexes), nr_futexes, flags, task.mm.host_address(timeout), clockid)


@syscall
def futex_requeue(task: Task, waiters: Ptr, flags: UInt, nr_wake: Int, nr_requeue: Int) -> int:
    """Wake waiters at one word and let others wait at a second."""
    return task.host.futex_requeue(_host_waiters(task, waiters, 2), flags, nr_wake, nr_requeue)


# ---- Robust lists: walked here when a thread ends, by the host's kernel when a process does (native/robust.c) ----


@syscall(missing="at a process's end the walk ends at a lock in private memory or in a segment of shmat(2)")
def set_robust_list(task: Task, head: Ptr, len: Size) -> int:
    """Tell where the thread's list of held robust futexes is."""
    if len != RobustListHead.size:
        raise LinuxError(EINVAL)
    task.cpu.robust_list = head
    return 0


@syscall(missing="another thread's list: EPERM")
def get_robust_list(task: Task, pid: Pid, head_ptr: Ptr, len_ptr: Ptr) -> int:
    """Where a thread's list of held robust futexes is."""
    if pid not in (0, task.host.gettid()):
        found = task.host.get_robust_list(pid, bytearray(8), bytearray(8))
        raise LinuxError(EPERM if found >= 0 else -found)
    task.mm.write(len_ptr, RobustListHead.size.to_bytes(8, "little"))
    task.mm.write(head_ptr, task.cpu.robust_list.to_bytes(8, "little"))
    return 0
