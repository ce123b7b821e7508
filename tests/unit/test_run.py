"""The run loop, handlers and signals without a VM: programs on the fake engine."""

from __future__ import annotations

import os
import signal
from errno import EAGAIN, ENOSYS

import pytest

from linux_abi.uapi.signals import SA_NODEFER, SA_ONSTACK, SA_RESETHAND, SIG_BLOCK, SIG_UNBLOCK
from linux_abi.uapi.structs import Sigaltstack
from linux_abi.uapi.x86_64 import RBX, RSI, RSP
from tests.unit.fake_engine import Call, Fault, Machine, Program

USR1, USR2, SEGV, ILL, FPE = (int(getattr(signal, f"SIG{name}")) for name in ("USR1", "USR2", "SEGV", "ILL", "FPE"))
PAGE_FAULT, DIVIDE, UNDEFINED = 14, 0, 6
HOLE = 0x60000


@pytest.fixture
def machine(guest):
    return Machine(guest)


def mask_of(*numbers):
    return sum(1 << (number - 1) for number in numbers).to_bytes(8, "little")


def test_calls_have_their_results_and_the_program_its_status(machine, tmp_path):
    path, seen = os.fsencode(tmp_path / "file"), []

    def program(_: int) -> Program:
        fd = yield Call("open", (path, os.O_RDWR | os.O_CREAT, 0o600))
        seen.append((yield Call("write", (fd, b"hello", 5))))
        seen.append((yield Call("lseek", (fd, 1, 0))))
        buffer = machine.guest.mm.put(8)
        seen.append((yield Call("read", (fd, buffer, 8))))
        seen.append(machine.guest.mm.read(buffer, 4))
        seen.append((yield Call("getpid")))
        return 300

    assert machine.run(program) == 300 & 0xFF
    assert seen == [5, 1, 4, b"ello", os.getpid()]
    assert (tmp_path / "file").read_text() == "hello"


def test_a_number_that_nobody_knows(machine):
    seen = []

    def program(_: int) -> Program:
        seen.append((yield Call("io_uring_setup", (1, 0))))

    assert machine.run(program) == 0
    assert seen == [-ENOSYS]


@pytest.mark.parametrize(
    ("fault", "number"),
    [
        (Fault(PAGE_FAULT, 4, HOLE), SEGV),
        (Fault(DIVIDE), FPE),
        (Fault(UNDEFINED), ILL),
        (Fault(13), SEGV),
        (Fault(3), signal.SIGTRAP),
    ],
)
def test_a_fault_kills(machine, fault, number):
    def program(_: int) -> Program:
        yield fault

    assert machine.run(program) == -number


def test_a_faults_handler_finds_where_and_why(machine):
    seen = []

    def on_fault(number: int) -> Program:
        info = machine.guest.mm.read(machine.cpu.regs[RSI], 24)
        seen.append((number, int.from_bytes(info[8:12], "little"), int.from_bytes(info[16:24], "little")))
        machine.cpu.regs[RBX] = 99  # not what it is to be afterwards
        seen.append((yield Call("getppid")))

    def program(_: int) -> Program:
        yield machine.handle(SEGV, on_fault)
        machine.cpu.regs[RBX] = 7
        before = machine.cpu.regs[RSP]
        yield Fault(PAGE_FAULT, 4, HOLE)
        assert (machine.cpu.regs[RBX], machine.cpu.regs[RSP]) == (7, before)
        return 3

    assert machine.run(program) == 3
    assert seen == [(SEGV, 1, HOLE), os.getppid()]


def test_a_blocked_fault_kills(machine):
    def handler(_: int) -> Program:
        yield Fault(PAGE_FAULT, 4, HOLE)

    def program(_: int) -> Program:
        yield machine.handle(SEGV, handler)
        yield Fault(PAGE_FAULT, 4, HOLE)

    assert machine.run(program) == -SEGV


