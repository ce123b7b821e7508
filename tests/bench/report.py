"""What a run of the benchmark is written as: a table in Markdown, and a chart (SVG) of the ratios to native."""

from __future__ import annotations

import json
import math
from html import escape
from pathlib import Path
from typing import Any

COLOURS = {
    "noahpy": "#1f6feb",
    "by exits": "#54aeff",
    "no-fast": "#b6e3ff",
    "sim": "#8957e5",
}  # of peers: greys
_PEERS = ("#57606a", "#8c959f", "#afb8c1", "#d0d7de")
_LEFT, _WIDTH, _BAR, _GAP, _TOP = 190, 560, 9, 12, 58  # pixels

THREAD_EXITS = 4  # of a thread's start and join by glibc: noahpy --count

_START, _END = "<!-- of docs/measured.json, by make bench -->", "<!-- until here -->"
_IN_README = (
    "getppid", "getpid", "clock_gettime", "read", "rt_sigprocmask pair", "mutex", "compute", "memcpy", "first touch", "signal",
    "pipe ping-pong", "thread create+join", "fork+wait", "fork+exec+wait", "redis: a GET", "nginx: a small file",
    "start: static program", "start: python3 -c pass", "gcc -c hello.c", "C project, make -j2",
)  # fmt: skip

_UNITS = (("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9))

Run = dict[str, Any]  # as `write` is given it


def in_unit(nanoseconds: float) -> str:
    """With three digits."""
    unit, size = next(((u, s) for u, s in reversed(_UNITS) if nanoseconds >= s), _UNITS[0])
    return f"{nanoseconds / size:.3g} {unit}"


def ratios(run: Run) -> dict[str, dict[str, float]]:
    """Benchmark -> engine -> its median in native ones."""
    return {
        name: {engine: value / row["native"] for engine, value in row.items() if engine != "native"}
        for name, row in run["medians"].items()
    }


def markdown(run: Run) -> str:
    """The table, and what it was measured on."""
    engines = list(dict.fromkeys(engine for row in run["medians"].values() for engine in row))
    lines = [
        "# Measured",
        "",
        f"By `make bench`, one interleaved run of {run['rounds']} rounds: medians, and how many times native's. {about(run)}",
        "",
        *table(run, list(run["medians"]), engines),
    ]
    if run["floors"]:
        lines += ["", floors(run)]
    return "\n".join([*lines, "", "![the ratios](measured.svg)", ""])


def table(run: Run, names: list[str], engines: list[str]) -> list[str]:
    """Lines of Markdown: medians of these benchmarks, and how many times native's."""
    lines = [f"| | {' | '.join(engines)} |", f"|---|{'---|' * len(engines)}"]
    for name in names:
        row, cells = run["medians"][name], []
        for engine in engines:
            if engine not in row:
                cells.append("" if engine in run["too_slow"].get(name, ()) else "fails")
            else:
                times = "" if engine == "native" else f" ({row[engine] / row['native']:.2f}×)"  # noqa: RUF001
                cells.append(in_unit(row[engine]) + times)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def in_readme(run: Run, text: str) -> str:
    """README.md with the part of the table that is between its marks."""
    engines = [engine for engine in next(iter(run["medians"].values())) if engine not in ("by exits", "no-fast")]
    before, _, rest = text.partition(_START)
    _, _, after = rest.partition(_END)
    return "\n".join(
        [before + _START, *table(run, [name for name in _IN_README if name in run["medians"]], engines), _END + after]
    )


def floors(run: Run) -> str:
    """What floor.c has measured, and how far noahpy is from it."""
    floor, medians = run["floors"], run["medians"]
    names = ("exit", "call", "inside", "asked", "page", "fork")
    exit, call, inside, asked, page, fork = (in_unit(floor[what]) for what in names)
    text = (
        f"This KVM's floors, by a C program (`tests/bench/floor.c`): an exit by OUT {exit}; one by SYSCALL, as each call's is, "
        f"{call}; a SYSCALL that goes back at once, without an exit, {inside}, and one for which another CPU makes the host's "
        f"call, {asked}; the first look at a page of a file, {page}; a fork whose child makes a VM, and its end, {fork}."
    )
    if over := run["over_floor"]:
        c, python = (over[name] / 1000 for name in ("by exits", "no-fast"))
        text += (
            f" Over the exit by SYSCALL, getppid takes {c:.2f} µs ({100 * c * 1000 / floor['call']:.1f} %) more when C "
            f"finishes it, {python:.2f} µs when Python does: medians of the rounds' differences."
        )
    if row := medians.get("getpid"):
        text += f" getpid, inside, takes {100 * (row['noahpy'] / floor['inside'] - 1):.0f} % more than its floor."
    if row := medians.get("getppid"):
        more = 100 * (row["noahpy"] / floor["asked"] - 1)
        text += f" getppid, which another CPU makes, takes {abs(more):.0f} % {'more' if more >= 0 else 'less'} than that."
    if "thread create+join" in medians:
        text += f" A thread's start and join is {THREAD_EXITS} exits, {in_unit(THREAD_EXITS * floor['call'])}."
    if row := medians.get("shell: 100 forks"):
        start = medians.get("start: static program", {"noahpy": 0.0})["noahpy"]
        least = (100 * floor["fork"] + start) / row["native"]
        text += (
            f" 100 such forks and noahpy's start, without a single call, take {least:.1f} times as long as the shell's whole "
            "script natively."
        )
    return text


def about(run: Run) -> str:
    """The machine, in a sentence."""
    return (
        f"{run['cpu']}, {run['cpus']} CPUs, Linux {run['kernel']}, {run['engine']}, Python {run['python']}; "
        f"load {run['load'][0]:.1f} before and {run['load'][1]:.1f} after."
    )


def chart(run: Run) -> str:
    """Bars of the ratios on a logarithmic scale; native is the line at 1."""
    rows = ratios(run)
    engines = list(dict.fromkeys(engine for row in rows.values() for engine in row))
    colours = dict(COLOURS)
    colours.update(zip([engine for engine in engines if engine not in colours], _PEERS, strict=False))
    values = [value for row in rows.values() for value in row.values()]
    low, high = math.floor(math.log10(min([*values, 1]))), math.ceil(math.log10(max([*values, 10])))
    scale = _WIDTH / (high - low)
    place = lambda value: _LEFT + (math.log10(value) - low) * scale  # noqa: E731
    body: list[str] = []
    top = _TOP
    for name, row in rows.items():
        body.append(f'<text x="{_LEFT - 8}" y="{top + len(row) * _BAR / 2 + 4:.0f}" text-anchor="end">{escape(name)}</text>')
        for engine, value in row.items():
            left, right = sorted((place(1), place(value)))
            bar = f'<rect x="{left:.1f}" y="{top}" width="{max(right - left, 1):.1f}" height="{_BAR - 1}"'
            title = f"{escape(name)}, {escape(engine)}: {value:.2f} times native"
            body.append(f'{bar} fill="{colours[engine]}"><title>{title}</title></rect>')
            top += _BAR
        top += _GAP
    lines = [
        f'<line x1="{place(10**power):.1f}" x2="{place(10**power):.1f}" y1="{_TOP - 6}" y2="{top - _GAP}" '
        f'stroke="{"#24292f" if power == 0 else "#d0d7de"}"/>'
        f'<text x="{place(10**power):.1f}" y="{_TOP - 12}" text-anchor="middle">{10.0**power:g}×</text>'  # noqa: RUF001
        for power in range(low, high + 1)
    ]
    legend = [
        f'<rect x="{_LEFT + i * 90}" y="10" width="12" height="12" fill="{colours[engine]}"/>'
        f'<text x="{_LEFT + i * 90 + 17}" y="20">{escape(engine)}</text>'
        for i, engine in enumerate(engines)
    ]
    size = f'width="{_LEFT + _WIDTH + 30}" height="{top}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *legend, *lines, *body, "</svg>", ""])


def write(run: Run, folder: Path) -> None:
    """measured.json, measured.md and measured.svg; and the table in README.md beside the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "measured.json").write_text(json.dumps(run, indent=1) + "\n")
    (folder / "measured.md").write_text(markdown(run))
    (folder / "measured.svg").write_text(chart(run))
    readme = folder.parent / "README.md"
    if readme.exists() and _START in (text := readme.read_text()):
        readme.write_text(in_readme(run, text))
