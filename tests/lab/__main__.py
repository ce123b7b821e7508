"""Tests on genuine SVM with nested paging: `make lab`.

Guests', the engine's contract, conformance, and some of busybox's own. QEMU's TCG emulates AMD's virtualization, so KVM in a
kernel that runs there is the real one, whatever the host has or lacks. A machine is booted once and runs all tests. Guest
programs are compiled on the host, by running them there.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from noahpy.compat import busybox

from .debian import Parts
from .machine import Machine

REPOSITORY = Path(__file__).parents[2]
LAB = REPOSITORY / ".cache/lab"
SUITES = REPOSITORY / ".cache/compat"  # as `make compat-busybox` has it
STAGE = LAB / "stage"
STAGED = "noahpy", "linux_abi", "tests", "pyproject.toml", ".cache/guest", ".cache/busybox-static"

MACHINES = [Machine(model, cpus) for model in ("EPYC", "max") for cpus in (2, 1)]
QUICK = MACHINES[::3]  # both models and both numbers of CPUs
# What has one of these in its name runs on one of the machines, all else on each.
DEAR = (
    "conformance", "executed", "musl", "nofast", "pie", "proc_ending", "restart", "static", "storm", "vector_events",
    "vfork_threads",
)  # fmt: skip
COMPILERS = "gcc", "musl-gcc"
COMPILED = "tests/guest", "tests/conformance/test_conformance.py::test_vectors"
CONFORMANCE = "tests/conformance/test_conformance.py"
TESTS = (
    "tests/guest",
    "tests/engine",
    "tests/roots/test_limits.py",  # control groups are of version 2 there
    *(f"{CONFORMANCE}::test_{name}" for name in ("busybox", "python", "vectors")),
)
TWICE = f"{CONFORMANCE}::test_busybox[kvm-busybox", f"{CONFORMANCE}::test_python[kvm-tests"  # one program in there
# Fast ones that together fork, exec, pipe, sort, seek, map and signal much; no two of a kind.
BUSYBOX = (
    "ash", "awk", "cat", "cp", "cpio", "cut", "date", "dd", "diff", "expand", "find", "grep", "head", "ls", "mv",
    "od", "sed", "sort", "tail", "tar", "test", "tr", "uniq", "wc", "xargs",
)  # fmt: skip
PATIENCE = 15  # Python is about 11 times slower there
HOUR = 3600

JOB = """\
export PATH={path} NOAHPY_REQUIRE=kvm NOAHPY_PATIENCE={patience}
cd {repository}
echo {repository} >/usr/lib/python3/dist-packages/noahpy.pth
sed '1s,.*,#!/usr/bin/python3,' noahpy/bin/noahpy >/usr/bin/noahpy
chmod +x /usr/bin/noahpy
noahpy true
for compiler in {compilers}; do
    mkdir -p "$(dirname $compiler)"
    printf '#!/bin/sh\\necho "this was not compiled on the host: $*" >&2\\nexit 1\\n' >$compiler
    chmod +x $compiler
