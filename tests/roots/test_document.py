"""docs/roots.md: its session comes out as it says."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import ROOT, Engine, noahpy_command
from tests.roots.conftest import busybox_tree

PAGE = (ROOT / "docs/roots.md").read_text()


def session() -> list[tuple[str, str]]:
    """Each command, and what it prints."""
    (text,) = re.findall(r"^```\n(\$ .*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    parts = [part.partition("\n") for part in text.split("$ ")[1:]]
    return [(command, output) for command, _, output in parts]


def test_session(kvm: None, native: Engine, place: Path) -> None:
    busybox_tree(place / "tree", own=False)
    script = place / "noahpy"
    script.write_text(f'#!/bin/sh\nexec {" ".join(noahpy_command())} "$@"\n')
    script.chmod(0o755)
    for command, output in session():
        result = native.run(["/bin/sh", "-c", f"exec 2>&1; PATH={place}:$PATH; {command}"], cwd=place)
        assert result.stdout.decode() == output, command
