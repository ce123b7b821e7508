"""How guest programs are compiled and linked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent

# A test misuses calls by design, and compilers see some of it.
WARNINGS = [
    f"-Wno-{name}" for name in ("nonnull", "stringop-overflow", "stringop-overread", "array-bounds", "infinite-recursion")
]
VARIANTS = {
    "dynamic": ("gcc", WARNINGS),
    "static": ("gcc", [*WARNINGS, "-static"]),
    "static-pie": ("gcc", [*WARNINGS, "-static-pie"]),
    "no-pie": ("gcc", [*WARNINGS, "-no-pie"]),
    "musl": ("musl-gcc", [*WARNINGS, "-static"]),
}


@pytest.fixture
def build(compile_c: Callable[..., Path]) -> Callable[[str, str], Path]:
    def build(name: str, variant: str) -> Path:
        compiler, flags = VARIANTS[variant]
        return compile_c(HERE / f"{name}.c", *flags, *(["-lm"] if name == "death" else []), cc=compiler)

    return build
