"""Fixtures of the tests that need no VM."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.fakes import FakeGuest


@pytest.fixture
def guest() -> Iterator[FakeGuest]:
    """A guest on the fake memory."""
    guest = FakeGuest()
    yield guest
    guest.close()
