"""Events: what becomes of processes and threads."""

from __future__ import annotations

import os
import signal

import pytest

import noahpy


@pytest.fixture
def seen(vm):
    """All events, as (name, pid, tid, value)."""
    events = []
    for name in ("fork", "exec", "thread", "exit", "signal"):

        @vm.event(name)
        def note(event):
            events.append((event.name, event.task.pid, event.task.tid, event.value))

    return events


def test_children(seen, told):
    told("children=3")
    main = seen[-1][1]
    children = [pid for name, pid, _, parent in seen if name == "fork" and parent == main]
    assert len(children) == 3
    assert seen == [
        *[event for child in children for event in [("fork", child, child, main), ("exit", child, child, 1)]],
        ("exit", main, main, 0),
    ]


def test_vfork_and_exec(vm, seen, told, calls):
    programs = []
    vm.event("exec")(lambda event: programs.append((event.task.program, event.task.memory.read(event.task.registers.rip, 2))))
    told("vforked", "exec=name")
    child, main = seen[0][1], seen[-1][1]
    assert [event[:2] for event in seen] == [("fork", child), ("exec", child), ("exit", child), ("exec", main), ("exit", main)]
    assert [program for program, _ in programs] == [calls, calls]


def test_threads(seen, told):
    told("threads=4")
    main = seen[-1][1]
    threads = {tid for name, pid, tid, _ in seen if name == "thread" and pid == main}
    assert len(threads) == 4
    assert main not in threads
    assert [event for event in seen if event[0] != "thread"] == [("exit", main, main, 0)]


def test_signals(seen, told):
    told("waits=3")
    assert [(name, value) for name, _, _, value in seen] == [*3 * [("signal", signal.SIGALRM)], ("exit", 0)]


def test_killed(vm, seen, calls):
    result = vm.run(["sh", "-c", f"{calls} segv; kill -KILL $$"], stderr=noahpy.DEVNULL)
    assert result.returncode == -signal.SIGKILL
    (shell,) = [pid for name, pid, _, _ in seen if name == "exec" for pid in [seen[0][3]]]
    ends = [(pid == shell, value) for name, pid, _, value in seen if name == "exit"]
    assert ends[0] == (False, None)


def test_an_event_that_there_is_not():
    with pytest.raises(ValueError, match="no event is named 'fsck', only fork, exec, thread, exit, signal"):
        noahpy.VM().event("fsck")


def test_a_hook_of_an_event_that_fails(options, calls, capfd):
    vm = noahpy.VM(*options)

    @vm.event("fork")
    def fail(event):
        raise KeyError(1)

    assert vm.run([calls, "children=1"]).returncode == -signal.SIGKILL
    assert f"{__file__}:" in capfd.readouterr().err
    assert os.path.exists(calls)
