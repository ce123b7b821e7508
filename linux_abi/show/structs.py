"""Structs of the kernel's as strace(1) writes them; what has no function here is shown field by field."""

from __future__ import annotations

import os
from socket import AF_INET6 as HOST_AF_INET6
from socket import inet_ntop
from time import localtime, strftime

from ..uapi.fcntl import LockType, Whence
from ..uapi.mount import FileSystemMagic, StatfsFlags
from ..uapi.poll import EpollEvents, PollEvents
from ..uapi.signals import (
    CLD_DUMPED,
    CLD_EXITED,
    CLD_KILLED,
    SI_KERNEL,
    SI_TIMER,
    SI_TKILL,
    SI_USER,
    SIG_DFL,
    SIG_IGN,
    SIGBUS,
    SIGCHLD,
    SIGEV_THREAD_ID,
    SIGFPE,
    SIGILL,
    SIGIO,
    SIGSEGV,
    SIGTRAP,
    AltstackFlags,
    BusCode,
    ChildCode,
    FpeCode,
    IllCode,
    Notify,
    SegvCode,
    SenderCode,
    SigactionFlags,
    SignalNumber,
    TrapCode,
)
from ..uapi.socket import AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, AddressFamily, MessageFlags
from ..uapi.stat import S_IFBLK, S_IFCHR, S_IFMT, FileMode, StatxAttributes, StatxMask
from ..uapi.structs import (
    CapData,
    EpollEvent,
    FdPair,
    Flock,
    Iovec,
    Itimerspec,
    Itimerval,
    Mmsghdr,
    Msghdr,
    Pollfd,
    PselectSigmask,
    Rlimit,
    Rusage,
    Sigaction,
    Sigaltstack,
    Sigevent,
    Siginfo,
    SiginfoChild,
    SiginfoFault,
    SiginfoKill,
    SiginfoPoll,
    SiginfoTimer,
    Sigset,
    Stat,
    Statfs,
    Statx,
    Sysinfo,
    Termios,
    Timespec,
    TimespecPair,
    Timeval,
    TimevalPair,
    Utsname,
    Winsize,
)
from .text import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..uapi.layout import Struct

_SIGNALS = 64
_RTMIN = 32
_MOST = _SIGNALS * 2 // 3  # signals of a set; one with more is shown by what it lacks
_INFINITY = (1 << 64) - 1
_UTIME_NOW, _UTIME_OMIT = (1 << 30) - 1, (1 << 30) - 2
_CODES = {SIGILL: IllCode, SIGFPE: FpeCode, SIGSEGV: SegvCode, SIGBUS: BusCode, SIGTRAP: TrapCode, SIGCHLD: ChildCode}

STRUCTS: dict[type, Callable[[Any], str]] = {}


def _shows(*structs: type[Struct]) -> Callable[[Callable[[Any], str]], Callable[[Any], str]]:
    def add(function: Callable[[Any], str]) -> Callable[[Any], str]:
        STRUCTS.update(dict.fromkeys(structs, function))
        return function

    return add


# ---- Signals ----


def signal_name(number: int) -> str:
    """A signal."""
    if 0 < number < _RTMIN:
        return SignalNumber.show(number)
    if number == _RTMIN:
        return "SIGRTMIN"
    return f"SIGRT_{number - _RTMIN}" if _RTMIN < number <= _SIGNALS else str(number)


def signal_set(bits: int) -> str:
    """A sigset_t."""
    inverted = bits.bit_count() >= _MOST
    if inverted:
        bits ^= (1 << _SIGNALS) - 1
    names = [signal_name(n + 1).removeprefix("SIG") for n in range(_SIGNALS) if bits >> n & 1]
    return f"{'~' if inverted else ''}[{' '.join(names)}]"


@_shows(Sigset)
def _sigset(s: Sigset) -> str:
    return signal_set(s.sig)


@_shows(Sigaction)
def _sigaction(s: Sigaction) -> str:
    handler = {SIG_DFL: "SIG_DFL", SIG_IGN: "SIG_IGN"}.get(s.sa_handler) or f"{s.sa_handler:#x}"
    flags = SigactionFlags.show(s.sa_flags)
    restorer = f", sa_restorer={s.sa_restorer:#x}" if "SA_RESTORER" in flags else ""
    return f"{{sa_handler={handler}, sa_mask={signal_set(s.sa_mask)}, sa_flags={flags}{restorer}}}"


