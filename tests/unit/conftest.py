"""Fixtures of the tests that need no VM."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from linux_abi.syscalls import declare_all
from noahpy.memory import AddressSpace
from tests.unit.arena import PAGE, RW, FakeWindow, Guest, Linux
from tests.unit.fakes import FakeGuest

declare_all()


@pytest.fixture
def guest() -> Iterator[FakeGuest]:
    """A guest on the fake memory."""
    guest = FakeGuest()
    yield guest
    guest.close()


@pytest.fixture
def window() -> Iterator[FakeWindow]:
    """A window of the product's size, without an engine."""
    window = FakeWindow()
    yield window
    window.close()


@pytest.fixture
def mm(window: FakeWindow) -> AddressSpace:
    """An address space that holds a stack."""
    mm = AddressSpace(window, aslr=False)
    mm.place_stack(window.size, 1 << 20, RW)
    return mm


@pytest.fixture
def sides(mm: AddressSpace) -> Iterator[tuple[Linux, Guest]]:
    """The same arena natively and in a guest."""
    linux = Linux()
    yield linux, Guest(mm)
    linux.close()


@pytest.fixture
def memfd() -> Iterator[int]:
    """A file of three pages."""
    fd = os.memfd_create("test")
    os.truncate(fd, 3 * PAGE)
    yield fd
    os.close(fd)
