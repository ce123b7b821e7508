"""`--cpu`: a program believes the CPU that it is told, where KVM lets it be told."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from noahpy.cpu import LEVELS
from tests.conftest import Engine, Result, noahpy_command


@pytest.fixture(scope="session", params=["kvm", "sim"])
def flavour(request: pytest.FixtureRequest) -> str:
    """Each engine in turn, as what it is: PVM, VMX/SVM, Unicorn."""
    request.getfixturevalue(request.param)
    if request.param == "sim":
        return "Unicorn"
    doctor = [*noahpy_command(), "doctor", "--json"]
    report = subprocess.run(doctor, env=Engine("kvm").environment(), capture_output=True, check=True)
    return json.loads(report.stdout)["engine"]["flavour"]


@pytest.fixture
def shaped(flavour: str) -> Callable[..., Result]:
    """`shaped(model, *argv)`: a program on such a CPU."""
    engine = Engine("sim" if flavour == "Unicorn" else "kvm")
    return lambda model, *argv: engine.run(["--cpu", model, *argv])


@pytest.fixture
def told(flavour: str, shaped: Callable[..., Result], build: Callable[[str, str], Path]) -> Callable[[str], set[str] | None]:
    """`told(model)`: the features that a program finds with --cpu; None where it has to be, and is, refused."""

    def told(model: str) -> set[str] | None:
        result = shaped(model, build("cpu", "dynamic"), "print")
        says = f"--cpu {model}: there is no avx, avx2, f16c, fma to be had here" if model == "x86-64-v3" else ""
        if flavour == "PVM":
            says = "this KVM is PVM, which shows programs the host's own CPU: no --cpu here"
        if flavour == "PVM" or (flavour == "Unicorn" and says):
            assert (result.status, result.stderr.decode()) == (125, f"noahpy: {says}\n")
            return None
        assert (result.status, result.stderr) == (0, b"")
        return set(result.stdout.decode().split())

    return told


@pytest.mark.parametrize("level", ["x86-64-v1", "x86-64-v2", "x86-64-v3"])
def test_level(told: Callable[[str], set[str] | None], level: str) -> None:
    """All of it and nothing more."""
    assert told(level) in (LEVELS[level], None)


def test_single_features(told: Callable[[str], set[str] | None]) -> None:
    every = told("host")
    assert every is None or every > LEVELS["x86-64-v2"] | {"aes"}
    without = told("host,-bmi2,-aes")
    assert without is None or every - without == {"bmi2", "aes"}
    assert told("x86-64-v3,-avx") in (LEVELS["x86-64-v3"] - {"avx", "avx2", "f16c", "fma"}, None)
    assert told("x86-64-v1,+sse4.2") in ({"pni", "ssse3", "sse4_1", "sse4_2"}, None)


@pytest.mark.parametrize("feature", ["avx", "fsgsbase"])
def test_instructions_follow(
    flavour: str, shaped: Callable[..., Result], build: Callable[[str, str], Path], feature: str
) -> None:
    """What XCR0 and CR4 forbid raises #UD, as on such a CPU."""
    for model, status in ((f"host,-{feature}", -4), (f"x86-64-v1,+{feature}", 0)):
        refused = flavour == "PVM" or (flavour == "Unicorn" and model.endswith("+avx"))
        assert shaped(model, build("cpu", "dynamic"), "run", feature).status == (125 if refused else status)


def test_children_and_executed_programs_have_the_same(
    told: Callable[[str], set[str] | None], flavour: str, shaped: Callable[..., Result]
) -> None:
    script = "x=$(exec 3</proc/self/auxv; od -An -tu8 -w16 <&3 | awk '$1 == 26 { print $2 }'); echo $x"
    result = shaped("host,-fsgsbase", "sh", "-c", script)
    assert result.stdout == (b"" if flavour == "PVM" else b"0\n")
