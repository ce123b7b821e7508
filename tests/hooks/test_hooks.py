"""Hooks from Python: what they see and change of a call."""

from __future__ import annotations

import socket
import sys

import pytest

import noahpy
from linux_abi.syscall import Declarations
from linux_abi.uapi.structs import Utsname
from linux_abi.uapi.x86_64 import NUMBERS
from noahpy.hooks import wire
from noahpy.hooks.call import Call, Task


def test_an_answer_instead_of_the_call(vm, told):
    @vm.on("getppid")
    def answer(call):
        call.result = 42

    assert told("parent") == ["parent 42"]


def test_arguments_by_name(vm, told, tmp_path):
    (tmp_path / "x").write_text("content")
    seen = []

    @vm.on("openat")
    def look(call):
        seen.append((call["dirfd"], call["pathname"], str(call["flags"]), call["mode"], call.result))

    path = str(tmp_path / "x")
    assert told(f"file={path}") == [f"file {path}: 7 content"]
    assert (-100, path, "O_RDONLY|O_CLOEXEC", 0, None) in seen


def test_after_the_call(vm, told, tmp_path):
    (tmp_path / "x").write_text("content")
    seen = []

    @vm.on("openat", "read", after=True)
    def look(call):
        if call.name == "openat":
            seen.append((call["pathname"], call.error, call.task.path(call.result) if call.result >= 0 else None))
        elif call["buf"] == b"content":
            seen.append((call["fd"], call.result, call["count"]))
            call["buf"] = b"CONTENT"
            call.result = 4

    path = str(tmp_path / "x")
    assert told(f"file={path}", f"file={path}y") == [f"file {path}: 4 CONTENT", f"file {path}y: No such file or directory"]
    assert seen[-3:] == [(path, "", path), (3, 7, 63), (f"{path}y", "ENOENT", None)]


def test_an_error(vm, told):
    @vm.on("openat")
    def fail(call):
        if call["pathname"] == "/etc/passwd":
            raise noahpy.Errno("ELOOP")

    assert told("file=/etc/passwd") == ["file /etc/passwd: Too many levels of symbolic links"]


def test_another_path(vm, told, tmp_path):
    (tmp_path / "other").write_text("other")

    @vm.on("openat")
    def redirect(call):
        if call["pathname"] == "/no/such/file":
            call["pathname"] = tmp_path / "other"

    assert told("file=/no/such/file", "file=/no/such/file") == 2 * ["file /no/such/file: 5 other"]


def test_another_buffer_is_written_whole(vm, told):
    @vm.on("write")
    def shout(call):
        if call["buf"] == b"hello":
            call["buf"] = b"HELLO " * 30000
            call.delay(0.01)

    assert told("write=hello") == ["HELLO " * 30000]


def test_a_struct_that_the_call_fills(vm, told):
    @vm.on("uname", after=True)
    def rename(call):
        call["buf"] = call["buf"].replace(nodename=b"elsewhere")
        assert isinstance(call["buf"], Utsname)

    assert told("name") == ["name elsewhere"]


def test_registers_are_kept_but_those_that_a_hook_sets(vm, told):
    @vm.on("getppid")
    def change(call):
        assert (call.task.registers.rdi, call.task.registers.r9) == (0xD1, 0x99)
        call.task.registers.rdx = 0xABC

    assert told("kept") == ["kept d1 51 abc 1010 88 99"]


def test_memory(vm, told):
    seen = []

    @vm.on("openat")
    def look(call):
        memory, address = call.task.memory, call.args["pathname"]
        if memory.read_cstr(address) == b"/a/path":
            memory.write(address, b"/b")
            seen.append(memory.read(address, 8))
            with pytest.raises(OSError, match="Bad address"):
                memory.read(1, 1)
            with pytest.raises(OSError, match="Bad address"):
                memory.write(0, b"x" * 100000)
            with pytest.raises(OSError, match="File name too long"):
                memory.read_cstr(address, 3)
            with pytest.raises(OSError, match="No such file"):
                call.task.path(-1)

    assert told("file=/a/path") == ["file /b/path: No such file or directory"]
    assert seen == [b"/b/path\0"]


def test_arguments_that_are_not_there(vm, told):
    @vm.on("getppid", "openat")
    def look(call):
        with pytest.raises(KeyError, match="no argument 'path', only"):
            call["path"]
        if call.name == "getppid":
            call.result = 42

    assert told("parent") == ["parent 42"]


def test_hooks_in_order_until_one_answers(vm, told):
    seen = []
    vm.on("getppid")(lambda call: seen.append("first"))

    @vm.on("getppid")
    def answer(call):
        seen.append("second")
        call.result = 42

    vm.on("getppid")(lambda call: seen.append("third"))
    vm.on("getppid", after=True)(lambda call: seen.append(call.result))
    assert told("parent") == ["parent 42"]
    assert seen == ["first", "second", 42]


