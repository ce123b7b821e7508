"""`--trace=blocks`: each block that was executed, in its order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import Result
from tests.measure.conftest import HERE, counts


class Line(NamedTuple):
    thread: int
    address: int
    size: int
    symbol: str
    place: str


def read(text: str) -> list[Line]:
    found = []
    for line in text.splitlines():
        thread, address, size, symbol, place = line.split(" ", 4)
        found.append(Line(int(thread), int(address, 16), int(size), symbol, place))
    return found


@pytest.fixture
def traced(measured: Callable[..., Result], tmp_path: Path) -> Callable[..., list[Line]]:
    def traced(*argv: str | Path, status: int = 0) -> list[Line]:
        out = tmp_path / "trace"
        result = measured(["--trace=blocks", "-o", str(out)], list(argv))
        assert (result.status, result.stderr) == (status, b"")
        return read(out.read_text())

    return traced


def test_to_stderr(measured: Callable[..., Result], assemble: Callable[[str], Path]) -> None:
    program = assemble("LOOP")
    lines = read(measured(["--trace=blocks"], [program]).stderr.decode())
    start = lines[0].address
    assert [(line.address - start, line.size) for line in lines] == [(0, 9), *[(5, 4)] * 9, (9, 35)]
    assert [line.symbol for line in lines[:2]] == ["_start+0", "_start+0x5"]
    assert all(line.place == f"{program}+{line.address - 0x400000:#x}" for line in lines)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        # Before the long REP; it, once; the one of none; before the one of one; it.
        ("REPEAT", [12, 2, 7, 5, 2, 35]),
        # To the store; it alone; the rest. The second round starts behind what sets the counter.
        ("MODIFY_LOOP", [13, 3, 5, *[1, 3, 5] * 9, 35]),
    ],
)
def test_cut_blocks(name: str, sizes: list[int], traced: Callable[..., list[Line]], assemble: Callable[[str], Path]) -> None:
    assert [line.size for line in traced(assemble(name))] == sizes


def test_all_that_is_counted(
    measured: Callable[..., Result], assemble: Callable[[str], Path], compile_c: Callable[..., Path], tmp_path: Path
) -> None:
    """Symbols of a compiled program; children and threads have their own numbers."""
    program, out = compile_c(HERE / "lines.c", "-O0", "-w"), tmp_path / "trace"
    result = measured(["--trace=blocks", "--count-instructions", "-o", str(out)], [program])
    lines = read(out.read_text())
    assert {line.thread for line in lines} == {count.pid for count in counts(result.stderr)}
    entries = Counter(line.symbol for line in lines if line.symbol.endswith("+0") and str(program) in line.place)
    assert [entries[f"{name}+0"] for name in ("square", "classify", "caught", "never")] == [11, 9, 3, 0]
    assert any("/libc.so" in line.place and line.symbol.startswith("__libc_start_main") for line in lines)


def test_threads(traced: Callable[..., list[Line]], assemble: Callable[[str], Path]) -> None:
    first, second = Counter(line.thread for line in traced(assemble("THREAD"))).values()
    assert (first, second) == (5, 1002)
