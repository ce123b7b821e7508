"""docs/tracing.md: its session comes out as it says, but for numbers that differ from run to run."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import ROOT, Engine
from tests.sessions import of_page, printed, with_commands

PAGE = (ROOT / "docs/tracing.md").read_text()


def plain(output: str) -> str:
    """Without numbers that are others each time."""
    output = re.sub(r'"registers": \[.*?\]', '"registers": []', re.sub(r"(?m)^ +| +(?= )", "", output))
    output = re.sub(r"0x[0-9a-f]{5,}|\d+\.\d+(e-\d+)?|\d+e-\d+|\b\d{2,}\b", "N", output)
    return re.sub(r"N N \d+(?= \d+ \d+ (write|total)\n)", "N N N", output)  # microseconds of a call


def test_session(kvm: None, native: Engine, tmp_path: Path) -> None:
    env = with_commands(tmp_path)
    (tmp_path / "hello").write_text("Hello\n")
    session = of_page(PAGE)
    assert session
    for command, output in session:
        assert plain(printed(native, command, tmp_path, env)) == plain(output), command
    assert (tmp_path / "counts.svg").read_text().startswith("<?xml")
