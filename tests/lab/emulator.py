"""A plugin of pytest for the machines of the lab.

What QEMU's TCG itself gets wrong is expected to fail, natively too. Each test's end goes at once to the file that the
environment names, one JSON object a line: a machine that dies leaves what it has done.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

STACK = "its far returns read the stack as a kernel does, which SMAP forbids (before QEMU 9.1); a kernel dies of it"
DEATHS = {
    "bad_far_return": STACK,
    "bad_interrupt_return": STACK,
    "float_trap": "it raises no SSE exceptions",
    "icebp": "it knows no ICEBP",
    "stack_non_canonical": "it raises #GP instead of #SS",
    "unaligned_with_ac": "it checks no alignment",
}


class Results:
    """Written by the process that hands out the tests."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.passed:
            return
        outcome = "known" if report.skipped and hasattr(report, "wasxfail") else report.outcome
        result = {"test": report.nodeid, "outcome": outcome, "seconds": round(report.duration, 1), "why": report.longreprtext}
        with self.path.open("a") as file:
            file.write(json.dumps(result) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Results(os.environ["LAB_RESULTS"]))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        name = item.callspec.params.get("name") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None
        if item.name.startswith("test_death") and name in DEATHS:
            why = DEATHS[name]
            item.add_marker(pytest.mark.xfail(reason=f"QEMU's TCG: {why}", run=why != STACK, strict=True))
