"""A guest process as a whole: its program, its children, its end. One host process holds it all."""

from __future__ import annotations

import os

from linux_abi.errors import LinuxError
from linux_abi.fds import Room
from linux_abi.host import own
from linux_abi.robust import release_robust_list
from linux_abi.sigframe import NO_ALTSTACK
from linux_abi.signals import DEFAULT_ACTION, forget_actions, set_action, set_mask
from linux_abi.task import Limits
from linux_abi.uapi.clone import (
    CLONE_CHILD_CLEARTID,
    CLONE_CHILD_SETTID,
    CLONE_CLEAR_SIGHAND,
    CLONE_PARENT_SETTID,
    CLONE_PIDFD,
    CLONE_SETTLS,
    CLONE_VFORK,
    CLONE_VM,
)
from linux_abi.uapi.errno import ERESTARTSYS
from linux_abi.uapi.personality import ADDR_NO_RANDOMIZE
from linux_abi.uapi.prctl import PR_SET_MM, PR_SET_MM_MAP, PR_SET_NAME
from linux_abi.uapi.resource import RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK
from linux_abi.uapi.signals import SIG_DFL, SIG_IGN, SIGCHLD, SIGPIPE, SIGSEGV, SIGXFSZ
from linux_abi.uapi.structs import CapData, CapHeader, CloneArgs, PrctlMmMap, Rlimit, Sigaction
from linux_abi.uapi.x86_64 import NUMBERS, RIP, RSP

from . import loader, vdso
from ._native import ffi, lib
from .program import Image, prepare
from .threads import Threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import NoReturn

    from linux_abi.host.linux import LinuxHost
    from linux_abi.task import Task

    from .instrument import Instrument
    from .memory import AddressSpace
    from .vfork import Vfork

_ALL = (1 << 64) - 1
_BESIDE_THREADS = CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_PIDFD
_BESIDE_THREADS |= CLONE_SETTLS | CLONE_CLEAR_SIGHAND
_LAYOUT = ("start_code", "end_code", "start_data", "end_data", "start_brk")
_QUERY = 0xFFFFFFFF  # of personality(2)
_LOOKS = 10_000  # for a child's record, a few tenths of a second


