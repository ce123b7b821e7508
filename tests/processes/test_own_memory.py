"""What a fork copies of the VMM (native/own_memory.c). psutil looks from outside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil

from tests.conftest import Engine

FEW, MANY = 4, 60


def own_bytes(pid: int) -> int:
    """What the process has written to, which a fork copies entry by entry."""
    return sum(mapping.anonymous for mapping in psutil.Process(pid).memory_maps())


def test_is_a_files_after_some_forks(engine: Engine, compile_c: Callable[..., Path]) -> None:
    program = compile_c(Path(__file__).parent / "churn.c", "-pthread")
    with engine.start([program, "forks", str(MANY), str(FEW + MANY)]) as process:
        assert process.stdin and process.stdout and process.stderr
        sizes = []
        for _ in range(2):
            sizes.append(own_bytes(int(process.stdout.readline())))
            process.stdin.write(b"\n")
            process.stdin.flush()
        assert process.stderr.read() == b""
        assert process.wait() == 0
    assert (sizes[1] < sizes[0] / 3) == (engine.name in ("kvm", "sim"))  # kvm-nofast: Python forks
