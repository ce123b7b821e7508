"""What the tests of measuring share."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import Engine, Result

HERE = Path(__file__).parent


class Count(NamedTuple):
    pid: int
    program: str
    instructions: int


def counts(stderr: bytes) -> list[Count]:
    """The lines of --count-instructions; nothing else may be said."""
    lines = stderr.decode().splitlines()
    found = [re.fullmatch(r"noahpy: (\d+) (\S+): (\d+) instructions", line) for line in lines]
    assert all(found[:-1]) and found
    processes = [Count(int(m[1]), m[2], int(m[3])) for m in found if m]
    if not found[-1]:
        assert lines[-1] == f"noahpy: all {len(processes)} processes: {sum(p.instructions for p in processes)} instructions"
    assert (found[-1] is None) == (len(processes) > 1)
    return processes


@pytest.fixture
def measured(sim: None) -> Callable[..., Result]:
    """`measured(options, argv)`: a run with these options of noahpy's."""

    def measured(options: list[str], argv: list[str | os.PathLike[str]], **more: object) -> Result:
        return Engine("sim").run([*options, *argv], **more)  # type: ignore[arg-type]

    return measured


@pytest.fixture
def assemble(compile_c: Callable[..., Path]) -> Callable[[str], Path]:
    """One of the programs in counts.S."""

    def assemble(name: str) -> Path:
        flags = ["-nostdlib", "-static", "-Wl,-N", "-Wl,--no-warn-rwx-segments", f"-D{name}"]
        return compile_c(HERE / "counts.S", *flags)

    return assemble