done
export LAB_RESULTS=/share/guest LAB_DEAR="{dear}" LAB_SHARE={which}/{of}
guests="python3 -m pytest -q --no-summary --color=no -p tests.lab.emulator --timeout 1800"
$guests {tests} || python3 -m tests.lab.emulator $LAB_RESULTS | LAB_SHARE=0/1 xargs -0 $guests
busybox="{busybox}"
[ -z "$busybox" ] || noahpy compat busybox --cache {suites} --jobs {cpus} --timeout 1800 --report /share/busybox.json $busybox
"""


class Count(NamedTuple):
    """Outcomes of one suite in one machine."""

    suite: str
    passed: int
    failed: int
    known: int = 0  # to go wrong in the emulator itself
    again: int = 0  # of the passed ones, had failed: a race

    def __str__(self) -> str:
        known = f", {self.known} known to the emulator" if self.known else ""
        again = f" ({self.again} the second time)" if self.again else ""
        return f"{self.suite}: {self.passed} passed{again}, {self.failed} failed{known}"


def main() -> int:
    """0 if all tests passed in all machines."""
    options = _parse()
    parts = Parts(LAB / "parts")
    parts.make()
    compile_all = [sys.executable, "-m", "pytest", "-q", "-n", "logical", *COMPILED, "-k", "native or (test_vectors and sim)"]
    subprocess.run(compile_all, cwd=REPOSITORY, check=False)
    if options.busybox:
        busybox.suite(SUITES, None)
    _stage(options.busybox)
    ran = []
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for lines, counts in pool.map(partial(_run, parts, options), options.machines):
            print("\n".join(lines), flush=True)
            ran.append((lines[-1], counts))
    passed, failed = (sum(getattr(count, what) for _, counts in ran for count in counts) for what in ("passed", "failed"))
    print("\n".join([*(last for last, _ in ran), f"lab: {passed} passed, {failed} failed"]))
    return failed != 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m tests.lab", description=__doc__)
    parser.add_argument(
        "--machine", dest="machines", action="append", type=_machine, metavar="MODEL:CPUS", help="default: four"
    )
    parser.add_argument(
        "-k", dest="wanted", default="(kvm or test_limits)", metavar="EXPRESSION", help="which tests, as pytest takes it"
    )
    parser.add_argument("--no-busybox", dest="busybox", action="store_const", const=(), default=BUSYBOX)
    parser.add_argument("--quick", action="store_true", help="what all machines run, on two of them")
    parser.add_argument("--timeout", type=float, default=HOUR, metavar="SECONDS", help="for one machine (default: an hour)")
    options = parser.parse_args()
    options.machines = options.machines or (QUICK if options.quick else MACHINES)
    options.tests = [*TESTS, *(f"--deselect={test}" for test in TWICE)]
    return options


def _machine(text: str) -> Machine:
    model, _, cpus = text.rpartition(":")
    return Machine(model, int(cpus))


def _stage(busybox: Sequence[str]) -> None:
    """Copy what the machines see: what is edited during a run does not matter to it."""
    shutil.rmtree(STAGE, ignore_errors=True)
    for name in [*STAGED, *([str(SUITES.relative_to(REPOSITORY))] if busybox else [])]:
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        (STAGE / name).parent.mkdir(parents=True, exist_ok=True)
        copy(REPOSITORY / name, STAGE / name)


def _run(parts: Parts, options: argparse.Namespace, machine: Machine) -> tuple[list[str], list[Count]]:
    """What is to be printed of a machine's run, ending with one line on all of it, and the counts."""
    started = time.monotonic()
    share = LAB / f"{machine.model}-{machine.cpus}"
    shutil.rmtree(share, ignore_errors=True)
    which, of = (0, 0) if options.quick else (options.machines.index(machine), len(options.machines))
    applets = options.busybox[::5] if options.quick else options.busybox[which::of]
    values = {
        "busybox": " ".join(f"--tests {applet}" for applet in applets),
        "compilers": " ".join(shlex.quote(path) for name in COMPILERS if (path := shutil.which(name))),
        "cpus": machine.cpus,
        "dear": " ".join(DEAR),
        "of": of,
        "path": shlex.quote(os.environ["PATH"]),
        "patience": PATIENCE,
        "repository": shlex.quote(str(REPOSITORY)),
        "suites": shlex.quote(str(SUITES)),
        "tests": shlex.join([*options.tests, "-m", "not slow", "-k", options.wanted]),
        "which": which,
    }
    print(f"lab: {machine}: see {share / 'output'}", flush=True)
    died = machine.run(parts, STAGE, REPOSITORY, share, JOB.format(**values), options.timeout)
    lines = [(share / "output").read_text(errors="replace")]
    counts = [_guest(share / "guest", lines)]
    if died:
        lines.append(f"lab: {machine}: {died}; the kernel's words are in {share / 'console'}")
        counts.append(Count("its end", 0, 1))
    if options.busybox:
        counts.append(_busybox(share / "busybox.json"))
    lines.append(f"{machine}: {'; '.join(map(str, counts))}; {time.monotonic() - started:.0f} s")
    return lines, counts


def _guest(report: Path, lines: list[str]) -> Count:
    """What the plugin has noted, failures with why in `lines`: a skipped test has failed. What failed has had a second run."""
    results = [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []
    last = {result["test"]: result["outcome"] for result in results}
    again = 0
    for result in results:
        if result["outcome"] not in ("passed", "known"):
            then = last[result["test"]]
            again += then == "passed"
            lines.append(f"lab: {result['test']}: {result['outcome']}, then {then}\n{result['why']}")
    outcomes = Counter(last.values())
    failed = outcomes["failed"] + outcomes["skipped"] if results else 1
    return Count("tests", outcomes["passed"], failed, outcomes["known"], again)


def _busybox(report: Path) -> Count:
    """What went as natively in the same machine."""
    if not report.exists():
        return Count("busybox", 0, 1)
    content = json.loads(report.read_text())
    cases = sum(len(unit["cases"]["native"]) for unit in content["units"])
    differing = len(content["differences"])
    return Count("busybox", cases - differing, differing)


sys.exit(main())
