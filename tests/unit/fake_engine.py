"""A fake engine: the run loop (noahpy/run.py) serves programs that are Python generators, without a VM or the host's signals.

A program yields what it does, a `Call` or a `Fault`, and gets the call's result. A signal's handler is such a program too, at
an address of its own (`FakeCpu.function`), and ends by rt_sigreturn(2). Registers, frames and the mask are as on any engine.
What a CPU without instructions cannot show, such as mappings and protection, the engines' contract does; the fake engine
there has some (tests/engine).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Generator
from typing import NamedTuple, NoReturn

from linux_abi.host.linux import LinuxHost
from linux_abi.uapi.errno import ERESTARTSYS
from linux_abi.uapi.signals import SA_RESTORER
from linux_abi.uapi.structs import Sigaction, Siginfo
from linux_abi.uapi.x86_64 import ARGUMENT_REGISTERS, NUMBERS, RAX, RDI, RIP, RSP
from noahpy import run
from noahpy._native import lib
from tests.unit.fakes import FakeGuest, address_of, raw

FUNCTIONS = 0x20000  # addresses of programs: each a kilobyte
SIZE = 1 << 10
SYSCALL_LENGTH = 2  # of the instruction
RESTORER = FUNCTIONS - SIZE  # what a handler returns to


class Call(NamedTuple):
    """A system call; bytes are stored in guest memory, with a NUL, and their address passed."""

    name: str
    args: tuple[int | bytes, ...] = ()


class Fault(NamedTuple):
    """An exception: of a page fault, error code and address."""

    vector: int
    error_code: int = 0
    address: int = 0


Program = Generator[Call | Fault, int, int | None]


class DeathError(Exception):
    """The process ends by a signal."""


class FakeSignals:
    """The kernel's queue and mask, and the one signal that is caught."""

    DEFAULT, IGNORE, CATCH = range(3)

    def __init__(self) -> None:
        self.caught = memoryview(bytearray(4)).cast("i")
        self.actions: dict[int, int] = {}
        self.mask = 0
        self._waiting: list[tuple[int, bytes]] = []
        self._taken: list[tuple[int, bytes]] = []

    def send(self, number: int) -> None:
        """Somebody sends the process a signal."""
        action = self.actions.get(number, self.DEFAULT)
        if action == self.IGNORE and not self.mask >> (number - 1) & 1:
            return
        self._waiting.append((number, bytes(Siginfo(number, 0, 0))))
        self._catch()

    def _catch(self) -> None:
        due = next((item for item in self._waiting if not self.mask >> (item[0] - 1) & 1), None)
        if self._taken or due is None:
            return
        self._waiting.remove(due)
        if self.actions.get(due[0], self.DEFAULT) == self.DEFAULT:
            self.die(due[0])
        self._taken.append(due)
        self.caught[0] = 1

    def set_action(self, number: int, action: int, flags: int) -> int:
        self.actions[number] = action
        return 0

    def set_mask(self, mask: int) -> int:
        if not self._taken:
            self.mask = mask
            self._catch()
        return 0

    def take(self) -> tuple[int, bytes]:
        self.caught[0] = 0
        return self._taken.pop() if self._taken else (0, bytes(128))

    def put(self, info: bytes) -> None:
        self._taken.append((int.from_bytes(info[:4], "little"), info))
        self.caught[0] = 1

    def forced(self, info: bytes) -> None:
        pass

    def die(self, number: int) -> NoReturn:
        raise DeathError(number)


