"""What the tests of hooks share: a VM for each way to run a guest, and the program that makes calls."""

from __future__ import annotations

from pathlib import Path

import pytest

import noahpy
from tests.conftest import OPTIONS


@pytest.fixture(params=list(OPTIONS))
def options(request: pytest.FixtureRequest) -> list[str]:
    """The options of each way to run a guest in turn."""
    request.getfixturevalue(request.param.partition("-")[0])
    return OPTIONS[request.param]


@pytest.fixture
def vm(options: list[str]) -> noahpy.VM:
    return noahpy.VM(*options)


@pytest.fixture(scope="session")
def calls(compile_c) -> str:
    return str(compile_c(Path(__file__).with_name("calls.c"), "-pthread"))


@pytest.fixture
def told(vm: noahpy.VM, calls: str):
    """`told(*what)`: the lines that the program prints; it has to end well."""

    def told(*what: str) -> list[str]:
        result = vm.run([calls, *what], capture_output=True, timeout=60)
        assert (result.returncode, result.stderr) == (0, b"")
        return result.stdout.decode().splitlines()

    return told
