"""The argument fuzzer: every declared call with hostile arguments, on a task without a VM.

    python -m tests.fuzz.arguments [--seed N] [--rounds N] [CALL...]

Values come from the declarations: each type's boundaries, each flag set's names, and hostile.py's addresses. Each call has a
process of its own, in a directory of its own, without root's rights. What is checked after each case: a result that Linux
could give, no other exception than a task's end, the VMM's memory and descriptors as they were.
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import signal
import struct
import sys
import tempfile
import time
from array import array
from collections.abc import Iterable, Iterator

from linux_abi import types
from linux_abi.syscall import CALLS, Syscall, Table
from linux_abi.task import TaskExit
from linux_abi.uapi.x86_64 import ARGUMENT_REGISTERS
from noahpy.image import import_all

from .hostile import (
    DESCRIPTORS,
    HIDDEN,
    INTERRUPTS,
    STRUCTS,
    WINDOW,
    ZEROS,
    GuestDiedError,
    Hostile,
    limit_resources,
    open_descriptors,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linux_abi.syscall import Entry

NOBODY = 65534
ROUNDS = 100
WILD = 0.3  # share of hostile arguments in a mixture
PROGRESS = struct.Struct("<6Q")  # the arguments that are being tried
INTERVAL = 0.001  # seconds between the signals that end a wait
PATIENCE = 20.0  # seconds for all cases of one call
ERRNO_MAX = 4095
_M64 = (1 << 64) - 1

# Calls that are left out, and why.
EXCLUDED = {
    "sync": "writes out every file system of the machine; there is no argument to be hostile with",
    "syncfs": "the same for the file system of the test",
    "rt_sigreturn": "has no arguments: its frames are tested with signals",
}

# Calls whose result may be any word, and why.
ANY_WORD = {"prctl": "PR_GET_TIMERSLACK says what PR_SET_TIMERSLACK was given"}

# Arguments that get other values than their type's, and why: what would reach beyond the fuzzer's own process.
_NO_CREAT = (0, 1, 2, 3, 0o600, 0o2000, 0o4000, 0x80000)
_SMALL = (0, 1, 0xFFF, 0x1000, 0x5000, 1 << 20, 1 << 47, 1 << 63, _M64)
_KEYS = (1, 0x7FFFFFFF, 0xFFFFFFFF)
INSTEAD: dict[tuple[str, str], tuple[int, ...]] = {
    ("kill", "pid"): (0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE),  # -1 is every process of the user's
    ("setpriority", "which"): (0, 1, 3, 0xFFFFFFFF),  # 2 is PRIO_USER
    ("ioprio_set", "which"): (0, 1, 2, 4, 0xFFFFFFFF),  # 3 is IOPRIO_WHO_USER
    ("setrlimit", "resource"): (*range(1, 17), 0xFFFFFFFF),  # 0 is RLIMIT_CPU: the kernel kills
    ("prlimit64", "resource"): (*range(1, 17), 0xFFFFFFFF),
    ("msgget", "key"): _KEYS,  # 0 is IPC_PRIVATE: what it makes stays
    ("semget", "key"): _KEYS,
    ("shmget", "key"): _KEYS,
    ("msgget", "msgflg"): _NO_CREAT,
    ("semget", "semflg"): _NO_CREAT,
    ("shmget", "shmflg"): _NO_CREAT,
    ("mq_open", "oflag"): tuple(flag & ~0o100 for flag in _NO_CREAT),
    ("msgctl", "op"): (2, 3, 11, 12, 13, 0xFFFFFFFF),  # no IPC_RMID and IPC_SET on what is not ours
    ("semctl", "op"): (2, 3, *range(11, 21), 0xFFFFFFFF),
    ("shmctl", "op"): (2, 3, *range(11, 16), 0xFFFFFFFF),
    ("mmap", "length"): _SMALL,  # what MAP_POPULATE fills is real memory
    ("mremap", "new_size"): _SMALL,
}

Case = tuple[int, ...]


def values(call: Syscall, name: str, kind: type[types.Arg], hostile: Hostile) -> tuple[int, ...]:
    """What to try for one argument."""
    if (call.name, name) in INSTEAD:
        return INSTEAD[call.name, name]
    if issubclass(kind, types.Path | types.Str):
        return (*hostile.strings, *hostile.addresses)
    if issubclass(kind, types.Ptr):
        return hostile.addresses
    if issubclass(kind, types.Fd):
        return (*kind.boundaries, *range(DESCRIPTORS), HIDDEN)
    if issubclass(kind, types.Pid):
        return (*kind.boundaries, os.getpid())
    if issubclass(kind, types.Flags):
        return (*kind.boundaries, *named_bits(kind))
    if kind in (types.Arg, types.ULong):  # may be an address for some command
        return (*kind.boundaries, *hostile.addresses)
    return kind.boundaries


def named_bits(kind: type[types.Flags]) -> tuple[int, ...]:
    """The named values of a flag set."""
    fields, bits, _ = kind.of._table()
    named = {value for names in fields.values() for value in names} | {bit for bit, _ in bits}
    return tuple(sorted(value & 0xFFFFFFFF for value in named))


def plausible(kind: type[types.Arg], tries: tuple[int, ...], hostile: Hostile) -> tuple[int, ...]:
    """Values that let a call get further, to what its arguments point to."""
    if issubclass(kind, types.Path | types.Str):
        return tuple(hostile.strings)
    if issubclass(kind, types.Ptr):
        return (STRUCTS, STRUCTS, STRUCTS + 16, STRUCTS + 32, ZEROS, 0)
    if issubclass(kind, types.Fd):
        return tuple(range(DESCRIPTORS))
    if issubclass(kind, types.Pid | types.Signal | types.Flags):
        return tries
    return (0, 1, 1, 2, 8, 64)


def cases(call: Syscall, hostile: Hostile, seed: int, rounds: int) -> Iterator[Case]:
    """Each hostile address in each place once, then mixtures of plausible and hostile arguments."""
    rng = random.Random(f"{seed}:{call.name}")
    kinds = [kind for _, kind in call.parameters]
    wild = [values(call, name, kind, hostile) for name, kind in call.parameters]
    tame = [
        tries if (call.name, name) in INSTEAD else plausible(kind, tries, hostile)
        for (name, kind), tries in zip(call.parameters, wild, strict=True)
    ]
    for place, kind in enumerate(kinds):
        hostile.fill_structs(rng)
        for address in wild[place] if issubclass(kind, types.Ptr) else ():
            case = [rng.choice(tries) for tries in tame]
            case[place] = address
            yield tuple(case)
    for i in range(rounds if kinds else 1):
        if i % 2 == 0:
            hostile.fill_structs(rng)
        yield tuple(rng.choice(w if rng.random() < WILD else t) for w, t in zip(wild, tame, strict=True))


def try_case(call: Syscall, entry: Entry, hostile: Hostile, case: Case) -> str:
    """What is wrong with the call's answer; empty if nothing is."""
    regs = memoryview(array("Q", [0] * 18))
    for register, value in zip(ARGUMENT_REGISTERS, case, strict=False):
        regs[register] = value
    pointers = {v for v, (_, kind) in zip(case, call.parameters, strict=True) if issubclass(kind, types.Ptr)}
    plain = {v for v, (_, kind) in zip(case, call.parameters, strict=True) if not issubclass(kind, types.Ptr)}
    hostile.host.forbidden = {p for p in pointers - plain if WINDOW <= p <= _M64 - ERRNO_MAX and p != hostile.mm.BAD_ADDRESS}
    hostile.host.leaks = 0
    problem = ""
    try:
        result = entry(hostile.task, regs)
    except (TaskExit, GuestDiedError):
        pass
    except BaseException as error:
        at = error.__traceback__
        while at and at.tb_next:
            at = at.tb_next
        where = f"{os.path.basename(at.tb_frame.f_code.co_filename)}:{at.tb_lineno}" if at else "?"
        problem = f"{type(error).__name__}: {error} at {where}"
    else:
        least = -1 << 63 if call.name in ANY_WORD else -ERRNO_MAX
        if result is not None and not (type(result) is int and least <= result <= _M64):
            problem = f"returned {result!r}"
    if hostile.host.leaks:
        problem = problem or "handed the host an address outside of the guest"
    if not hostile.canary.is_sound():
        problem = "changed the VMM's memory"
    return problem


