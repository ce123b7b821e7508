"""`--memory`, `--cpus`, `--processes`: of all processes of a tree together, and nothing is left of their groups."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from noahpy.roots import limits
from tests.roots.conftest import IS_ROOT, ONCE, USER, Noahpy

FILES = {
    "memory": ("memory.max", "memory.limit_in_bytes"),
    "cpu": ("cpu.max", "cpu.cfs_quota_us"),
    "pids": ("pids.max", "pids.max"),
}
OPTIONS = ["--memory", "512M", "--cpus", "0.5", "--processes", "20"]
VALUES = {"memory": {"536870912"}, "cpu": {"50000", "50000 100000"}, "pids": {"41"}}


# As a shell in the group would be: with its other processes, it has stepped aside for the first noahpy that was started there.
ENTER = 'cd "$0"; [ ! -d noahpy-aside ] || cd noahpy-aside; echo 0 >cgroup.procs; cd - >/dev/null; exec "$@"'


@pytest.fixture
def lent() -> Iterator[Path | None]:
    """A control group of version 2 that is USER's, where root can lend one with all controllers."""
    try:
        root = Path(limits._mounted("", "/"))
        lends = IS_ROOT and set(FILES) <= set((root / "cgroup.controllers").read_text().split())
    except OSError:
        lends = False
    if not lends:
        yield None
        return
    (root / "cgroup.subtree_control").write_text(" ".join(f"+{controller}" for controller in FILES))
    group = root / "noahpy-lent"
    group.mkdir()
    for path in (group, group / "cgroup.procs", group / "cgroup.subtree_control"):
        os.chown(path, USER, USER)
    yield group
    for folder in (*group.glob("*/"), group):
        folder.rmdir()


@pytest.fixture
def lender(noahpy: Noahpy, tree: Path, lent: Path | None) -> Noahpy:
    """Somebody whom the host lends control groups; else the one line that says so is looked at."""
    if lent and noahpy.who != "root":
        noahpy.command = ["sh", "-c", ENTER, str(lent), *noahpy.command]
    result = noahpy.run(["--root", tree, *OPTIONS, "true"])
    if result.status:
        assert not lent, result
        assert result.status == 125
        assert result.stderr.startswith(b"noahpy: no limit of ")
        assert result.stderr.count(b"\n") == 1
        pytest.skip("no control groups are lent")
    return noahpy


@contextmanager
def running(noahpy: Noahpy, tree: Path, lent: Path | None) -> Iterator[tuple[subprocess.Popen[str], dict[str, Path]]]:
    """A limited program, and the group of each controller."""
    command = [*noahpy.command, "--root", str(tree), *OPTIONS, "sh", "-c", "echo ready; read x"]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, start_new_session=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        folders = {name: lent if lent and noahpy.who != "root" else limits._folder(name)[0] for name in FILES}
        yield process, {name: Path(folder) / f"noahpy-{process.pid}" for name, folder in folders.items()}


def test_the_groups(lender: Noahpy, tree: Path, lent: Path | None) -> None:
    with running(lender, tree, lent) as (process, groups):
        for name, group in groups.items():
            values = {(group / file).read_text().strip() for file in FILES[name] if (group / file).exists()}
            assert values <= VALUES[name] and values
            members = (group / "cgroup.procs").read_text().split()
            programs = [pid for pid in members if Path(f"/proc/{pid}/cmdline").read_bytes()]  # older kernels' KVM has a process
            assert len(programs) == 2  # init and the program, not the keeper
        process.communicate("x\n")
        assert process.returncode == 0
    assert not any(group.exists() for group in groups.values())


def test_what_a_killed_keeper_leaves_is_removed(lender: Noahpy, tree: Path, lent: Path | None) -> None:
    with running(lender, tree, lent) as (process, groups):
        process.send_signal(signal.SIGKILL)
        process.wait()
    while any(group.exists() for group in groups.values()):  # its processes may be just ending
        assert lender.run(["--root", tree, *OPTIONS, "true"]).status == 0


def test_processes(lender: Noahpy, tree: Path) -> None:
    script = "for i in $(seq 30); do sleep 100 & echo $i; done"
    result = lender.run(["--root", tree, "--processes", "8", "sh", "-c", script])
    assert (result.status, result.stderr) == (2, b"sh: can't fork: Resource temporarily unavailable\n")
    assert 4 <= len(result.stdout.split()) <= 16


def test_memory(lender: Noahpy, tree: Path) -> None:
    """dd's buffer is as large as a block."""
    script = "dd if=/dev/zero of=/dev/null bs=200M count=1 2>/dev/null; echo $?"
    assert lender.run(["--root", tree, "--memory", "900M", "sh", "-c", script]).stdout == b"0\n"
    limited = lender.run(["--root", tree, "--memory", "100M", "sh", "-c", script])
    assert limited.status == -signal.SIGKILL or limited.stdout == b"137\n"


@ONCE
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--memory", "1M"], "--memory needs a size such as 512M or 2G, of 16M at least, not '1M'"),
        (["--memory", "lots"], "--memory needs a size such as 512M or 2G, of 16M at least, not 'lots'"),
        (["--cpus", "0"], "--cpus needs a number such as 1.5, not '0'"),
        (["--processes", "1.5"], "--processes needs a number such as 2, not '1.5'"),
    ],
)
def test_bad_input(options: list[str], says: str, noahpy: Noahpy) -> None:
    assert noahpy.run([*options, "true"]) == (125, b"", f"noahpy: {says}\n".encode())


def test_version_2_is_asked_for_what_it_lends(tmp_path: Path) -> None:
    """In a folder that looks like a group: the controller is switched on for groups below, once."""
    (tmp_path / "cgroup.subtree_control").write_text("cpu pids\n")
    limits._lend(str(tmp_path), "pids")
    assert (tmp_path / "cgroup.subtree_control").read_text() == "cpu pids\n"
    limits._lend(str(tmp_path), "memory")
    assert (tmp_path / "cgroup.subtree_control").read_text().startswith("+memory")
    assert os.listdir(tmp_path) == ["cgroup.subtree_control"]
