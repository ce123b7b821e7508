"""A fork bomb and the limit that holds it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.conftest import Engine

HERE = Path(__file__).parent
LIMIT = 60


def test_fork_bomb(engine: Engine, compile_c: Callable[..., Path]) -> None:
    """All of the bomb's processes are gone with their input. In KVM each counts twice once its VM has a thread."""
    root = os.geteuid() == 0
    others = 0 if root else sum(p.num_threads() for p in psutil.process_iter() if p.uids().real == os.getuid())
    user = 50_000 + os.getpid() % 10_000 if root else -1  # whom nothing else runs as
    program = compile_c(HERE / "bomb.c")
    with engine.start([program, str(user), str(others + LIMIT)]) as process:
        assert process.stdin and process.stdout and process.stderr
        born = process.stdout.readline()
        tree = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
        process.stdin.close()
        assert process.stderr.read().decode() == ""
        assert process.wait() == 0
    assert len(tree) == int(born) + 1
    assert len(tree) == LIMIT or not (root and engine.is_native)
    assert LIMIT // 2 <= len(tree) <= LIMIT or not root
    assert not any(psutil.pid_exists(pid) for pid in tree if pid != process.pid)
