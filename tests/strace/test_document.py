"""docs/tracing.md: its session comes out as it says, but for numbers that differ from run to run."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.conftest import ROOT, Engine, noahpy_command

PAGE = (ROOT / "docs/tracing.md").read_text()


def session() -> list[tuple[str, str]]:
    """Each command, and what it prints."""
    (text,) = re.findall(r"^```\n(\$ .*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [(command, output) for command, _, output in (part.partition("\n") for part in text.split("$ ")[1:])]


def plain(output: str) -> str:
    """Without numbers that are others each time."""
    output = re.sub(r'"registers": \[.*?\]', '"registers": []', re.sub(r"(?m)^ +| +(?= )", "", output))
    output = re.sub(r"0x[0-9a-f]{5,}|\d+\.\d+(e-\d+)?|\d+e-\d+|\b\d{2,}\b", "N", output)
    return re.sub(r"N N \d+(?= \d+ \d+ (write|total)\n)", "N N N", output)  # microseconds of a call


def test_session(kvm: None, native: Engine, tmp_path: Path) -> None:
    (tmp_path / "hello").write_text("Hello\n")
    script = tmp_path / "noahpy"
    script.write_text(f'#!/bin/sh\nexec {" ".join(noahpy_command())} "$@"\n')
    script.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for command, output in session():
        result = native.run(["/bin/sh", "-c", f"exec 2>&1; {command}"], cwd=tmp_path, env=env)
        assert plain(result.stdout.decode()) == plain(output), command
    assert (tmp_path / "counts.svg").read_text().startswith("<?xml")
