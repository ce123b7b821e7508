"""What values look like in a trace: as strace(1) writes them."""

from __future__ import annotations

import pytest

from linux_abi.show.arguments import Seen, wait_status
from linux_abi.show.calls import Shown, unknown
from linux_abi.show.structs import STRUCTS, child_info, siginfo, signal_name, signal_set, socket_address
from linux_abi.show.text import hexed, quoted
from linux_abi.syscall import CALLS
from linux_abi.syscalls import declare_all
from linux_abi.uapi.errno import EINTR, ENOENT, ERESTARTSYS
from linux_abi.uapi.structs import Pollfd, Rlimit, Sigaction, Stat

declare_all()


@pytest.mark.parametrize(
    ("data", "limit", "shown"),
    [
        (b"plain", 32, ('"plain"', True)),
        (b"cut here", 3, ('"cut"', False)),
        (b'"\\\n\t\r\v\f', 32, (r'"\"\\\n\t\r\v\f"', True)),
        (b"\0\0" + b"1\0" + b"8\x7f\xff", 32, (r'"\0\0001\08\177\377"', True)),
        (b"", 32, ('""', True)),
    ],
)
def test_quoted(data, limit, shown):
    assert quoted(data, limit) == shown


def test_hexed():
    assert hexed(b"\0a") == r'"\x00\x61"'


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (32, "SIGRTMIN"), (33, "SIGRT_1"), (64, "SIGRT_32"), (65, "65")])
def test_signal_name(number, name):
    assert signal_name(number) == name


@pytest.mark.parametrize(
    ("bits", "shown"),
    [(0, "[]"), (1 << 16, "[CHLD]"), (0xFFFFFFFFFFFFFFFF, "~[]"), ((1 << 64) - 1 - (3 << 31), "~[RTMIN RT_1]")],
)
def test_signal_set(bits, shown):
    assert signal_set(bits) == shown


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (0x300, "{WIFEXITED(s) && WEXITSTATUS(s) == 3}"),
        (0x8B, "{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}"),
        (0x137F, "{WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP}"),
        (0xFFFF, "{WIFCONTINUED(s)}"),
    ],
)
def test_wait_status(status, shown):
    assert wait_status(status) == shown


def test_structs():
    assert STRUCTS[Rlimit](Rlimit(8 << 20, (1 << 64) - 1)) == "{rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}"
    assert STRUCTS[Pollfd](Pollfd(-1, 1, 0)) == "{fd=-1}"
    assert STRUCTS[Stat](Stat(st_mode=0o100644, st_size=5)) == "{st_mode=S_IFREG|0644, st_size=5, ...}"
    assert STRUCTS[Stat](Stat(st_mode=0o020000, st_rdev=0x103)) == "{st_mode=S_IFCHR|000, st_rdev=makedev(0x1, 0x3), ...}"
    assert STRUCTS[Sigaction](Sigaction(1, 0x4000000, 0x10, 0)) == (
        "{sa_handler=SIG_IGN, sa_mask=[], sa_flags=SA_RESTORER, sa_restorer=0x10}"
    )


def test_addresses_of_sockets():
    assert socket_address(b"\2\0\0\x50\x7f\0\0\1" + bytes(8)) == (
        '{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}'
    )
    assert socket_address(b"\1\0/run/x\0") == '{sa_family=AF_UNIX, sun_path="/run/x"}'
    assert socket_address(b"\1\0\0x") == '{sa_family=AF_UNIX, sun_path=@"x"}'
    assert socket_address(b"\1\0") == "{sa_family=AF_UNIX}"


def test_a_childs_end():
    assert siginfo(child_info(7, 1000, 0x300)) == (
        "{si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=7, si_uid=1000, si_status=3, si_utime=0, si_stime=0}"
    )
    assert "si_code=CLD_KILLED, si_pid=7, si_uid=0, si_status=SIGKILL" in siginfo(child_info(7, 0, 9))


def shown(name, arguments, result, before=None, after=None, interrupted=False):
    seen = Seen(tuple([*arguments, *[0] * 6][:6]), 32)
    seen.before.update(before or {})
    seen.after.update(after or {})
    seen.result = result
    call = Shown(CALLS[name])
    return f"{call.before(seen)}{call.after(seen)} = {call.result(seen, interrupted)}"


_AT_FDCWD = (1 << 32) - 100


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (("openat", (_AT_FDCWD, 8, 0o2000000, 0o644), 3, {1: [b"/x"]}), 'openat(AT_FDCWD, "/x", O_RDONLY|O_CLOEXEC) = 3'),
        (
            ("openat", (5, 8, 0o101, 0o644), -ENOENT, {1: [b"/x"]}),
            'openat(5, "/x", O_WRONLY|O_CREAT, 0644) = -1 ENOENT (No such file or directory)',
        ),
        (("read", (0, 16, 99), 2, {}, {1: [b"ab"]}), 'read(0, "ab", 99) = 2'),
        (("read", (0, 16, 99), -ERESTARTSYS), "read(0, 0x10, 99) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)"),
        (("pause", (), -EINTR, {}, {}, True), "pause() = ? ERESTARTNOHAND (To be restarted if no handler)"),
        (("brk", (0,), 0x1000), "brk(NULL) = 0x1000"),
        (("umask", (0o22,), 0o2), "umask(022) = 002"),
        (("fcntl", (3, 3, 77), 0o100002), "fcntl(3, F_GETFL) = 0x8002 (flags O_RDWR|O_LARGEFILE)"),
        (("futex", (16, 129, 1), 1), "futex(0x10, FUTEX_WAKE_PRIVATE, 1) = 1"),
        (("ioctl", (3, 0x5451, 0), 0), "ioctl(3, FIOCLEX) = 0"),
        (("poll", (16, 1, 5), 0, {0: [bytes(Pollfd(3, 1, 0))]}), "poll([{fd=3, events=POLLIN}], 1, 5) = 0 (Timeout)"),
        (("getdents64", (3, 16, 99), 0), "getdents64(3, 0x10 /* 0 entries */, 99) = 0"),
        (("exit_group", (3,), 0), "exit_group(3) = 0"),
    ],
)
def test_calls(call, line):
    assert shown(*call) == line


def test_an_unknown_call():
    assert unknown(999, Seen((1, 0, 0, 0, 0, 0), 32)) == "syscall_0x3e7(0x1, 0, 0, 0, 0, 0)"


def test_every_declared_call_can_be_shown():
    for call in CALLS.values():
        assert Shown(call).before(Seen((1 << 63, 2, 3, 4, 5, 6), 32)).startswith(f"{call.name}(")
