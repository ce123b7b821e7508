"""Sockets: socket(2), sendmsg(2), cmsg(3). The guest's sockets are the host's."""

from __future__ import annotations

from ..errors import LinuxError
from ..forward import iovec
from ..syscall import forward, syscall
from ..types import (
    Fd,
    Flags,
    GivenFd,
    In,
    InBuf,
    InOut,
    Int,
    OptName,
    OptVal,
    Out,
    OutBuf,
    OutOptVal,
    OutSockAddr,
    Protocol,
    Size,
    SockAddr,
    UInt,
)
from ..uapi.socket import (
    GET_ADDRESSES,
    SCM_RIGHTS,
    SET_ADDRESSES,
    SOL_SOCKET,
    AddressFamily,
    MessageFlags,
    ShutdownHow,
    SocketLevel,
    SocketType,
)
from ..uapi.structs import Cmsghdr, FdPair, Mmsghdr, Msghdr, Timespec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..task import Task

_ADDRESS = 8  # bytes
_VALUE_MAX = 64 << 20  # bytes of an option's value that holds addresses, where iptables' tables are the longest
_ANSWER_MAX = 1 << 16  # bytes that a caller gets of one: none has more
_CONTROL_MAX = 1 << 20  # bytes: far above what any host takes (net.core.optmem_max)
_MESSAGES_MAX = 1024  # of one sendmmsg(2); more are left for the caller's next


@forward
def socket(domain: Flags[AddressFamily], type: Flags[SocketType], protocol: Protocol) -> GivenFd:
    """Make a socket."""


@forward
def socketpair(domain: Flags[AddressFamily], type: Flags[SocketType], protocol: Protocol, sv: Out[FdPair]) -> None:
    """Make two connected sockets."""


@forward
def bind(sockfd: Fd, addr: SockAddr, addrlen: Int) -> None:
    """Give a socket an address."""


@forward
def listen(sockfd: Fd, backlog: Int) -> None:
    """Take connections from now on."""


@forward
def accept(sockfd: Fd, addr: OutSockAddr, addrlen: InOut[Int]) -> GivenFd:
    """Take a connection."""


@forward
def accept4(sockfd: Fd, addr: OutSockAddr, addrlen: InOut[Int], flags: Flags[SocketType]) -> GivenFd:
    """Take a connection, with flags."""


@forward
def connect(sockfd: Fd, addr: SockAddr, addrlen: Int) -> None:
    """Connect to an address."""


@forward
def getsockname(sockfd: Fd, addr: OutSockAddr, addrlen: InOut[Int]) -> None:
    """A socket's own address."""


@forward
def getpeername(sockfd: Fd, addr: OutSockAddr, addrlen: InOut[Int]) -> None:
    """The address at the other end."""


@forward
def shutdown(sockfd: Fd, how: Flags[ShutdownHow]) -> None:
    """Close one direction."""


@forward
def sendto(sockfd: Fd, buf: InBuf, len: Size, flags: Flags[MessageFlags], dest_addr: SockAddr, addrlen: Int) -> None:
    """Send to an address."""


@forward
def recvfrom(
    sockfd: Fd, buf: OutBuf, len: Size, flags: Flags[MessageFlags], src_addr: OutSockAddr, addrlen: InOut[Int]
) -> None:
    """Receive, with the sender's address."""


# ---- Options ----


def _host_value(task: Task, optval: int, size: int, addresses: tuple[int, ...]) -> bytearray | int:
    """The `size` bytes of an option's value, with host addresses where the guest has its own; or BAD_ADDRESS."""
    if size > _VALUE_MAX:
        return task.mm.BAD_ADDRESS
    try:
        value = bytearray(task.mm.read(optval, max(size, 0)).ljust(addresses[-1] + _ADDRESS, b"\0"))
    except LinuxError:
        return task.mm.BAD_ADDRESS
    for at in addresses:
        _store(value, at, task.mm.host_address(_load(value, at)))
    return value


