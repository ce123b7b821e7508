"""Each C file beside this one is a test: it exits with 0 natively, in the VM, and without fast paths."""

from __future__ import annotations

from pathlib import Path

import pytest

SOURCES = sorted(Path(__file__).parent.glob("*.c"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_guest(source, engine, compile_c, tmp_path):
    result = engine.run([compile_c(source, "-pthread")], cwd=tmp_path)
    assert (result.status, result.stderr.decode()) == (0, "")