@_shows(Sigaltstack)
def _sigaltstack(s: Sigaltstack) -> str:
    sp = f"{s.ss_sp:#x}" if s.ss_sp else "NULL"
    return f"{{ss_sp={sp}, ss_flags={AltstackFlags.show(s.ss_flags & 0xFFFFFFFF)}, ss_size={s.ss_size}}}"


def siginfo(data: bytes) -> str:
    """A siginfo_t, by the view that its signal and code have."""
    head = Siginfo.unpack(data[: Siginfo.size])
    signal, code = head.si_signo, head.si_code
    names = _CODES.get(signal, SenderCode) if 0 < code < SI_KERNEL else SenderCode
    shown = [f"si_signo={signal_name(signal)}", f"si_code={names.show(code)}"]
    if code > 0 and signal == SIGCHLD:
        c = SiginfoChild.unpack(data[: SiginfoChild.size])
        by_signal = code != CLD_EXITED
        status = signal_name(c.si_status) if by_signal else str(c.si_status)
        shown += [f"si_pid={c.si_pid}", f"si_uid={c.si_uid}", f"si_status={status}"]
        shown += [f"si_utime={c.si_utime}", f"si_stime={c.si_stime}"]
    elif code > 0 and signal in (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP):
        where = SiginfoFault.unpack(data[: SiginfoFault.size]).si_addr
        shown.append(f"si_addr={f'{where:#x}' if where else 'NULL'}")
    elif code > 0 and signal == SIGIO:
        p = SiginfoPoll.unpack(data[: SiginfoPoll.size])
        shown.append(f"si_band={p.si_band}")
    elif code == SI_TIMER:
        t = SiginfoTimer.unpack(data[: SiginfoTimer.size])
        shown += [f"si_timerid={f'{t.si_tid:#x}' if t.si_tid else 0}", f"si_overrun={t.si_overrun}", _value(t.si_value)]
    elif code <= 0:
        k = SiginfoKill.unpack(data[: SiginfoKill.size])
        shown += [f"si_pid={k.si_pid}", f"si_uid={k.si_uid}"]
        if code not in (SI_USER, SI_TKILL):
            shown.append(_value(k.si_value))
    return f"{{{', '.join(shown)}}}"


