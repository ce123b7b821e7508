"""The guest's threads: each a host thread with a virtual CPU of its own (clone(2) with CLONE_THREAD, _exit(2)).

Which there are, native/threads.c keeps. It also starts those after a process's first, where nothing about them is unusual, and
has them end; they are known here from when they first need Python.
"""

from __future__ import annotations

from _thread import allocate_lock, start_new_thread

from linux_abi.errors import LinuxError
from linux_abi.robust import release_robust_list
from linux_abi.signals import set_action
from linux_abi.task import Task, TaskStopped
from linux_abi.uapi.clone import CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID, CLONE_PARENT_SETTID, CLONE_SETTLS
from linux_abi.uapi.errno import EAGAIN
from linux_abi.uapi.futex import FUTEX_WAKE
from linux_abi.uapi.signals import SIGRTMIN
from linux_abi.uapi.x86_64 import RAX, RSP

from ._native import ffi, lib
from .engine import kvm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from linux_abi.uapi.structs import CloneArgs

    from .memory import AddressSpace

_ALL = (1 << 64) - 1
_SIGSETXID = SIGRTMIN + 1  # of glibc
_KICK_AGAIN = 0.001  # s: a kick that comes between two looks at the flag is lost


class Threads:
    """The threads of a process. `serve` runs one until it ends."""

    def __init__(self, leader: Task, mm: AddressSpace, serve: Callable[[Task], None]) -> None:
        self.serve = serve
        self._mm = mm
        self.leader = leader
        self.leader_status: int | None = None  # after its exit, while others live
        self.survivor: Task | None = None  # during an execve: all others end
        lib.thread_only(leader.tid)
        ffi.def_extern("serve_thread")(self._adopt)
        self._first = True  # no other thread has begun
        self._baton = allocate_lock()  # what a leader waits for that has nothing more to run
        self._baton.acquire()
        self._inherited: Callable[[Task], None]  # what whoever releases the baton leaves

    def alone(self) -> bool:
        """Whether the process has one thread only."""
        return lib.thread_list(ffi.NULL, 0) == 1  # type: ignore[no-any-return]

    def others(self) -> set[int]:
        """The numbers of all but the first."""
        room = 64
        while True:
            tids = ffi.new("int[]", room)
            count = lib.thread_list(tids, room)
            if count <= room:
                return {*ffi.unpack(tids, count)} - {self.leader.tid}
            room = 2 * count

    def spawn(self, parent: Task, args: CloneArgs) -> int:
        """A new thread of the guest; its number, or a negative errno."""
        with parent.group.fds.lock, self._mm.mmap_lock:  # the new CPU needs page tables
            cpu = parent.cpu.copy()
        if cpu is None:
            return -EAGAIN
        thread = lib.thread_new()
        child = parent.sibling(cpu)
        child.blocked = parent.blocked
        cpu.regs[RAX] = 0
        if args.stack:
            cpu.regs[RSP] = args.stack
        if args.flags & CLONE_SETTLS:
            cpu.fs_base = args.tls
        ready = allocate_lock()
        ready.acquire()
        parent.signals.set_mask(_ALL)  # the new thread takes none before it can
        try:
            if not thread:
                raise MemoryError
            start_new_thread(self._begin, (child, args, ready, thread))
            ready.acquire()
        except (RuntimeError, MemoryError):
            lib.thread_drop(thread)
            with parent.group.fds.lock:
                cpu.release()
            return -EAGAIN
        finally:
            parent.signals.set_mask(parent.blocked)
        return child.tid

    def _begin(self, task: Task, args: CloneArgs, ready: object, thread: Any) -> None:
        task.signals = kvm.Signals()
        task.tid = task.host.gettid()
        number = task.tid.to_bytes(4, "little")
        if self._first:  # with which the host's C library has taken this signal for itself
            self._first = False
            set_action(task, _SIGSETXID, task.group.actions[_SIGSETXID])
        for flag, address in ((CLONE_PARENT_SETTID, args.parent_tid), (CLONE_CHILD_SETTID, args.child_tid)):
            if args.flags & flag:
                _store(task, address, number)
        if args.flags & CLONE_CHILD_CLEARTID:
            task.clear_child_tid = args.child_tid
        lib.thread_add(thread, task.tid)
        ready.release()  # type: ignore[attr-defined]
        task.signals.set_mask(task.blocked)
        self.serve(task)

    def _adopt(self, vcpu: Any) -> None:
        """A thread that C has started needs more than C does."""
        leader = self.leader
        task = leader.sibling(kvm.Cpu(vcpu))
        task.signals = kvm.Signals()
        task.tid = task.host.now.gettid()  # a signal may wait already
        try:
            self.serve(task)
        except SystemExit:
            pass  # as start_new_thread() takes it

    def end(self, task: Task, status: int) -> bool:
        """exit(2) of a thread that is not the last one.

        The leader's host thread stays to the process's end. True: another thread's execve has given it a program.
        """
        task.signals.set_mask(_ALL)
        release_robust_list(task)
        cleared = task.clear_child_tid
        if task is not self.leader:
            with task.group.fds.lock:
                task.cpu.release()  # another thread's from now on, with what it says of robust lists and the like
        if cleared:
            _store(task, cleared, bytes(4))
            task.host.now.futex(task.mm.host_address(cleared), FUTEX_WAKE, 1, 0, 0, 0)  # a signal that waits holds nothing up
        lib.thread_remove(task.tid)
        if task is self.leader:
            self.leader_status = status
            self._baton.acquire()
            self._inherited(task)
            return True
        task.signals.end()
        return False

    def kicked(self, task: Task) -> None:
        """A kick was caught."""
        if self.survivor is not None and self.survivor is not task:
            raise TaskStopped

    def stop_others(self, task: Task) -> None:
        """Return when `task` is the only thread of the process."""
        self.survivor = task
        from time import sleep

        while lib.thread_kick_others(task.tid):
            sleep(_KICK_AGAIN)
        self.survivor = None

    def succeed(self, task: Task, begin: Callable[[Task], None]) -> NoReturn:
        """The only thread left hands `begin` to the leader's host thread, whose number is the process's, and ends."""
        self._inherited = begin
        lib.thread_only(self.leader.tid)
        self.leader_status = None
        task.cpu.release()
        self._baton.release()
        task.signals.end()
        raise SystemExit

    def forked(self, task: Task) -> None:
        """In a child: `task` is the leader and alone."""
        task.tid = task.host.getpid()
        self.__init__(task, self._mm, self.serve)  # type: ignore[misc]


def _store(task: Task, address: int, data: bytes) -> None:
    try:
        task.mm.write(address, data)
    except LinuxError:
        pass  # as Linux, which does not look
