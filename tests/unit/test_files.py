"""Calls on open files, made by a fake guest on the real host."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import struct
import threading
from pathlib import Path

import pytest

from linux_abi.uapi.structs import Flock, Iovec
from tests.unit.fakes import PAGE, FakeGuest, FakeMemory

O_RDWR, O_CREAT, O_CLOEXEC = os.O_RDWR, os.O_CREAT, os.O_CLOEXEC
END = FakeMemory.END
BAD_POINTERS = [1, FakeGuest.HOLE, FakeMemory.SIZE, 1 << 46, 1 << 47, 1 << 63, (1 << 64) - 1]


@pytest.fixture
def file(tmp_path: Path) -> int:
    fd = os.open(tmp_path / "file", O_RDWR | O_CREAT)
    os.pwrite(fd, bytes(range(256)) * 64, 0)
    yield fd
    os.close(fd)


def test_read_write_and_offsets(guest: FakeGuest, file: int) -> None:
    buffer = guest.mm.put(64)
    assert guest.call("pread64", file, buffer, 64, 100) == 64
    assert guest.mm.read(buffer, 64) == bytes(range(100, 164))
    assert guest.call("lseek", file, -6, os.SEEK_END) == 256 * 64 - 6
    assert guest.call("read", file, buffer, 64) == 6
    assert guest.call("write", file, b"more", 4) == 4
    assert os.pread(file, 100, 256 * 64) == b"more"
    assert guest.call("lseek", file, -1, os.SEEK_SET) == -errno.EINVAL


@pytest.mark.parametrize("pointer", BAD_POINTERS)
def test_a_bad_pointer_is_efault(guest: FakeGuest, file: int, pointer: int) -> None:
    assert guest.call("read", file, pointer, 1) == -errno.EFAULT
    assert guest.call("pwrite64", file, pointer, 1, 0) == -errno.EFAULT
    assert guest.call("fstat", file, pointer) == -errno.EFAULT
    assert guest.call("readv", file, pointer, 1) == -errno.EFAULT
    assert guest.call("open", pointer, 0) == -errno.EFAULT
    assert guest.call("readlink", b"/proc/self/exe", pointer, 100) == -errno.EFAULT
    assert guest.call("fcntl", file, fcntl.F_GETLK, pointer) == -errno.EFAULT


def test_a_pointer_of_the_vmm_is_bad(guest: FakeGuest, file: int) -> None:
    secret = bytearray(b"secret")
    address = guest.host.address_of(secret)
    assert guest.call("pread64", file, address, 6, 0) == -errno.EFAULT
    assert guest.call("pwrite64", file, address, 6, 0) == -errno.EFAULT
    vector = Iovec.pack(address, 6)
    assert guest.call("preadv", file, vector, 1, 0, 0) == -errno.EFAULT
    assert guest.call("process_vm_readv", os.getpid(), Iovec.pack(guest.mm.put(8), 6), 1, vector, 1, 0) == -errno.EFAULT
    assert secret == b"secret"


def test_what_runs_into_a_hole_is_cut_short(guest: FakeGuest, file: int) -> None:
    assert guest.call("pread64", file, END - 10, 100, 0) == 10
    assert guest.mm.read(END - 10, 10) == bytes(range(10))
    assert guest.call("pwrite64", file, END - 10, 100, 1000) == 10


def test_a_hidden_descriptor_is_ebadf_first(guest: FakeGuest) -> None:
    for fd in (guest.HIDDEN, guest.HIDDEN + 1, guest.HIDDEN + (1 << 32)):
        assert guest.call("write", fd, guest.HOLE, 1) == -errno.EBADF
        assert guest.call("writev", fd, guest.HOLE, 1) == -errno.EBADF
        assert guest.call("close", fd) == -errno.EBADF
        assert guest.call("dup", fd) == -errno.EBADF
        assert guest.call("fcntl", fd, fcntl.F_DUPFD, 0) == -errno.EBADF
        assert guest.call("ioctl", fd, 0x5401, guest.HOLE) == -errno.EBADF
        assert guest.call("getdents64", fd, guest.HOLE, 100) == -errno.EBADF
        assert guest.call("openat", fd, b"null", 0) == -errno.EBADF
        assert guest.call("sendmsg", fd, guest.HOLE, 0) == -errno.EBADF
    assert os.fstat(guest.HIDDEN).st_rdev == os.stat("/dev/null").st_rdev


def iovecs(guest: FakeGuest, *rows: tuple[int, int]) -> int:
    return guest.mm.put(b"".join([Iovec.pack(*row) for row in rows]))


def test_iovec(guest: FakeGuest, file: int) -> None:
    one, two = guest.mm.put(4), guest.mm.put(10)
    rows = iovecs(guest, (one, 4), (two, 10))
    assert guest.call("preadv", file, rows, 2, 50, 0) == 14
    assert guest.mm.read(one, 4) + guest.mm.read(two, 10) == bytes(range(50, 64))
    assert guest.call("pwritev2", file, rows, 2, 0, 0, 0) == 14
    assert os.pread(file, 14, 0) == bytes(range(50, 64))
    assert guest.call("readv", file, rows, (1 << 32) | 2) == 14  # the count's upper half is not looked at
    assert guest.call("readv", file, rows, 0) == 0
    assert guest.call("readv", file, rows, 1025) == -errno.EINVAL
    assert guest.call("readv", file, rows, -1) == -errno.EINVAL
    assert guest.call("readv", file, END - 8, 1) == -errno.EFAULT
    assert guest.call("readv", file, iovecs(guest, (one, 1 << 63)), 1) == -errno.EINVAL
    assert guest.call("preadv", file, iovecs(guest, (one, 4), (guest.HOLE, 10)), 2, 0, 0) == 4


def test_iovec_never_takes_the_guests_addresses_for_the_hosts(guest: FakeGuest, file: int) -> None:
    target = bytearray(8)
    rows = iovecs(guest, (guest.host.address_of(target), 8))
    for count in (1, (1 << 32) | 1, 1 << 32, 1025, -1):
        assert guest.call("preadv", file, rows, count, 0, 0) <= 0
    assert target == bytes(8)


def is_open(fd: int) -> bool:
    return os.path.exists(f"/proc/self/fd/{fd}")


def test_close_range_spares_the_hidden(guest: FakeGuest) -> None:
    hidden = guest.HIDDEN
    outside = [hidden - 2, hidden - 1, hidden + 2, hidden + 3]
    for fd in outside:
        os.dup2(0, fd)
    assert guest.call("close_range", 2, 1, 0) == -errno.EINVAL
    assert guest.call("close_range", hidden, hidden + 1, 1 << 7) == -errno.EINVAL
    assert guest.call("close_range", hidden, hidden + 1, 0) == 0
    assert guest.call("close_range", hidden - 2, (1 << 32) - 1, 4) == 0  # CLOSE_RANGE_CLOEXEC
    assert [os.get_inheritable(fd) for fd in outside] == [False] * 4
    assert guest.call("close_range", hidden - 1, hidden + 2, 0) == 0
    assert [is_open(fd) for fd in outside] == [True, False, False, True]
    assert guest.call("close_range", hidden - 2, -1, 0) == 0
    assert [is_open(fd) for fd in range(hidden - 2, hidden + 4)] == [False, False, True, True, False, False]


def test_the_hidden_give_way(guest: FakeGuest) -> None:
    """Above the limit if that is allowed, else to the end of the guest's numbers."""
    fds = guest.group.fds
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    asked = []
    fds.move = lambda base: asked.append(base) or -errno.EPERM
    try:
        for limit in ((600, hard), (hard, hard)):
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            fds.give_way(guest.host.now)
            assert fds.hidden_base == guest.HIDDEN
        fds.move = guest.move_hidden
        os.dup2(0, hard - 1)
        fds.give_way(guest.host.now)
        os.close(hard - 1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert asked == [600, hard - 2]
    assert guest.hidden == [hard - 3, hard - 2]
    assert not is_open(guest.HIDDEN)
    assert not fds.is_hidden(guest.HIDDEN)


def test_the_hidden_make_way(guest: FakeGuest) -> None:
    """A number below the guest's limit is its own to use."""
    assert guest.call("dup2", 77, guest.HIDDEN) == -errno.EBADF
    assert guest.hidden == [guest.HIDDEN, guest.HIDDEN + 1]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    soft = resource.prlimit(0, resource.RLIMIT_NOFILE, (hard, hard))[0]
    try:
        os.dup2(0, hard - 1)
        for call, fd in (("dup2", guest.HIDDEN), ("dup3", guest.HIDDEN + 1)):
            assert guest.call(call, 0, fd, 0) == fd
            assert os.fstat(fd).st_ino == os.fstat(0).st_ino
        assert guest.hidden == [hard - 3, hard - 2]
        for fd in (hard - 1, guest.HIDDEN, guest.HIDDEN + 1):
            assert guest.call("close", fd) == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_above_the_limit_the_hidden_stay(guest: FakeGuest) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (guest.HIDDEN, hard))
    try:
        assert guest.call("dup2", 0, guest.HIDDEN) == -errno.EBADF
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert guest.hidden == [guest.HIDDEN, guest.HIDDEN + 1]


