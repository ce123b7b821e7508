"""The limits under which both sides run."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def usual_limit_on_descriptors() -> Iterator[None]:
    """A soft limit below the hard one, as most systems have it: noahpy's own descriptors live in between (design, D2)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
