"""Waiting with masks and pointers inside of pointers, by a fake guest on the real host."""

from __future__ import annotations

import errno
import os
import signal
import struct

import pytest

from linux_abi.syscall import BLOCK, CALLS, NEVER, NOHAND, SYS
from linux_abi.uapi.structs import EpollEvent, Pollfd, PselectSigmask
from tests.unit.fakes import FakeGuest

SIGUSR1 = (1 << (signal.SIGUSR1 - 1)).to_bytes(8, "little")
ALL = b"\xff" * 8
NOW = bytes(16)


@pytest.fixture
def ready() -> int:
    read_end, write_end = os.pipe()
    os.write(write_end, b"x")
    yield read_end
    os.close(read_end)
    os.close(write_end)


def test_ppoll(guest: FakeGuest, ready: int) -> None:
    at = guest.mm.put(Pollfd.pack(ready, 1, 0))
    for mask in (0, guest.mm.put(SIGUSR1), guest.mm.put(ALL)):
        assert guest.call("ppoll", at, 1, NOW, mask, 8) == 1
    assert Pollfd.unpack(guest.mm.read(at, Pollfd.size)).revents == 1
    assert guest.call("ppoll", at, 1, NOW, guest.mm.put(SIGUSR1), 4) == -errno.EINVAL
    assert guest.call("ppoll", at, 1, NOW, guest.HOLE, 8) == -errno.EFAULT
    assert guest.call("ppoll", at, 1, guest.HOLE, 0, 8) == -errno.EFAULT
    assert guest.call("ppoll", guest.HOLE, 1, NOW, 0, 8) == -errno.EFAULT
    assert guest.call("poll", at, 1, 0) == 1


def test_a_wait_never_blocks_what_the_vmm_needs(guest: FakeGuest, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    monkeypatch.setattr(guest.host, "call", lambda number, *args: given.append(args) or 0)
    guest.call("ppoll", 0, 0, NOW, guest.mm.put(ALL), 8)
    guest.call("epoll_pwait", 3, guest.mm.put(16), 1, 0, guest.mm.put(ALL), 8)
    guest.call("epoll_pwait2", 3, guest.mm.put(16), 1, NOW, guest.mm.put(ALL), 8)
    masks = [int.from_bytes(args[position], "little") for args, position in zip(given, (3, 4, 4), strict=True)]
    assert masks == [(1 << 64) - 1 & ~(1 << 10 | 1 << 6)] * 3


def test_pselect6(guest: FakeGuest, ready: int) -> None:
    bits = struct.pack("Q", 1 << ready)
    argument = guest.mm.put(PselectSigmask.pack(guest.mm.put(SIGUSR1), 8))
    read_set = guest.mm.put(bits)
    for last in (0, argument, guest.mm.put(PselectSigmask.pack(0, 8)), guest.mm.put(PselectSigmask.pack(0, 0))):
        assert guest.call("pselect6", ready + 1, read_set, 0, 0, NOW, last) == 1
        assert guest.mm.read(read_set, 8) == bits

    def result(last: int) -> int:
        return guest.call("pselect6", ready + 1, read_set, 0, 0, NOW, last)

    assert result(guest.HOLE) == -errno.EFAULT
    assert result(guest.mm.put(PselectSigmask.pack(guest.HOLE, 8))) == -errno.EFAULT
    assert result(guest.mm.put(PselectSigmask.pack(guest.mm.put(SIGUSR1), 16))) == -errno.EINVAL
    assert guest.call("pselect6", -1, 0, 0, 0, NOW, argument) == -errno.EINVAL
    assert guest.call("select", ready + 1, guest.HOLE, 0, 0, 0) == -errno.EFAULT


def test_epoll(guest: FakeGuest, ready: int) -> None:
    epoll = guest.call("epoll_create1", 0)
    event = guest.mm.put(EpollEvent.pack(1, 0x1122334455667788))
    assert guest.call("epoll_ctl", epoll, 1, ready, event) == 0
    out = guest.mm.put(EpollEvent.size)
    for name, timeout in (("epoll_wait", 0), ("epoll_pwait", 0), ("epoll_pwait2", guest.mm.put(NOW))):
        assert guest.call(name, epoll, out, 1, timeout, 0, 8) == 1
        assert EpollEvent.unpack(guest.mm.read(out, EpollEvent.size)) == EpollEvent(1, 0x1122334455667788)
    assert guest.call("epoll_wait", epoll, guest.HOLE, 1, 0) == -errno.EFAULT
    assert guest.call("epoll_ctl", epoll, 1, guest.HIDDEN, event) == -errno.EBADF
    assert guest.call("close", epoll) == 0


def test_descriptors_for_signals_and_timers(guest: FakeGuest) -> None:
    fd = guest.call("signalfd4", -1, SIGUSR1, 8, 0)
    assert fd >= 0
    assert guest.call("close", fd) == 0
    assert guest.call("signalfd4", -1, guest.HOLE, 8, 0) == -errno.EFAULT
    assert guest.call("signalfd4", guest.HIDDEN, SIGUSR1, 8, 0) == -errno.EBADF
    timer = guest.call("timerfd_create", 1, 0)
    assert guest.call("timerfd_settime", timer, 0, guest.mm.put(struct.pack("4q", 0, 0, 0, 1)), 0) == 0
    assert guest.call("read", timer, guest.mm.put(8), 8) == 8
    assert guest.call("close", timer) == 0


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        (NEVER, "epoll_wait epoll_pwait epoll_pwait2"),
        (NOHAND, "select pselect6 ppoll"),
        (BLOCK, "poll"),
        (SYS, "read write accept recvmsg flock fcntl openat"),
    ],
)
def test_restart_rules(rule: str, names: str) -> None:
    """signal(7)."""
    assert {CALLS[name].restart for name in names.split()} == {rule}