def test_locks_and_owners(guest: FakeGuest, file: int) -> None:
    lock = guest.mm.put(Flock.pack(fcntl.F_WRLCK, 0, 10, 20, 0))
    assert guest.call("fcntl", file, 37, lock) == 0  # F_OFD_SETLK
    other = os.open(f"/proc/self/fd/{file}", O_RDWR)
    assert guest.call("fcntl", other, 36, lock) == 0  # F_OFD_GETLK
    assert Flock.unpack(guest.mm.read(lock, Flock.size)) == Flock(fcntl.F_WRLCK, 0, 10, 20, -1)
    assert guest.call("fcntl", other, 37, lock) == -errno.EINVAL  # l_pid is not 0
    os.close(other)
    owner = guest.mm.put(struct.pack("ii", 1, os.getpid()))
    assert guest.call("fcntl", file, 15, owner) == 0
    assert guest.call("fcntl", file, fcntl.F_GETOWN) == os.getpid()
    fd = guest.call("fcntl", file, fcntl.F_DUPFD_CLOEXEC, 300)
    assert fd >= 300
    assert guest.call("fcntl", fd, fcntl.F_GETFD) == fcntl.FD_CLOEXEC
    assert guest.call("close", fd) == 0


def test_listing(guest: FakeGuest, tmp_path: Path) -> None:
    names = {f"{'x' * (i % 90)}{i}" for i in range(200)}
    for name in names:
        (tmp_path / name).touch()
    for call in ("getdents", "getdents64"):
        fd = guest.call("open", os.fsencode(tmp_path), os.O_DIRECTORY)
        assert guest.list(fd, call) == names | {".", ".."}
        assert guest.call("close", fd) == 0
    assert guest.call("getdents64", guest.call("open", b"/", 0), guest.HOLE, 512) == -errno.EFAULT


