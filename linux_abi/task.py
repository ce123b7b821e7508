"""A guest's thread and process, and the protocols through which they reach memory, registers and the host."""

from __future__ import annotations

from .uapi.structs import Rlimit, Sigaction, Sigaltstack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn, Protocol

    from .fds import FdTable
    from .uapi.structs import CloneArgs

    class Memory(Protocol):
        """The guest's address space (`noahpy.memory`). Addresses are the guest's unless called host."""

        BAD_ADDRESS: int  # a host address on which every host call gives EFAULT

        def host_address(self, gva: int) -> int:
            """Where `gva` is in the VMM: 0 for 0, BAD_ADDRESS outside of what a guest can own."""

        def read(self, gva: int, size: int) -> bytes:
            """`size` bytes, or LinuxError(EFAULT)."""

        def write(self, gva: int, data: bytes | bytearray | memoryview) -> None:
            """Store `data`, or LinuxError(EFAULT); what came before the bad page is stored."""

        def cstr(self, gva: int, limit: int = 4096) -> bytes:
            """The string at `gva` without its NUL; LinuxError(EFAULT), or ENAMETOOLONG past `limit` with the NUL."""

        def strings(self, gva: int, limit: int, total: int) -> list[bytes]:
            """The strings that a NULL-terminated array of pointers names, as execve(2) takes them.

            EFAULT, or E2BIG past `limit` bytes with the NUL for one, `total` for all.
            """

        # mmap(2) and its family: addresses and errors as the manual pages say.
        def mmap(self, addr: int, length: int, prot: int, flags: int, fd: int, offset: int) -> int: ...
        def munmap(self, addr: int, length: int) -> int: ...
        def mprotect(self, addr: int, length: int, prot: int) -> int: ...
        def mremap(self, old: int, old_size: int, new_size: int, flags: int, new: int) -> int: ...
        def brk(self, addr: int) -> int: ...

        def set_limit(self, resource: int, soft: int) -> None:
            """Keep to a soft limit on memory: RLIMIT_AS, RLIMIT_DATA or RLIMIT_STACK, in bytes."""

        lock_future: int  # MAP_LOCKED after mlockall(MCL_FUTURE), for mappings to come

        def runs(self, start: int, end: int) -> list[tuple[int, int]]:
            """The parts of [start, end) that are mapped, in order, each as long as it can be."""

        # What the host has done on a mapped range at a handler's call: the address space's book follows.
        def advised(self, start: int, end: int, advice: int) -> None: ...
        def locked(self, start: int, end: int, *, on: bool) -> None: ...
        def refile(self, start: int, end: int, offset: int) -> None: ...
        def seal(self, start: int, end: int) -> None:
            """mseal(2), or LinuxError(ENOMEM) if there is a hole."""

        def discardable(self, start: int, end: int) -> bool:
            """Whether nothing in [start, end) is sealed against losing its content."""

        def set_name(self, start: int, end: int, name: bytes) -> None:
            """What /proc/self/maps calls private memory, as `[anon:...]`."""

        def maps(self) -> bytes:
            """The text of /proc/self/maps."""

        def fault(self, address: int, error_code: int) -> bool:
            """A page fault of the guest's CPU: True if the access is allowed and can be made again now."""

        def fault_signal(self, address: int, error_code: int) -> tuple[int, int]:
            """The signal and si_code of a page fault that is the guest's own."""

        def shrink_files(self) -> bool:
            """The host has refused a page: True if that was one past a file's new end, which is a fault from now on."""

    Word = int | bytes | bytearray

    class Host(Protocol):
        """The host's calls, by Linux number (`linux_abi.host`)."""

        def call(self, number: int, a: Word = 0, b: Word = 0, c: Word = 0, d: Word = 0, e: Word = 0, f: Word = 0) -> int:
            """Make the call without the GIL; bytes are passed by address. Result or negative errno, never an exception.

            Gives -ERESTARTSYS, having done nothing, when a caught signal waits for this task or comes while the call waits
            and its handler has SA_RESTART: the handler passes it on, and the guest makes its call again.
            """

        words: Sequence[Callable[..., int]]  # the same of unsigned words alone, by how many there are

        @property
        def now(self) -> Host:
            """The same calls, made in any case: for those that do not wait, where there is no way back."""

        def __getattr__(self, name: str) -> Callable[..., int]:
            """`host.fchmod(fd, mode)`: the same by name."""

        def address_of(self, buffer: bytes | bytearray) -> int:
            """Where a buffer of the VMM's is, for structs that point to others; the caller keeps it alive."""

        # Pages of the VMM before it had a guest: all, and those that files back. None: the process was made by fork.
        resident_at_start: tuple[int, int] | None

        # Done even when a caught signal waits, to finish what was begun (`linux_abi.host.linux`).
        def on_block_device(self, fd: int) -> bool: ...
        def path_of(self, fd: int) -> bytes: ...
        def vmm_path(self) -> bytes: ...
        def close_now(self, fd: int) -> None: ...
        def read_whole(self, fd: int) -> bytes: ...
        def replace_content(self, fd: int, content: bytes) -> None: ...

    class Cpu(Protocol):
        """A virtual CPU (`noahpy.engine`)."""

        regs: memoryview[int]  # general registers, places as in uapi.x86_64; writes take effect at the next run
        fs_base: int
        gs_base: int
        blocked: int  # the thread's signal mask as the guest set it
        keeps: bool  # SIGSEGV or SIGBUS has been kept while it was blocked
        robust_list: int  # set_robust_list(2): the guest's head; the host's stays the VMM's own
        clear_child_tid: int  # set_tid_address(2)
        altstack: tuple[int, int, int]  # sigaltstack(2): address, flags, bytes
        trap: tuple[int, int, int]  # of the last exception that became a signal: vector, error code, address
        xstate_size: int  # bytes of the extended state
        xstate_features: int  # XCR0
        initial_xstate: bytes

        def run(self) -> int:
            """Let the guest go on: EXIT_... of native/api.h, when it needs something."""

        @property
        def number(self) -> int:
            """The call that a signal has cut short; negative if none was under way."""

        def fault(self) -> tuple[int, int, int]:
            """The exception that has stopped it: vector, error code, address (of a page fault)."""

        def reset(self) -> None:
            """All registers as at a program's start: zero, extended state initial."""

        def copy(self) -> Cpu | None:
            """Another one of the VM in the same state, for a thread; None if there can be no more."""

        def release(self) -> None:
            """Its thread has ended: another may have it."""

        def fork(self, arguments: bytes) -> int:
            """clone3(2); 0 in the child, where it goes on in a fresh VM and views of `regs` must be taken anew."""

        def bind(self) -> None:
            """Take views of `regs` anew: they have moved in a child that C has forked."""

        def without_vm(self, number: int, first: int, second: int) -> int:
            """A host call of a process of one thread that a VM is in the way of."""

        def clone_beside_threads(self, arguments: bytes) -> int:
            """As `fork`, of a process of several threads."""

        def fork_beside_threads(self) -> int:
            """fork(2) of a process of several threads; as `fork`, but the child's end is SIGCHLD."""

        def get_xstate(self) -> bytearray:
            """The extended state in XSAVE's standard format."""

        def set_xstate(self, area: bytes | bytearray) -> bool:
            """Load one (the features that `area` is long enough for); False where the CPU refuses it."""

        def settle_xstate(self) -> bool:
            """What load_xstate() has been told is loaded: its memory may be written. False where the CPU refuses it."""

        def save_xstate(self, gva: int) -> None:
            """Have it stored at `gva` when the handler starts that the registers point to; XSAVE's header is zero before."""

        def load_xstate(self, gva: int, features: int) -> bool:
            """Have `features` loaded from `gva` when the guest goes on; what can't be is refused (False) or faults then."""

    class Signals(Protocol):
        """What the host thread under a guest's thread does with signals (docs/design.md, D3)."""

        DEFAULT: int
        IGNORE: int
        CATCH: int
        caught: memoryview[int]  # one element: not 0 while a caught signal waits

        def set_action(self, number: int, action: int, flags: int) -> int:
            """What the host does at signal `number`; of sigaction(2)'s flags SA_RESTART and those about children count."""

        def set_mask(self, mask: int) -> int:
            """The host thread blocks `mask`, all but SIGSEGV and SIGBUS; while a caught signal waits it blocks all."""

        def end(self) -> None:
            """The thread ends."""

        def take(self) -> tuple[int, bytes]:
            """The caught signal and its siginfo, (0, ...) if none waits. All others stay blocked until set_mask.

            A negative number: another thread wants this one to look up (`Machine.kicked`).
            """

        def put(self, info: bytes) -> None:
            """SIGSEGV or SIGBUS, which take() gave, waits as a caught signal again."""

        def forced(self, info: bytes) -> None:
            """A signal that was none of those caught reaches the thread."""

        def die(self, number: int) -> NoReturn:
            """The process ends by the signal's default action."""

    class Machine(Protocol):
        """What a process can do as a whole (`noahpy.process`)."""

        def fork(self, task: Task, args: CloneArgs, host_args: bytes) -> int:
            """clone3(2) for a process with memory of its own: 0 in the child, whose VM is fresh.

            The addresses in `host_args` are the host's.
            """

        def catch_up(self, task: Task) -> None:
            """EXIT_NEWS: what native code has done to the process as a whole becomes known here."""

        def spawn(self, task: Task, args: CloneArgs) -> int:
            """clone3(2) for a thread: its number or a negative errno."""

        def execute(
            self, task: Task, path: bytes, execfn: bytes, argv: Iterable[bytes], envp: Iterable[bytes], *, lasting: bool
        ) -> None:
            """Replace the program by the one at `path`, which it knows as `execfn`; LinuxError while it can still go on.

            Not `lasting`: the name ends with the execve, and is no use to a script's interpreter.
            """

        def exit(self, task: Task, status: int, group: bool) -> bool:
            """The thread or its process ends; True if its host thread goes on with another thread's execve."""

        def signalled(self, task: Task, info: bytes) -> None:
            """The thread is about to run its handler of a signal."""

        def kicked(self, task: Task) -> None:
            """Another thread has kicked this one: TaskStopped if it must end."""

    from collections.abc import Callable, Iterable, Sequence


