"""A guest without a VM: memory that is a mapping of this process, a task, and the host's calls made by the C library."""

from __future__ import annotations

import ctypes
import itertools
import mmap
import os
from array import array
from collections.abc import Iterator
from types import SimpleNamespace

from linux_abi.errors import LinuxError
from linux_abi.fds import FdTable
from linux_abi.host.linux import LinuxHost
from linux_abi.syscall import Table
from linux_abi.task import Task, ThreadGroup
from linux_abi.uapi.errno import EFAULT, ENAMETOOLONG
from linux_abi.uapi.signals import SEGV_ACCERR, SEGV_MAPERR, SIGSEGV
from linux_abi.uapi.x86_64 import ARGUMENT_REGISTERS, NUMBERS

PAGE = 4096
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
LIBC.mmap.restype = ctypes.c_void_p


def raw(number: int, *words: int) -> int:
    """A native call as noahpy's: unsigned 64-bit words, strictly."""
    for word in words:
        if not isinstance(word, int):
            raise TypeError(f"{word!r} is no word")
        if not 0 <= word < 1 << 64:
            raise OverflowError(word)
    result = LIBC.syscall(ctypes.c_long(number), *[ctypes.c_ulong(word) for word in words])
    return -ctypes.get_errno() if result == -1 else result


def address_of(buffer: bytes | bytearray) -> int:
    if isinstance(buffer, bytes):
        return ctypes.cast(ctypes.c_char_p(buffer), ctypes.c_void_p).value
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


class FakeMemory:
    """Guest addresses up to SIZE, of which [START, END) are there and writable and the rest are holes."""

    BAD_ADDRESS = 0xFFFFFFFFFFFFF000
    START, END, SIZE = 0x10000, 0x50000, 0x80000

    def __init__(self) -> None:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self.window = LIBC.mmap(None, ctypes.c_size_t(self.SIZE), 0, flags, -1, ctypes.c_long(0))
        size = ctypes.c_size_t(self.END - self.START)
        assert LIBC.mprotect(ctypes.c_void_p(self.window + self.START), size, mmap.PROT_READ | mmap.PROT_WRITE) == 0
        self.free = self.START

    def close(self) -> None:
        LIBC.munmap(ctypes.c_void_p(self.window), ctypes.c_size_t(self.SIZE))

    def host_address(self, gva: int) -> int:
        return self.window + gva if 0 < gva < self.SIZE else self.BAD_ADDRESS if gva else 0

    def _copy(self, call: str, gva: int, buffer: ctypes.Array[ctypes.c_char]) -> None:
        """process_vm_readv(2) and its sister refuse what is not mapped where a plain access would die."""
        ours = (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), len(buffer))
        theirs = (ctypes.c_uint64 * 2)(self.host_address(gva), len(buffer))
        if len(buffer) and getattr(LIBC, call)(os.getpid(), ours, 1, theirs, 1, 0) != len(buffer):
            raise LinuxError(EFAULT)

    def read(self, gva: int, size: int) -> bytes:
        buffer = ctypes.create_string_buffer(size)
        self._copy("process_vm_readv", gva, buffer)
        return buffer.raw

    def write(self, gva: int, data: bytes | bytearray | memoryview) -> None:
        self._copy("process_vm_writev", gva, ctypes.create_string_buffer(bytes(data), len(data)))

    def cstr(self, gva: int, limit: int = 4096) -> bytes:
        for size in range(limit):
            if self.read(gva + size, 1) == b"\0":
                return self.read(gva, size)
        raise LinuxError(ENAMETOOLONG)

    def fault(self, address: int, error_code: int) -> bool:
        return False

    def fault_signal(self, address: int, error_code: int) -> tuple[int, int]:
        return SIGSEGV, SEGV_ACCERR if self.START <= address < self.END else SEGV_MAPERR

    def maps(self) -> bytes:
        return (
            b"00010000-00018000 r-xp 00000000 08:01 77                                 /bin/guest program\n"
            b"00018000-00020000 rw-p 00000000 00:00 0                                  [heap]\n"
            b"00020000-00030000 r-xp 00000000 08:01 78                                 /lib/libguest.so\n"
            b"00030000-00050000 rw-p 00000000 00:00 0                                  [stack]\n"
            b"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n"
        )

    def put(self, data: bytes | bytearray | int, align: int = 16) -> int:
        """Store bytes, or that many zeros, in fresh memory: where."""
        data = bytes(data)
        at = self.free + -self.free % align
        self.write(at, data)
        self.free = at + len(data)
        return at


class FakeGuest:
    """A task whose descriptors [500, 502) are the VMM's, and the way to let it make calls."""

    EXE = b"/bin/guest program"
    HIDDEN = 500
    HOLE = FakeMemory.END + PAGE

    def __init__(self) -> None:
        self.mm = FakeMemory()
        self.group = ThreadGroup(FdTable(self.HIDDEN, 2, self.move_hidden, lambda: None))
        self.group.exe = self.EXE
        self.host = LinuxHost([raw] * 7, address_of)
        cpu = SimpleNamespace(blocked=0, robust_list=0, clear_child_tid=0, altstack=(0, 0, 0), trap=(0, 0, 0))
        self.task = Task(self.group, self.mm, self.host, cpu, None, None)
        self.table = Table()
        for fd in (self.HIDDEN, self.HIDDEN + 1):
            null = os.open("/dev/null", os.O_RDWR)
            os.dup2(null, fd)
            os.close(null)

    def close(self) -> None:
        for fd in self.hidden:
            os.close(fd)
        self.mm.close()

    @property
    def hidden(self) -> list[int]:
        base = self.group.fds.hidden_base
        return [base, base + 1]

    def move_hidden(self, base: int) -> int:
        """What noahpy does in C."""
        for fd, to in zip(self.hidden, (base, base + 1), strict=True):
            os.dup2(fd, to)
            os.close(fd)
        return 0

    def call(self, name: str, *args: int | bytes) -> int:
        """The result of a system call; bytes are stored in guest memory, with a NUL, and their address passed."""
        regs = array("Q", [0] * 18)
        for register, arg in zip(ARGUMENT_REGISTERS, args, strict=False):
            regs[register] = (arg if isinstance(arg, int) else self.mm.put(arg + b"\0")) & (1 << 64) - 1
        return self.table[NUMBERS[name]](self.task, memoryview(regs))

    def read_file(self, fd: int) -> bytes:
        """All that the guest can read of a descriptor, which is closed."""
        buffer = self.mm.put(2 * PAGE)
        parts = []
        while (count := self.call("read", fd, buffer, 2 * PAGE)) > 0:
            parts.append(self.mm.read(buffer, count))
        assert count == 0
        assert self.call("close", fd) == 0
        return b"".join(parts)

    def list(self, fd: int, call: str = "getdents64", size: int = 512) -> set[str]:
        """The names in an open directory."""
        name_at = {"getdents64": 19, "getdents": 18}[call]
        buffer = self.mm.put(size)
        names = set()
        for _ in itertools.count():
            count = self.call(call, fd, buffer, size)
            assert count >= 0
            if not count:
                return names
            names.update(_names(self.mm.read(buffer, count), name_at))
        raise AssertionError


def _names(entries: bytes, name_at: int) -> Iterator[str]:
    while entries:
        length = int.from_bytes(entries[16:18], "little")
        yield entries[name_at:length].partition(b"\0")[0].decode()
        entries = entries[length:]
