"""Hooks of programs in a tree of their own (--root): they stay outside."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import noahpy
from tests.conftest import noahpy_command


@pytest.fixture
def root(kvm, compile_c, tmp_path):
    """A tree that holds one program."""
    if subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("the host allows no user namespaces")
    (tmp_path / "root/bin").mkdir(parents=True)
    program = compile_c(Path(__file__).with_name("calls.c"), "-pthread", "-static")
    shutil.copy(program, tmp_path / "root/bin/calls")
    return tmp_path / "root"


def test_from_python(root):
    vm = noahpy.VM()
    seen = []

    @vm.on("getppid")
    def answer(call):
        seen.append((call.task.pid, call.task.host_pid))
        call.result = 42

    @vm.event("exit")
    def end(event):
        seen.append((event.task.pid, event.value))

    result = vm.run(["/bin/calls", "parent", "children=1"], root=root, capture_output=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"parent 42\nchild 0\n", b"")
    (first, number), (second, _), *ends = seen
    assert ends == [(second, 0), (first, 0)]
    assert number not in (first, os.getpid())
    with pytest.raises(noahpy.CannotRun, match=r"^/bin/nosuch: no such file or directory$"):
        vm.run(["/bin/nosuch"], root=root)


def test_a_script_is_outside(root, tmp_path):
    (tmp_path / "hooks.py").write_text(
        "import os\nfrom noahpy import vm\n"
        "@vm.on('getppid')\ndef answer(call):\n    call.result = 42\n"
        "@vm.event('end')\ndef end(event):\n    print(os.getcwd())\n"
    )
    command = [*noahpy_command(), f"--root={root}", "--script=hooks.py", "/bin/calls", "parent"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert (result.returncode, result.stdout, result.stderr) == (0, f"parent 42\n{tmp_path}\n", "")
