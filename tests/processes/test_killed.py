"""SIGKILL to any process of a tree: the rest goes on as it would natively, and nothing stays behind."""

# ruff: noqa: E501
from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.conformance.test_conformance import ENVIRONMENT
from tests.conftest import Engine

HERE = Path(__file__).parent
WORKERS = 3
# Workers start programs, pipelines and subshells until they are told to end; none minds what becomes of these.
TREE = """
work() {
    while [ ! -e stop ]; do echo x | tr x y | cat >/dev/null; (true); /bin/true; bash -c 'exec true' & done 2>/dev/null
    wait
    echo "$1" >"done-$1"
}
for i in 1 2 3; do work $i & pids[$i]=$!; done
echo "${pids[@]}"
for i in 1 2 3; do wait ${pids[$i]}; echo "worker $i: $?"; done 2>/dev/null
"""
# What a shell says of a process that `kill_it $!` kills in the midst of its work; each waits for what it needs, none for time.
SCENES = {
    "a writer": "cat <fifo >copy & reader=$!; bash -c 'echo $$ >pid; exec yes' >fifo & kill_it; wait $reader; echo $?",
    "a reader": "yes >fifo 2>/dev/null & writer=$!; bash -c 'echo $$ >pid; exec sleep 100' <fifo & kill_it; wait $writer; echo $?",
    "the middle of a pipe": "set -o pipefail; seq 1000000 | bash -c 'echo $$ >pid; exec sleep 100' | wc -c & kill_it",
    "a parent": "bash -c '(while [ -d /proc/$$ ]; do sleep 0.01; done; echo orphan >late) & echo $$ >pid; wait' & kill_it;"
    "until [ -s late ]; do sleep 0.01; done; cat late",
    "a holder of a lock": "flock lock bash -c 'echo $$ >pid; exec sleep 100' 9>&- & kill_it; flock lock echo mine",
    "a session's leader": "setsid bash -c 'trap \"\" HUP; echo $$ >pid; (until [ -e go ]; do sleep 0.01; done; echo on >late) & wait' &"
    "kill_it; : >go; until [ -s late ]; do sleep 0.01; done; cat late",
    "a parent that its child wants to outlive": 'bash -c \'setpriv --pdeathsig TERM bash -c "trap \\"echo told >late; exit\\" TERM;'
    " : >ready; while :; do sleep 0.01; done\" & until [ -e ready ]; do sleep 0.01; done; echo $$ >pid; wait' &"
    "kill_it; until [ -s late ]; do sleep 0.01; done; cat late",
    "who waits for a vfork": 'python3 -c \'import os, subprocess; open("pid", "w").write(f"{os.getpid()}\\n");'
    'subprocess.run(["sh", "-c", "sleep 0.3; echo on >late"])\' & kill_it; until [ -s late ]; do sleep 0.01; done; cat late',
}
PREPARE = """
mkfifo fifo
kill_it() {
    until [ -s pid ]; do sleep 0.01; done
    victim=$(cat pid)
    kill -KILL "$victim"
    wait $! 2>/dev/null && echo 0 || echo $?
}
"""


def own(place: Path) -> dict[str, str]:
    """The environment of a tree whose temporary files and home are below `place`."""
    return {**ENVIRONMENT, "HOME": str(place), "TMPDIR": str(place)}


def of_session(number: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == number and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


@pytest.fixture(autouse=True)
def nothing_shared_is_left() -> Iterator[None]:
    """What appears in /dev/shm (other tests', too) goes away again."""
    before = set(os.listdir("/dev/shm"))
    yield
    for _ in range(300):
        if set(os.listdir("/dev/shm")) <= before:
            return
        time.sleep(0.1)
    raise AssertionError(set(os.listdir("/dev/shm")) - before)


@pytest.mark.parametrize("seed", [*range(6), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(6, 40))])
def test_at_any_moment(seed: int, engine: Engine, tmp_path: Path) -> None:
    choose = random.Random(seed)
    command = [*engine.command, "/bin/bash", "-c", TREE]
    environment = engine.environment(own(tmp_path))
    with subprocess.Popen(
        command, stdin=-3, stdout=-1, stderr=-1, cwd=tmp_path, env=environment, start_new_session=True
    ) as process:
        assert process.stdout and process.stderr
        workers = [int(word) for word in process.stdout.readline().split()]
        assert len(workers) == WORKERS, process.stderr.read()
        victims = [[process.pid], workers, [], []][seed % 4]  # the first one, a worker, or what they have started
        killed = 0
        while not killed:
            time.sleep(choose.random() / 2)
            others = [child.pid for child in psutil.Process(process.pid).children(recursive=True) if child.pid not in workers]
            if victims or others:
                killed = choose.choice(victims or others)
        try:
            os.kill(killed, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it had just ended
        time.sleep(choose.random() / 5)
        (tmp_path / "stop").touch()
        said = process.stdout.read().decode()
        assert process.stderr.read().decode() == ""
        status = process.wait()
    went_on = [i + 1 for i in range(WORKERS) if workers[i] != killed]
    if killed == process.pid:
        assert (status, said) == (-signal.SIGKILL, "")
    else:
        results = [f"worker {i}: {0 if i in went_on else 128 + signal.SIGKILL}\n" for i in range(1, WORKERS + 1)]
        assert (status, said) == (0, "".join(results))
    assert sorted(os.listdir(tmp_path)) == sorted(["stop", *(f"done-{i}" for i in went_on)])
    while of_session(process.pid):  # orphans end by themselves
        time.sleep(0.05)


@pytest.mark.parametrize("scene", SCENES)
def test_killed(scene: str, guest: Engine, native: Engine, tmp_path: Path) -> None:
    outcomes = []
    for engine in native, guest:
        place = tmp_path / engine.name
        place.mkdir()
        result = engine.run(["/bin/bash", "-c", PREPARE + SCENES[scene]], cwd=place, env=own(place))
        outcomes.append((result.status, result.stdout.decode(), sorted(os.listdir(place))))
    assert outcomes[1] == outcomes[0]
    assert "137" in outcomes[0][1]


def test_owner_of_a_robust_mutex(engine: Engine, compile_c: Callable[..., Path]) -> None:
    assert engine.run([compile_c(HERE / "robust.c", "-pthread")]) == (0, b"", b"")


def test_owners_at_any_moment(engine: Engine, compile_c: Callable[..., Path]) -> None:
    if "sim" in engine.name:
        pytest.skip("the simulated CPU's atomics are none between processes")
    assert engine.run([compile_c(HERE / "robust_storm.c", "-pthread")]) == (0, b"", b"")
