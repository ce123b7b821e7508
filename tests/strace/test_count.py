"""`noahpy --count` and `noahpy report`: every call is counted once, where it was served."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Engine, Result

HERE = Path(__file__).parent

Counted = Callable[..., tuple[Result, list[dict[str, Any]]]]


@pytest.fixture
def counted(guest: Engine, tmp_path: Path) -> Counted:
    """`counted(argv)`: a run, and its processes as JSON has them."""

    def counted(argv: list[str | Path], *options: str) -> tuple[Result, list[dict[str, Any]]]:
        path = tmp_path / "counts"
        result = guest.run(["-q", "--count", "-o", path, *options, *argv])
        return result, json.loads(path.read_text())["processes"]

    return counted


def made(process: dict[str, Any], name: str) -> int:
    return sum(row["calls"] for row in process["calls"][name].values())


def test_every_call_is_counted_once(counted: Counted, compile_c: Callable[..., Path], guest: Engine) -> None:
    result, (process,) = counted([compile_c(HERE / "calls.c"), "3000"], "--exitless=never")
    assert (result.status, result.stderr) == (0, b"")
    (place,) = process["calls"]["getppid"]
    assert place == ("Python" if "nofast" in guest.name else "C")
    row = process["calls"]["getppid"][place]
    assert (row["calls"], row["errors"], sum(row["histogram"])) == (3000, 0, 3000)
    assert row["seconds"] > 0
    exits = [places[place]["calls"] for places in process["calls"].values() for place in places if place != "guest"]
    assert process["exits"]["syscall"] == sum(exits) + 1  # exit_group
    assert process["state"] == "exit 0"
    assert min(process["guest"], process["vmm"], process["host"]) > 0
    assert process["guest"] + process["vmm"] + process["host"] < process["end"] - process["start"] + 0.001


def test_errors(counted: Counted) -> None:
    _, (process,) = counted(["cat", "/nowhere"], "-e", "trace=openat")
    assert set(process["calls"]) == {"openat"}
    assert sum(row["errors"] for row in process["calls"]["openat"].values()) >= 1


def test_a_tree(counted: Counted) -> None:
    result, processes = counted(["sh", "-c", "/bin/true; (exit 4); sh -c 'kill -TERM $$'; kill -9 $$"])
    assert result.status == -9
    shell, *others = processes
    assert shell["state"] == "killed"
    assert [p["state"] for p in others] == ["exit 0", "exit 4", "SIGTERM"]
    assert {p["parent"] for p in others} == {shell["pid"]}
    assert [p["program"].rpartition("/")[2] for p in others] == ["true", "dash", "dash"]


def test_threads(counted: Counted, compile_c: Callable[..., Path]) -> None:
    _, (process,) = counted([compile_c(HERE / "threads.c", "-pthread")])
    assert made(process, "clone3") == 3
    assert made(process, "read") >= 3 * 5 + 5


def test_what_is_answered_in_the_guest(counted: Counted, guest: Engine) -> None:
    script = "import os; [os.getuid() for _ in range(1000)]"
    _, (process,) = counted([sys.executable, "-I", "-c", script])
    assert made(process, "getuid") >= 1000
    assert ("guest" in process["calls"]["getuid"]) == (guest.name == "kvm")


def test_what_another_cpu_serves(counted: Counted, guest: Engine) -> None:
    script = "import os; f = os.open('/etc/passwd', 0); [os.lseek(f, n, 0) for n in range(20000)]"
    for when in ("never", "always"):
        _, (process,) = counted([sys.executable, "-I", "-c", script], f"--exitless={when}")
        assert 20000 <= made(process, "lseek") < 20100
        another = when == "always" and guest.name == "kvm" and len(os.sched_getaffinity(0)) > 1
        assert ("guest" in process["calls"]["lseek"]) == another


def test_another_cpu_serves_whom_it_is_given_back(counted: Counted, guest: Engine) -> None:
    script = (
        "import os; f = os.open('/etc/passwd', 0); cpus = os.sched_getaffinity(0)\n"
        "for allowed in ({min(cpus)}, cpus):\n"
        "    os.sched_setaffinity(0, allowed)\n"
        "    for n in range(10000): os.lseek(f, n, 0)\n"
    )
    _, (process,) = counted([sys.executable, "-I", "-c", script], "--exitless=always")
    assert ("guest" in process["calls"]["lseek"]) == (guest.name == "kvm" and len(os.sched_getaffinity(0)) > 1)


def test_table(guest: Engine, compile_c: Callable[..., Path]) -> None:
    result = guest.run(["-q", "-c", compile_c(HERE / "calls.c"), "2000"])
    lines = result.stderr.decode().splitlines()
    assert " ".join(lines[0].split()) == "% time seconds usecs/call calls errors in guest in C in Python syscall"
    assert next(line for line in lines if line.endswith(" getppid")).split()[3] == "2000"
    assert lines[-1].split()[-1].endswith(compile_c(HERE / "calls.c").name)


@pytest.fixture
def report(native: Engine, guest: Engine) -> Callable[..., Result]:
    def report(*args: str | Path) -> Result:
        return native.run([guest.command[0], "report", *args])

    return report


def test_report(report: Callable[..., Result], counted: Counted, tmp_path: Path) -> None:
    counted(["sh", "-c", "/bin/true"])
    text = report(tmp_path / "counts").stdout.decode()
    assert "  /usr/bin/true" in text
    assert " total" in text
    for what in ("all", "none"):
        counted(["true"], "-e", f"trace={what}")
        for picture, start in (("x.svg", b"<?xml"), ("x.png", b"\x89PNG")):
            assert report(tmp_path / "counts", tmp_path / picture) == (0, b"", b"")
            assert (tmp_path / picture).read_bytes().startswith(start)


def test_a_picture_has_room_for_the_longest_processes(report: Callable[..., Result], tmp_path: Path) -> None:
    process = {"parent": 0, "state": "exit 0", "guest": 0, "vmm": 0, "host": 0, "exits": {}, "calls": {}}
    many = [{**process, "pid": i, "program": f"/program-{i}", "start": 0, "end": i + 1} for i in range(100)]
    (tmp_path / "counts").write_text(json.dumps({"processes": many}))
    assert report(tmp_path / "counts", tmp_path / "x.svg") == (0, b"", b"")
    told = set(re.findall(r"program-(\d+)", (tmp_path / "x.svg").read_text()))
    assert told == {str(i) for i in range(76, 100)}


def test_what_cannot_be_drawn(report: Callable[..., Result], counted: Counted, tmp_path: Path) -> None:
    counted(["true"])
    (tmp_path / "text").write_text("no JSON")
    (tmp_path / "other").write_text('{"processes": [{"calls": {"read": {"C": 5}}}]}')
    for args, says in (
        (["/nowhere"], "/nowhere: No such file or directory"),
        ([tmp_path / "text"], f"{tmp_path}/text is not what --count -o FILE writes"),
        ([tmp_path / "other"], f"{tmp_path}/other is not what --count -o FILE writes"),
        ([tmp_path / "counts", "x.pdf"], "x.pdf: pictures are .svg or .png"),
        ([tmp_path / "counts", "/nowhere/x.svg"], "/nowhere/x.svg: No such file or directory"),
        ([], "report needs the FILE of --count -o FILE, and perhaps a PICTURE.svg or .png to draw; see noahpy --help"),
    ):
        assert report(*args) == (125, b"", f"noahpy: {says}\n".encode())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["-c", "--strace"], "--strace and --count would write to one place"),
        (["-c", "-T"], "--count knows -e trace=SET and -o FILE; the rest is --strace's"),
    ],
)
def test_what_cannot_be_counted(guest: Engine, options: list[str], says: str) -> None:
    assert guest.run([*options, "true"]) == (125, b"", f"noahpy: {says}\n".encode())
