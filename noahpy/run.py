"""The run loop: a guest runs until it needs something, and gets it. Read this file first."""

from __future__ import annotations

import gc
import os

from linux_abi import signals as abi_signals
from linux_abi.fds import FdTable
from linux_abi.host import own
from linux_abi.index import PLAIN
from linux_abi.syscall import Table
from linux_abi.task import Actions, Task, TaskExit, TaskStopped, ThreadGroup
from linux_abi.uapi.auxv import AT_HWCAP, AT_HWCAP2
from linux_abi.uapi.errno import EINTR
from linux_abi.uapi.x86_64 import RAX

from . import image as start_image
from . import vdso
from ._native import lib
from .engine import kvm
from .memory import AddressSpace
from .process import Process
from .window import Window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from .cli import Options

_M64 = (1 << 64) - 1
_MEMORY_RETRIES = 100  # refusals by the host in a row at one instruction; then the guest gets SIGBUS


def start(program: bytes, argv: list[bytes], envp: list[bytes], options: Options) -> NoReturn:
    """Run the file `program` as a guest; this process ends as it does. LinuxError, CannotRun: it can't be run."""
    host = kvm.host()
    window = Window()
    mm = AddressSpace(window, aslr=options.aslr)
    process = Process(mm, host, options.fast, options.instruments)
    image = process.prepare(program, program, argv, envp)
    table = Table(lazy=start_image.used(), compiled=start_image.entry)
    if not start_image.used():
        start_image.import_all()
    gc.freeze()  # what is there stays: a collection would only copy pages that forked processes share
    gc.enable()
    signals = kvm.open_machine(PLAIN if options.fast else {}, options.engine, quiet=options.quiet)
    if options.cpu:
        vdso.replace(dict(zip((AT_HWCAP, AT_HWCAP2), kvm.shape_cpu(options.cpu), strict=True)))
    lib.fast_memory(mm.vmas.book)
    lib.exitless_when(("never", "auto", "always").index(options.exitless))
    vdso.tell(options.aslr, _hold_proc())
    entry = process.load(image)
    fds = FdTable(lib.hidden_base(), lib.hidden_count(), lib.hidden_move, lib.hidden_watch)
    group = ThreadGroup(fds, Actions(kvm.actions()))
    task = Task(group, mm, host, kvm.Cpu(), signals, process)
    serve: Callable[[Task], None] = lambda task: run(task, table)  # noqa: E731  or something around it
    if options.instruments:
        from . import instrument

        instrument.interpose(options.instruments, table)
        serve = instrument.observed(options.instruments, serve)
    process.adopt(task, serve, table.__getitem__)
    process.enter(image, entry)
    serve(task)
    raise AssertionError("the first thread outlives the process")


def _hold_proc() -> int:
    """The VMM's own entries in /proc stay in reach, whatever becomes of the guest's root directory: its place, or -1."""
    try:
        place: int = lib.hidden_keep(os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    except OSError:
        return -1  # there is none, and what needs it will say so
    own.hold(lambda: lib.hidden_fd(place))
    return place


def run(task: Task, table: Table) -> None:
    """Serve a guest's thread until it ends."""
    goes_on = True
    while goes_on:
        try:
            _serve(task, table)
        except TaskExit as end:
            goes_on = task.machine.exit(task, end.status, end.group)
        except TaskStopped:
            goes_on = task.machine.exit(task, 0, group=False)


def _serve(task: Task, table: Table) -> NoReturn:
    """The loop itself. After each exit the CPU has forgotten what it had guessed of this code: every step here is dear."""
    cpu = task.cpu
    enter = cpu.run
    caught = task.signals.caught
    refused = 0
    while True:
        why = enter()
        if why >= 0:
            result = table[why](task, cpu.regs)
            if result is None:  # the registers say all (execve, rt_sigreturn)
                continue
            if result >= 0:
                cpu.regs[RAX] = result  # which are elsewhere after a fork
            else:
                cpu.regs[RAX] = result & _M64
                if caught[0]:
                    abi_signals.deliver(task, why, result)
        elif why == -lib.EXIT_SIGNAL:
            number = cpu.number
            abi_signals.deliver(task, number, -EINTR if number >= 0 else None)
        elif why == -lib.EXIT_FAULT:
            vector, error_code, address = cpu.fault()
            if vector != 14 or not task.mm.fault(address, error_code):
                abi_signals.fault(task, vector, error_code, address)
        elif why == -lib.EXIT_NEWS:
            cpu.bind()
            task.machine.catch_up(task)
        elif why == -lib.EXIT_MEMORY:
            refused = 0 if task.mm.shrink_files() else refused + 1
            if refused > _MEMORY_RETRIES:
                abi_signals.bus_error(task)
        else:
            raise kvm.EngineError(0)
