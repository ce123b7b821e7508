"""A guest's thread without a VM: the real address space, host calls and descriptors, and addresses made to hurt."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import random
import resource
import socket
import struct
from array import array
from pathlib import Path
from typing import NoReturn

from linux_abi.errors import LinuxError
from linux_abi.fds import FdTable
from linux_abi.host.linux import LinuxHost
from linux_abi.syscall import Table
from linux_abi.task import Task, ThreadGroup
from linux_abi.uapi.errno import EAGAIN, EINVAL, ENOENT, EPERM
from linux_abi.uapi.mman import MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, PROT_NONE, PROT_READ, PROT_WRITE
from noahpy._native import lib
from noahpy.engine import kvm
from noahpy.memory import AddressSpace
from noahpy.window import Window

PAGE = 4096
READ_WRITE = 0x10000000  # four pages, then a hole
ZEROS, ONES, STRUCTS, STRINGS = (READ_WRITE + i * PAGE for i in range(4))
END = READ_WRITE + 4 * PAGE
READ_ONLY = READ_WRITE + 0x10000
NO_ACCESS = READ_WRITE + 0x20000
HOLE = READ_WRITE + 0x30000
WINDOW = 1 << 46
TOP = WINDOW - 2 * PAGE  # the highest page that Linux maps below its TASK_SIZE

DESCRIPTORS = 8  # what open_descriptors() opens: 0 and up
HIDDEN = 1000  # a descriptor of the VMM's, right above the guest's limit
FILE_SIZE_LIMIT = 1 << 20

_NAMES = (
    b"noahpy-fuzz",
    b"new",
    b"directory",
    b"link",
    b"./directory/../noahpy-fuzz",
    b".",
    b"",
    b"/",
    b"/proc/self/maps",
    b"A" * 300,
)
SECRET = b"the VMM's canary"
# No word may block both of these as a signal mask: they interrupt calls that wait.
INTERRUPTS = (14, 60)
_ALL_BUT_INTERRUPTS = ~sum(1 << (n - 1) for n in INTERRUPTS) & (1 << 64) - 1


class Canary:
    """Memory of the VMM's that no guest pointer may reach."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 2 * PAGE)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self._sound = SECRET * (2 * PAGE // len(SECRET))
        self._memory[:] = self._sound

    def is_sound(self) -> bool:
        """Whether nobody wrote to it."""
        return self._memory[:] == self._sound


class _Cpu:
    def __init__(self) -> None:
        self.regs = memoryview(array("Q", [0] * 18))
        self.fs_base = self.gs_base = self.blocked = self.robust_list = self.clear_child_tid = 0
        self.altstack = self.trap = (0, 0, 0)
        self.xstate_size = 576
        self.xstate_features = 3
        self.initial_xstate = bytes(576)

    def without_vm(self, number: int, first: int, second: int) -> int:
        return -EINVAL  # the fuzzer has threads of its own

    def get_xstate(self) -> bytearray:
        return bytearray(576)

    def set_xstate(self, area: bytes | bytearray) -> bool:
        return True


class _Host(LinuxHost):
    """The host's calls, watched: addresses that mean nothing to a guest must not reach them."""

    def __init__(self) -> None:
        super().__init__([self._watched] * 7, kvm.host().address_of)
        self.forbidden: set[int] = set()
        self.leaks = 0

    def _watched(self, number: int, *words: int) -> int:
        self.leaks += sum(type(word) is int and word in self.forbidden for word in words)
        return int(lib.host_syscall(number, *words, *[0] * (6 - len(words))))


class GuestDiedError(Exception):
    """The guest was killed by a signal, as Linux would kill it."""


class _Signals:
    """Takes what it is told and does nothing: the fuzzer lives on signals itself."""

    DEFAULT, IGNORE, CATCH = range(3)
    caught = memoryview(array("i", [0]))

    def set_action(self, number: int, action: int, flags: int) -> int:
        return 0

    def set_mask(self, mask: int) -> int:
        return 0

    def take(self) -> tuple[int, bytes]:
        return 0, bytes(128)

    def die(self, number: int) -> NoReturn:
        raise GuestDiedError


class _Machine:
    """Refuses: processes have tests of their own. Knows the VMM's addresses, for entries that are made to fail."""

    def __init__(self, vmm: tuple[int, ...]) -> None:
        self.vmm = vmm

    def fork(self, *arguments: object) -> int:
        return -EAGAIN

    spawn = fork

    def execute(self, task: Task, *arguments: object, lasting: bool) -> NoReturn:
        for strings in arguments:
            if not isinstance(strings, int | bytes):
                list(strings)  # type: ignore[call-overload]  they are read before anything else happens
        raise LinuxError(ENOENT)


