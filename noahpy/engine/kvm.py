"""The KVM engine as the rest of noahpy sees it: one virtual CPU and what the host thread under it does with signals."""

from __future__ import annotations

import os

from linux_abi.host.linux import LinuxHost
from linux_abi.index import REFUSED, REQUESTS
from linux_abi.task import Actions

from .._native import ffi, lib
from ..errors import FAILED, CannotRun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from functools import partial
    from typing import Any

    from ..cpu import Cpu as Model
    from ..doctor import Problem
else:
    from _functools import partial  # functools itself imports much

DEVICE = "/dev/kvm"
_REGISTERS = 18


class EngineError(CannotRun):
    """There is no VM to be had, or the one that there is fails: by `errno`, 0 if none."""

    why: Problem

    def __init__(self, errno: int) -> None:
        from ..doctor import diagnose

        super().__init__(diagnose(errno, DEVICE, ffi.string(lib.engine_error()).decode()))


class Cpu:
    """A virtual CPU. `regs` holds the general registers, places as in linux_abi.uapi.x86_64."""

    def __init__(self, vcpu: Any = None) -> None:
        self.vcpu = vcpu or lib.vcpu_create()
        if not self.vcpu:
            raise EngineError(0)
        self.initial_xstate = INITIAL_XSTATE
        self.xstate_size: int = lib.xstate_size()
        self.xstate_features: int = lib.xstate_features()
        self.bind()

    def bind(self) -> None:
        """Take views of its registers anew: after EXIT_NEWS."""
        vcpu = self.vcpu
        self.regs = memoryview(ffi.buffer(vcpu.regs, 8 * _REGISTERS)).cast("Q")
        self.run = partial(lib.vcpu_run, vcpu)

    @property
    def fs_base(self) -> int:
        """The FS segment's base: thread-local storage."""
        return self.vcpu.fs_base  # type: ignore[no-any-return]

    @fs_base.setter
    def fs_base(self, value: int) -> None:
        self.vcpu.fs_base = value

    @property
    def gs_base(self) -> int:
        """The GS segment's base."""
        return self.vcpu.gs_base  # type: ignore[no-any-return]

    @gs_base.setter
    def gs_base(self, value: int) -> None:
        self.vcpu.gs_base = value

    @property
    def number(self) -> int:
        """The call that a signal has cut short; negative if none was under way."""
        return self.vcpu.number  # type: ignore[no-any-return]

    def fault(self) -> tuple[int, int, int]:
        """The exception that has stopped it: vector, error code, address (of a page fault)."""
        return self.vcpu.vector, self.vcpu.error_code, self.vcpu.address

    @property
    def blocked(self) -> int:
        """The thread's signal mask as the guest set it."""
        return self.vcpu.blocked  # type: ignore[no-any-return]

    @blocked.setter
    def blocked(self, value: int) -> None:
        self.vcpu.blocked = value

    @property
    def keeps(self) -> bool:
        """Whether SIGSEGV or SIGBUS has been kept while it was blocked."""
        return bool(self.vcpu.keeps)

    @keeps.setter
    def keeps(self, value: bool) -> None:
        self.vcpu.keeps = value

    @property
    def robust_list(self) -> int:
        """The head of the thread's list of held robust futexes (set_robust_list(2))."""
        return self.vcpu.robust_list[0]  # type: ignore[no-any-return]

    @robust_list.setter
    def robust_list(self, value: int) -> None:
        self.vcpu.robust_list[0] = value

    @property
    def clear_child_tid(self) -> int:
        """What set_tid_address(2) has said."""
        return self.vcpu.clear_child_tid[0]  # type: ignore[no-any-return]

    @clear_child_tid.setter
    def clear_child_tid(self, value: int) -> None:
        self.vcpu.clear_child_tid[0] = value

    @property
    def altstack(self) -> tuple[int, int, int]:
        """What sigaltstack(2) has said: address, flags, bytes."""
        stack = self.vcpu.altstack
        return stack.sp, stack.flags, stack.size

    @altstack.setter
    def altstack(self, value: tuple[int, int, int]) -> None:
        stack = self.vcpu.altstack
        stack.sp, stack.flags, stack.size = value

    @property
    def trap(self) -> tuple[int, int, int]:
        """The last exception that became a signal: vector, error code, address."""
        trap = self.vcpu.trap
        return trap.vector, trap.error_code, trap.address

    @trap.setter
    def trap(self, value: tuple[int, int, int]) -> None:
        trap = self.vcpu.trap
        trap.vector, trap.error_code, trap.address = value

    def copy(self) -> Cpu | None:
        """Another CPU of the VM in the same state; None if there can be no more."""
        vcpu = lib.vcpu_copy(self.vcpu, True)
        return Cpu(vcpu) if vcpu else None

    def release(self) -> None:
        """Its thread has ended: another may have it."""
        lib.vcpu_destroy(self.vcpu)

    def reset(self) -> None:
        """All registers as at a program's start: zero, extended state initial."""
        _check(lib.vcpu_start(self.vcpu))

    def get_xstate(self) -> bytearray:
        """The extended state (x87, SSE, AVX, AVX-512) in XSAVE's standard format."""
        area = bytearray(lib.xstate_size())
        _check(lib.vcpu_get_xstate(self.vcpu, ffi.from_buffer(area)))
        return area

    def set_xstate(self, area: bytes | bytearray) -> bool:
        """Load an extended state; False where the CPU refuses it."""
        return lib.vcpu_set_xstate(self.vcpu, ffi.from_buffer(area), len(area)) == 0  # type: ignore[no-any-return]

    def settle_xstate(self) -> bool:
        """Load now what `load_xstate` said; False where the CPU refuses it."""
        return lib.vcpu_settle_xstate(self.vcpu) == 0  # type: ignore[no-any-return]

    def save_xstate(self, gva: int) -> None:
        """Have it stored at `gva` when the handler starts that the registers point to; XSAVE's header is zero before."""
        _check(lib.vcpu_save_xstate(self.vcpu, gva))

    def load_xstate(self, gva: int, features: int) -> bool:
        """Have `features` loaded from `gva` when the guest goes on; False where the CPU refuses it, if that is known now."""
        return lib.vcpu_load_xstate(self.vcpu, gva, features) == 0  # type: ignore[no-any-return]

    def without_vm(self, number: int, first: int, second: int) -> int:
        """A host call of a process of one thread that KVM's own thread is in the way of."""
        result: int = lib.engine_without_vm(self.vcpu, number, first, second)
        self.bind()
        return result

    def clone_beside_threads(self, arguments: bytes) -> int:
        """As `fork`, of a process of several threads."""
        result: int = lib.engine_fork_beside_threads(self.vcpu, arguments, len(arguments))
        if result == 0:
            self.bind()
        return result

    def fork_beside_threads(self) -> int:
        """fork(2) of a process of several threads; as `fork`, but the child's end is SIGCHLD."""
        _check(lib.engine_fork_prepare(self.vcpu))
        try:
            pid = os.fork()
        except OSError as error:
            errno: int = error.args[0]
            pid = -errno
        if pid == 0:
            if lib.engine_fork_child(self.vcpu):
                os.write(2, f"noahpy: no VM for a child process: {ffi.string(lib.engine_error()).decode()}\n".encode())
                os._exit(FAILED)
            self.bind()
        else:
            lib.engine_fork_parent()
        return pid

    def fork(self, arguments: bytes) -> int:
        """clone3(2); 0 in the child, where this CPU goes on in a fresh VM and views of `regs` must be taken anew."""
        result: int = lib.engine_fork(self.vcpu, arguments, len(arguments))
        if result == 0:
            self.bind()
        return result