def _load(value: bytearray | bytes, at: int) -> int:
    return int.from_bytes(value[at : at + _ADDRESS], "little")


def _store(value: bytearray, at: int, address: int) -> None:
    value[at : at + _ADDRESS] = address.to_bytes(_ADDRESS, "little")


@syscall(missing="values of more than 64 MiB that hold addresses: EFAULT")
def setsockopt(task: Task, sockfd: Fd, level: Flags[SocketLevel], optname: OptName, optval: OptVal, optlen: Int) -> int:
    """Set an option."""
    addresses = SET_ADDRESSES.get((level, optname))
    value = _host_value(task, optval, optlen, addresses) if addresses else task.mm.host_address(optval)
    return task.host.setsockopt(task.group.fds.visible(sockfd), level, optname, value, optlen)


@syscall
def getsockopt(
    task: Task, sockfd: Fd, level: Flags[SocketLevel], optname: OptName, optval: OutOptVal, optlen: InOut[Int]
) -> int:
    """An option's value."""
    fd, mm = task.group.fds.visible(sockfd), task.mm
    addresses = GET_ADDRESSES.get((level, optname))
    if not addresses:
        return task.host.getsockopt(fd, level, optname, mm.host_address(optval), mm.host_address(optlen))
    try:
        size = min(int.from_bytes(mm.read(optlen, 4), "little", signed=True), _ANSWER_MAX)
    except LinuxError:
        return task.host.getsockopt(fd, level, optname, mm.BAD_ADDRESS, mm.BAD_ADDRESS)
    value, length = _host_value(task, optval, size, addresses), bytearray(size.to_bytes(4, "little", signed=True))
    result = task.host.getsockopt(fd, level, optname, value, length)
    if result == 0 and not isinstance(value, int):
        given = mm.read(optval, size)
        for at in (at for at in addresses if at + _ADDRESS <= size):  # which the host may have moved on
            guest = _load(given, at)
            _store(value, at, (_load(value, at) - mm.host_address(guest) + guest) % (1 << 64))
        mm.write(optval, value[: min(int.from_bytes(length, "little"), size)])
        mm.write(optlen, length)
    return result


# ---- Messages ----


def _visible_control(task: Task, control: bytes) -> bytearray:
    """Control messages in which no descriptor is the VMM's."""
    fds = task.group.fds
    out = bytearray(control)
    at = 0
    while at + Cmsghdr.size <= len(out):
        head = Cmsghdr.unpack_from(out, at)
        end = at + head.cmsg_len
        if head.cmsg_len < Cmsghdr.size or end > len(out):
            break  # the host's to refuse
        if head.cmsg_level == SOL_SOCKET and head.cmsg_type == SCM_RIGHTS:
            for place in range(at + Cmsghdr.size, end - 3, 4):
                if fds.is_hidden(int.from_bytes(out[place : place + 4], "little")):
                    out[place : place + 4] = b"\xff\xff\xff\xff"
        at = end + -end % 8
    return out


def _host_message(task: Task, message: Msghdr, sends: bool, kept: list[bytes | bytearray]) -> Msghdr:
    """The guest's message with host addresses; `kept` keeps alive what it points to."""
    mm, host = task.mm, task.host

    def place(value: int | bytes | bytearray) -> int:
        if isinstance(value, int):
            return value
        kept.append(value)
        return host.address_of(value)

    control: int | bytearray = mm.host_address(message.msg_control)
    if sends and control and Cmsghdr.size <= message.msg_controllen <= _CONTROL_MAX:
        try:
            control = _visible_control(task, mm.read(message.msg_control, message.msg_controllen))
        except LinuxError:
            control = mm.BAD_ADDRESS
    return message.replace(
        msg_name=mm.host_address(message.msg_name),
        msg_iov=place(iovec(task, message.msg_iov, message.msg_iovlen)),
        msg_control=place(control),
    )


