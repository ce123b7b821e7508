"""Known ways out of `--root`, `--read-only` and `--no-network` (escapes.c), each tried: none works."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Engine
from tests.roots.conftest import IS_ROOT, USER, Noahpy, without_call

HERE = Path(__file__).parent
SOURCE = (HERE / "escapes.c").read_text()
_, ROOT, NETWORK, READ_ONLY = re.split(r"tricks\[\] = \{|/\* with --no-network \*/|/\* with --read-only \*/", SOURCE)
ROOT, NETWORK, READ_ONLY = (re.findall(r"TRICK\((\w+)\)", part) for part in (ROOT, NETWORK, READ_ONLY))
# Only where the network is the host's, and then by Landlock alone; what has no namespace but no network either.
SHARED = {"vsock", "abstract"}


@pytest.fixture
def outside(place: Path, request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """What there is to be found outside: the arguments of escapes.c."""
    folder = place / "outside"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "secret").write_text("SECRET\n")
    shutil.copy("/bin/true", folder / "program")
    libc = ctypes.CDLL(None)
    libc.shmat.restype = ctypes.c_void_p
    key = 0x6E000000 | os.getpid()
    segment = libc.shmget(key, 4096, 0o1666)
    ctypes.memmove(libc.shmat(segment, None, 0), b"SECRET", 6)
    name = f"noahpy-{os.getpid()}"
    with socket.socket() as tcp, socket.socket(socket.AF_INET6) as tcp6, socket.socket(socket.AF_UNIX) as abstract:
        tcp6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        tcp.bind(("127.0.0.1", 0))
        port = tcp.getsockname()[1]
        tcp6.bind(("::1", port))
        abstract.bind(f"\0{name}")
        for one in (tcp, tcp6, abstract):
            one.listen(64)
        other = USER if IS_ROOT and "noahpy" in request.fixturenames and request.getfixturevalue("noahpy").who != "root" else -1
        with subprocess.Popen(["sleep", "1000"], user=None if other < 0 else other) as sleep:
            shared = Path(f"/dev/shm/noahpy-secret-{sleep.pid}")
            shared.write_text("SECRET\n")
            yield [str(folder), name, str(port), str(key), str(sleep.pid)]
            shared.unlink()
            assert sleep.poll() is None
            sleep.kill()
    libc.shmctl(segment, 0, None)
    assert sorted(os.listdir(folder)) == ["program", "secret"]
    assert (folder / "secret").read_text() == "SECRET\n"
    assert (folder / "program").read_bytes() == Path("/bin/true").read_bytes()


@pytest.fixture
def escapes(tree: Path, compile_c: Callable[..., Path]) -> str:
    shutil.copy(compile_c(HERE / "escapes.c", "-static", "-pthread"), tree / "escapes")
    return "/escapes"


def outcome(engine: Engine, argv: list[str | Path]) -> dict[str, str]:
    result = engine.run(argv, timeout=100)
    assert (result.status, result.stderr) == (0, b"")
    return dict(line.split() for line in result.stdout.decode().splitlines())  # type: ignore[misc]


def held(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "held")


def test_there_are_many() -> None:
    assert len(set(ROOT)) > 60
    assert len(set(NETWORK)) > 6
    assert len(set(READ_ONLY)) > 9


def test_root(noahpy: Noahpy, tree: Path, escapes: str, outside: list[str]) -> None:
    with_folder = noahpy.within(["sh", "-c", 'exec "$@" 7</ 8</proc', "sh"])
    names = sorted(set(ROOT) - {"vsock"})
    assert outcome(with_folder, ["--root", tree, escapes, *outside, *names]) == held(*names)


def test_root_without_landlock(noahpy: Noahpy, tree: Path, escapes: str, outside: list[str]) -> None:
    """What is promised does not depend on it."""
    if noahpy.who == "lent":
        pytest.skip("newuidmap gives nothing to a process that has a filter")
    names = sorted(set(ROOT) - SHARED)
    without = noahpy.within([sys.executable, "-c", without_call(444)])  # landlock_create_ruleset
    assert outcome(without, ["--root", tree, escapes, *outside, *names]) == held(*names)
    assert outcome(without, ["--root", tree, escapes, *outside, "abstract"]) == {"abstract": "ESCAPED"}


def test_no_network(noahpy: Noahpy, tree: Path, escapes: str, outside: list[str]) -> None:
    connected = "import os, socket, sys; s = socket.socket(); os.dup2(s.fileno(), 7); os.execvp(sys.argv[1], sys.argv[1:])"
    with_socket = noahpy.within([sys.executable, "-c", connected])
    names = [*ROOT, *NETWORK]
    assert outcome(with_socket, ["--root", tree, "--no-network", escapes, *outside, *names]) == held(*names)


def test_read_only(noahpy: Noahpy, tree: Path, escapes: str, outside: list[str], place: Path) -> None:
    (place / "scratch").mkdir()
    (place / "scratch").chmod(0o1777)
    before = (tree / "etc").stat().st_mtime_ns
    names = sorted({*ROOT, *READ_ONLY} - {"vsock"})
    options = ["--root", tree, "--read-only", "--bind", f"{place}/scratch:/tmp"]
    assert outcome(noahpy, [*options, escapes, *outside, *names]) == held(*names)
    assert (tree / "etc/text").read_text() == "text\n"
    assert (tree / "etc").stat().st_mtime_ns == before


def test_the_hosts_own_tree_read_only(noahpy: Noahpy, escapes: str, outside: list[str], tree: Path) -> None:
    """All that is about processes, mounts, devices and the kernel, where the tree is the host's own."""
    paths = {
        name
        for name in ROOT
        if name.startswith(("link_", "dots", "race_", "openat2_", "executes_", "nested", "chroot_", "plain"))
    }
    paths |= {
        "proc_roots",
        "proc_folders",
        "proc_tasks",
        "proc_descriptors",
        "inherited_folders",
        "disk",
    }
    names = sorted({*ROOT, *NETWORK} - paths)
    assert outcome(noahpy, ["--read-only", "--no-network", f"{tree}{escapes}", *outside, *names]) == held(*names)


@pytest.mark.skipif(not IS_ROOT, reason="chroot(2) needs root")
def test_they_lead_out_of_a_chroot(native: Engine, place: Path, compile_c: Callable[..., Path], outside: list[str]) -> None:
    """So a trick that is held above is one that works: in a chroot, with root's rights, many do."""
    from tests.roots.conftest import busybox_tree

    tree = busybox_tree(place / "tree", own=False)
    shutil.copy(compile_c(HERE / "escapes.c", "-static", "-pthread"), tree / "escapes")
    names = [
        "nested_chroot", "proc_roots", "proc_tasks", "inherited_folders", "fanotify",
        "mounts_something", "opens_tree", "opens_file_system", "own_mount_namespace", "memory_of_processes",
        "takes_descriptors", "waits_outside", "shared_memory", "host_name",
        "capabilities", "abstract", "tcp", "tcp6", "open_for_writing", "creates", "attributes", "opened_again",
        "by_other_roots", "by_descriptor", "socket_file",
    ]  # fmt: skip
    script = 'mount --bind /proc "$1/proc"; exec chroot "$@" 7</'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", tree, "/escapes", *outside, *names]
    assert outcome(native, command) == dict.fromkeys(names, "ESCAPED")