def show(call: Syscall, case: Case) -> str:
    """The case as a call."""
    return f"{call.name}({', '.join([f'{n}={v:#x}' for (n, _), v in zip(call.parameters, case, strict=True)])})"


def _give_up_root() -> None:
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def _child(call: Syscall, entry: Entry, table: Table, seed: int, rounds: int, progress: mmap.mmap) -> None:
    os.setsid()
    for number in set(signal.Signals) | {64}:
        if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE):
            signal.signal(number, signal.SIG_IGN)
    for number in INTERRUPTS:
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
    limit_resources()
    _give_up_root()
    hostile = Hostile(table)
    problems = set()
    for case in cases(call, hostile, seed, rounds):
        PROGRESS.pack_into(progress, 0, *case, *(0,) * (6 - len(case)))
        problem = try_case(call, entry, hostile, case)
        if problem and problem not in problems:
            problems.add(problem)
            os.write(HIDDEN, f"{show(call, case)}: {problem}\n".encode())
            if not hostile.canary.is_sound():
                break
    if hostile.leaked():
        os.write(HIDDEN, f"{call.name}: the VMM's memory reached the guest\n".encode())
    os.write(HIDDEN, b"end\n")


def _attempt(call: Syscall, entry: Entry, table: Table, seed: int, rounds: int, directory: str, patience: float) -> list[str]:
    """All cases of one call in a process of its own: the problems."""
    progress = mmap.mmap(-1, PROGRESS.size)
    outside, report = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    pid = os.fork()
    if not pid:
        try:
            os.chdir(directory)
            open_descriptors(report)
            _child(call, entry, table, seed, rounds, progress)
        except BaseException as error:
            os.write(HIDDEN, f"{call.name}: the fuzzer failed: {error!r}\nend\n".encode())
        finally:
            os._exit(0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
    os.close(report)
    status, tick, deadline = None, 0, time.monotonic() + patience
    while status is None and time.monotonic() < deadline:
        time.sleep(INTERVAL)
        tick += 1
        ended, raw = os.waitpid(pid, os.WNOHANG)
        if ended:
            status = os.waitstatus_to_exitcode(raw)
        else:
            os.kill(pid, INTERRUPTS[tick % 2])
    last = show(call, PROGRESS.unpack_from(progress)[: len(call.parameters)])
    if status is None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    os.set_blocking(outside, False)
    try:
        lines = os.read(outside, 1 << 16).decode().splitlines()
    except BlockingIOError:
        lines = []
    os.close(outside)
    if status is None:
        return [*lines, f"{last}: did not end"]
    if status < 0:
        return [*lines, f"{last}: killed the VMM by signal {-status}"]
    if lines[-1:] != ["end"]:
        return [*lines, f"{last}: took the VMM's descriptor away"]
    return lines[:-1]


def chosen() -> list[Syscall]:
    """All declared calls that look at their arguments; a refused one is a constant."""
    return [call for call in CALLS.values() if call.how != "refused" and call.name not in EXCLUDED]


def fuzz(
    calls: Iterable[Syscall],
    seed: int,
    rounds: int = ROUNDS,
    *,
    entries: dict[str, Entry] | None = None,
    patience: float = PATIENCE,
) -> list[str]:
    """Try the calls: a line for each problem. `entries` replace those that the declarations make."""
    table = Table()
    import_all()  # nobody may not be allowed to read the files
    problems = []
    with tempfile.TemporaryDirectory(prefix="noahpy-fuzz-") as directory:
        os.chmod(directory, 0o755)
        for call in calls:
            own = os.path.join(directory, call.name)
            os.mkdir(own)
            os.chmod(own, 0o777)
            entry = (entries or {}).get(call.name) or table[call.number]
            problems += _attempt(call, entry, table, seed, rounds, own, patience)
    return problems


def main() -> int:
    """Fuzz from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("calls", nargs="*", metavar="CALL")
    options = parser.parse_args()
    Table()
    calls = [CALLS[name] for name in options.calls] or chosen()
    problems = fuzz(calls, options.seed, options.rounds)
    print(f"seed {options.seed}: {len(calls)} calls, {len(problems)} problems", *problems, sep="\n")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