def _initial_xstate() -> bytes:
    area = bytearray(576)
    area[0:2] = (0x37F).to_bytes(2, "little")  # FCW
    area[24:28] = (0x1F80).to_bytes(4, "little")  # MXCSR
    area[512:520] = (3).to_bytes(8, "little")  # XSTATE_BV: x87 and SSE as here, the rest initial
    return bytes(area)


INITIAL_XSTATE = _initial_xstate()


class Signals:
    """Signals of the host thread under a guest's thread (native/host.c); made in that thread."""

    DEFAULT, IGNORE, CATCH = lib.ACTION_DEFAULT, lib.ACTION_IGNORE, lib.ACTION_CATCH

    def __init__(self) -> None:
        _check(lib.signal_start())
        self._info = ffi.new("char[128]")
        self.caught = memoryview(ffi.buffer(lib.signal_caught(), 4)).cast("i")
        self.end = lib.signal_end
        self.set_action = lib.signal_action
        self.set_mask = lib.signal_mask
        self.put = lib.signal_put
        self.forced = lib.signal_forced
        self.die = lib.signal_die

    def take(self) -> tuple[int, bytes]:
        """The caught signal's number and siginfo; (0, ...) if none waits."""
        number = lib.signal_take(self._info)
        return number, bytes(ffi.buffer(self._info))


