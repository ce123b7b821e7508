"""Memory that is filled when it is mapped, since a fault of the guest's is dear (native/window.c)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.conftest import Engine


def test_is_what_is_soon_used(engine: Engine, compile_c: Callable[..., Path]) -> None:
    result = engine.run([compile_c(Path(__file__).parent / "filled.c")])
    assert result.stderr == b""
    assert result.stdout == (b"0 0 0 0 1\n" if engine.is_native else b"8 32 4 0 1\n")