class TaskExit(Exception):
    """A guest thread ends with `status` (0 to 255), its whole process with it if `group`."""

    def __init__(self, status: int, group: bool) -> None:
        self.status = status
        self.group = group


class TaskStopped(Exception):
    """A guest thread ends because another one of its process executes a program."""


class Actions:
    """What a process does at each signal, as rt_sigaction(2) has it: 32 bytes a signal, kept where C finds them."""

    ENTRY = 32
    SIZE = 64 * ENTRY

    def __init__(self, memory: memoryview | None = None) -> None:
        self._memory = memoryview(bytearray(self.SIZE)) if memory is None else memory

    def __getitem__(self, signal: int) -> Sigaction:
        return Sigaction.unpack_from(self._memory, self.ENTRY * (signal - 1))

    def __setitem__(self, signal: int, action: Sigaction) -> None:
        self._memory[self.ENTRY * (signal - 1) : self.ENTRY * signal] = bytes(action)

    def items(self) -> list[tuple[int, Sigaction]]:
        """The signals whose action is another than that of a program's start."""
        return [(i, action) for i, action in enumerate(Sigaction.iter_unpack(self._memory), 1) if any(action)]


class Limits:
    """A process's limits where they are not the host's (syscalls/limits.py), in memory that others write, too."""

    KEPT_AT = 16 * Rlimit.size
    SIZE = KEPT_AT + 8

    def __init__(self, memory: memoryview | None = None) -> None:
        self._memory = memoryview(bytearray(self.SIZE)) if memory is None else memory

    def _kept(self) -> int:
        return int.from_bytes(self._memory[self.KEPT_AT :], "little")

    def get(self, resource: int) -> Rlimit | None:
        """What the guest, or another for it, has set of a resource that the host knows."""
        return Rlimit.unpack_from(self._memory, resource * Rlimit.size) if self._kept() >> resource & 1 else None

    def __setitem__(self, resource: int, limit: Rlimit) -> None:
        self._memory[resource * Rlimit.size : (resource + 1) * Rlimit.size] = bytes(limit)
        self._memory[self.KEPT_AT :] = (self._kept() | 1 << resource).to_bytes(8, "little")


