"""Every number of Linux's is declared: done, forwarded, or refused with a reason."""

from __future__ import annotations

import pytest

from linux_abi.syscall import CALLS, Syscall, Table
from linux_abi.uapi import errno
from linux_abi.uapi.x86_64 import NUMBERS

TABLE = Table()


def test_every_number_is_declared() -> None:
    assert set(NUMBERS) - set(CALLS) == set()


def test_unknown_numbers() -> None:
    assert [TABLE[number](None, None) for number in (335, 400, 5000, (1 << 64) - 1)] == [-errno.ENOSYS] * 4


@pytest.mark.parametrize("call", CALLS.values(), ids=lambda call: call.name)
def test_declaration(call: Syscall) -> None:
    assert call.doc.endswith("."), "docs/syscalls.md shows the docstring's first line"
    assert len(call.parameters) <= 6
    assert callable(call.entry(call.compile()))
    if call.how == "refused":
        assert call.note
        assert TABLE[call.number](None, None) == -call.errno < 0
