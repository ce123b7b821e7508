"""Sessions in documents: `$ command` and what it prints, which the tests run as they are written."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from tests.conftest import Engine, noahpy_command

Session = list[tuple[str, str]]


def of_page(text: str) -> Session:
    """Each command of a page's sessions, which are blocks of code, and what it prints."""
    blocks = re.findall(r"^```\n(\$ .*?)^```$", text, re.MULTILINE | re.DOTALL)
    parts = [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


def with_commands(folder: Path) -> dict[str, str]:
    """An environment in which `noahpy` and `python3` are the ones that are tested; they are put into `folder`."""
    folder.mkdir(exist_ok=True)
    for name, command in ("noahpy", noahpy_command()), ("python3", [sys.executable]):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {" ".join(command)} "$@"\n')
        script.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


def printed(native: Engine, command: str, folder: Path, env: dict[str, str]) -> str:
    """What the shell prints of a command, errors included."""
    return native.run(["/bin/sh", "-c", f"exec 2>&1; {command}"], cwd=folder, env=env).stdout.decode()
