"""What a process holds before and after much work: descriptors, VMs, threads, children, memory. psutil looks from outside."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from tests.conftest import Engine

HERE = Path(__file__).parent
WARM_UP = 30  # rounds: caches fill, modules are imported
GROWTH = 200 << 10  # bytes that memory may grow by: less than a page a round
ROUNDS = {
    "forks": 200,
    "generations": 100,
    "execs": 200,
    "spawns": 60,
    "killed": 100,
    "threads": 400,
    "pipes": 5_000,
    "maps": 1_000,
    "signals": 2_000,
    "crowd": 100,
}
MORE_ROUNDS = {"forks": 3_000, "generations": 2_000, "execs": 10_000, "pipes": 100_000, "crowd": 1_000}
WORK = [
    *ROUNDS.items(),
    *(pytest.param(*item, marks=[pytest.mark.slow, pytest.mark.timeout(1200)]) for item in MORE_ROUNDS.items()),
]


class Footprint(NamedTuple):
    """What is to be the same before and after."""

    descriptors: Counter[str]  # what they are of: VMs and vCPUs among them
    threads: int
    children: list[psutil.Process]


def footprint(pid: int) -> Footprint:
    process = psutil.Process(pid)
    names = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            names.append(os.readlink(f"/proc/{pid}/fd/{number}"))
        except FileNotFoundError:  # closed meanwhile
            continue
    kinds = Counter(re.sub(r"\[\d+\]", "", name) for name in names)
    threads = []
    for thread in process.threads():
        with suppress(FileNotFoundError, ProcessLookupError):  # ended meanwhile
            threads.append(Path(f"/proc/{pid}/task/{thread.id}/comm").read_text().strip())
    helpers = threads.count("noahpy-exitless")  # one that starts where calls come closely, and a CPU is free
    assert helpers <= 1
    return Footprint(kinds, len(threads) - helpers, process.children(recursive=True))


def look_at(pid: int) -> tuple[Footprint, int]:
    """A process's footprint, and the bytes that it has written to memory of its own.

    The record of the tree's processes is not its own; it has room for 8192 of them (native/tree.c).
    """
    seen = None
    while (now := footprint(pid)) != seen:  # a thread is still ending
        seen = now
        time.sleep(0.1)
    maps = psutil.Process(pid).memory_maps()
    return seen, sum(m.private_dirty for m in maps if "noahpy-tree" not in m.path)


@pytest.mark.parametrize(("work", "rounds"), WORK)
def test_nothing_is_left(work: str, rounds: int, engine: Engine, compile_c: Callable[..., Path]) -> None:
    program = compile_c(HERE / "churn.c", "-pthread")
    with engine.start([program, work, str(rounds), str(rounds + WARM_UP)]) as process:
        assert process.stdin and process.stdout and process.stderr
        looks = []
        for _ in range(2):
            said = process.stdout.readline()
            assert said, process.stderr.read().decode()
            looks.append(look_at(int(said)))
            process.stdin.write(b"\n")
            process.stdin.flush()
        assert process.stderr.read().decode() == ""
        assert process.wait() == 0
    (before, memory_before), (after, memory_after) = looks
    assert after == before
    assert memory_after - memory_before < GROWTH
