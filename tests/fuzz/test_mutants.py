"""Broken ELF files in the VM: each ends as on the host, or is refused in one line where the host refuses it or kills it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from signal import SIGSEGV

import pytest

from tests.conftest import Engine
from tests.fuzz.mutants import mutants


def end(engine: Engine, program: Path) -> tuple[int | None, bytes]:
    """Exit status or minus the signal, None if execve(2) fails; and what was printed."""
    try:
        result = engine.run([program], timeout=30)
    except OSError:
        return None, b""
    return result.status, result.stdout + result.stderr


def compare(engine: Engine, native: Engine, folder: Path, count: int, seed: int) -> Counter[str]:
    """How many ran to the same end, and how many were refused."""
    seen: Counter[str] = Counter()
    program = folder / "mutant"
    for content in mutants(count, seed):
        program.unlink(missing_ok=True)
        program.write_bytes(content)
        program.chmod(0o755)
        expected, said = end(native, program)
        status, output = end(engine, program)
        if output.startswith(b"noahpy: "):
            assert (status in (126, 127), output.count(b"\n")) == (True, 1)
            # The guest's address space is half as large as the host's: docs/design.md, D1.
            assert expected in (None, -SIGSEGV) or b"outside of the address space" in output
            seen["refused"] += 1
        else:
            assert (status, output) == (expected, said)
            seen["ran"] += 1
    return seen


@pytest.mark.usefixtures("kvm")
def test_mutants(native: Engine, tmp_path: Path) -> None:
    seen = compare(Engine("kvm"), native, tmp_path, 100, seed=3)
    assert min(seen["ran"], seen["refused"]) > 10


@pytest.mark.slow
@pytest.mark.usefixtures("kvm")
@pytest.mark.parametrize("seed", range(4, 44))
def test_many_mutants(native: Engine, tmp_path: Path, seed: int) -> None:
    seen = compare(Engine("kvm"), native, tmp_path, 250, seed)
    assert min(seen["ran"], seen["refused"]) > 25
