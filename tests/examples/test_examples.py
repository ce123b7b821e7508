"""docs/examples: the session in each one's docstring comes out as it says. `...` stands for any lines."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT, Engine
from tests.sessions import printed, with_commands

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


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example(example: Path, native: Engine, tmp_path: Path) -> None:
    env = with_commands(tmp_path / "bin")
    work = tmp_path / "work"
    work.mkdir()
    shutil.copy(example, work)
    steps = session(example)
    assert len(steps) > 1
    for command, told in steps:
        if command.startswith("cat ") and not (work / command[4:]).exists():  # the reader is to write it
            (work / command[4:]).write_text(told)
        output = printed(native, command, work, env).replace(f"{work}/", "./")
        assert matches(output, told), f"$ {command}\n{output}"
