"""docs/hooks.md: its sessions come out as it says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.conftest import ROOT, Engine
from tests.sessions import of_page, printed, with_commands

PAGE = (ROOT / "docs/hooks.md").read_text()


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
    env = with_commands(tmp_path)
    session = of_page(PAGE)
    assert session
    for command, output in session:
        assert printed(native, command, folder, env).replace(str(folder), "/tmp") == output, command


def test_readme(kvm: None, native: Engine, tmp_path: Path) -> None:
    (example,) = re.findall(r"^```python\n(import noahpy.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "readme.py").write_text(example)
    result = native.run([sys.executable, "readme.py"], cwd=tmp_path)
    assert (result.status, result.stderr) == (0, b"")
    assert re.search(rb"^\d+ /etc/ld.so.cache O_RDONLY\|O_CLOEXEC$", result.stdout, re.MULTILINE)
    assert b"readme.py" in result.stdout.splitlines()[-1]
