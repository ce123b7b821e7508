"""FlagSet: names of bits, of fields of several bits, and what has none."""

from __future__ import annotations

import pytest

from linux_abi.types import Flags
from linux_abi.uapi import fcntl, futex, mman, prctl, signals, stat
from linux_abi.uapi.flags import FlagSet


@pytest.mark.parametrize(
    ("flags", "value", "shown"),
    [
        (fcntl.OpenFlags, 0, "O_RDONLY"),
        (fcntl.OpenFlags, fcntl.O_RDWR | fcntl.O_CLOEXEC, "O_RDWR|O_CLOEXEC"),
        (fcntl.OpenFlags, fcntl.O_RDWR | fcntl.O_CLOEXEC | 8, "O_RDWR|O_CLOEXEC|0x8"),
        (fcntl.OpenFlags, fcntl.O_TMPFILE | fcntl.O_WRONLY, "O_WRONLY|O_TMPFILE"),
        (fcntl.OpenFlags, fcntl.O_SYNC, "O_RDONLY|O_SYNC"),
        (fcntl.OpenFlags, -1 << 31, "O_RDONLY|0x80000000"),
        (mman.Protection, 0, "PROT_NONE"),
        (mman.Protection, 5, "PROT_READ|PROT_EXEC"),
        (mman.MapFlags, 0x54040022, "MAP_PRIVATE|MAP_HUGE_2MB|MAP_ANONYMOUS|MAP_HUGETLB"),
        (mman.Advice, 4, "MADV_DONTNEED"),
        (mman.Advice, 77, "77"),
        (fcntl.AccessMode, 0, "F_OK"),
        (fcntl.AccessMode, 6, "R_OK|W_OK"),
        (fcntl.AtFlags, 0, "0"),
        (stat.FileMode, 0o100644, "S_IFREG|0644"),
        (futex.FutexOperation, 128, "FUTEX_WAIT_PRIVATE"),
        (futex.FutexOperation, 9 | 128 | 256, "FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME"),
        (prctl.PrctlOption, 1, "PR_SET_PDEATHSIG"),
        (prctl.PrctlOption, 0, "0"),
        (signals.SigactionFlags, 0x14000004, "SA_RESTORER|SA_SIGINFO|SA_RESTART"),
        (signals.SignalNumber, 11, "SIGSEGV"),
    ],
)
def test_show(flags: type[FlagSet], value: int, shown: str) -> None:
    assert sorted(flags.show(value).split("|")) == sorted(shown.split("|"))


def test_unknown() -> None:
    assert fcntl.OpenFlags.unknown(fcntl.O_RDWR | fcntl.O_CLOEXEC) == 0
    assert fcntl.OpenFlags.unknown(1 << 30 | fcntl.O_RDWR) == 1 << 30
    assert fcntl.RenameFlags.unknown(-1) == 0xFFFFFFF8
    assert mman.Advice.unknown(4) == 0
    assert mman.Advice.unknown(77) == 77


def test_as_an_annotation() -> None:
    assert Flags[fcntl.OpenFlags].of is fcntl.OpenFlags  # type: ignore[attr-defined]
