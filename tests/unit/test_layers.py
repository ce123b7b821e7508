"""Imports point one way, and nothing slow is imported on the way to a guest."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SLOW = {
    "argparse", "asyncio", "collections", "ctypes", "dataclasses", "enum", "functools", "inspect", "json", "logging", "pathlib",
    "re", "shutil", "signal", "subprocess", "tempfile", "threading", "typing",
}  # fmt: skip


def imported(path: Path) -> set[str]:
    """The absolute names of all modules that a file imports, wherever in it."""
    package = path.relative_to(ROOT).parent.parts
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*parents, *filter(None, [node.module])])
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return names


def test_imported_sees_relative_imports():
    names = imported(ROOT / "noahpy/cli.py")
    assert {"os", "noahpy.errors", "noahpy.run", "noahpy.doctor", "linux_abi.errors"} <= names


@pytest.mark.parametrize("path", sorted((ROOT / "linux_abi").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_linux_abi_knows_nothing_of_the_machine(path):
    assert {name for name in imported(path) if name.split(".")[0] in ("noahpy", "native", "cffi", "_cffi_backend")} == set()


def test_start_imports_nothing_slow():
    code = (
        "import sys; before = set(sys.modules)\n"
        "import noahpy.cli, noahpy.run, linux_abi.syscalls\nlinux_abi.syscalls.declare_all()\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    result = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    loaded = set(result.stdout.split())
    assert "noahpy.cli" in loaded
    assert loaded & SLOW == set()