class Frame:
    """A program that runs, and the RIP of the call whose result it waits for."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.asked = -1


class FakeCpu:
    """A CPU whose instructions are what generators yield."""

    xstate_size, xstate_features = 576, 3
    initial_xstate = bytes(576)
    number = -1

    def __init__(self, guest: FakeGuest) -> None:
        self.regs = memoryview(array("Q", [0] * 18))
        self.regs[RSP] = guest.mm.END - 4096
        self.blocked = self.robust_list = self.fs_base = self.gs_base = 0
        self.altstack = self.trap = (0, 0, 0)
        self._guest = guest
        self._functions: list[Callable[[int], Program]] = []
        self._frames: list[Frame] = []  # innermost last
        self._fault = Fault(0)
        self.xstate = bytearray(self.initial_xstate)

    def function(self, program: Callable[[int], Program]) -> int:
        """The address of a program, whose argument is RDI."""
        self._functions.append(program)
        return FUNCTIONS + SIZE * (len(self._functions) - 1)

    def run(self) -> int:
        regs, signals = self.regs, self._guest.task.signals
        if signals.caught[0]:
            return -int(lib.EXIT_SIGNAL)
        where, offset = divmod(regs[RIP] - FUNCTIONS, SIZE)
        if offset == 0:
            self._frames.append(Frame(self._functions[where](regs[RDI])))
        frame = self._frames[-1]
        if regs[RIP] == frame.asked:  # the same call again
            return self._syscall(frame)
        answer = regs[RAX] - (regs[RAX] >> 63 << 64) if regs[RIP] == frame.asked + SYSCALL_LENGTH else None
        try:
            action = frame.program.send(answer)
        except StopIteration as end:
            return self._end(end.value or 0)
        regs[RIP] += 1
        if isinstance(action, Fault):
            self._fault = action
            return -int(lib.EXIT_FAULT)
        regs[RAX] = NUMBERS[action.name]
        for register, arg in zip(ARGUMENT_REGISTERS, action.args, strict=False):
            regs[register] = (arg if isinstance(arg, int) else self._guest.mm.put(arg + b"\0")) & (1 << 64) - 1
        return self._syscall(frame)

    def _syscall(self, frame: Frame) -> int:
        frame.asked = self.regs[RIP]
        self.regs[RIP] += SYSCALL_LENGTH
        return int(self.regs[RAX])

    def _end(self, status: int) -> int:
        """A handler returns to its frame's restorer, the program to exit_group(2)."""
        self._frames.pop()
        if self._frames:
            assert self._guest.mm.read(self.regs[RSP], 8) == RESTORER.to_bytes(8, "little")
            self.regs[RSP] += 8
        self.regs[RAX] = NUMBERS["rt_sigreturn" if self._frames else "exit_group"]
        self.regs[RDI] = status
        return int(self.regs[RAX])

    def fault(self) -> tuple[int, int, int]:
        return self._fault

    def get_xstate(self) -> bytearray:
        return self.xstate

    def set_xstate(self, area: bytes | bytearray) -> bool:
        self.xstate[: len(area)] = area
        return True

    def settle_xstate(self) -> bool:
        return True

    def save_xstate(self, gva: int) -> None:
        self._guest.mm.write(gva, self.xstate[:464])  # what lies behind is the software's, and here the frame's
        self._guest.mm.write(gva + 512, self.xstate[512:])

    def load_xstate(self, gva: int, features: int) -> bool:
        self.xstate[:] = self._guest.mm.read(gva, self.xstate_size)
        return True


class FakeMachine:
    """A process of one thread."""

    status = -1

    def signalled(self, task: object, info: bytes) -> None:
        pass

    def exit(self, task: object, status: int, group: bool) -> bool:
        self.status = status
        return False


class Machine:
    """A fake guest on a fake engine."""

    def __init__(self, guest: FakeGuest) -> None:
        self.guest, self.task = guest, guest.task
        self.cpu = self.task.cpu = FakeCpu(guest)
        self.signals = self.task.signals = FakeSignals()
        self.task.machine = FakeMachine()
        self.task.host = LinuxHost([self._unless_caught] * 7, address_of, LinuxHost([raw], address_of))

    def _unless_caught(self, number: int, *words: int) -> int:
        return -ERESTARTSYS if self.signals.caught[0] else raw(number, *words)

    def handle(self, number: int, handler: Callable[[int], Program], flags: int = 0, mask: int = 0) -> Call:
        """The call that makes a program the handler of a signal."""
        action = Sigaction(self.cpu.function(handler), SA_RESTORER | flags, RESTORER, mask)
        return Call("rt_sigaction", (number, self.guest.mm.put(bytes(action)), 0, 8))

    def run(self, program: Callable[[int], Program]) -> int:
        """Let a program run: its exit status, or minus the signal that killed it."""
        self.cpu.regs[RIP] = self.cpu.function(program)
        try:
            run.run(self.task, self.guest.table)
        except DeathError as death:
            return -int(death.args[0])
        return self.task.machine.status
