"""Robust futexes: the locks that a thread holds when it ends are marked and passed on (get_robust_list(2))."""

from __future__ import annotations

from .errors import LinuxError
from .uapi.futex import FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS, FUTEX_WAKE
from .uapi.structs import RobustListHead

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .task import Task

_LIMIT = 2048  # entries: the kernel's ROBUST_LIST_LIMIT
_PI = 1  # in a pointer: a priority-inheriting futex


def release_robust_list(task: Task) -> None:
    """Walk the list as the kernel's exit_robust_list does; what can't be read ends it."""
    if not task.cpu.robust_list:
        return
    head_address, task.cpu.robust_list = task.cpu.robust_list, 0
    try:
        head = RobustListHead.unpack(task.mm.read(head_address, RobustListHead.size))
        pending = head.list_op_pending & ~_PI
        entry = head.list & ~_PI
        for _ in range(_LIMIT):
            if entry == head_address:
                break
            following = int.from_bytes(task.mm.read(entry, 8), "little") & ~_PI
            if entry != pending:
                _owner_died(task, entry + head.futex_offset)
            entry = following
        if pending:
            _owner_died(task, pending + head.futex_offset)
    except (LinuxError, OverflowError):
        pass


def _owner_died(task: Task, address: int) -> None:
    address &= (1 << 64) - 1
    word = int.from_bytes(task.mm.read(address, 4), "little")
    if word & FUTEX_TID_MASK == task.tid:
        task.mm.write(address, ((word & FUTEX_WAITERS) | FUTEX_OWNER_DIED).to_bytes(4, "little"))
        task.host.now.futex(task.mm.host_address(address), FUTEX_WAKE, 1, 0, 0, 0)