def test_what_a_handler_writes_into_its_frame_is_so_afterwards(machine):
    regs, mm = machine.cpu.regs, machine.guest.mm

    def handler(_: int) -> Program:
        context = regs[RSP] + 8
        mm.write(context + 40 + 8 * 11, (1234).to_bytes(8, "little"))  # struct ucontext, struct sigcontext: rbx
        yield Call("getpid")

    def program(_: int) -> Program:
        yield machine.handle(USR1, handler)
        machine.signals.send(USR1)
        yield Call("getpid")
        return int(regs[RBX] == 1234)

    assert machine.run(program) == 1


def test_a_call_that_a_signal_comes_before_is_made_after_the_handler(machine):
    order = []

    def handler(number: int) -> Program:
        order.append(number)
        yield Call("getpid")

    def program(_: int) -> Program:
        yield machine.handle(USR1, handler)
        r, w = os.pipe()
        os.set_blocking(r, False)
        os.write(w, b"x")
        machine.signals.send(USR1)
        order.append((yield Call("read", (r, machine.guest.mm.put(8), 8))))
        order.append((yield Call("read", (r, machine.guest.mm.put(8), 8))))

    assert machine.run(program) == 0
    assert order == [USR1, 1, -EAGAIN]


@pytest.mark.parametrize(("flags", "order"), [(0, "in out in out"), (SA_NODEFER, "in in out out")])
def test_nesting(machine, flags, order):
    seen = []

    def handler(number: int) -> Program:
        seen.append("in")
        if len(seen) == 1:
            machine.signals.send(USR1)
        yield Call("getpid")
        seen.append("out")

    def program(_: int) -> Program:
        yield machine.handle(USR1, handler, flags)
        machine.signals.send(USR1)
        yield Call("getpid")

    assert machine.run(program) == 0
    assert " ".join(seen) == order


def test_a_blocked_signal_waits(machine):
    seen = []

    def handler(number: int) -> Program:
        seen.append(number)
        yield Call("getpid")

    def program(_: int) -> Program:
        put = machine.guest.mm.put
        for number in (USR1, USR2):
            yield machine.handle(number, handler)
        yield Call("rt_sigprocmask", (SIG_BLOCK, put(mask_of(USR1)), 0, 8))
        machine.signals.send(USR1)
        machine.signals.send(USR2)
        yield Call("getpid")
        seen.append("between")
        yield Call("rt_sigprocmask", (SIG_UNBLOCK, put(mask_of(USR1)), 0, 8))

    assert machine.run(program) == 0
    assert seen == [USR2, "between", USR1]


def test_a_handler_once_and_the_default_action_then(machine):
    def handler(_: int) -> Program:
        yield Call("getpid")

    def program(_: int) -> Program:
        yield machine.handle(USR1, handler, SA_RESETHAND)
        for _ in range(2):
            machine.signals.send(USR1)
            yield Call("getpid")

    assert machine.run(program) == -USR1


def test_the_alternate_stack(machine):
    seen = []

    def handler(_: int) -> Program:
        seen.append(machine.cpu.regs[RSP])
        yield Call("getpid")

    def program(_: int) -> Program:
        mm = machine.guest.mm
        stack = mm.put(0x4000)
        yield Call("sigaltstack", (mm.put(bytes(Sigaltstack(stack, 0, 0x4000))), 0))
        yield machine.handle(USR1, handler, SA_ONSTACK)
        machine.signals.send(USR1)
        yield Call("getpid")
        return int(stack < seen[0] < stack + 0x4000)

    assert machine.run(program) == 1


def test_a_frame_that_does_not_fit_kills(machine):
    def handler(_: int) -> Program:
        yield Call("getpid")

    def program(_: int) -> Program:
        yield machine.handle(USR1, handler)
        machine.cpu.regs[RSP] = HOLE
        machine.signals.send(USR1)
        yield Call("getpid")

    assert machine.run(program) == -SEGV
