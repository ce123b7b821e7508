"""docs/hooks.md: its sessions come out as it says."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from tests.conftest import ROOT, Engine, noahpy_command

PAGE = (ROOT / "docs/hooks.md").read_text()


def session() -> list[tuple[str, str]]:
    """Each command, and what it prints."""
    found = []
    for text in re.findall(r"^```\n(\$ .*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


def sources() -> dict[str, str]:
    """The files of which the page speaks: a name, then its content."""
    return dict(re.findall(r"`(\w+\.(?:py|c))`[^`]*?```(?:python|c)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


def test_session(kvm: None, native: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "tmp"  # the page's /tmp
    folder.mkdir()
    found = sources()
    assert set(found) == {"files.py", "other.py", "call.py", "run.py", "multiply.c", "save.c"}
    for name, content in found.items():
        (folder / name).write_text(content.replace('startswith("/tmp")', f'startswith("{folder}")'))
    for name, command in (("noahpy", noahpy_command()), ("python3", [sys.executable])):
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\nexec {" ".join(command)} "$@"\n')
        script.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for command, output in session():
        result = native.run(["/bin/sh", "-c", f"exec 2>&1; {command}"], cwd=folder, env=env)
        assert result.stdout.decode().replace(str(folder), "/tmp") == output, command


def test_readme(kvm: None, native: Engine, tmp_path: Path) -> None:
    (example,) = re.findall(r"^```python\n(import noahpy.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "readme.py").write_text(example)
    result = native.run([sys.executable, "readme.py"], cwd=tmp_path)
    assert (result.status, result.stderr) == (0, b"")
    assert re.search(rb"^\d+ /etc/ld.so.cache O_RDONLY\|O_CLOEXEC$", result.stdout, re.MULTILINE)
    assert b"readme.py" in result.stdout.splitlines()[-1]
