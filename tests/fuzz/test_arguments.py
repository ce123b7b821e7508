"""No declared call breaks on hostile arguments; and the fuzzer sees what it is there to see."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

import pytest

from linux_abi.syscall import CALLS, Table
from linux_abi.task import Task
from linux_abi.uapi.x86_64 import NUMBERS, RDI
from tests.fuzz.arguments import EXCLUDED, INSTEAD, chosen, fuzz

Table()


@pytest.mark.parametrize("seed", [1, *[pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3, 4)]])
def test_every_call(seed: int) -> None:
    assert fuzz(chosen(), seed) == []


def test_exceptions_name_calls_and_arguments() -> None:
    assert EXCLUDED.keys() <= CALLS.keys()
    for name, parameter in INSTEAD:
        assert parameter in dict(CALLS[name].parameters), f"{name} has no {parameter}"


def _raises(task: Task, regs: memoryview) -> int:
    raise ValueError("broken")


def _returns_too_little(task: Task, regs: memoryview) -> int:
    return -4096


def _returns_no_number(task: Task, regs: memoryview) -> bytes:
    return b""


def _trusts_an_address(task: Task, regs: memoryview) -> int:
    return task.host.call(NUMBERS["getrandom"], regs[RDI], 8, 0)


def _writes_to_the_vmm(task: Task, regs: memoryview) -> int:
    if regs[RDI] in task.machine.vmm:
        ctypes.memset(regs[RDI], 0, 1)
    return 0


def _shows_the_vmm(task: Task, regs: memoryview) -> int:
    os.write(1, ctypes.string_at(task.machine.vmm[0], 64))
    return 0


def _closes_all(task: Task, regs: memoryview) -> int:
    os.closerange(0, 2000)
    return 0


def _crashes(task: Task, regs: memoryview) -> int:
    os.abort()


def _waits_on(task: Task, regs: memoryview) -> int:
    while True:
        task.host.call(NUMBERS["pause"])


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (_raises, "ValueError: broken"),
        (_returns_too_little, "returned -4096"),
        (_returns_no_number, "returned b''"),
        (_trusts_an_address, "handed the host an address outside of the guest"),
        (_writes_to_the_vmm, "changed the VMM's memory"),
        (_shows_the_vmm, "the VMM's memory reached the guest"),
        (_closes_all, "took the VMM's descriptor away"),
        (_crashes, "killed the VMM by signal 6"),
        (_waits_on, "did not end"),
    ],
)
def test_sees(entry: Callable[[Task, memoryview], int], problem: str) -> None:
    found = fuzz([CALLS["uname"]], 1, entries={"uname": entry}, patience=2)
    assert any(problem in line for line in found), found
    assert all(line.startswith("uname") for line in found)
