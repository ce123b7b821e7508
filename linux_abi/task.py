"""A guest's thread and process, and the protocols through which they reach memory, registers and the host."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from .fds import FdTable
    from .signals import SignalState
    from .uapi.structs import Rlimit

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

        # mmap(2) and its family: addresses and errors as the manual pages say.
        def mmap(self, addr: int, length: int, prot: int, flags: int, fd: int, offset: int) -> int: ...
        def munmap(self, addr: int, length: int) -> int: ...
        def mprotect(self, addr: int, length: int, prot: int) -> int: ...
        def mremap(self, old: int, old_size: int, new_size: int, flags: int, new: int) -> int: ...
        def madvise(self, addr: int, length: int, advice: int) -> int: ...
        def brk(self, addr: int) -> int: ...
        def maps(self) -> bytes:
            """The text of /proc/self/maps."""

    class Host(Protocol):
        """The host's calls, by Linux number (`linux_abi.host`)."""

        def call(self, number: int, *args: int | bytes | bytearray) -> int:
            """Make the call without the GIL; bytes are passed by address. Result or negative errno, never an exception.

            Gives -ERESTART at once, having done nothing, when a caught signal waits for this task.
            """

        def __getattr__(self, name: str) -> Callable[..., int]:
            """`host.fchmod(fd, mode)`: the same by name."""

    class Cpu(Protocol):
        """A virtual CPU (`noahpy.engine`)."""

        regs: memoryview[int]  # general registers, places as in uapi.x86_64; writes take effect at the next run
        fs_base: int
        gs_base: int

    from collections.abc import Callable


class TaskExit(Exception):
    """A guest thread ends with `status` (0 to 255), its whole process with it if `group`."""

    def __init__(self, status: int, group: bool) -> None:
        self.status = status
        self.group = group


class ThreadGroup:
    """A guest process: what its threads share. Its pid is the host's own."""

    def __init__(self, exe: bytes, argv: list[bytes], fds: FdTable) -> None:
        self.exe = exe  # the absolute path of what was exec'd, for /proc/self/exe
        self.argv = argv
        self.fds = fds
        self.auxv = b""  # as the kernel wrote it on the stack, for /proc/self/auxv
        self.limits: dict[int, Rlimit] = {}  # resource -> limit, where it is not the host's (syscalls/limits.py)
        self.timers: set[int] = set()  # of timer_create(2): a forked child has none, an execve deletes them
        self.attached: dict[int, int] = {}  # shmat(2): address -> bytes; an execve empties it


class Task:
    """A guest thread. Its tid is the host thread's own."""

    def __init__(self, group: ThreadGroup, mm: Memory, host: Host, cpu: Cpu) -> None:
        self.group = group
        self.mm = mm
        self.host = host
        self.cpu = cpu
        self.clear_child_tid = 0  # set_tid_address(2)
        self.robust_list = 0  # set_robust_list(2): the guest's head; the host's stays the VMM's own
