"""`--count-instructions`: of programs in assembly the number is known, of a compiled one ptrace(2) counts it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Engine, Result
from tests.measure.conftest import HERE, counts

# Of each program in counts.S, whose comments say why; of each of its processes.
KNOWN = {
    "LOOP": [27],
    "REPEAT": [13],
    "FAULT": [21],
    "REPEAT_FAULT": [30],
    "REPEAT_ABANDONED": [24],
    "MODIFY": [18],
    "MODIFY_AHEAD": [11],
    "MODIFY_LOOP": [58],
    "JUMP_BACK": [20],
    "FORK": [20, 29],
    "FORK_KILLED": [20, 14],
    "EXECUTE": [17],
    "THREAD": [2036],
}


@pytest.mark.parametrize("name", KNOWN)
def test_known(name: str, measured: Callable[..., Result], assemble: Callable[[str], Path]) -> None:
    program = assemble(name)
    result = measured(["--count-instructions"], [program])
    assert (result.status, result.stdout) == (0, b"")
    assert [(p.program, p.instructions) for p in counts(result.stderr)] == [(str(program), n) for n in KNOWN[name]]


@pytest.mark.parametrize("name", [*KNOWN, "SIGNALS"])
def test_programs_run_natively(name: str, native: Engine, assemble: Callable[[str], Path]) -> None:
    """What is counted is what a CPU does."""
    assert name == "SIGNALS" or native.run([assemble(name)]) == (0, b"", b"")
    assert native.run([assemble(name)]).status >= 0


def test_signals(measured: Callable[..., Result], assemble: Callable[[str], Path]) -> None:
    """The loop goes on where a signal has stopped it."""
    result = measured(["--count-instructions"], [assemble("SIGNALS")])
    assert result.status > 0
    assert [p.instructions for p in counts(result.stderr)] == [40_000_020 + 4 * result.status]


def test_a_process_that_is_killed(measured: Callable[..., Result], assemble: Callable[[str], Path]) -> None:
    result = measured(["--count-instructions"], [assemble("KILLED")])
    assert result.status == -signal.SIGKILL
    assert [p.instructions for p in counts(result.stderr)] == [33]


def test_as_single_steps(measured: Callable[..., Result], native: Engine, compile_c: Callable[..., Path]) -> None:
    """musl's functions do not depend on the CPU, which the simulated one is not: the number is the host's."""
    program = compile_c(HERE / "compiled.c", "-O2", "-static", cc="musl-gcc")
    steps = compile_c(HERE / "steps.c")
    natively = native.run([steps, program], env={})
    result = measured(["--count-instructions", "--no-aslr"], [program], env={})
    assert result.stdout == natively.stdout != b""
    assert [p.instructions for p in counts(result.stderr)] == [int(natively.stderr)]


def test_as_json(measured: Callable[..., Result], assemble: Callable[[str], Path], tmp_path: Path) -> None:
    out = tmp_path / "counts.json"
    result = measured(["--count-instructions", "-o", str(out)], [assemble("FORK")])
    parent, child = counts(result.stderr)
    assert json.loads(out.read_text()) == [
        {"pid": parent.pid, "parent": os.getpid(), "program": str(assemble("FORK")), "instructions": 20},
        {"pid": child.pid, "parent": parent.pid, "program": str(assemble("FORK")), "instructions": 29},
    ]


def test_who_outlives_the_first_process_is_told_of_later(measured: Callable[..., Result], tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    script = f"(read x <{fifo}; exit 0) & exec sh -c '(echo go >{fifo}) & exit 4'"
    result = measured(["--count-instructions"], ["/bin/sh", "-c", script])
    assert result.status == 4
    assert len(counts(result.stderr)) == 3


def test_the_guest_waits_for_its_own_children_alone(measured: Callable[..., Result], compile_c: Callable[..., Path]) -> None:
    program = compile_c(HERE / "no_children.c")
    result = measured(["--count-instructions"], [program])
    assert (result.status, result.stdout) == (0, b"")


@pytest.mark.parametrize("closed", ["", "<&-", "<&- 2>&-"])
@pytest.mark.parametrize(
    "options", [["--count-instructions"], ["--coverage=drcov", "-o", "out"], ["--trace=blocks", "-o", "out"]]
)
def test_the_guest_has_its_own_descriptors_alone(
    options: list[str], closed: str, native: Engine, sim: None, tmp_path: Path
) -> None:
    script = f'exec "$@" {closed}'
    argv = ["/bin/bash", "-c", "cd /proc/self/fd; echo *"]
    natively = native.run(["/bin/sh", "-c", script, "sh", *argv])
    measured = native.run(["/bin/sh", "-c", script, "sh", *Engine("sim").command, *options, *argv], cwd=tmp_path)
    assert (measured.status, measured.stdout) == (natively.status, natively.stdout)
    assert measured.status or "out" not in options or (tmp_path / "out").stat().st_size


def test_the_simulated_cpu_is_chosen(sim: None, assemble: Callable[[str], Path], native: Engine) -> None:
    noahpy = Engine("sim").command[:-1]
    result = native.run([*noahpy, "--count-instructions", assemble("LOOP")])
    first, _, rest = result.stderr.partition(b"\n")
    assert first == b"noahpy: --count-instructions needs it: the CPU is simulated, and slow"
    assert counts(rest)[0].instructions == 27
    assert counts(native.run([*noahpy, "-q", "--count-instructions", assemble("LOOP")]).stderr)[0].instructions == 27


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--engine=kvm", "--count-instructions"], "--count-instructions needs the simulated CPU, not --engine kvm"),
        (["--engine=kvm", "--trace=blocks"], "--trace=blocks needs the simulated CPU, not --engine kvm"),
        (["--engine=kvm", "--coverage=lcov", "-o", "x"], "--coverage=lcov needs the simulated CPU, not --engine kvm"),
        (["--coverage=drcov"], "--coverage needs -o FILE; see noahpy --help"),
        (["--coverage=gcov"], "--coverage is lcov, drcov, not 'gcov'; see noahpy --help"),
        (["--trace=calls"], "--trace is blocks, not 'calls'; see noahpy --help"),
        (["--trace=blocks", "--coverage=lcov", "-o", "x"], "--trace and --coverage would write to one file; see noahpy --help"),
        (["-o", "x"], "-o FILE needs --strace, --count, --trace, --coverage or --count-instructions; see noahpy --help"),
        (["--trace=blocks", "-o", "/nowhere/x"], "/nowhere/x: No such file or directory"),
    ],
)
def test_what_cannot_be(options: list[str], says: str, native: Engine, tmp_path: Path) -> None:
    result = native.run([*Engine("sim").command[:-1], *options, "/bin/true"], cwd=tmp_path)
    assert (result.status, result.stdout, result.stderr.decode()) == (125, b"", f"noahpy: {says}\n")
    assert not list(tmp_path.iterdir())
