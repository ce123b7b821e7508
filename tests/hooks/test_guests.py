"""Programs do the same while each call and event is hooked, and told: guest tests of processes, threads and signals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, Engine
from tests.strace.test_guests import NAMES

SCRIPT = """
from noahpy import vm

vm.on("all")(repr)
vm.on("all", after=True)(repr)
for name in ("fork", "exec", "thread", "exit", "signal", "end"):
    vm.event(name)(repr)
"""
TOO_MANY_CALLS = {"restart", "signal_storm"}  # 65536 writes fill a pipe; a minute of signals
QUICK = {"clone", "fork_beside_threads", "futex", "thread_exec", "vfork_threads", "wait_masks"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in NAMES if name not in TOO_MANY_CALLS],
)
def test_guest(kvm: None, compile_c: Callable[..., Path], tmp_path: Path, name: str) -> None:
    program = compile_c(ROOT / "tests/guest" / f"{name}.c", "-pthread")
    (tmp_path / "hooks.py").write_text(SCRIPT)
    work = tmp_path / "work"
    work.mkdir()
    result = Engine("kvm").run(["--script", tmp_path / "hooks.py", program], cwd=work)
    assert (result.status, result.stderr) == (0, b""), result.stdout