def test_moving_data(guest: FakeGuest, file: int, tmp_path: Path) -> None:
    out = guest.call("open", os.fsencode(tmp_path / "out"), O_RDWR | O_CREAT, 0o600)
    offset = guest.mm.put(struct.pack("q", 16))
    assert guest.call("sendfile", out, file, offset, 100) == 100
    assert guest.mm.read(offset, 8) == struct.pack("q", 116)
    assert os.pread(out, 200, 0) == bytes(range(16, 116))
    assert guest.call("copy_file_range", file, offset, out, 0, 10, 0) == 10
    assert guest.call("sendfile", out, file, guest.HOLE, 100) == -errno.EFAULT
    pipe = guest.mm.put(8)
    assert guest.call("pipe2", pipe, O_CLOEXEC) == 0
    read_end, write_end = struct.unpack("ii", guest.mm.read(pipe, 8))
    assert guest.call("vmsplice", write_end, iovecs(guest, (guest.mm.put(b"pipe"), 4)), 1, 0) == 4
    assert os.read(read_end, 10) == b"pipe"
    assert guest.call("pipe", guest.HOLE) == -errno.EFAULT
    for fd in (out, read_end, write_end):
        assert guest.call("close", fd) == 0


def test_memory_of_processes(guest: FakeGuest) -> None:
    source, target = guest.mm.put(b"own memory"), guest.mm.put(10)
    local, remote = iovecs(guest, (target, 10)), iovecs(guest, (source, 10))
    assert guest.call("process_vm_readv", os.getpid(), local, 1, remote, 1, 0) == 10
    assert guest.mm.read(target, 10) == b"own memory"
    assert guest.call("process_vm_writev", os.getpid(), remote, 1, local, 1, 0) == 10
    assert guest.call("process_vm_readv", os.getpid(), local, 1, remote, 1, 7) == -errno.EINVAL
    assert guest.call("process_vm_readv", os.getpid(), local, 1, remote, 1 << 32 | 1, 0) == -errno.EINVAL
    assert guest.call("process_vm_readv", os.getppid(), local, 1, remote, 1, 0) == -errno.ESRCH


