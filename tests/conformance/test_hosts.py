"""Hosts on which no program can run: noahpy and its doctor name the cause and what helps."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, Engine, noahpy_command

DEVICE = os.makedev(10, 232)
NO_DRIVER = os.makedev(10, 251)  # nothing registers this minor number

CREATE_VM, CHECK_EXTENSION = 0xAE01, 0xAE03
SYNC_REGS = 74
EBUSY = 16


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Callable[[int, int], Path]]:
    """`device(number, mode)`: a character device, or a regular file if the number is 0."""
    if os.geteuid():
        pytest.skip("needs root: makes devices and mounts")

    def make(number: int, mode: int) -> Path:
        path = tmp_path / "kvm"
        os.mknod(path, (stat.S_IFCHR if number else stat.S_IFREG) | mode, number)
        path.chmod(mode)
        return path

    yield make
    (tmp_path / "kvm").unlink(missing_ok=True)


def told(command: list[str], env: dict[str, str] | None = None) -> dict[str, str]:
    """The one problem that doctor finds, after `noahpy true` has said the same in one line."""
    native, noahpy = Engine("native"), Engine("kvm").command
    run = native.run([*command, *noahpy, "true"], env=env)
    assert run.status == 125
    assert run.stdout == b""
    report = native.run([*command, *noahpy_command(), "doctor", "--json"], env=env)
    assert report.status == 1
    (problem,) = json.loads(report.stdout)["problems"]
    assert run.stderr.decode() == f"noahpy: {problem['what']}: {problem['helps']}\n"
    return problem


WITHOUT_KVM = str(ROOT / "tests/without-kvm")


def in_place_of_kvm(path: Path, *command: str) -> list[str]:
    """To be followed by a command: it finds `path` as /dev/kvm."""
    hidden = [] if os.path.exists("/dev/kvm") else [WITHOUT_KVM]
    place = f"touch /dev/kvm && mount --bind {path} /dev/kvm"
    return [*hidden, "unshare", "--mount", "sh", "-c", f'{place} && exec "$@"', "sh", *command]


@pytest.mark.parametrize("group", ["root", "daemon"])
def test_no_permission(kvm: None, device: Callable[[int, int], Path], group: str) -> None:
    path = device(DEVICE, 0o660)
    os.chown(path, 0, 0 if group == "root" else 1)
    # nobody, who yet may read noahpy's files wherever they are
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    user += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    problem = told(in_place_of_kvm(path, *user))
    assert problem["cause"] == "permission"
    assert problem["helps"].startswith(f"sudo usermod -aG {group} nobody")


def test_device_without_a_driver(device: Callable[[int, int], Path]) -> None:
    problem = told(in_place_of_kvm(device(NO_DRIVER, 0o666)))
    assert problem["what"].startswith("/dev/kvm has no driver: ")
    assert problem["cause"] in {"module", "nested", "firmware"}


def test_something_else_in_its_place(device: Callable[[int, int], Path]) -> None:
    problem = told(in_place_of_kvm(device(0, 0o666)))
    assert problem["cause"] == "not-kvm"


def test_hidden(kvm: None, device: Callable[[int, int], Path]) -> None:
    problem = told([WITHOUT_KVM])
    assert problem["cause"] == "device-hidden"


def test_limited_address_space() -> None:
    problem = told(["bash", "-c", 'ulimit -v 4194304; exec "$@"', "bash"])
    assert problem["cause"] == "address-space"
    assert "ulimit -v unlimited" in problem["helps"]


@pytest.mark.parametrize("limit", [10, 15])
def test_no_room_for_descriptors(kvm: None, limit: int) -> None:
    """The hard limit leaves none for noahpy's own, which without CAP_SYS_RESOURCE can't be above it."""
    problem = told(["bash", "-c", f'ulimit -n {limit}; exec setpriv --bounding-set=-sys_resource "$@"', "bash"])
    assert problem["cause"] == "descriptors"
    assert f"open files is {limit}" in problem["what"]


def test_just_enough_descriptors(kvm: None) -> None:
    command = ["bash", "-c", 'ulimit -n 16; exec setpriv --bounding-set=-sys_resource "$@"', "bash", *Engine("kvm").command]
    result = Engine("native").run([*command, "sh", "-c", "true | cat; echo $?"])
    assert result == (0, b"0\n", b"")


@pytest.mark.parametrize(
    ("fault", "cause", "said"),
    [
        (f"{CHECK_EXTENSION:x} 0 0 {SYNC_REGS}", "kvm-too-old", "KVM_CAP_SYNC_REGS (Linux 4.17)"),
        (f"{CREATE_VM:x} -1 {EBUSY}", "busy", "holds the CPU's virtualisation"),
    ],
)
def test_a_kvm_that_refuses(kvm: None, compile_c: Callable[..., Path], fault: str, cause: str, said: str) -> None:
    library = compile_c(Path(__file__).with_name("kvm_fault.c"), "-shared", "-fPIC")
    problem = told([], {**os.environ, "LD_PRELOAD": str(library), "KVM_FAULT": fault})
    assert problem["cause"] == cause
    assert said in problem["what"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], b"noahpy: /dev/kvm is not KVM's: something else lies in its place; the CPU is simulated, and slow\n"),
        (["--quiet"], b""),
        (["--engine=sim"], b""),
    ],
)
def test_without_kvm(sim: None, device: Callable[[int, int], Path], options: list[str], said: bytes) -> None:
    """Programs run on the simulated CPU, which is said once."""
    command = [*in_place_of_kvm(device(0, 0o666)), *noahpy_command(), *options]
    assert Engine("native").run([*command, "sh", "-c", "echo $0 | cat; exit 3", "x"]) == (3, b"x\n", said)


def test_neither_kvm_nor_unicorn(device: Callable[[int, int], Path]) -> None:
    """The reason to tell is KVM's."""
    library = next(path for path in map(Path, sys.path) if (path / "unicorn").is_dir()) / "unicorn"
    command = in_place_of_kvm(
        device(0, 0o666), "unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {library} && exec "$@"', "sh"
    )
    result = Engine("native").run([*command, *noahpy_command(), "true"])
    assert result.status == 125
    assert result.stderr.startswith(b"noahpy: /dev/kvm is not KVM's")
    result = Engine("native").run([*command, *noahpy_command(), "--engine", "sim", "true"])
    assert result.status == 125
    assert result.stderr == b"noahpy: the simulated CPU needs the Python package unicorn: python -m pip install unicorn\n"
