"""docs/measuring.md: its session comes out as it says, but for numbers that differ from run to run."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import ROOT, Engine
from tests.sessions import of_page, printed, with_commands

PAGE = (ROOT / "docs/measuring.md").read_text()


def plain(output: str, folder: Path) -> str:
    """Without process numbers, addresses and large counts."""
    output = re.sub(r"0x[0-9a-f]{5,}|\b\d{3,}\b", "N", output.replace(f"{folder}/", "/tmp/"))
    return re.sub(r"(?<= )\d+(?= main)|(?<=main\+)0x\w+|(?<=/tmp/hello\+)0x\w+", "N", output)


def test_session(sim: None, native: Engine, tmp_path: Path) -> None:
    env = with_commands(tmp_path)
    (source,) = re.findall(r"^```c\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "hello.c").write_text(source)
    session = of_page(PAGE)
    assert session
    for command, output in session:
        assert plain(printed(native, command, tmp_path, env), tmp_path) == plain(output, Path("/tmp")), command
