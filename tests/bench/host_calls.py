"""`python -m tests.bench.host_calls [BENCHMARK]`: which host calls a benchmark is made of, and what each takes.

By ftrace's raw_syscalls, so by root where tracefs is mounted; of all processes that it makes. KVM's requests are told apart.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from linux_abi.uapi.x86_64 import NUMBERS
from tests.bench.__main__ import build
from tests.conftest import noahpy_command

TRACING = Path("/sys/kernel/tracing")
NAMES = {number: name for name, number in NUMBERS.items()}
KVM = {
    0xAE01: "KVM_CREATE_VM", 0x4020AE46: "KVM_SET_USER_MEMORY_REGION", 0xAE41: "KVM_CREATE_VCPU", 0x4008AE90: "KVM_SET_CPUID2",
    0x4188AEA7: "KVM_SET_XCRS", 0x8138AE83: "KVM_GET_SREGS", 0x4138AE84: "KVM_SET_SREGS", 0x4008AE89: "KVM_SET_MSRS",
    0x5000AEA5: "KVM_SET_XSAVE", 0x9000AEA4: "KVM_GET_XSAVE", 0xAE80: "KVM_RUN",
}  # fmt: skip
_LINE = re.compile(r" *\S+-(\d+) +\[\d+\] \S+ +([\d.]+): (sys_enter|sys_exit): NR (\d+) (?:\((\w*), (\w*))?")


def record(event: str, command: list[str]) -> None:
    """Run `command` while the ring buffer records `event` of it and of what it starts."""
    switch = TRACING / "events" / event / "enable"
    (TRACING / "options/event-fork").write_text("1")
    (TRACING / "buffer_size_kb").write_text("16384")
    (TRACING / "trace").write_text("")
    switch.write_text("1")
    (TRACING / "tracing_on").write_text("1")
    try:
        watch = lambda: (TRACING / "set_event_pid").write_text(str(os.getpid()))  # noqa: E731
        subprocess.run(command, check=True, stdout=-3, preexec_fn=watch)
    finally:
        switch.write_text("0")


def refuse_without_tracing(name: str) -> bool:
    """Whether nothing can be recorded, having said so."""
    if not os.geteuid() and (TRACING / "trace").exists():
        return False
    print(f"{name}: needs root, and tracefs at {TRACING}: mount -t tracefs none {TRACING}", file=sys.stderr)
    return True


def durations(text: str) -> dict[str, list[float]]:
    """Of each call, in microseconds."""
    entered: dict[str, tuple[str, float]] = {}
    found: dict[str, list[float]] = defaultdict(list)
    for line in text.splitlines():
        if not (match := _LINE.match(line)):
            continue
        thread, seconds, event, number, _, second = match.groups()
        if event == "sys_enter":
            name = NAMES.get(int(number), number)
            entered[thread] = KVM.get(int(second, 16), name) if name == "ioctl" else name, float(seconds)
        elif thread in entered:
            name, start = entered.pop(thread)
            found[name].append((float(seconds) - start) * 1e6)
    return found


def main() -> int:
    name = sys.argv[1] if len(sys.argv) > 1 else "fork+wait"
    if refuse_without_tracing("host_calls"):
        return 1
    record("raw_syscalls", [*noahpy_command(), "-q", str(build()), name])
    found = durations((TRACING / "trace").read_text())
    print(f"{'host call':28}{'times':>8}{'median µs':>12}{'sum ms':>10}")
    for call, values in sorted(found.items(), key=lambda item: -sum(item[1]))[:20]:
        print(f"{call:28}{len(values):8}{statistics.median(values):12.1f}{sum(values) / 1e3:10.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