class ThreadGroup:
    """A guest process: what its threads share. Its pid is the host's own."""

    def __init__(self, fds: FdTable, actions: Actions | None = None) -> None:
        self.fds = fds
        self.exe = b""  # the absolute path of what was exec'd, for /proc/self/exe
        self.exe_file: Callable[[], bytes] = lambda: self.exe  # where the host finds it, whatever has become of that name
        # Another process of the tree: its first hidden descriptor and its program's; None for all others.
        self.relative: Callable[[int], tuple[int, int] | None] = lambda _: None
        self.has_executed: Callable[[int], bool] = lambda _: False  # whether a process is its child, with a program of its own
        # Whether open(2) with these flags would write to a program that is being executed: a host's directory and path.
        self.is_busy: Callable[[int, int | bytes, int], bool] = lambda _dirfd, _path, _flags: False
        self.layout = (0, 0, 0, 0, 0)  # start and end of code and of data, start of the heap, for /proc/self/stat
        self.actions = actions or Actions()
        self.tids: Callable[[], set[int]] = set  # the numbers of its threads but the first
        own = Limits()
        self.limits: Callable[[int], Limits | None] = lambda pid: None if pid else own  # 0: its own; another's of the tree
        self.timers: set[int] = set()  # of timer_create(2): a forked child has none, an execve deletes them
        self.attached: dict[int, int] = {}  # shmat(2): address -> bytes; an execve empties it
        self.contexts: dict[int, int] = {}  # io_setup(2): the guest's number of one -> the host's; of this process alone
        self.bounded = False  # it or an ancestor has dropped a capability from its bounding set (prctl(2))


