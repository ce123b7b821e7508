"""docs/examples: the session in each one's docstring comes out as it says. `...` stands for any lines."""

from __future__ import annotations

import ast
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Engine, noahpy_command

EXAMPLES = sorted((ROOT / "docs/examples").iterdir())


def session(example: Path) -> list[tuple[str, str]]:
    """Each command, and what it prints."""
    text = example.read_text()
    told = ast.get_docstring(ast.parse(text)) if example.suffix == ".py" else re.sub(r"^# ?", "", text, flags=re.MULTILINE)
    assert told
    found: list[tuple[str, str]] = []
    for line in re.findall(r"^    (.*)$", told, re.MULTILINE):
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif found:
            found[-1] = found[-1][0], f"{found[-1][1]}{line}\n"
    return found


def matches(output: str, told: str) -> bool:
    pattern = re.escape(told).replace(re.escape("...\n"), "(?:.*\n)*?")
    return re.fullmatch(pattern, output) is not None


@pytest.fixture
def commands(tmp_path: Path) -> dict[str, str]:
    """An environment with `noahpy` and this Python as `python3`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, command in ("noahpy", noahpy_command()), ("python3", [sys.executable]):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {" ".join(command)} "$@"\n')
        script.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example(example: Path, commands: dict[str, str], native: Engine, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    shutil.copy(example, work)
    steps = session(example)
    assert len(steps) > 1
    for command, told in steps:
        if command.startswith("cat ") and not (work / command[4:]).exists():  # the reader is to write it
            (work / command[4:]).write_text(told)
        result = native.run(["/bin/sh", "-c", f"exec 2>&1; {command}"], cwd=work, env=commands)
        output = result.stdout.decode().replace(f"{work}/", "./")
        assert matches(output, told), f"$ {command}\n{output}"
