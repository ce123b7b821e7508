"""No wake-up is lost, and nothing blocks for ever: many threads, many rounds, signals all the while, servers under load."""

from __future__ import annotations

import getpass
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from tests.conftest import Engine
from tests.processes.test_leaks import GROWTH, look_at

HERE = Path(__file__).parent
ROUNDS = [1_000, pytest.param(2_000_000, marks=[pytest.mark.slow, pytest.mark.timeout(7200)])]
SECONDS = [
    pytest.param(10, marks=pytest.mark.timeout(600)),
    pytest.param(600, marks=[pytest.mark.slow, pytest.mark.timeout(3600)]),
]
NGINX = f"""
user {getpass.getuser()}; daemon off; worker_processes 1; pid nginx.pid; error_log stderr;
events {{}} http {{ access_log off; server {{ listen unix:%s/http; root %s; }} }}
"""


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("work", ["futex", "epoll"])
def test_no_wake_up_is_lost(work: str, rounds: int, engine: Engine, compile_c: Callable[..., Path]) -> None:
    program = compile_c(HERE / "torture.c", "-pthread")
    result = engine.run([program, work, str(rounds)], timeout=100 if rounds < 10_000 else 7000)
    assert (result.status, result.stderr.decode()) == (0, "")


@contextmanager
def running(engine: Engine, *argv: str | Path, cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [*engine.command, *map(str, argv)]
    log = cwd / "log"
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdin=-3, stdout=output, stderr=output, cwd=cwd, env=engine.environment())
    try:
        yield process
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        process.wait()


def held_by_the_vmm(process: subprocess.Popen[bytes]) -> tuple[str, Counter[str], int]:
    """Its command; its threads and its descriptors, without the guest's that come and go; its bytes outside of the window."""
    seen, _ = look_at(process.pid)
    held = Counter({kind: n for kind, n in seen.descriptors.items() if not kind.startswith(("pipe:", "socket:"))})
    held["threads"] = seen.threads
    areas = [(*(int(end, 16) for end in m.addr.split("-")), m) for m in psutil.Process(process.pid).memory_maps(grouped=False)]
    window = next(start for start, end, m in areas if m.perms == "---p" and end - start > 1 << 40)
    # Shared, too: with a child that was just forked, as the loop's shell has at times.
    outside = [
        m.private_dirty + m.shared_dirty
        for start, _, m in areas
        if not window <= start < window + (1 << 46) and "noahpy-tree" not in m.path
    ]
    return str(process.args), held, sum(outside)


@pytest.mark.parametrize("seconds", SECONDS)
def test_soak(seconds: int, guest: Engine, tmp_path: Path) -> None:
    """redis, nginx and a shell that forks: each holds afterwards what it held before."""
    tmp_path.chmod(0o755)
    (tmp_path / "index.html").write_text("hello\n" * 1000)
    (tmp_path / "conf").write_text(NGINX % (tmp_path, tmp_path))
    (tmp_path / "loop").write_text(
        "while :; do (exit 3); ls >/dev/null; echo x | cat >/dev/null; read -r line <index.html; done"
    )
    redis = ["redis-server", "--port", "0", "--unixsocket", "redis", "--save", "", "--rdbcompression", "no"]
    with ExitStack() as stack:
        started = [
            stack.enter_context(running(guest, *argv, cwd=tmp_path))
            for argv in (redis, ["nginx", "-p", tmp_path, "-c", "conf"], ["bash", "loop"])
        ]
        while not all((tmp_path / name).exists() for name in ("redis", "http")):
            assert all(process.poll() is None for process in started), (tmp_path / "log").read_text()
            time.sleep(0.1)

        def load(until: float) -> None:
            while time.monotonic() < until:
                subprocess.run(
                    ["redis-benchmark", "-s", "redis", "-q", "-n", "300", "-c", "20", "-t", "get,set,incr"],
                    cwd=tmp_path,
                    stdout=-3,
                    check=True,
                )
                subprocess.run(["redis-cli", "-s", "redis", "bgsave"], cwd=tmp_path, stdout=-3, check=True)
                for _ in range(20):
                    subprocess.run(
                        ["curl", "-s", "-f", "--unix-socket", "http", "http://x/"], cwd=tmp_path, stdout=-3, check=True
                    )

        def look() -> list[tuple[str, Counter[str], int]]:
            while "rdb_bgsave_in_progress:1" in subprocess.check_output(
                ["redis-cli", "-s", "redis", "info"], cwd=tmp_path, text=True
            ):
                time.sleep(0.1)
            return [held_by_the_vmm(process) for process in started]

        load(time.monotonic() + seconds / 2)
        before = look()
        load(time.monotonic() + seconds / 2)
        for (name, held, memory), (_, holds, memory_after) in zip(before, look(), strict=True):
            assert holds == held, name
            assert memory_after - memory < GROWTH, name