def test_ioctl(guest: FakeGuest) -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, b"12345")
    count = guest.mm.put(4)
    assert guest.call("ioctl", read_end, 0x541B, count) == 0  # FIONREAD
    assert guest.mm.read(count, 4) == struct.pack("i", 5)
    assert guest.call("ioctl", read_end, 0x541B, guest.HOLE) == -errno.EFAULT
    assert guest.call("ioctl", read_end, 0x5451, 0) == 0  # FIOCLEX
    assert guest.call("ioctl", read_end, 0xC0FE1234, guest.mm.put(64)) == -errno.ENOTTY
    assert guest.call("ioctl", 400, 0xC0FE1234, guest.mm.put(64)) == -errno.EBADF
    os.close(read_end)
    os.close(write_end)

    master, slave = os.openpty()
    size = guest.mm.put(struct.pack("HHHH", 11, 22, 33, 44))
    assert guest.call("ioctl", master, 0x5414, size) == 0  # TIOCSWINSZ
    assert os.get_terminal_size(slave) == (22, 11)
    peer = guest.call("ioctl", master, 0x5441, O_RDWR | os.O_NOCTTY | O_CLOEXEC)  # TIOCGPTPEER: flags, though large
    assert peer >= 0
    assert os.ttyname(peer) == os.ttyname(slave)
    for fd in (master, slave, peer):
        os.close(fd)


def test_interfaces(guest: FakeGuest) -> None:
    sock = guest.call("socket", 2, 2, 0)
    rows = guest.mm.put(PAGE)
    asked = guest.mm.put(struct.pack("ixxxxQ", PAGE, rows))
    assert guest.call("ioctl", sock, 0x8912, asked) == 0
    length, address = struct.unpack("ixxxxQ", guest.mm.read(asked, 16))
    assert address == rows
    assert length % 40 == 0
    assert guest.call("ioctl", sock, 0x8912, guest.HOLE) == -errno.EFAULT
    assert guest.call("close", sock) == 0


def test_threads_share_descriptors(guest: FakeGuest) -> None:
    """A blocking call leaves other threads running: the host's call is made without the interpreter's lock."""
    read_end, write_end = os.pipe()
    threading.Timer(0.05, os.write, (write_end, b"x")).start()
    assert guest.call("read", read_end, guest.mm.put(8), 8) == 1
    os.close(read_end)
    os.close(write_end)
