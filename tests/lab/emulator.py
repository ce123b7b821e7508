"""A plugin of pytest for the machines of the lab.

What QEMU's TCG itself gets wrong is expected to fail, natively too. Each test's end goes at once to the file that the
environment names, one JSON object a line: a machine that dies leaves what it has done. `python -m tests.lab.emulator FILE`
prints those that have failed, each with a NUL.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

GENERAL = "it raises #GP instead of #SS"
FLAWS = {
    "faults_exact": "it raises no SSE exceptions and checks no alignment",
    "float_trap": "it raises no SSE exceptions",
    "stack_non_canonical": GENERAL,
    "stack_non_canonical_index": GENERAL,
    "stack_non_canonical_vector": GENERAL,
    "unaligned_with_ac": "it checks no alignment",
    "write_back_caches": "it lets user code execute WBINVD",
}


class Results:
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
    config.pluginmanager.register(Results(os.environ["LAB_RESULTS"]))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the dear tests, this machine has its share: the WHICHth of OF, or none of 0."""
    which, of = map(int, os.environ["LAB_SHARE"].split("/"))
    dear = [item for item in items if any(word in item.nodeid for word in os.environ["LAB_DEAR"].split())]
    others = set(dear).difference(dear[which::of] if of else ())
    config.hook.pytest_deselected(items=list(others))
    items[:] = [item for item in items if item not in others]
    for item in items:
        name = item.callspec.params.get("name") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None
        if name in FLAWS:
            item.add_marker(pytest.mark.xfail(reason=f"QEMU's TCG: {FLAWS[name]}", strict=True))


if __name__ == "__main__":
    results = map(json.loads, Path(sys.argv[1]).read_text().splitlines())
    print("".join(f"{result['test']}\0" for result in results if result["outcome"] == "failed"), end="")
