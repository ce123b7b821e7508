"""What tracing costs: python -m tests.strace [CALLS [ROUNDS]]

CALLS times getppid(2), natively under strace(1) and in noahpy: as it is, with --strace, with --count; one after the other in
each of ROUNDS rounds. Of each the least time of a round, from start to end and of the CPUs (the program's process, and strace;
not the clerk), and their ratio to noahpy's without tracing. Then what the clerk takes for a line that is new to it, and for
one that is not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from struct import pack

sys.path.append(str(Path(__file__).parent.parent.parent))

from linux_abi.syscall import Declarations
from noahpy._native import lib
from noahpy.strace.lines import Lines
from noahpy.strace.options import Options
from noahpy.strace.ring import Record
from tests.conftest import noahpy_command

DECODED = 20000


def run(command: list[str]) -> tuple[float, float]:
    """Seconds from start to end, and of CPUs in all processes that are waited for."""
    before, start = os.times(), time.perf_counter()
    subprocess.run(command, check=True)
    end, after = time.perf_counter(), os.times()
    return end - start, sum(after[2:4]) - sum(before[2:4])


def clerk_time(new: bool) -> float:
    """Seconds of CPU that a read(2) of 32 bytes takes from its records to its line."""
    lines = Lines(Options([("--strace", "")], to_file=True), Declarations(lazy=False), [], [].append)
    raw = [record(lib.RECORD_BORN, 0)]
    for i in range(DECODED):
        raw.append(record(lib.RECORD_BEGIN, 0, pack("<6Q", 3, 0x7F0000000000 + i * new, 832, 0, 0, 0)))
        raw.append(record(lib.RECORD_END, 32, pack("<BxxxI", 1, 32) + bytes(range(32))))
    start = time.process_time()
    lines.feed([Record(one) for one in raw])
    return (time.process_time() - start) / DECODED


def record(kind: int, value: int, content: bytes = b"") -> bytes:
    parts = int(kind == lib.RECORD_END)
    return pack("<IBBHiiQQ", 32 + len(content), kind, 0, parts, 1, 1, time.monotonic_ns(), value) + content


def main(calls: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        program, out = f"{folder}/calls", f"{folder}/out"
        subprocess.run(["gcc", "-O1", "-o", program, str(Path(__file__).with_name("calls.c"))], check=True)
        noahpy = [*noahpy_command(), "-q"]
        commands = {
            "noahpy": [*noahpy, program],
            "noahpy --strace": [*noahpy, "--strace", "-o", out, program],
            "noahpy --count": [*noahpy, "--count", "-o", out, program],
            "strace -f": ["strace", "-f", "-o", out, program],
        }
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                idle, loaded = run([*command, "0"]), run([*command, str(calls)])
                found[name].append((loaded[0] - idle[0], loaded[1] - idle[1]))
        floor = min(found["noahpy"])[0]
        floor_cpu = min(cpu for _, cpu in found["noahpy"])
        print(f"{'µs a call':18} {'elapsed':>8} {'ratio':>6} {'CPU':>8} {'ratio':>6}")
        for name, times in found.items():
            elapsed, cpu = min(times)[0], min(cpu for _, cpu in times)
            micro = 1e6 / calls
            print(f"{name:18} {elapsed * micro:8.2f} {elapsed / floor:6.2f} {cpu * micro:8.2f} {cpu / floor_cpu:6.2f}")
    for what, new in (("a new line", True), ("a known line", False)):
        print(f"{what:18} {'':8} {'':6} {1e6 * min(clerk_time(new) for _ in range(3)):8.2f}")


if __name__ == "__main__":
    main(*(int(word) for word in (sys.argv[1:] + ["100000", "5"][len(sys.argv) - 1 :])))