@syscall
def sendmsg(task: Task, sockfd: Fd, msg: In[Msghdr], flags: Flags[MessageFlags]) -> int:
    """Send from several buffers, with control messages."""
    fd = task.group.fds.visible(sockfd)
    try:
        message = Msghdr.unpack(task.mm.read(msg, Msghdr.size))
    except LinuxError:
        return task.host.sendmsg(fd, task.mm.BAD_ADDRESS, flags)
    kept: list[bytes | bytearray] = []
    return task.host.sendmsg(fd, bytes(_host_message(task, message, True, kept)), flags)


def _answer(message: Msghdr, received: Msghdr) -> bytes:
    """The guest's message with what the host has put into its own of it."""
    return bytes(
        message.replace(
            msg_namelen=received.msg_namelen,
            msg_controllen=received.msg_controllen,
            msg_flags=received.msg_flags,
        )
    )


@syscall
def recvmsg(task: Task, sockfd: Fd, msg: InOut[Msghdr], flags: Flags[MessageFlags]) -> int:
    """Receive into several buffers, with control messages."""
    fd = task.group.fds.visible(sockfd)
    try:
        message = Msghdr.unpack(task.mm.read(msg, Msghdr.size))
    except LinuxError:
        return task.host.recvmsg(fd, task.mm.BAD_ADDRESS, flags)
    kept: list[bytes | bytearray] = []
    buffer = bytearray(bytes(_host_message(task, message, False, kept)))
    result = task.host.recvmsg(fd, buffer, flags)
    if result >= 0:
        received = Msghdr.unpack(buffer)
        task.mm.write(msg, _answer(message, received))
        if received.msg_controllen:
            task.group.fds.watch()
    return result


def _host_messages(
    task: Task, vector: int, count: int, sends: bool, kept: list[bytes | bytearray]
) -> tuple[list[Mmsghdr], bytearray]:
    """The readable start of the guest's array of messages, and the same with host addresses."""
    messages: list[Mmsghdr] = []
    host_messages = bytearray()
    for i in range(min(count, _MESSAGES_MAX)):
        try:
            message = Mmsghdr.unpack(task.mm.read(vector + i * Mmsghdr.size, Mmsghdr.size))
        except LinuxError:
            break
        messages.append(message)
        host_messages += bytes(message.replace(msg_hdr=_host_message(task, message.msg_hdr, sends, kept)))
    return messages, host_messages


@syscall
def sendmmsg(task: Task, sockfd: Fd, msgvec: InOut[Mmsghdr], vlen: UInt, flags: Flags[MessageFlags]) -> int:
    """Send several messages."""
    kept: list[bytes | bytearray] = []
    messages, buffer = _host_messages(task, msgvec, vlen, True, kept)
    result = task.host.sendmmsg(task.group.fds.visible(sockfd), buffer or task.mm.BAD_ADDRESS, len(messages) or vlen, flags)
    for i in range(result):
        place = i * Mmsghdr.size + Mmsghdr.offsets["msg_len"]
        task.mm.write(msgvec + place, buffer[place : place + 4])
    return result


@syscall
def recvmmsg(
    task: Task, sockfd: Fd, msgvec: InOut[Mmsghdr], vlen: UInt, flags: Flags[MessageFlags], timeout: InOut[Timespec]
) -> int:
    """Receive several messages."""
    kept: list[bytes | bytearray] = []
    messages, buffer = _host_messages(task, msgvec, vlen, False, kept)
    fd, host_timeout = task.group.fds.visible(sockfd), task.mm.host_address(timeout)
    result = task.host.recvmmsg(fd, buffer or task.mm.BAD_ADDRESS, len(messages) or vlen, flags, host_timeout)
    for i in range(result):
        received = Mmsghdr.unpack_from(buffer, i * Mmsghdr.size)
        answer = _answer(messages[i].msg_hdr, received.msg_hdr)
        task.mm.write(msgvec + i * Mmsghdr.size, answer + received.msg_len.to_bytes(4, "little"))
        if received.msg_hdr.msg_controllen:
            task.group.fds.watch()
    return result
