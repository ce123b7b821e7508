"""A hook on one call costs the others nothing: who serves them is counted."""

from __future__ import annotations

import json
import subprocess
import sys

from linux_abi.uapi.x86_64 import NUMBERS

NOT_ASKED_FOR = tuple(f"noahpy.{name}" for name in ("hooks", "inject", "once", "strace", "clerk", "roots", "measure"))
# noahpy with one more instrument, which writes how often C has finished calls. Its argument: a hook's, or nothing.
COUNTING = """
import json, os, sys
from noahpy import image

image.use()

from noahpy import cli, instrument
from noahpy._native import lib

class Counts(instrument.Instrument):
    calls = [231]  # exit_group, at which C would end the process
    first = os.getpid()

    def wrap(self, number, entry):
        return entry

    def ending(self, task, status):
        if os.getpid() == self.first:
            counts = [lib.fast_count(number) for number in range(512)]
            os.write(2, json.dumps({"counts": counts, "modules": list(sys.modules)}).encode())

cli.obey(sys.argv[1:], [Counts()])
"""


def counts(*args: str) -> tuple[dict[int, int], list[str]]:
    """Call -> how often C has finished it in the first process of a run of noahpy; and the modules that were imported."""
    result = subprocess.run([sys.executable, "-c", COUNTING, *args], capture_output=True, text=True, timeout=60)
    told = json.loads(result.stderr)
    return {number: count for number, count in enumerate(told["counts"]) if count}, told["modules"]


def test_only_hooked_calls_leave_the_fast_paths(kvm, calls, tmp_path):
    what = ["--no-aslr", calls, "parent", "file=/etc/hostname", "children=2", "name"]
    without, modules = counts("--engine=kvm", *what)
    assert without[NUMBERS["openat"]] > 1
    others = {number: count for number, count in without.items() if number != NUMBERS["openat"]}
    (tmp_path / "hooks.py").write_text("from noahpy import vm\nvm.on('openat')(lambda call: None)\n")
    assert counts("--engine=kvm", f"--script={tmp_path}/hooks.py", *what)[0] == others
    assert counts("--engine=kvm", "--inject=openat:error=EIO:when=99", *what)[0] == others
    assert "noahpy.run" in modules
    assert [name for name in modules if name.startswith(NOT_ASKED_FOR)] == []