# ---- Trees, threads, signals ----


def test_children(vm, told):
    pids = set()

    @vm.on("getppid")
    def answer(call):
        pids.add(call.task.pid)
        call.result = 42

    assert told("children=5", "parent", "vforked") == [*5 * ["child 0"], "parent 42", "parent 42", "vforked 0"]
    assert len(pids) == 7


def test_threads(vm, told):
    tids = set()

    @vm.on("getppid")
    def answer(call):
        tids.add(call.task.tid)
        assert call.task.pid == pids[0] if pids else not pids.append(call.task.pid)
        call.result = 42

    pids: list[int] = []
    assert told("threads=8") == ["threads 400"]
    assert len(tids) == 8


def test_execve(vm, told):
    @vm.on("getppid")
    def answer(call):
        call.result = 42

    @vm.on("execve", after=True)
    def look(call):
        programs.append((call.result, call.task.program))

    programs: list[tuple[int, str]] = []
    assert told("parent", "exec=parent") == ["parent 42", "parent 42"]
    assert len(programs) == 1


def test_a_call_that_a_handler_jumps_out_of_is_another_when_made_again(vm, told):
    calls = []
    vm.on("read")(lambda call: calls.append(call["fd"] == 0))
    assert told("jumps=3") == ["jumps 3"]
    assert sum(calls) == 3


def test_a_call_that_goes_on_after_a_handler_is_one(vm, told):
    seen = []
    vm.on("readv")(lambda call: seen.append(call.result))
    vm.on("readv", after=True)(lambda call: seen.append(call.result))
    assert told("waits=3") == ["waits 1 x"]
    assert seen == [None, 1]


def test_calls_whose_registers_say_all(vm, told):
    vm.on("rt_sigreturn", "execve", after=True)(lambda call: None)
    assert told("waits=3", "exec=waits=3") == ["waits 1 x", "waits 1 x"]


def test_a_signal_makes_no_hook_run_twice(vm, told):
    calls = []

    @vm.on("getppid")
    def answer(call):
        calls.append(call.task.registers.rip)

    @vm.on("getppid", after=True)
    def change(call):
        if call.result > 0:
            call.result = 42

    assert told("storm=500") == ["storm 500 disturbed"]
    assert len(calls) == 500


def test_arrays(vm, calls):
    seen = {}

    @vm.on("execve")
    def change(call):
        if call["argv"][-1] == "parent":
            seen["argv"] = call["argv"]
            call["argv"] = [calls, "write=x"]

    @vm.on("poll", "select", "pselect6", "getcwd", "getsockname", after=True)
    def look(call):
        arguments = {"poll": "fds", "getcwd": "buf", "getsockname": "addr"}
        seen[call.name] = call[arguments.get(call.name, "readfds")]
        repr(call)

    script = (
        "import os, select, socket; p = select.poll(); p.register(1, 4); p.register(2, 4); p.poll();"
        "select.select([1, 2], [], [], 0);"
        f"os.getcwd(); s = socket.socket(); s.bind(('127.0.0.1', 0)); s.getsockname(); os.execv({calls!r}, ['a', 'parent'])"
    )
    result = vm.run([sys.executable, "-I", "-c", script], capture_output=True, cwd="/usr", timeout=60)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"x\n", b"")
    assert seen["argv"] == ["a", "parent"]
    assert [(poll.fd, poll.events) for poll in seen["poll"]] == [(1, 4), (2, 4)]
    assert seen.get("select", seen.get("pselect6")) == []
    assert seen["getcwd"] == "/usr"
    assert seen["getsockname"][:2] == socket.AF_INET.to_bytes(2, sys.byteorder)


class Nothing:
    """A thread whose memory holds zeros."""

    def ask(self, what, a=0, b=0, data=b""):
        return bytes(b if what == wire.READ else 8 if what == wire.PLACE else 0)


@pytest.mark.parametrize("result", [None, 0, 3, -9])
@pytest.mark.parametrize("word", [0, 1, 4096])
def test_every_call_can_be_told(word, result):
    declared = Declarations(lazy=False)
    task = Task(Nothing(), {"pid": 1, "tid": 1, "host_pid": 1, "parent": 0, "program": b"x"})
    told = [str(Call(task, number, [word] * 6, result, declared)) for number in range(512)]
    assert len(set(told)) > 400


FAMILIES = {
    "files": "openat",
    "network": "connect",
    "process": "execve",
    "memory": "mmap",
    "signal": "rt_sigaction",
    "time": "alarm",
}


@pytest.mark.parametrize(("family", "call"), FAMILIES.items())
def test_families(family, call):
    vm = noahpy.VM()
    vm.on(f"%{family}")(print)
    assert vm.hooks.of(NUMBERS[call], after=False) == [print]
    assert vm.hooks.of(NUMBERS["getpriority"], after=False) == []
