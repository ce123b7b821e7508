"""What becomes of programs whose hooks fail, and of what can't be run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest

import noahpy
from tests.conftest import ROOT


def test_a_hook_that_fails_kills(vm, calls, capfd):
    @vm.on("getppid")
    def fail(call):
        raise KeyError("something")  # this line is told

    result = vm.run([calls, "write=x", "parent", "write=y"], capture_output=True)
    assert (result.returncode, result.stdout) == (125, b"x\n")
    line = capfd.readouterr().err
    number = fail.__code__.co_firstlineno + 2
    assert line == f"noahpy: {__file__}:{number}: getppid(): KeyError: 'something'\n"


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ("call.result = 'x'", "TypeError: the result of getppid is a number, not 'x'"),
        ("call.delay(-1)", "ValueError: getppid waits for -1 s: from 0 to 1e\\+09 it can"),
        ("call.delay(float('nan'))", "ValueError: getppid waits for nan s: from 0 to 1e\\+09 it can"),
    ],
)
def test_a_wish_that_cannot_be_is_an_error_of_the_hook(vm, calls, capfd, wish, why):
    vm.on("getppid")(lambda call: exec(wish, {"call": call}))
    assert vm.run([calls, "parent"]).returncode == 125
    assert re.fullmatch(rf"noahpy: {__file__}:\d+: getppid\(\): {why}\n", capfd.readouterr().err)


def test_a_hook_that_fails_when_its_thread_is_gone(vm, capfd):
    @vm.on("write")
    def fail(call):
        os.kill(call.task.host_pid, signal.SIGKILL)
        raise KeyError

    assert vm.run(["echo", "x"]).returncode == -signal.SIGKILL
    while not (line := capfd.readouterr().err):
        time.sleep(0.01)
    assert re.fullmatch(rf"noahpy: {__file__}:\d+: write(\(.*\))?: KeyError\n", line)


def test_a_hook_that_would_wait_for_itself(vm, options, calls):
    said = []

    @vm.on("getppid")
    def run(call):
        said.append(noahpy.VM(*options).run(["echo", "other"], capture_output=True).stdout)
        with pytest.raises(RuntimeError, match="in another VM, not in the one that waits for it"):
            vm.run(["echo", "same"], timeout=10)

    assert vm.run([calls, "parent"], stdout=noahpy.DEVNULL).returncode == 0
    assert said == [b"other\n"]


def test_a_hook_that_cannot_be_called_has_a_place(vm, calls, capfd):
    @vm.on("getppid")
    def takes_nothing():
        pass

    assert vm.run([calls, "parent"]).returncode == 125
    place = f"{__file__}:{takes_nothing.__code__.co_firstlineno}"
    assert capfd.readouterr().err.startswith(f"noahpy: {place}: getppid(): TypeError: ")


def test_a_hook_that_fails_kills_the_tree(vm, calls, capfd):
    children = []

    @vm.on("getppid")
    def fail(call):
        children.append(call.task.pid)
        raise OSError

    result = vm.run([calls, "children=3", "parent"], capture_output=True)
    assert (result.returncode, result.stdout) == (-signal.SIGKILL, b"")
    assert len(children) == 1
    assert capfd.readouterr().err.endswith(": getppid(): OSError\n")


def test_a_hook_that_fails_lets_go_on(options, calls, capfd):
    vm = noahpy.VM(*options, on_error="continue")

    @vm.on("getppid")
    def fail(call):
        call.result = 42
        raise KeyError("something")

    result = vm.run([calls, "parent", "children=2"], capture_output=True)
    assert (result.returncode, result.stdout) == (0, b"parent 42\nchild 0\nchild 0\n")
    assert capfd.readouterr().err.count("KeyError") == 3


@pytest.mark.parametrize(("choice", "out"), [("kill", ""), ("continue", r"parent \d+\nparent \d+\n2\n")])
def test_the_hooks_process_dies(options, calls, choice, out, tmp_path):
    program = (
        "import noahpy, os, sys, signal\n"
        f"vm = noahpy.VM(*{options!r}, on_error={choice!r})\n"
        "@vm.on('getppid')\n"
        "def die(call):\n"
        "    if call.task.program == sys.argv[1]:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "vm.start(['sh', '-c', sys.argv[1] + ' parent; exec ' + sys.argv[1] + ' parent write=2']).wait()\n"
    )
    result = subprocess.run([sys.executable, "-c", program, calls], capture_output=True, text=True, timeout=60)
    assert result.returncode == -signal.SIGKILL
    assert re.fullmatch(out, result.stdout)
    goes_on = "the program goes on without" if choice == "continue" else "it is killed"
    assert re.fullmatch(rf"(noahpy: \d+: the hooks' process is gone: {goes_on}\n){{2}}", result.stderr)


def test_what_cannot_be_run(vm, capfd):
    with pytest.raises(noahpy.CannotRun, match=r"^/no/such/program: no such file or directory$") as caught:
        vm.start(["/no/such/program"])
    assert caught.value.status == 127
    with pytest.raises(noahpy.CannotRun, match=r"^./README.md: no permission to execute$") as caught:
        vm.start(["./README.md"], cwd=ROOT)
    with pytest.raises(noahpy.CannotRun, match=r"^which program?"):
        vm.start([])
    with pytest.raises(noahpy.CannotRun, match=r"^unknown option --nonsense"):
        noahpy.VM("--nonsense").start(["true"])
    with pytest.raises(TypeError, match="argv is a list of words, not 'ls -l'"):
        vm.start("ls -l")
    with pytest.raises(ValueError, match="input and stdin"):
        vm.run(["cat"], input=b"x", stdin=noahpy.DEVNULL)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["opneat"], "there is no system call 'opneat': openat?"),
        (["read", "%netwrok"], "there is no class of system calls '%?netwrok': network?"),
        (["/["], r"/\[ is no regular expression: "),
        ([], "there is no system call ''"),
        (["99999999999"], "there is no system call '99999999999'"),
    ],
)
def test_names_of_calls_that_there_are_not(names, why):
    with pytest.raises(ValueError, match=f"^{why}"):
        noahpy.VM().on(*names)


def test_other_senseless_wishes():
    with pytest.raises(ValueError, match="on_error is kill or continue, not 'ignore'"):
        noahpy.VM(on_error="ignore")
    with pytest.raises(ValueError, match="Linux has no error 'ENOFILE'"):
        noahpy.Errno("ENOFILE")
    with pytest.raises(AttributeError, match="module 'noahpy' has no attribute 'vms'"):
        _ = noahpy.vms


def test_changes_that_cannot_be(vm, told):
    errors = []

    @vm.on("uname", "getppid", after=True)
    def change(call):
        if call.name == "uname":
            for name, value in [("buf", 5), ("none", 5)]:
                with pytest.raises((TypeError, KeyError)) as caught:
                    call[name] = value
                errors.append(str(caught.value))

    @vm.on("write")
    def other(call):
        with pytest.raises(ValueError, match="bytes are too many"):
            call["buf"] = bytes(1 << 21)
        with pytest.raises(TypeError, match="fd of write is a number, not 'x'"):
            call["fd"] = "x"

    assert told("name") == [f"name {os.uname().nodename}"]
    assert errors[0] == "uname was made already: buf can't be changed any more"


def test_time_out_kills_all(vm, calls, tmp_path):
    pids = []
    vm.on("getppid")(lambda call: call.task.program == calls and pids.append(call.task.pid))
    sleep = f"sleep 98.{os.getpid()}"  # nobody else's
    argv = ["sh", "-c", f"{calls} parent; {sleep} & {calls} parent; {sleep}"]
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        vm.run(argv, timeout=3)
    assert caught.value.cmd == argv
    assert len(pids) == 2, pids
    group = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert f"{sleep}\n" not in group


def test_streams(vm, tmp_path):
    result = vm.run(["cat"], input=b"x" * 100000, capture_output=True, check=True)
    assert result.stdout == b"x" * 100000
    with (
        (tmp_path / "out").open("wb") as out,
        vm.start(
            ["sh", "-c", "echo $A; pwd; exit 3"], stdout=out, env={"A": "b", "PATH": "/bin:/usr/bin"}, cwd=tmp_path
        ) as program,
    ):
        assert program.wait() == 3
    assert (tmp_path / "out").read_text() == f"b\n{tmp_path}\n"
    with pytest.raises(subprocess.CalledProcessError):
        vm.run(["false"], check=True)
    with vm.start(["sh", "-c", "kill -SEGV $$"]) as program:
        assert program.wait(30) == -signal.SIGSEGV
