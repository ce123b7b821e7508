"""docs/roots.md: its session comes out as it says."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import ROOT, Engine
from tests.roots.conftest import busybox_tree
from tests.sessions import of_page, printed, with_commands

PAGE = (ROOT / "docs/roots.md").read_text()


def test_session(kvm: None, native: Engine, place: Path, tmp_path: Path) -> None:
    busybox_tree(place / "tree", own=False)
    env = with_commands(tmp_path)
    session = of_page(PAGE)
    assert session
    for command, output in session:
        assert printed(native, command, place, env) == output, command
