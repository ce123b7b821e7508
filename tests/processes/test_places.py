"""Programs that lie elsewhere than the one before, and fork: a child's VM is shown what is used (native/physical.c)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.conftest import Engine

FORKS = Path(__file__).parent.parent / "guest/fork.c"
KINDS = {"pie": ["-pie"], "fixed": ["-no-pie"], "static": ["-static", "-no-pie"], "static pie": ["-static-pie"]}


def test_forks_wherever_it_lies(engine: Engine, compile_c: Callable[..., Path], tmp_path: Path) -> None:
    programs = [compile_c(FORKS, *options) for options in KINDS.values()]
    script = "; ".join(f"{program} || exit" for program in programs)
    result = engine.run(["/bin/sh", "-c", script], cwd=tmp_path, timeout=120)
    assert (result.status, result.stdout, result.stderr) == (0, b"", b"")
