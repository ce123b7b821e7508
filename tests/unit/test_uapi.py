"""linux_abi.uapi against the headers of the machine that the tests run on."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from linux_abi.uapi import check, errno, ioctl, structs
from linux_abi.uapi.layout import Struct

STRUCTS = [s for s in vars(structs).values() if isinstance(s, type) and issubclass(s, Struct) and s is not Struct]
CHECK = Path(__file__).parents[2] / "native" / "check_abi.c"


def compile_(source: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = ["cc", "-Wall", "-Wextra", "-Werror", "-x", "c", "-o", "-", *options, "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=False)


def test_committed_check_is_the_generated_one() -> None:
    assert CHECK.read_text() == check.source(), "make gen"


def test_headers_agree() -> None:
    result = compile_(CHECK.read_text(), "-fsyntax-only")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("SAME(O_CLOEXEC, 0x80000ull)", "SAME(O_CLOEXEC, 0x80001ull)"),
        ("SAME(KCMP_VM, 0x1ull)", "SAME(KCMP_VM, 0x2ull)"),
        ("SAME(__NR_read, 0x0ull)", "SAME(__NR_read, 0x1ull)"),
        ("SIZE(struct stat, 144)", "SIZE(struct stat, 136)"),
        ("FIELD(struct epoll_event, data, 4, 8)", "FIELD(struct epoll_event, data, 8, 8)"),
        ("FIELD(struct rlimit, rlim_cur, 0, 8)", "FIELD(struct rlimit, rlim_cur, 0, 4)"),
    ],
)
def test_a_wrong_row_is_found(right: str, wrong: str) -> None:
    source = CHECK.read_text()
    assert right in source
    assert "static assertion failed" in compile_(source.replace(right, wrong), "-fsyntax-only").stderr


def test_few_rows_are_passed_over() -> None:
    """An #ifdef that never holds would check nothing: a name that is misspelt, or a header that is not included."""
    rows = set(re.findall(r"^SAME\((\w+),", CHECK.read_text(), re.MULTILINE))
    checked = set(re.findall(r'"(\w+)" " is', compile_(CHECK.read_text(), "-E").stdout))
    young_or_nowhere = re.compile(
        "__NR_|LANDLOCK_|MNT_|UMOUNT_|SPLICE_F_|IOPRIO_|MADV_|PR_|ARCH_|SO_|STATX_|FUTEX_|PTRACE_|SEGV_|ST_|SECCOMP_|PIDFD_GET_|NS_GET_(MNTNS|PID|TGID)_"
    )
    assert len(rows) > 1800
    assert len(rows - checked) < 0.1 * len(rows)
    missing = {name for name in rows - checked if not young_or_nowhere.match(name)}
    assert missing <= {"ENOTSUP", "MAP_DROPPABLE", "SOL_XDP", "CLONE_NEWTIME"}


def test_every_module_of_constants_is_checked() -> None:
    source = CHECK.read_text()
    for module in check._modules():
        assert check.constants(module), module.__name__
        assert f"/* {module.__name__.rpartition('.')[2]} */" in source


@pytest.mark.parametrize("struct", STRUCTS)
def test_bytes_and_back(struct: type[Struct]) -> None:
    assert bytes(struct()) == bytes(struct.size)
    value = struct.unpack(bytes(i % 251 for i in range(struct.size)))
    assert len(bytes(value)) == struct.size
    assert struct.unpack(bytes(value)) == value


def test_epoll_event_is_packed_on_x86_64() -> None:
    assert structs.EpollEvent.size == 12
    assert structs.EpollEvent.pack(1, 2) == b"\1\0\0\0\2\0\0\0\0\0\0\0"


def test_siginfo_views_are_one_size_and_begin_alike() -> None:
    for view in (structs.SiginfoKill, structs.SiginfoChild, structs.SiginfoFault, structs.SiginfoTimer):
        data = bytes(view(si_signo=11, si_errno=0, si_code=-6))
        assert len(data) == 128
        assert structs.Siginfo.unpack(data) == (11, 0, -6)


def test_errno_names() -> None:
    assert errno.name(errno.EAGAIN) == "EAGAIN"
    assert errno.name(errno.EDEADLK) == "EDEADLK"
    assert errno.name(512) == "ERESTARTSYS"
    assert errno.name(4000) == "4000"


def test_errno_has_what_python_has() -> None:
    import errno as python_errno

    for number, name in python_errno.errorcode.items():
        assert getattr(errno, name) == number


def test_ioctl_arguments() -> None:
    assert ioctl.argument(ioctl.TCGETS) == (ioctl.OUT, 36)
    assert ioctl.argument(ioctl.TIOCSPGRP) == (ioctl.IN, 4)
    assert ioctl.argument(ioctl.FICLONE) == (ioctl.VALUE, 0)
    assert ioctl.argument(0x12345678) is None


def test_ioctl_numbers_agree_with_the_arguments() -> None:
    """Requests made by _IOC carry direction and size themselves, but for those that Linux declared wrongly."""
    wrong = {"FIFREEZE", "FITHAW", "FICLONE", "TIOCSIG", "TIOCGPTPEER", "RTC_IRQP_SET"}
    wrong |= {f"NS_GET_{kind}_PIDNS" for kind in ("PID_FROM", "TGID_FROM", "PID_IN", "TGID_IN")}
    wrong |= {f"TUNSET{what}" for what in ("NOCSUM", "PERSIST", "OWNER", "LINK", "GROUP", "OFFLOAD")}
    long_for_int = {"FS_IOC_GETFLAGS", "FS_IOC_SETFLAGS", "FS_IOC_GETVERSION", "FS_IOC_SETVERSION", "BLKBSZGET", "BLKBSZSET"}
    int_for_ifreq = {"TUNSETIFF", "TUNGETIFF", "TUNSETQUEUE"}
    for name, request in check.constants(ioctl).items():
        coded = request >> 30, request >> 16 & 0x3FFF
        if coded[0] and name not in wrong:
            direction, size = ioctl.argument(request)  # type: ignore[misc]
            coded_direction = {1: ioctl.IN, 2: ioctl.OUT, 3: ioctl.INOUT}[coded[0]]
            assert direction == (ioctl.INOUT if name == "TUNSETIFF" else coded_direction), name
            assert coded[1] == (8 if name in long_for_int else 4 if name in int_for_ifreq else size), name
