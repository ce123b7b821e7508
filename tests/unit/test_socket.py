"""Messages with addresses inside, by a fake guest on the real host."""

from __future__ import annotations

import array
import errno
import os
import socket
import struct

import pytest

from linux_abi.uapi.structs import Cmsghdr, Iovec, Mmsghdr, Msghdr, SockFprog
from tests.unit.fakes import FakeGuest

SOCKETPAIR = (socket.AF_UNIX, socket.SOCK_DGRAM)


@pytest.fixture
def pair() -> tuple[socket.socket, socket.socket]:
    one, two = socket.socketpair(*SOCKETPAIR)
    with one, two:
        yield one, two


def vector(guest: FakeGuest, *rows: tuple[int, int]) -> tuple[int, int]:
    return guest.mm.put(b"".join([Iovec.pack(*row) for row in rows])), len(rows)


def header(
    guest: FakeGuest, *rows: tuple[int, int], name: tuple[int, int] = (0, 0), control: tuple[int, int] = (0, 0)
) -> Msghdr:
    return Msghdr(*name, *vector(guest, *rows), *control, 0)


def rights(*fds: int) -> bytes:
    data = array.array("i", fds).tobytes()
    return Cmsghdr.pack(Cmsghdr.size + len(data), socket.SOL_SOCKET, socket.SCM_RIGHTS) + data


def test_sendmsg(guest: FakeGuest, pair: tuple[socket.socket, socket.socket]) -> None:
    one, two = pair
    message = header(guest, (guest.mm.put(b"hello "), 6), (guest.mm.put(b"world"), 5))
    assert guest.call("sendmsg", one.fileno(), bytes(message), 0) == 11
    assert two.recv(100) == b"hello world"


def test_sendmsg_errors(guest: FakeGuest, pair: tuple[socket.socket, socket.socket]) -> None:
    fd = pair[0].fileno()
    text = guest.mm.put(b"text")
    good = header(guest, (text, 4))
    assert guest.call("sendmsg", fd, guest.HOLE, 0) == -errno.EFAULT
    assert guest.call("sendmsg", 0, guest.HOLE, 0) == -errno.ENOTSOCK
    assert guest.call("sendmsg", -1, guest.HOLE, 0) == -errno.EBADF
    assert guest.call("sendmsg", fd, bytes(header(guest, (guest.HOLE, 4))), 0) == -errno.EFAULT
    assert guest.call("sendmsg", fd, bytes(good.replace(msg_iov=guest.HOLE)), 0) == -errno.EFAULT
    assert guest.call("sendmsg", fd, bytes(good.replace(msg_iovlen=1025)), 0) == -errno.EMSGSIZE
    assert guest.call("sendmsg", fd, bytes(good.replace(msg_iovlen=1 << 32 | 1)), 0) == -errno.EMSGSIZE
    assert guest.call("sendmsg", fd, bytes(good.replace(msg_control=guest.HOLE, msg_controllen=32)), 0) == -errno.EFAULT
    assert guest.call("sendmsg", fd, bytes(good.replace(msg_control=text, msg_controllen=1 << 31)), 0) == -errno.ENOBUFS
    assert guest.call("sendmsg", fd, bytes(good.replace(msg_name=guest.HOLE, msg_namelen=16)), 0) == -errno.EFAULT
    assert guest.call("sendmsg", fd, bytes(good.replace(msg_namelen=0x80000000, msg_name=text)), 0) == -errno.EINVAL


def test_descriptors_are_passed_but_not_the_hidden(guest: FakeGuest, pair: tuple[socket.socket, socket.socket]) -> None:
    one, two = pair
    text = guest.mm.put(b"x")
    for fds, result in (([0, 1], 1), ([0, guest.HIDDEN], -errno.EBADF), ([guest.HIDDEN + 1], -errno.EBADF)):
        control = rights(*fds)
        message = header(guest, (text, 1), control=(guest.mm.put(control), len(control)))
        assert guest.call("sendmsg", one.fileno(), bytes(message), 0) == result
    _, received, _, _ = socket.recv_fds(two, 10, 10)
    assert len(received) == 2
    for fd in received:
        os.close(fd)
    second = rights(0) + bytes(4) + rights(guest.HIDDEN)  # aligned to 8
    message = header(guest, (text, 1), control=(guest.mm.put(second), len(second)))
    assert guest.call("sendmsg", one.fileno(), bytes(message), 0) in (-errno.EBADF, -errno.EINVAL)


def test_malformed_control_is_the_hosts_to_refuse(guest: FakeGuest, pair: tuple[socket.socket, socket.socket]) -> None:
    text = guest.mm.put(b"x")
    for length in (0, 8, 15, 17, 1 << 63, (1 << 64) - 1):
        control = struct.pack("Qii", length, 1, 1) + bytes(16)
        message = header(guest, (text, 1), control=(guest.mm.put(control), len(control)))
        result = guest.call("sendmsg", pair[0].fileno(), bytes(message), 0)
        assert result in (-errno.EINVAL, 1), length