class Process:
    """Implements linux_abi.task.Machine."""

    def __init__(self, mm: AddressSpace, host: LinuxHost, fast: bool, instruments: Sequence[Instrument] = ()) -> None:
        self.mm = mm
        self.host = host
        self.instruments = instruments
        self._aslr = mm.aslr.on
        self.task: Task  # its first thread
        self.threads: Threads
        limit = bytearray(Rlimit.size)
        for resource in (RLIMIT_STACK, RLIMIT_DATA, RLIMIT_AS):
            host.prlimit64(0, resource, 0, limit)
            mm.set_limit(resource, Rlimit.unpack(limit).rlim_cur)
        self.fast = fast
        self._vforks: set[Vfork] = set()  # whose connections are open here
        self._forks = False  # so what forked children need is in memory, which they would all load for themselves
        self._awaited(None)

    # ---- Programs ----

    def prepare(self, path: bytes, execfn: bytes, argv: Iterable[bytes], envp: Iterable[bytes], lasting: bool = True) -> Image:
        """Find all that can be wrong with a program."""
        vdso.find()  # while /proc/self still tells of the host's
        limit = self.mm.stack_limit
        return prepare(path, argv, envp, host=self.host.now, stack_limit=limit, execfn=execfn, lasting=lasting)

    def catch_up(self, task: Task) -> None:
        """C has forked this process or executed a program in it, or the guest's descriptors come near the VMM's."""
        news = lib.fast_news()
        if news & lib.NEWS_CROWDED:
            with task.group.fds.lock:
                task.group.fds.give_way(self.host.now)
        if news & lib.NEWS_FORKED:
            from linux_abi.syscalls.lifecycle import begin_child

            self.born(task)
            begin_child(task, CloneArgs(flags=CLONE_CHILD_CLEARTID, child_tid=task.clear_child_tid))
        if news & lib.NEWS_EXECUTED:
            group = task.group
            group.attached.clear()
            group.exe = ffi.string(lib.program_path())
            group.layout = tuple(ffi.unpack(lib.program_layout(), len(_LAYOUT)))
            for instrument in self.instruments:
                instrument.executed(task)

    def adopt(self, task: Task, serve: Callable[[Task], None], entry: Callable[[int], object]) -> None:
        """The first task takes over the signals that this process was started with.

        `serve` runs a thread to its end; `entry` makes what serves a system call.
        """
        self._entry = entry
        self.task = task
        task.group.exe_file = self._exe_file
        task.group.relative = _relative
        task.group.limits = _limits
        task.group.has_executed = lib.tree_executed
        task.group.is_busy = _is_busy
        self.threads = Threads(task, self.mm, serve)
        task.group.tids = self.threads.others
        mask = bytearray(8)
        self.host.now.rt_sigprocmask(0, 0, mask, 8)
        set_mask(task, int.from_bytes(mask, "little"))
        action = bytearray(Sigaction.size)
        for number in range(1, 65):
            self.host.now.rt_sigaction(number, 0, action, 8)
            handler = Sigaction.unpack(action).sa_handler
            if number in (SIGPIPE, SIGXFSZ) or handler not in (SIG_DFL, SIG_IGN):
                set_action(task, number, DEFAULT_ACTION)  # Python's doing
            elif handler == SIG_IGN:
                task.group.actions[number] = Sigaction(SIG_IGN, 0, 0, 0)
        self._may_execute()
        task.group.fds.settle(self.host.now)

    def _exe_file(self) -> bytes:
        fd: int = lib.program_fd()
        return b"/proc/self/fd/%d" % fd if fd >= 0 else self.task.group.exe

    def load(self, image: Image) -> loader.Entry:
        """Fill the empty address space with a program."""
        self.mm.aslr.on = self._aslr and not self.host.now.personality(_QUERY) & ADDR_NO_RANDOMIZE
        lib.program_is(own.target(f"self/fd/{image.program.fd}"), os.dup(image.program.fd))
        return loader.commit(image, self.mm)

    def enter(self, image: Image, entry: loader.Entry) -> None:
        """Point the CPU at the start of the program that `load` has brought, and name the process after it."""
        task = self.task
        task.cpu.reset()
        task.cpu.regs[RIP] = entry.rip
        task.cpu.regs[RSP] = entry.rsp
        group = task.group
        group.exe = ffi.string(lib.program_path())
        group.layout = entry.start_code, entry.end_code, entry.start_data, entry.end_data, entry.start_brk
        self.host.now.prctl(PR_SET_NAME, os.path.basename(image.execfn)[:15] + b"\0", 0, 0, 0)
        self._publish(entry)

    def _publish(self, entry: loader.Entry) -> None:
        """Let the host's kernel know the guest's arguments, environment and auxiliary vector, for /proc and ps.

        The rest of the record stays the VMM's: its own heap depends on it. An old kernel may refuse; then ps shows noahpy.
        """
        base = self.mm.window.base
        area = PrctlMmMap(
            **dict(zip(_LAYOUT, lib.exec_host().layout, strict=True)),
            brk=self.host.now.brk(0),
            start_stack=base + entry.start_stack,
            arg_start=base + entry.arg_start,
            arg_end=base + entry.arg_end,
            env_start=base + entry.env_start,
            env_end=base + entry.env_end,
            auxv=base + entry.auxv_addr,
            auxv_size=len(entry.auxv),
            exe_fd=-1,
        )
        self.host.now.prctl(PR_SET_MM, PR_SET_MM_MAP, bytes(area), PrctlMmMap.size, 0)

    def execute(
        self, task: Task, path: bytes, execfn: bytes, argv: Iterable[bytes], envp: Iterable[bytes], *, lasting: bool
    ) -> None:
        """execve(2): LinuxError while the old program can go on; past that, a failure kills."""
        with Room(self.task.group.fds, self.host):
            leaving = self._closing()
            try:
                image = self.prepare(path, execfn, argv, envp, lasting)
            except LinuxError as error:
                if getattr(error, "fatal", False):
                    task.signals.die(SIGSEGV)
                raise
        task.signals.set_mask(_ALL)
        self.threads.stop_others(task)
        if task is self.task:
            self._replace(image, leaving)
            return
        self.task.blocked, self.task.kept = task.blocked, task.kept
        self.threads.succeed(task, lambda _: self._replace(image, leaving))

    def _replace(self, image: Image, leaving: list[int]) -> None:
        """The rest of an execve, in the process's first thread when there is no other."""
        task, group, now = self.task, self.task.group, self.host.now
        forget_actions(task)
        for timer in group.timers:
            now.timer_delete(timer)
        group.timers.clear()
        for context in group.contexts.values():
            now.io_destroy(context)
        group.contexts.clear()
        group.attached.clear()
        lib.tree_executes()
        self._leave_parent()
        self._awaited(None)
        from linux_abi import credentials

        credentials.renew(task)
        task.altstack = NO_ALTSTACK
        release_robust_list(task)
        task.clear_child_tid = 0
        self._may_execute()
        for fd in leaving:
            now.close(fd)
        self.mm.reset()
        with Room(group.fds, now):
            try:
                self.enter(image, self.load(image))
            except LinuxError:
                task.signals.die(SIGSEGV)
        task.signals.set_mask(task.blocked)
        for instrument in self.instruments:
            instrument.executed(task)

    def _closing(self) -> list[int]:
        """The guest's descriptors that an execve closes."""
        room = 64
        while True:
            fds = ffi.new("int[]", room)
            found = lib.hidden_closing(own.descriptor(), fds, room)
            if found < 0:
                raise LinuxError(-found)
            if found <= room:
                return ffi.unpack(fds, found)  # type: ignore[no-any-return]
            room = found

    # ---- Processes ----

    def fork(self, task: Task, args: CloneArgs, host_args: bytes) -> int:
        """clone3(2) for a process. With CLONE_VFORK it returns when the child has called execve or ended."""
        task.signals.set_mask(_ALL)  # from here to the end, no signal comes between
        if task.signals.caught[0]:
            return -ERESTARTSYS
        with Room(task.group.fds, self.host):
            from .vfork import Vfork

            vfork = Vfork(task, args.flags & CLONE_VM != 0) if args.flags & CLONE_VFORK else None
            beside_threads = not self.threads.alone()
            result = self._fork_beside_threads(task, args, host_args) if beside_threads else task.cpu.fork(host_args)
            if result == 0:
                self.born(task, vfork, beside_threads)
            elif vfork and result < 0:
                vfork.cancel()
            elif vfork:
                vfork.begun()
                self._vforks.add(vfork)
            if result > 0 and not beside_threads and not self._forks:
                self._forks = True
                self._provide()
                self._awaited(self._vfork)
        if vfork and result > 0:
            vfork.wait(self.mm)
            with task.group.fds.lock:
                self._vforks.remove(vfork)
                vfork.cancel()
        task.signals.set_mask(task.blocked)
        return result

    def _provide(self) -> None:
        """Make what is made at its first use and what children use: they would all make it for themselves."""
        from linux_abi import credentials  # noqa: F401

        for struct in (CapData, CapHeader, CloneArgs):
            _ = struct.size
        for name in ("capget", "prctl", "setresgid", "setresuid"):
            getattr(self.host.now, name)
        for name in ("execve", "rt_sigaction"):
            self._entry(NUMBERS[name])

    def born(self, task: Task, vfork: Vfork | None = None, beside_threads: bool = False) -> None:
        """A child made by fork starts, with `task` its only thread."""
        self.task = task
        self.host.resident_at_start = None
        self.threads.forked(task)
        self.mm.forked()
        for other in self._vforks:
            other.cancel()
        self._vforks.clear()
        if vfork:
            vfork.begin(self.mm, beside_threads)
            self._vforks.add(vfork)
        self._awaited(vfork)
        self._may_execute()
        for instrument in self.instruments:
            instrument.born(task)

    def _fork_beside_threads(self, task: Task, args: CloneArgs, host_args: bytes) -> int:
        """By Python's fork where that can do it: it leaves the C library's locks in order, too, which others may hold."""
        with self.mm.mmap_lock:  # no other thread is half-way through a change of what is copied
            if args.exit_signal != SIGCHLD or args.flags & ~_BESIDE_THREADS or args.set_tid_size:
                return task.cpu.clone_beside_threads(host_args)
            pid = task.cpu.fork_beside_threads()
        if args.flags & CLONE_PARENT_SETTID and pid > 0:
            self.mm.window.write(args.parent_tid, pid.to_bytes(4, "little"))
        if args.flags & CLONE_CHILD_SETTID and pid == 0:
            self.mm.window.write(args.child_tid, os.getpid().to_bytes(4, "little"))
        if args.flags & CLONE_PIDFD and pid > 0:
            self.mm.window.write(args.pidfd, os.pidfd_open(pid).to_bytes(4, "little"))
        return pid

    def spawn(self, task: Task, args: CloneArgs) -> int:
        """clone3(2) for a thread."""
        lib.fast_fork(False)
        lib.fast_alone(False)
        tid = self.threads.spawn(task, args)
        if tid > 0 and self.fast and not self.instruments:
            lib.fast_threads(lib.serve_thread)
        return tid

    def signalled(self, task: Task, info: bytes) -> None:
        """A handler is about to run."""
        for instrument in self.instruments:
            instrument.signalled(task, info)

    def kicked(self, task: Task) -> None:
        """A thread was kicked."""
        self.threads.kicked(task)

    def _awaited(self, vfork: Vfork | None) -> None:
        """Whether a parent waits for this process's execve or end, which then has more to do than to exit.

        The process has one thread now.
        """
        self._vfork = vfork
        lib.fast_exit(self.fast and not vfork)
        lib.fast_alone(True)
        lib.fast_threads(ffi.NULL)
        lib.fast_fork(self.fast and not vfork and self._forks and self.mm.heritable())

    def _may_execute(self) -> None:
        """C may execute programs: nothing is to end with the old one (it sees a timer_create(2) or io_setup(2) itself)."""
        lib.fast_exec(self.fast and not self._vfork and not self.task.group.bounded)

    def exit(self, task: Task, status: int, group: bool) -> bool:
        """exit(2) or exit_group(2). True: the host thread goes on as the process's first, with another program."""
        if group or not lib.thread_leaves():
            first_status = self.threads.leader_status
            status = status if group or first_status is None else first_status
            for instrument in self.instruments:
                instrument.ending(task, status)
            self.end(status)
        return self.threads.end(task, status)

    def end(self, status: int) -> NoReturn:
        """The process ends."""
        self._leave_parent()
        lib.tree_end((status & 0xFF) << 8)
        os._exit(status)

    def _leave_parent(self) -> None:
        """A parent that waits since vfork(2) may go on, with what this process has written to memory."""
        lib.vfork_finish(self.task.clear_child_tid)
        if self._vfork:
            if self._vfork.shares_memory and self.task.clear_child_tid:
                self.mm.window.write(self.task.clear_child_tid, bytes(4))
            self._vfork.finish(self.mm)
            self._vforks.clear()


