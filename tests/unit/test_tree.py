"""The record of who runs in noahpy, read from outside while it runs."""

from __future__ import annotations

import subprocess
import sys
import time

from noahpy import tree


def test_records_of_a_running_tree() -> None:
    script = "/bin/true; (exit 4); (kill -9 $BASHPID) 2>/dev/null; sleep 60 & read line; kill $!"
    guest = subprocess.Popen(
        [sys.executable, "-m", "noahpy", "/bin/bash", "-c", script], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        records: list[tree.Record] = []
        deadline = time.monotonic() + 60
        while len(records) < 5 and time.monotonic() < deadline:
            time.sleep(0.1)
            records = next((found for found in tree.trees() if found and found[0].pid == guest.pid), [])
        time.sleep(0.5)  # sleep's execve
        records = next(found for found in tree.trees() if found and found[0].pid == guest.pid)
        shell, true, left, _, sleeper = records
        assert all(record.parent == shell.pid for record in records[1:])
        assert [record.path.rpartition("/")[2] for record in records] == ["bash", "true", "bash", "bash", "sleep"]
        assert [record.state() for record in records] == ["runs", "exit 0", "exit 4", "signal 9", "runs"]
        assert shell.start <= true.start <= true.exec <= true.end
        assert true.user + true.system > 0
        assert (left.execs, sleeper.execs) == (0, 1)
    finally:
        guest.communicate(b"\n")