class Hostile:
    """The task, and the addresses to try on it."""

    def __init__(self, table: Table) -> None:
        self.canary = Canary()
        self.mm = AddressSpace(Window(WINDOW), aslr=False)
        for start, size, prot in (
            (READ_WRITE, 4 * PAGE, PROT_READ | PROT_WRITE),
            (READ_ONLY, PAGE, PROT_READ),
            (NO_ACCESS, PAGE, PROT_NONE),
            (TOP, PAGE, PROT_READ | PROT_WRITE),
        ):
            self.mm.mmap(start, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
        self.vmm = (self.canary.address, self.canary.address + PAGE - 8, id(self.canary), self.mm.window.base)
        hvas = (*self.vmm, self.mm.window.base + READ_WRITE)
        low = (0, 1, 8, 0x400000, READ_WRITE + 1, READ_ONLY, READ_ONLY + PAGE - 4, NO_ACCESS, HOLE)
        ends = (END - 1, END - 4, END - 8, END - 16, END - 128, END, TOP, TOP + PAGE - 1, TOP + PAGE - 8, TOP + PAGE)
        beyond = (WINDOW - 1, WINDOW, WINDOW + PAGE, (1 << 47) - PAGE, 1 << 47, 1 << 63, 0xFFFF800000000000, (1 << 64) - PAGE)
        wrapping = ((1 << 64) - 8, (1 << 64) - 1)
        self.addresses = (ZEROS, ONES, STRINGS, STRUCTS, *low, *ends, *beyond, *wrapping, *hvas)
        self.pointers = (
            (self.canary.address,) * 6 + (STRUCTS,) * 3 + (*hvas, ZEROS, STRUCTS, STRUCTS + 64, END - 8, READ_ONLY, HOLE)
        )
        self.strings: list[int] = []
        self._fill()
        kvm.Signals()  # copies end at a fault
        self.host = _Host()
        group = ThreadGroup(FdTable(HIDDEN, 1, lambda base: -EPERM, lambda: None))
        self.task = Task(group, self.mm, self.host, _Cpu(), _Signals(), _Machine(self.vmm))

    def fill_structs(self, rng: random.Random) -> None:
        """Put new content into the page STRUCTS: addresses and lengths, as in structs that hold pointers."""
        words = [
            w for a, n in zip(rng.choices(self.pointers, k=16), rng.choices((1, 2, 8, 64), k=16), strict=True) for w in (a, n)
        ]
        self.mm.window.write(STRUCTS, struct.pack("<32Q", *words))

    def leaked(self) -> bool:
        """Whether what the VMM keeps for itself is in the guest's memory, descriptors or files."""
        for fd in range(DESCRIPTORS):
            with contextlib.suppress(OSError):
                os.set_blocking(fd, False)
                if SECRET in os.read(fd, 1 << 20):
                    return True
        for start, stop in self.mm.runs(READ_WRITE, WINDOW):
            if SECRET in self.mm.window.read(start, min(stop - start, 1 << 20)):
                return True
        try:
            return any(SECRET in Path(entry).read_bytes() for entry in os.scandir(".") if entry.is_file(follow_symlinks=False))
        except OSError:  # the guest has taken descriptors or permissions away
            return False

    def _fill(self) -> None:
        write = self.mm.write
        write(ZEROS, bytes(PAGE))
        write(ONES, struct.pack("<Q", _ALL_BUT_INTERRUPTS) * (PAGE // 8))
        write(STRINGS, b"A" * PAGE)
        self.strings = []
        at = STRINGS
        for name in _NAMES:
            write(at, name + b"\0")
            self.strings.append(at)
            at += len(name) + 1
        self.strings.append(END - 100)  # never ends


def open_descriptors(report: int) -> None:
    """Give the guest the descriptors 0 to 7 in the current directory, the VMM `report` as HIDDEN, and nothing else."""
    os.dup2(report, HIDDEN, inheritable=False)
    os.closerange(0, HIDDEN)
    os.open("/dev/null", os.O_RDWR)
    for name in ("noahpy-fuzz", "noahpy-fuzz"):
        os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    os.mkdir("directory")
    os.symlink("noahpy-fuzz", "link")
    os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    os.pipe()
    for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM):
        end.detach()
    os.write(1, b"content " * 1024)
    os.write(5, b"content " * 1024)
    for end in (6, 7):
        os.write(end, b"content " * 8192)
    for name in ("noahpy-fuzz", "directory"):
        os.chmod(name, 0o777)


def limit_resources() -> None:
    """What a call may cost the machine that the fuzzer runs on."""
    for kind, value in (
        (resource.RLIMIT_FSIZE, FILE_SIZE_LIMIT),
        (resource.RLIMIT_MEMLOCK, 1 << 16),
        (resource.RLIMIT_DATA, 1 << 30),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, HIDDEN),
    ):
        hard = resource.getrlimit(kind)[1]
        soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (soft, soft))
