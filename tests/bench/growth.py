"""`python -m tests.bench.growth FOLDER`: how the cost of a call grows with what a process has; growth.md and growth.svg.

Each is measured natively and in noahpy, in turn, three times; the least counts (growth.c).
"""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

from tests.bench.__main__ import build, engines
from tests.bench.report import COLOURS, in_unit

COUNTS = {
    "mappings": ("mmap and munmap", (10, 1000, 50000)),
    "files": ("open and close", (10, 1000, 10000)),
    "threads": ("a thread's start and join", (1, 20, 200)),
    "processes": ("fork and wait", (1, 30, 1000)),
}
ROUNDS = 3
_PANEL, _PLOT, _MARGIN = 250, 170, 50  # pixels

Costs = dict[str, dict[str, list[float]]]  # thing -> engine -> nanoseconds at each of its counts


def measure() -> Costs:
    """All of them."""
    program = build("growth")
    ways = {name: command for name, command in engines().items() if name in ("native", "noahpy")}
    costs: Costs = {}
    for thing, (_, counts) in COUNTS.items():
        for count in counts:
            seen: dict[str, list[float]] = {}
            for _ in range(ROUNDS):
                for name, command in ways.items():
                    result = subprocess.run([*command, program, thing, str(count)], check=True, capture_output=True, text=True)
                    seen.setdefault(name, []).append(float(result.stdout))
            for name, values in seen.items():
                costs.setdefault(thing, {}).setdefault(name, []).append(min(values))
    return costs


def markdown(costs: Costs) -> str:
    """The table."""
    lines = ["# How cost grows", "", "By `python -m tests.bench.growth docs`: what a call costs beside that many.", ""]
    for thing, (call, counts) in COUNTS.items():
        lines += [f"| {call}, {thing}: | {' | '.join(map(str, counts))} |", f"|---|{'---|' * len(counts)}"]
        lines += [f"| {name} | {' | '.join(in_unit(value) for value in values)} |" for name, values in costs[thing].items()]
        lines.append("")
    return "\n".join([*lines, "![the same](growth.svg)", ""])


def chart(costs: Costs) -> str:
    """A panel for each thing: the cost in multiples of that beside the fewest, on logarithmic scales."""
    body = []
    for panel, (thing, (call, counts)) in enumerate(COUNTS.items()):
        left, span = panel * _PANEL + _MARGIN, math.log(counts[-1] / counts[0])
        body.append(f'<text x="{left}" y="20">{call}, by {thing}</text>')
        for multiple in (0.5, 1, 2, 4):
            y = _height(multiple)
            body.append(f'<line x1="{left}" x2="{left + _PLOT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#d0d7de"/>')
            body.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{multiple:g}×</text>')  # noqa: RUF001
        across = [left + math.log(count / counts[0]) / span * _PLOT for count in counts]
        body += [
            f'<text x="{x:.1f}" y="{_height(0.5) + 20:.1f}" text-anchor="middle">{n}</text>'
            for x, n in zip(across, counts, strict=True)
        ]
        for name, values in costs[thing].items():
            points = " ".join(f"{x:.1f},{_height(v / values[0]):.1f}" for x, v in zip(across, values, strict=True))
            colour = COLOURS.get(name, "#57606a")
            body.append(
                f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"><title>{name}</title></polyline>'
            )
    body.append(f'<text x="{_MARGIN}" y="{_height(0.5) + 42:.0f}" fill="{COLOURS["noahpy"]}">noahpy</text>')
    body.append(f'<text x="{_MARGIN + 60}" y="{_height(0.5) + 42:.0f}" fill="#57606a">native</text>')
    size = f'width="{_PANEL * len(COUNTS)}" height="{_height(0.5) + 55:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *body, "</svg>", ""])


def _height(multiple: float) -> float:
    return 150 - math.log2(min(max(multiple, 0.5), 4)) * 40


def main() -> int:
    if len(sys.argv) != 2:
        print("growth: which folder are growth.md and growth.svg for?", file=sys.stderr)
        return 2
    costs = measure()
    folder = Path(sys.argv[1])
    (folder / "growth.md").write_text(markdown(costs))
    (folder / "growth.svg").write_text(chart(costs))
    print(markdown(costs), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
