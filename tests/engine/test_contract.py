"""Every engine passes the same checks (contract.py says what they are)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PATIENCE
from tests.engine.contract import CHECKS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("engine", ["kvm", "sim", "fake"])
def test_contract(engine: str, check: str, request: pytest.FixtureRequest) -> None:
    if engine != "fake":
        request.getfixturevalue(engine)
    command = [sys.executable, "-m", "tests.engine.contract", engine, check]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60 * PATIENCE)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
