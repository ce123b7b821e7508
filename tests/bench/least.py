"""`python -m tests.bench.least COMMAND [ARGUMENT...]`: the least that a command takes on this KVM, whatever the VMM.

Its time natively and, each at the cost that floor.c measures, its exits, the pages that its VMs meet, and a VM for each of its
processes. By ftrace, so by root where tracefs is mounted. CPU time of all processes, in seconds.
"""

from __future__ import annotations

import resource
import subprocess
import sys

from tests.bench.__main__ import floor
from tests.bench.host_calls import TRACING, record, refuse_without_tracing
from tests.conftest import noahpy_command


def seconds(command: list[str]) -> float:
    """Of CPU time; the second of two runs."""
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=-3)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def count(event: str, command: list[str]) -> int:
    """How often `event` is met while `command` runs."""
    record(event, command)
    lines = [line for stats in TRACING.glob("per_cpu/cpu*/stats") for line in stats.read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith(("entries:", "overrun:")))


def main() -> int:
    command = sys.argv[1:]
    if not command:
        print(__doc__)
        return 2
    if refuse_without_tracing("least"):
        return 1
    inside = [*noahpy_command(), "-q", *command]
    costs = floor()
    parts = [
        ("exits", count("kvm/kvm_userspace_exit", inside), costs["call"]),
        ("pages met", count("kvmmmu/kvm_mmu_spte_requested", inside), costs["page"]),
        ("processes", count("sched/sched_process_fork", command), costs["fork"]),
    ]
    native, noahpy = seconds(command), seconds(inside)
    least = native + sum(number * nanoseconds for _, number, nanoseconds in parts) / 1e9
    print(f"natively   {native:24.3f} s")
    for what, number, nanoseconds in parts:
        print(f"{what:10} {number:8} x {nanoseconds / 1e3:7.1f} us {number * nanoseconds / 1e9:7.3f} s")
    print(f"the least  {least:24.3f} s   {least / native:.2f} x natively")
    print(f"noahpy     {noahpy:24.3f} s   {noahpy / native:.2f} x, {100 * (noahpy / least - 1):.0f} % over the least")
    return 0


if __name__ == "__main__":
    sys.exit(main())