def open_engine(engine: str = "auto", *, quiet: bool = False) -> None:
    """Open KVM's device or the simulated CPU's library, if that has not been done.

    `engine`: kvm, sim, or auto, which is KVM where there is one and says so where not, unless `quiet`.
    """
    if lib.engine_is_open():
        return
    if engine != "sim":
        error = lib.engine_open(lib.ENGINE_KVM, DEVICE.encode())
        if error and engine == "kvm":
            raise EngineError(-error)
        if error:
            _open_instead(EngineError(-error), quiet)
    else:
        _open_simulation()


def open_machine(plain: dict[int, tuple[list[int], bool]], engine: str = "auto", *, quiet: bool = False) -> Signals:
    """Make the machine that shows the window. `plain` are the calls that C may finish (linux_abi.index.PLAIN)."""
    signals = Signals()
    open_engine(engine, quiet=quiet)
    lib.tree_start()  # without it (RLIMIT_FSIZE, no memory) nobody sees who runs
    lib.fast_own(bool(plain))
    if plain:
        for number, errno in REFUSED.items():
            lib.fast_refuse(number, errno)
        lib.fast_requests(ffi.new("uint32_t[]", REQUESTS), len(REQUESTS))
    for number, (kinds, opens) in plain.items():
        _check(lib.fast_forward(number, len(kinds), bytes(kinds), opens))
    return signals


def actions() -> memoryview:
    """The memory of linux_abi.task.Actions, where C finds it."""
    return memoryview(ffi.buffer(lib.fast_actions(), Actions.SIZE))


def shape_cpu(cpu: Model) -> tuple[int, int]:
    """All virtual CPUs, of which there is none yet, become as `cpu` says; AT_HWCAP and AT_HWCAP2 for that.

    CannotRun if they can't, or at the first one where KVM shows programs the host's own.
    """
    from ..cpu import hwcaps

    count = ffi.new("int *")
    first = lib.engine_cpuid(count)
    leaves = [first[i] for i in range(count[0])]
    table = {(leaf.function, leaf.index): [leaf.eax, leaf.ebx, leaf.ecx, leaf.edx] for leaf in leaves}
    try:
        cpu.shape(table)
    except CannotRun:
        Cpu()  # where nothing can be chosen, that is the reason to tell
        raise
    for leaf in leaves:
        leaf.eax, leaf.ebx, leaf.ecx, leaf.edx = table[leaf.function, leaf.index]
    return hwcaps(table)


def _open_simulation() -> None:
    from . import sim

    error = lib.engine_open(lib.ENGINE_SIM, sim.library().encode())
    if error:
        from ..doctor import Problem

        raise CannotRun(Problem("unicorn", f"no simulated CPU: {ffi.string(lib.engine_error()).decode()}"))


def _open_instead(failure: EngineError, quiet: bool) -> None:
    try:
        _open_simulation()
    except CannotRun as error:
        raise failure from error
    if not quiet:
        os.write(2, f"noahpy: {failure.why.what}; the CPU is simulated, and slow\n".encode())


def probe(engine: str) -> dict[str, object]:
    """What doctor tells of it: available; flavour and exit_us (one exit and re-entry, median of 200), or why not."""
    from ..window import Window

    try:
        Window()
        open_machine({}, engine)
        Cpu()
    except CannotRun as error:
        return {"available": False, "problem": error.why}
    exit_us = lib.engine_exit_cost(200) / 1000
    return {"available": True, "flavour": ffi.string(lib.engine_flavour()).decode(), "exit_us": round(exit_us, 2)}


def host() -> LinuxHost:
    """The host's system calls."""

    def address_of(buffer: bytes | bytearray) -> int:
        return int(ffi.cast("intptr_t", ffi.from_buffer(buffer)))

    words = [getattr(lib, f"host_syscall{count}") for count in range(6)]
    return LinuxHost([*words, lib.host_syscall], address_of, LinuxHost([lib.host_syscall_now], address_of))


def _check(error: int) -> None:
    if error < 0:
        raise OSError(-error, os.strerror(-error))
