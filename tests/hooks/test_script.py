"""`noahpy --script FILE`: hooks from the command line."""

from __future__ import annotations

import re
import signal
import subprocess
import time

import pytest

from tests.conftest import noahpy_command

NAMES = """
from noahpy import vm

@vm.on("getppid")
def answer(call):
    seen.append(call.task.pid)
    call.result = 42

seen = []

@vm.event("end")
def tell(event):
    print(len(seen), "calls of", len(set(seen)), "processes")
"""


@pytest.fixture
def run(options, tmp_path):
    """`run(script, *argv)`: status, output and errors of `argv` under a script."""

    def run(script: str, *argv: str) -> tuple[int, str, str]:
        (tmp_path / "hooks.py").write_text(script)
        command = [*noahpy_command(), *options, "--script", "hooks.py", *argv]
        result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
        return result.returncode, result.stdout, result.stderr

    return run


def test_one_python_program_for_a_tree(run, calls):
    assert run(NAMES, calls, "parent", "children=3") == (
        0,
        "parent 42\nchild 0\nchild 0\nchild 0\n4 calls of 4 processes\n",
        "",
    )


def test_the_end_of_what_outlives_the_first_process(run, calls, tmp_path):
    status, out, errors = run(NAMES, "sh", "-c", f"(exec >/dev/null 2>&1; sleep 1; {calls} parent) & {calls} parent")
    assert (status, errors) == (0, "")
    assert re.fullmatch(r"parent 42\n\d+ calls of \d+ processes\n", out)  # who reads waits for all who can write


def test_the_end_of_one_that_is_killed(run):
    status, out, _ = run(NAMES, "sh", "-c", "kill -KILL $$")
    assert status == -signal.SIGKILL
    assert out.endswith("processes\n")


def test_hooks_have_the_directory_the_output_and_neighbours(run, tmp_path, calls):
    (tmp_path / "neighbour.py").write_text("answer = 42")
    script = 'from noahpy import vm\nfrom neighbour import answer\n@vm.on("getppid")\ndef f(call):\n    call.result = answer\n'
    script += '    with open("seen", "a") as file:\n        print(__name__, call, file=file)\n    print("seen")\n'
    assert run(script, calls, "parent") == (0, "seen\nparent 42\n", "")
    assert (tmp_path / "seen").read_text() == "noahpy_script getppid() = 42\n"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("import nonsense", "hooks.py:1: ModuleNotFoundError: No module named 'nonsense'"),
        ("\nx = (", "hooks.py:2: SyntaxError: '(' was never closed"),
        ("import noahpy\nnoahpy.vm.on('opneat')", "hooks.py:2: UnknownName: there is no system call 'opneat': openat?"),
        ("import sys\n\nsys.exit('why')", "hooks.py:3: SystemExit: why"),
        ("import noahpy\nnoahpy.VM().on('read')(print)", "hooks.py registers nothing with noahpy.vm"),
    ],
)  # fmt: skip
def test_a_script_that_is_no_good(run, tmp_path, script, why):
    assert run(script, "touch", "done") == (125, "", f"noahpy: --script {why}\n")
    assert not (tmp_path / "done").exists()


def test_no_script(options, tmp_path):
    command = [*noahpy_command(), *options, "--script", "none.py", "true"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (125, "noahpy: --script none.py: No such file or directory\n")


def test_two_scripts(run):
    assert run(NAMES, "--script", "hooks.py", "true") == (125, "", "noahpy: --script is given twice; see noahpy --help\n")


def test_an_error_in_a_hook(run, calls):
    script = 'from noahpy import vm\nvm.on_error = "{}"\n@vm.on("getppid")\ndef f(call):\n    call.nonsense()\n'
    line = "noahpy: hooks.py:5: getppid(): AttributeError: 'Call' object has no attribute 'nonsense'\n"
    assert run(script.format("kill"), calls, "parent", "write=x") == (125, "", line)
    status, out, errors = run(script.format("continue"), calls, "parent", "write=x")
    assert (status, errors) == (0, line)
    assert re.fullmatch(r"parent \d+\nx\n", out)


@pytest.mark.parametrize("forever", ["while True: pass", "time.sleep(1000)"])
def test_a_hook_ends_with_the_program_that_waits_for_it(options, calls, tmp_path, forever):
    script = 'import time\nfrom noahpy import vm\n@vm.on("getppid")\ndef f(call):\n    print("asked")\n    '
    (tmp_path / "hooks.py").write_text(f'{script}{forever}\n@vm.event("end")\ndef g(event):\n    print("end")\n')
    command = [*noahpy_command(), *options, "--script", "hooks.py", calls, "parent"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as program:
        assert program.stdout.readline() == "asked\n"
        program.terminate()
        assert program.communicate(timeout=30) == ("end\n", None)
        assert program.returncode == -signal.SIGTERM


def test_nothing_stays_behind(run, calls):
    run(NAMES, calls, "children=2")
    for _ in range(50):
        processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
        if "--script hooks.py" not in processes:
            break
        time.sleep(0.1)
    else:
        pytest.fail("the hooks' process is still there")