def _value(value: int) -> str:
    number = ((value & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000
    return f"si_int={number}, si_ptr={f'{value:#x}' if value else 'NULL'}"


def child_info(pid: int, uid: int, status: int) -> bytes:
    """The siginfo of a SIGCHLD that tells of an end with `status` as of wait(2)."""
    signal = status & 0x7F
    code = (CLD_DUMPED if status & 0x80 else CLD_KILLED) if signal else CLD_EXITED
    return bytes(SiginfoChild(SIGCHLD, 0, code, pid, uid, signal or status >> 8, 0, 0))


@_shows(Sigevent)
def _sigevent(s: Sigevent) -> str:
    value = [f"sigev_value={{sival_int={s.sigev_value & 0xFFFFFFFF}, sival_ptr={s.sigev_value:#x}}}"] if s.sigev_value else []
    shown = [*value, f"sigev_signo={signal_name(s.sigev_signo)}", f"sigev_notify={Notify.show(s.sigev_notify)}"]
    if s.sigev_notify == SIGEV_THREAD_ID:
        shown.append(f"sigev_notify_thread_id={s.sigev_notify_thread_id}")
    return f"{{{', '.join(shown)}}}"


# ---- Time ----


@_shows(Timespec, Timeval)
def seconds(s: Timespec | Timeval) -> str:
    """A time of two numbers."""
    return f"{{{s.fields[0]}={s[0]}, {s.fields[1]}={s[1]}}}"


@_shows(TimespecPair)
def _times(s: TimespecPair) -> str:
    return f"[{', '.join(_dated(time) for time in s)}]"


def _dated(s: Timespec) -> str:
    if s.tv_nsec in (_UTIME_NOW, _UTIME_OMIT):
        return "UTIME_NOW" if s.tv_nsec == _UTIME_NOW else "UTIME_OMIT"
    date = strftime("%Y-%m-%dT%H:%M:%S", localtime(s.tv_sec))
    return f"{seconds(s)} /* {date}.{s.tv_nsec:09}{strftime('%z', localtime(s.tv_sec))} */"


@_shows(TimevalPair)
def _micro_times(s: TimevalPair) -> str:
    return f"[{', '.join(seconds(time) for time in s)}]"


@_shows(Itimerval, Itimerspec)
def _timer(s: Itimerval | Itimerspec) -> str:
    return f"{{it_interval={seconds(s.it_interval)}, it_value={seconds(s.it_value)}}}"


# ---- Files ----


def _device(number: int) -> str:
    return f"makedev({os.major(number):#x}, {os.minor(number):#x})"


def _mode(mode: int) -> str:
    return FileMode.show(mode) if mode & 0o7777 & ~0o7000 else FileMode.show(mode) + "|000"


@_shows(Stat)
def _stat(s: Stat) -> str:
    special = s.st_mode & S_IFMT in (S_IFCHR, S_IFBLK)
    size = f"st_rdev={_device(s.st_rdev)}" if special else f"st_size={s.st_size}"
    return f"{{st_mode={_mode(s.st_mode)}, {size}, ...}}"


@_shows(Statx)
def _statx(s: Statx) -> str:
    return (
        f"{{stx_mask={StatxMask.show(s.stx_mask)}, stx_attributes={StatxAttributes.show(s.stx_attributes)}, "
        f"stx_mode={_mode(s.stx_mode)}, stx_size={s.stx_size}, ...}}"
    )


@_shows(Statfs)
def _statfs(s: Statfs) -> str:
    kind = FileSystemMagic.show(s.f_type) if not FileSystemMagic.unknown(s.f_type) else f"{s.f_type:#x}"
    return (
        f"{{f_type={kind}, f_bsize={s.f_bsize}, f_blocks={s.f_blocks}, f_bfree={s.f_bfree}, "
        f"f_bavail={s.f_bavail}, f_files={s.f_files}, f_ffree={s.f_ffree}, "
        f"f_fsid={{val=[{', '.join(f'{n:#x}' if n else '0' for n in s.f_fsid)}]}}, f_namelen={s.f_namelen}, "
        f"f_frsize={s.f_frsize}, f_flags={StatfsFlags.show(s.f_flags)}}}"
    )


@_shows(Flock)
def _flock(s: Flock) -> str:
    return f"{{l_type={LockType.show(s.l_type)}, l_whence={Whence.show(s.l_whence)}, l_start={s.l_start}, l_len={s.l_len}}}"


@_shows(FdPair)
def _pair(s: FdPair) -> str:
    return f"[{s.first}, {s.second}]"


@_shows(Pollfd)
def _pollfd(s: Pollfd) -> str:
    return f"{{fd={s.fd}}}" if s.fd < 0 else f"{{fd={s.fd}, events={PollEvents.show(s.events)}}}"


@_shows(EpollEvent)
def _epoll_event(s: EpollEvent) -> str:
    return f"{{events={EpollEvents.show(s.events)}, data={{u32={s.data & 0xFFFFFFFF}, u64={s.data}}}}}"


@_shows(PselectSigmask)
def _pselect(s: PselectSigmask) -> str:
    return f"{{sigmask={f'{s.ss:#x}' if s.ss else 'NULL'}, sigsetsize={s.ss_len}}}"


# ---- Sockets ----


def socket_address(data: bytes) -> str:
    """A struct sockaddr of any family."""
    if len(data) < 2:
        return '""'
    family = int.from_bytes(data[:2], "little")
    name = AddressFamily.show(family)
    if family == AF_UNIX:
        path = data[2:]
        if not path:
            return f"{{sa_family={name}}}"
        if path[:1] == b"\0":
            return f"{{sa_family={name}, sun_path=@{quoted(path[1:], len(path))[0]}}}"
        return f"{{sa_family={name}, sun_path={quoted(path.split(bytes(1))[0], len(path))[0]}}}"
    if family == AF_INET and len(data) >= 8:
        where = ".".join(map(str, data[4:8]))
        return f'{{sa_family={name}, sin_port=htons({int.from_bytes(data[2:4], "big")}), sin_addr=inet_addr("{where}")}}'
    if family == AF_INET6 and len(data) >= 28:
        port, flow = int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:8], "big")
        scope = int.from_bytes(data[24:28], "little")
        where = inet_ntop(HOST_AF_INET6, data[8:24])
        return (
            f"{{sa_family={name}, sin6_port=htons({port}), sin6_flowinfo=htonl({flow}), "
            f'inet_pton(AF_INET6, "{where}", &sin6_addr), sin6_scope_id={scope}}}'
        )
    if family == AF_NETLINK and len(data) >= 12:
        pid, groups = int.from_bytes(data[4:8], "little"), int.from_bytes(data[8:12], "little")
        return f"{{sa_family={name}, nl_pid={pid}, nl_groups={groups:08x}}}"
    return f"{{sa_family={name}, sa_data={quoted(data[2:], 64)[0]}}}"