def _limits(pid: int) -> Limits | None:
    """As ThreadGroup.limits()."""
    limits = lib.tree_limits(pid) if pid else lib.limits_mine()
    for _ in range(_LOOKS):
        if limits or not _is_being_made(pid):
            break
        limits = lib.tree_limits(pid)
    return Limits(memoryview(ffi.buffer(limits)).cast("B")) if limits else None


def _is_being_made(pid: int) -> bool:
    """Whether it is a child of this process that may not have come to its record yet: it runs, and has not the VM's thread."""
    try:
        with open(f"{pid}/stat", "rb", opener=own.opener) as file:
            state, parent, *rest = file.read().rpartition(b") ")[2].split()
    except OSError:
        return False
    return int(parent) == os.getpid() and state not in (b"Z", b"X") and int(rest[15]) == 1


def _is_busy(dirfd: int, path: int | bytes, flags: int) -> bool:
    """As ThreadGroup.is_busy()."""
    address = ffi.from_buffer(path) if isinstance(path, bytes) else ffi.cast("char *", path)
    return bool(lib.tree_executes_file(dirfd, address, flags & 0x7FFFFFFF))


def _relative(pid: int) -> tuple[int, int] | None:
    """As ThreadGroup.relative()."""
    hidden, program = ffi.new("int *"), ffi.new("int *")
    return None if lib.tree_find(pid, hidden, program) else (hidden[0], program[0])
