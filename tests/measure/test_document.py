"""docs/measuring.md: its session comes out as it says, but for numbers that differ from run to run."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.conftest import ROOT, Engine, noahpy_command

PAGE = (ROOT / "docs/measuring.md").read_text()


def session() -> list[tuple[str, str]]:
    """Each command, and what it prints."""
    (text,) = re.findall(r"^```\n(\$ .*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    found = []
    for part in text.split("$ ")[1:]:
        command, _, output = part.partition("\n")
        found.append((command, output))
    return found


def plain(output: str, folder: Path) -> str:
    """Without process numbers, addresses and large counts."""
    output = re.sub(r"0x[0-9a-f]{5,}|\b\d{3,}\b", "N", output.replace(f"{folder}/", "/tmp/"))
    return re.sub(r"(?<= )\d+(?= main)|(?<=main\+)0x\w+|(?<=/tmp/hello\+)0x\w+", "N", output)


def test_session(sim: None, native: Engine, tmp_path: Path) -> None:
    (source,) = re.findall(r"^```c\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "hello.c").write_text(source)
    script = tmp_path / "noahpy"
    script.write_text(f'#!/bin/sh\nexec {" ".join(noahpy_command())} "$@"\n')
    script.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for command, output in session():
        result = native.run(["/bin/sh", "-c", f"exec 2>&1; {command}"], cwd=tmp_path, env=env)
        assert plain(result.stdout.decode(), tmp_path) == plain(output, Path("/tmp")), command
