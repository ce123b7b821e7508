"""`noahpy report FILE`: draws what --count has written."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec

from ..errors import CannotRun
from .table import PLACES, duration, latencies, sums, table, tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SLOWEST = 5  # calls whose latencies are shown
_LONGEST = 24  # processes that have room in a picture


def main(path: str, picture: str) -> int:
    """Print it, or draw it in the file `picture` (SVG or PNG by its name)."""
    try:
        with open(path, encoding="utf-8") as file:
            processes: list[dict[str, Any]] = json.load(file)["processes"]
        shown = [tree(processes), table(processes), *(latencies(call) for call in sums(processes)[:_SLOWEST])]
    except OSError as error:
        raise CannotRun(f"{path}: {error.strerror}") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise CannotRun(f"{path} is not what --count -o FILE writes") from error
    if picture:
        _draw(processes, picture)
    else:
        sys.stdout.write("\n".join(shown))
    return 0


def _draw(processes: list[dict[str, Any]], path: str) -> None:
    if not path.endswith((".svg", ".png")):
        raise CannotRun(f"{path}: pictures are .svg or .png")
    if find_spec("matplotlib") is None:
        raise CannotRun("pictures need the Python package matplotlib: python -m pip install matplotlib")
    try:
        file = open(path, "wb")  # noqa: SIM115  closed when it is drawn
    except OSError as error:
        raise CannotRun(f"{path}: {error.strerror}") from error
    from matplotlib.figure import Figure  # type: ignore[import-not-found, unused-ignore]

    figure = Figure(figsize=(12, 9), layout="constrained")
    (times, spread), (lifetimes, where) = figure.subplots(2, 2)
    calls = sums(processes)[:12][::-1]
    times.barh([call.name for call in calls], [call.seconds for call in calls])
    times.set(title="time in calls", xlabel="seconds")
    for call in calls[-_SLOWEST:]:
        spread.stairs(call.histogram, [2**i for i in range(len(call.histogram) + 1)], label=call.name)
    spread.set(title="latencies", xscale="log", yscale="log", xlabel="ns", ylabel="calls")
    if calls:
        spread.legend()
    last = max((process["end"] or process["start"] for process in processes), default=0)
    lives = [(process["start"], (process["end"] or last) - process["start"]) for process in processes]
    longest = sorted(sorted(range(len(processes)), key=lambda i: -lives[i][1])[:_LONGEST])
    names = [f"{processes[i]['pid']} {processes[i]['program'].rpartition('/')[2]}" for i in longest]
    rows = range(len(longest))
    lifetimes.barh(rows, [lives[i][1] for i in longest], left=[lives[i][0] for i in longest])
    title = f"the {len(longest)} longest of {len(processes)} processes" if len(longest) < len(processes) else "processes"
    lifetimes.set(title=title, xlabel="seconds", yticks=rows, yticklabels=names)
    lifetimes.invert_yaxis()
    parts = {name: sum(process[name] for process in processes) for name in ("guest", "vmm", "host")}
    served = {f"served in {place}": sum(call.calls[place] for call in sums(processes)) for place in PLACES}
    where.bar([f"{name}\n{duration(round(1e9 * s))}" for name, s in parts.items()], list(parts.values()))
    where.set(title=", ".join(f"{n} {name}" for name, n in served.items()), ylabel="seconds")
    with file:
        figure.savefig(file, format=path[-3:])
