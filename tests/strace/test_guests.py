"""Programs do the same while they are traced or counted: the guest tests that are most of processes, threads and signals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, Engine

NAMES = [
    "clone",
    "exec",
    "fork",
    "fork_again",
    "fork_beside_threads",
    "futex",
    "interrupted_loops",
    "kill",
    "limits",
    "orphans",
    "restart",
    "rt_queue",
    "sigaction",
    "siginfo",
    "signal_storm",
    "sigreturn",
    "thread_end",
    "thread_exec",
    "threads",
    "timer_signals",
    "vfork",
    "vfork_threads",
    "wait",
    "wait_masks",
]


@pytest.mark.parametrize("option", ["--strace", pytest.param("--count", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", NAMES)
def test_guest(kvm: None, compile_c: Callable[..., Path], tmp_path: Path, name: str, option: str) -> None:
    program = compile_c(ROOT / "tests/guest" / f"{name}.c", "-pthread")
    result = Engine("kvm").run([option, "-o", tmp_path / "out", program], cwd=tmp_path)
    assert (result.status, result.stderr) == (0, b""), result.stdout
    assert (tmp_path / "out").stat().st_size