def vectors(memory: list[bytes], limit: int, count: int) -> str:
    """An array of struct iovec and what its buffers hold."""
    shown = []
    for vector, data in zip(Iovec.iter_unpack(memory[0]), memory[1:], strict=False):
        text, _ = quoted(data[:limit], limit)
        shown.append(f"{{iov_base={text}{'...' if vector.iov_len > limit <= len(data) else ''}, iov_len={vector.iov_len}}}")
    return f"[{', '.join(shown)}{', ...' if count > len(shown) else ''}]"


def message(memory: list[bytes], limit: int, before: bytes = b"") -> tuple[str, list[bytes]]:
    """A struct msghdr with what it points to, and what of `memory` is behind it. `before`: as it was before a recvmsg(2)."""
    head = Msghdr.unpack(memory[0][: Msghdr.size])
    buffers = min(head.msg_iovlen, len(memory) - 4)
    name = socket_address(memory[1]) if memory[1] else f"{head.msg_name:#x}" if head.msg_name else "NULL"
    room = Msghdr.unpack(before).msg_namelen if before else head.msg_namelen
    length = f"{room} => {head.msg_namelen}" if head.msg_name and room != head.msg_namelen else f"{head.msg_namelen}"
    shown = [f"msg_name={name}, msg_namelen={length}"]
    shown.append(f"msg_iov={vectors(memory[3 : 4 + buffers], limit, head.msg_iovlen)}, msg_iovlen={head.msg_iovlen}")
    if head.msg_controllen:
        shown.append(f"msg_control={head.msg_control:#x}")
    shown.append(f"msg_controllen={head.msg_controllen}, msg_flags={MessageFlags.show(head.msg_flags)}")
    text = f"{{{', '.join(shown)}}}"
    if len(memory[0]) == Mmsghdr.size:
        sent = Mmsghdr.unpack(memory[0]).msg_len
        text = f"{{msg_hdr={text}, msg_len={sent}}}"
    return text, memory[4 + buffers :]


# ---- Terminals ----

_BAUD = {0: "B0", 9: "B1200", 11: "B2400", 12: "B4800", 13: "B9600", 14: "B19200", 15: "B38400", 0x1002: "B115200"}


@_shows(Termios)
def _termios(s: Termios) -> str:
    words = [_BAUD.get(s.c_cflag & 0x100F, f"{s.c_cflag & 0x100F:#x}")]
    words.append(("" if s.c_oflag & 1 else "-") + "opost")
    words += [("" if s.c_lflag & bit else "-") + name for bit, name in ((1, "isig"), (2, "icanon"), (8, "echo"))]
    return f"{{{' '.join(words)} ...}}"


@_shows(Winsize)
def _winsize(s: Winsize) -> str:
    return f"{{ws_row={s.ws_row}, ws_col={s.ws_col}, ws_xpixel={s.ws_xpixel}, ws_ypixel={s.ws_ypixel}}}"


# ---- Processes and the system ----


@_shows(Rlimit)
def _rlimit(s: Rlimit) -> str:
    return f"{{rlim_cur={_limit(s.rlim_cur)}, rlim_max={_limit(s.rlim_max)}}}"


def _limit(value: int) -> str:
    if value == _INFINITY:
        return "RLIM64_INFINITY"
    return f"{value // 1024}*1024" if value > 1024 and not value % 1024 else str(value)


@_shows(Rusage)
def _rusage(s: Rusage) -> str:
    return f"{{ru_utime={seconds(s.ru_utime)}, ru_stime={seconds(s.ru_stime)}, ...}}"


@_shows(Utsname)
def _utsname(s: Utsname) -> str:
    sysname, nodename = [quoted(name.split(b"\0")[0], 65)[0] for name in (s.sysname, s.nodename)]
    return f"{{sysname={sysname}, nodename={nodename}, ...}}"


@_shows(Sysinfo)
def _sysinfo(s: Sysinfo) -> str:
    loads = ", ".join(map(str, s.loads))
    rest = ", ".join(f"{name}={getattr(s, name)}" for name in s.fields[2:])
    return f"{{uptime={s.uptime}, loads=[{loads}], {rest}}}"


@_shows(CapData)
def _capabilities(s: CapData) -> str:
    return f"{{effective={s.effective:#x}, permitted={s.permitted:#x}, inheritable={s.inheritable:#x}}}"