class Task:
    """A guest thread. Its tid is the host thread's own."""

    def __init__(
        self,
        group: ThreadGroup,
        mm: Memory,
        host: Host,
        cpu: Cpu,
        signals: Signals,
        machine: Machine,
    ) -> None:
        self.group = group
        self.mm = mm
        self.host = host
        self.cpu = cpu
        self.signals = signals
        self.machine = machine
        self.tid = host.getpid()  # of a process's first thread
        self.unsuspended: int | None = None  # the mask to go back to from that of rt_sigsuspend(2), ppoll(2) and the like
        self.kept: dict[int, bytes] = {}  # SIGSEGV and SIGBUS that were sent while blocked, with their siginfo

    @property
    def blocked(self) -> int:
        """The signal mask as the guest set it."""
        return self.cpu.blocked

    @blocked.setter
    def blocked(self, mask: int) -> None:
        self.cpu.blocked = mask

    @property
    def altstack(self) -> Sigaltstack:
        """The alternate signal stack."""
        return Sigaltstack(*self.cpu.altstack)

    @altstack.setter
    def altstack(self, stack: Sigaltstack) -> None:
        self.cpu.altstack = stack.ss_sp, stack.ss_flags, stack.ss_size

    @property
    def trap(self) -> tuple[int, int, int]:
        """Vector, error code and address of the last exception that became a signal."""
        return self.cpu.trap

    @trap.setter
    def trap(self, trap: tuple[int, int, int]) -> None:
        self.cpu.trap = trap

    @property
    def clear_child_tid(self) -> int:
        """set_tid_address(2): zeroed at the end where others see this memory."""
        return self.cpu.clear_child_tid

    @clear_child_tid.setter
    def clear_child_tid(self, address: int) -> None:
        self.cpu.clear_child_tid = address

    def sibling(self, cpu: Cpu) -> Task:
        """A new thread of the same process, whose host thread has yet to say its number and take its signals."""
        return Task(self.group, self.mm, self.host, cpu, self.signals, self.machine)
