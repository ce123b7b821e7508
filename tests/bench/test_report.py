"""What the documents say of a run is what was measured in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench import report

ROOT = Path(__file__).parents[2]
RUN = json.loads((ROOT / "docs/measured.json").read_text())


def test_readme() -> None:
    text = (ROOT / "README.md").read_text()
    assert report.in_readme(RUN, text) == text
    assert "| getppid | " in text


@pytest.mark.parametrize(("name", "write"), [("measured.md", report.markdown), ("measured.svg", report.chart)])
def test_documents(name: str, write) -> None:
    assert (ROOT / "docs" / name).read_text() == write(RUN)
