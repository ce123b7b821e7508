"""Counts as text: strace -c's table, a line a process, latencies."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .counts import Process

PLACES = ("guest", "C", "Python")
_COLUMNS = {"% time": 6, "seconds": 11, "usecs/call": 11, "calls": 9, "errors": 9, **{f"in {place}": 9 for place in PLACES}}
_HEAD = " ".join([*(f"{name:>{width}}" for name, width in _COLUMNS.items()), "syscall"])
_RULE = " ".join("-" * width for width in (*_COLUMNS.values(), 16))
_MICROSECOND = 1e6
_BAR = 40


class Call:
    """One call's sums: over processes, by place."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls = dict.fromkeys(PLACES, 0)
        self.errors = 0
        self.seconds = 0.0
        self.histogram: list[int] = []  # in [2**i, 2**(i+1)) ns

    def add(self, place: str, row: dict[str, Any]) -> None:
        self.calls[place] += row["calls"]
        self.errors += row["errors"]
        self.seconds += row["seconds"]
        counts = row["histogram"]
        self.histogram += [0] * (len(counts) - len(self.histogram))
        for i, n in enumerate(counts):
            self.histogram[i] += n

    @property
    def all(self) -> int:
        """How often it was made."""
        return sum(self.calls.values())


def sums(processes: list[Process]) -> list[Call]:
    """The calls of all processes, by the time that they took."""
    found: dict[str, Call] = {}
    for process in processes:
        for name, places in process["calls"].items():
            for place, row in places.items():
                found.setdefault(name, Call(name)).add(place, row)
    return sorted(found.values(), key=lambda call: -call.seconds)


def table(processes: list[Process]) -> str:
    """As `strace -c` prints it, with where the calls were served."""
    calls = sums(processes)
    total = Call("total")
    for call in calls:
        total.errors += call.errors
        total.seconds += call.seconds
        for place in PLACES:
            total.calls[place] += call.calls[place]
    rows = [_row(call, total.seconds) for call in calls]
    return "\n".join([_HEAD, _RULE, *rows, _RULE, _row(total, total.seconds), ""])


def _row(call: Call, seconds: float) -> str:
    share = 100 * call.seconds / seconds if seconds else 0.0
    each = round(_MICROSECOND * call.seconds / call.all) if call.all else 0
    row = f"{share:6.2f} {call.seconds:11.6f} {each:11} {call.all:9} {call.errors or '':>9}"
    places = [f"{call.calls[place] or '':>9}" for place in PLACES]
    return f"{row} {' '.join(places)} {call.name}"


def tree(processes: list[Process]) -> str:
    """A line a process below its parent: lifetime, exits, where its time went; and the sums."""
    children: dict[int, list[Process]] = {}
    known = {process["pid"] for process in processes}
    for process in processes:
        children.setdefault(process["parent"] if process["parent"] in known else 0, []).append(process)
    rows: list[tuple[str, ...]] = [("PID", "SECONDS", "GUEST", "VMM", "HOST", "EXITS", "STATE", "PROGRAM")]

    def add(parent: int, depth: int) -> None:
        for process in children.pop(parent, []):
            rows.append((str(process["pid"]), *_times(process), process["state"], "  " * depth + process["program"]))
            add(process["pid"], depth + 1)

    add(0, 0)
    if len(processes) > 1:
        rows.append(("all", "", *_sums(processes), "", f"{len(processes)} processes"))
    widths = [max(len(row[i]) for row in rows) for i in range(7)]
    lines = [
        [*(cell.rjust(w) for cell, w in zip(row[:6], widths, strict=False)), row[6].ljust(widths[6]), row[7]] for row in rows
    ]
    return "".join(f"{'  '.join(line)}\n" for line in lines)


def _times(process: Process) -> tuple[str, ...]:
    took = f"{process['end'] - process['start']:.3f}" if process["end"] is not None else ""
    return took, *_sums([process])


def _sums(processes: list[Process]) -> tuple[str, ...]:
    times = [f"{sum(p[where] for p in processes):.3f}" for where in ("guest", "vmm", "host")]
    return *times, str(sum(sum(p["exits"].values()) for p in processes))


def latencies(call: Call) -> str:
    """How often a call took how long."""
    most = max(call.histogram, default=0)
    lines = [f"{call.name}: {call.all} calls"]
    shown = [i for i, n in enumerate(call.histogram) if n]
    for i in range(shown[0], shown[-1] + 1) if shown else ():
        n = call.histogram[i]
        lines.append(f"  {duration(1 << i):>7} {n:9} {'#' * -(-_BAR * n // most)}")
    return "\n".join([*lines, ""])


def duration(ns: int) -> str:
    """A time, rounded."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns} ns"