def test_recvmsg(guest: FakeGuest, pair: tuple[socket.socket, socket.socket]) -> None:
    one, two = pair
    socket.send_fds(one, [b"hello world"], [0])
    first, second, space = guest.mm.put(5), guest.mm.put(2), guest.mm.put(64)
    at = guest.mm.put(bytes(header(guest, (first, 5), (second, 2), control=(space, 64), name=(guest.mm.put(110), 110))))
    before = Msghdr.unpack(guest.mm.read(at, Msghdr.size))
    assert guest.call("recvmsg", two.fileno(), at, socket.MSG_CMSG_CLOEXEC) == 7
    assert guest.mm.read(first, 5) + guest.mm.read(second, 2) == b"hello w"
    after = Msghdr.unpack(guest.mm.read(at, Msghdr.size))
    flags = socket.MSG_TRUNC | socket.MSG_CMSG_CLOEXEC
    assert after == before.replace(msg_namelen=0, msg_controllen=24, msg_flags=flags)
    control = guest.mm.read(space, 20)
    fd = struct.unpack("i", control[16:])[0]
    assert control[:16] == Cmsghdr.pack(20, socket.SOL_SOCKET, socket.SCM_RIGHTS)
    assert os.fstat(fd).st_ino == os.fstat(0).st_ino
    os.close(fd)
    assert guest.call("recvmsg", two.fileno(), at, socket.MSG_DONTWAIT) == -errno.EAGAIN
    assert guest.call("recvmsg", two.fileno(), guest.HOLE, socket.MSG_DONTWAIT) == -errno.EFAULT


def test_recvmsg_tells_the_sender(guest: FakeGuest) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        server.bind(("127.0.0.1", 0))
        client.sendto(b"x", server.getsockname())
        name = guest.mm.put(64)
        at = guest.mm.put(bytes(header(guest, (guest.mm.put(8), 8), name=(name, 64))))
        assert guest.call("recvmsg", server.fileno(), at, 0) == 1
        assert Msghdr.unpack(guest.mm.read(at, Msghdr.size)).msg_namelen == 16
        family, port = struct.unpack("=H2s", guest.mm.read(name, 4))
        assert (family, int.from_bytes(port, "big")) == (socket.AF_INET, client.getsockname()[1])


def messages(guest: FakeGuest, *headers: Msghdr) -> int:
    return guest.mm.put(b"".join([bytes(Mmsghdr(h, 77)) for h in headers]))


def lengths(guest: FakeGuest, at: int, count: int) -> list[int]:
    return [Mmsghdr.unpack(guest.mm.read(at + i * Mmsghdr.size, Mmsghdr.size)).msg_len for i in range(count)]


def test_several_messages(guest: FakeGuest, pair: tuple[socket.socket, socket.socket]) -> None:
    one, two = pair
    at = messages(guest, *[header(guest, (guest.mm.put(b"message"), n)) for n in (3, 7, 5)])
    assert guest.call("sendmmsg", one.fileno(), at, 3, 0) == 3
    assert lengths(guest, at, 3) == [3, 7, 5]
    buffers = [guest.mm.put(10) for _ in range(4)]
    at = messages(guest, *[header(guest, (buffer, 10)) for buffer in buffers])
    assert guest.call("recvmmsg", two.fileno(), at, 4, socket.MSG_DONTWAIT, 0) == 3
    assert lengths(guest, at, 4) == [3, 7, 5, 77]
    assert [guest.mm.read(b, n) for b, n in zip(buffers, (3, 7, 5), strict=False)] == [b"mes", b"message", b"messa"]


def test_several_messages_errors(guest: FakeGuest, pair: tuple[socket.socket, socket.socket]) -> None:
    one = pair[0].fileno()
    assert guest.call("sendmmsg", one, guest.HOLE, 1, 0) == -errno.EFAULT
    assert guest.call("sendmmsg", -1, guest.HOLE, 1, 0) == -errno.EBADF
    assert guest.call("sendmmsg", one, guest.HOLE, 0, 0) == 0
    good = header(guest, (guest.mm.put(b"x"), 1))
    assert guest.call("sendmmsg", one, messages(guest, good, header(guest, (guest.HOLE, 1)), good), 3, 0) == 1
    last = guest.mm.END - Mmsghdr.size
    guest.mm.write(last, bytes(Mmsghdr(good, 0)))
    assert guest.call("sendmmsg", one, last, 2, 0) == 1
    assert guest.call("recvmmsg", one, guest.HOLE, 1, socket.MSG_DONTWAIT, 0) == -errno.EFAULT


def test_options(guest: FakeGuest, pair: tuple[socket.socket, socket.socket]) -> None:
    one, two = pair
    accept_none = struct.pack("HBBI", 6, 0, 0, 0)  # BPF: return 0
    program = SockFprog.pack(1, guest.mm.put(accept_none))
    assert guest.call("setsockopt", one.fileno(), socket.SOL_SOCKET, 26, program, SockFprog.size) == 0
    two.send(b"dropped")
    with pytest.raises(BlockingIOError):
        one.recv(10, socket.MSG_DONTWAIT)
    bad = SockFprog.pack(1, guest.HOLE)
    assert guest.call("setsockopt", one.fileno(), socket.SOL_SOCKET, 26, bad, SockFprog.size) == -errno.EFAULT
    assert guest.call("setsockopt", one.fileno(), socket.SOL_SOCKET, 26, guest.HOLE, SockFprog.size) == -errno.EFAULT
    value, size = guest.mm.put(8), guest.mm.put(struct.pack("i", 8))
    assert guest.call("getsockopt", one.fileno(), socket.SOL_SOCKET, socket.SO_TYPE, value, size) == 0
    assert guest.mm.read(value, 4) == struct.pack("i", socket.SOCK_DGRAM)
    assert guest.mm.read(size, 4) == struct.pack("i", 4)
    assert guest.call("setsockopt", one.fileno(), 0, 64, guest.mm.put(64), 64) == -errno.EOPNOTSUPP
    assert guest.call("setsockopt", -1, socket.SOL_SOCKET, 2, value, 4) == -errno.EBADF
