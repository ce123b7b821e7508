"""`python -m tests.bench` (make bench): the same work natively, in noahpy, and in its peers where they are installed.

One interleaved run: in each round every engine does every benchmark once, so that what else the machine does strikes all
alike. Printed are medians and their ratio to the native one.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from tests.bench import report
from tests.bench.report import in_unit
from tests.conftest import CACHE, noahpy_command

HERE = Path(__file__).parent
PEERS = {"qemu-user": ["qemu-x86_64"], "proot": ["proot"], "strace -f": ["strace", "-f", "-o", "/dev/null"], "blink": ["blink"]}
TOO_SLOW = {"C project, make -j2": ("no-fast", "sim")}  # minutes a round
PORT = 17391
READY = 30  # seconds, for a server's start
NGINX = f"""
daemon off; worker_processes 1; pid ready; error_log stderr; user {getpass.getuser()};
events {{}} http {{ access_log off; server {{ listen 127.0.0.1:{PORT}; root FOLDER; }} }}
"""

Samples = dict[str, dict[str, list[float]]]  # benchmark -> engine -> nanoseconds


def build(name: str = "bench") -> Path:
    program = CACHE / "bench" / name
    source = HERE / f"{name}.c"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        program.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["gcc", "-O2", "-static", "-pthread", source, "-o", program], check=True)
    return program


def engines() -> dict[str, list[str]]:
    found = {name: command for name, command in PEERS.items() if shutil.which(command[0])}
    noahpy = noahpy_command()
    ways = {"by exits": ["--exitless", "never"], "no-fast": ["--no-fast"], "sim": ["--engine", "sim"]}
    return {"native": [], "noahpy": noahpy, **{name: [*noahpy, *options] for name, options in ways.items()}, **found}


def inside(program: Path, name: str) -> Callable[[list[str]], float]:
    """What the program itself measures: nanoseconds an operation."""

    def measure(command: list[str]) -> float:
        return float(subprocess.run([*command, program, name], check=True, capture_output=True, timeout=300).stdout)

    return measure


def outside(*argv: str | Path) -> Callable[[list[str]], float]:
    """Nanoseconds from a program's start to its end, seen from here."""

    def measure(command: list[str]) -> float:
        start = time.perf_counter_ns()
        subprocess.run([*command, *argv], check=True, capture_output=True, timeout=300)
        return time.perf_counter_ns() - start

    return measure


def built(command: list[str]) -> float:
    """Nanoseconds of a make of 100 C files, two at a time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i in range(100):
            (folder / f"unit{i}.c").write_text(
                f"#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
                f'int unit{i}(const char *text) {{ printf("%s %zu\\n", text, strlen(text)); return atoi(text) + {i}; }}\n'
            )
        (folder / "Makefile").write_text("units.a: $(patsubst %.c,%.o,$(wildcard *.c))\n\t$(AR) rcs $@ $^\n")
        return outside("make", "-s", "-j2", "CFLAGS=-O1", "-C", name)(command)


def served(server: list[str], place: str, client: list[str], per_second: str) -> Callable[[list[str]], float]:
    """Nanoseconds a request of a native client to a server that is ready when `place` is there; its report has `per_second`."""

    def measure(command: list[str]) -> float:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "nginx.conf").write_text(NGINX.replace("FOLDER", folder))
            (Path(folder) / "index.html").write_text("hello\n")
            process = subprocess.Popen([*command, *server], cwd=folder, stdout=-3, stderr=-3, start_new_session=True)
            try:
                patience = time.monotonic() + READY
                while not (Path(folder) / place).exists():
                    if process.poll() is not None or time.monotonic() > patience:
                        raise subprocess.CalledProcessError(process.returncode or 1, server)
                    time.sleep(0.01)
                report = subprocess.run(client, cwd=folder, check=True, capture_output=True, text=True, timeout=300).stdout
            finally:
                end_group(process.pid, signal.SIGTERM)  # strace(1) by itself would leave the server behind
                try:
                    process.wait(READY)
                except subprocess.TimeoutExpired:
                    end_group(process.pid, signal.SIGKILL)
        return 1e9 / float(re.findall(per_second, report)[-1])

    return measure


def shell_script() -> Path:
    """200 lines of shell that fork 100 times: 60 command substitutions, 20 pipes of a subshell and a builtin."""
    lines = []
    for i in range(20):
        lines += [
            f"name=item{i} count=$(({i} * 3)) list=",
            f'for word in one two three {i}; do list="$list $word"; done',
            "case $name in item1*) kind=first ;; *) kind=other ;; esac",
            "f() { [ $# -eq 2 ] && echo $1-$2; }",
            "joined=$(f $name $kind)",
            f"sum=$(echo $((count + {i})))",
            "words=$(set -- $list; echo $#)",
            "( echo $joined ) | while read line; do [ $line = $joined ] || exit 1; done",
            f"[ $sum = {i * 4} ] && [ $words = 4 ] || exit 1",
            ": ${missing:=$name} ${#joined} ${list%three*}",
        ]
    path = CACHE / "bench" / "forks.sh"
    path.write_text("\n".join(lines) + "\n")
    return path


def benchmarks(program: Path) -> dict[str, Callable[[list[str]], float]]:
    names = subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()
    python = os.path.realpath(sys.executable)
    return {
        **{name: inside(program, name) for name in names},
        "redis: a GET": served(
            ["redis-server", "--port", "0", "--unixsocket", "redis", "--save", ""],
            "redis",
            ["redis-benchmark", "-s", "redis", "-n", "2000", "-c", "10", "-t", "get", "--csv"],
            r'"GET","([0-9.]+)"',
        ),
        "nginx: a small file": served(
            ["nginx", "-p", ".", "-c", "nginx.conf"],
            "ready",
            ["ab", "-q", "-k", "-n", "1000", "-c", "10", f"http://127.0.0.1:{PORT}/"],
            r"Requests per second: +([0-9.]+)",
        ),
        "shell: 100 forks": outside("/bin/sh", shell_script()),
        "start: static program": outside(program, "nothing"),
        "start: python -S -c pass": outside(python, "-S", "-c", "pass"),
        "start: python3 -c pass": outside("/usr/bin/python3", "-c", "pass"),
        "gcc -c hello.c": outside("gcc", "-c", HERE / "hello.c", "-o", CACHE / "bench" / "hello.o"),
        "C project, make -j2": built,
    }


def end_group(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):  # it may have ended by itself
        os.killpg(pid, number)


def measure(chosen: dict[str, Callable[[list[str]], float]], rounds: int) -> tuple[Samples, dict[str, list[float]]]:
    """Samples of what is chosen, and of the floors."""
    samples: Samples = {name: {} for name in chosen}
    floors: dict[str, list[float]] = {}
    for number in range(rounds):
        for what, nanoseconds in floor().items():
            floors.setdefault(what, []).append(nanoseconds)
        for name, once in chosen.items():
            for engine, command in engines().items():
                if engine in TOO_SLOW.get(name, ()):
                    continue
                progress(f"round {number + 1} of {rounds}: {name}, {engine}")
                try:
                    samples[name].setdefault(engine, []).append(once(command))
                except (subprocess.SubprocessError, ValueError):
                    if engine == "native":
                        raise
    progress("")
    return samples, floors


def floor() -> dict[str, float]:
    """What no VMM could be faster than here (floor.c), in nanoseconds; nothing where there is no KVM."""
    program = build("floor")
    found = {}
    for what in ("exit", "call", "inside", "asked", "page", "fork"):
        result = subprocess.run([program, what], capture_output=True, text=True, timeout=60)
        if result.returncode:
            return {}
        found[what] = float(result.stdout)
    return found


def over_floor(samples: Samples, floors: dict[str, list[float]], engine: str) -> float | None:
    """How much longer getppid(2) takes than a bare exit by SYSCALL: the median of the rounds' differences, nanoseconds."""
    took = samples.get("getppid", {}).get(engine)
    if not took or not floors:
        return None
    return statistics.median(took - least for took, least in zip(took, floors["call"], strict=True))


def progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def table(samples: Samples) -> Iterator[str]:
    columns = list(engines())
    yield f"{'':26}" + "".join(f"{name:>18}" for name in columns)
    for name, by_engine in samples.items():
        native = statistics.median(by_engine["native"])
        cells = []
        for engine in columns:
            if values := by_engine.get(engine):
                median = statistics.median(values)
                cells.append(f"{in_unit(median):>9}" + (f"{median / native:>8.2f}×" if engine != "native" else f"{'':9}"))  # noqa: RUF001
            else:
                cells.append(f"{'too slow' if engine in TOO_SLOW.get(name, ()) else 'fails':>9}{'':9}")
        yield f"{name:26}" + "".join(cells)


def start_over_python(samples: Samples) -> float | None:
    """How much longer noahpy takes to start a static program than its own interpreter takes to do nothing: nanoseconds."""
    static, python = samples.get("start: static program"), samples.get("start: python -S -c pass")
    if not static or not python or "noahpy" not in static:
        return None
    return statistics.median(static["noahpy"]) - statistics.median(python["native"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench, or python -m tests.bench", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="these benchmarks only")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is run (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples, in nanoseconds, to FILE")
    parser.add_argument("--report", type=Path, metavar="FOLDER", help="write measured.json, .md and .svg there")
    options = parser.parse_args()
    known = benchmarks(build())
    if unknown := sorted(set(options.names) - set(known)):
        parser.error(f"there is no {', '.join(unknown)}; there are: {', '.join(known)}")
    load = [os.getloadavg()[0]]
    samples, floors = measure(
        {name: once for name, once in known.items() if not options.names or name in options.names}, options.rounds
    )
    print("\n".join(table(samples)))
    if (over := start_over_python(samples)) is not None:
        print(f"\nnoahpy's start of a static program takes {in_unit(over)} more than python -S -c pass takes natively.")
    over_floors = {name: over for name in ("by exits", "no-fast") if (over := over_floor(samples, floors, name)) is not None}
    run: report.Run = {
        "cpu": cpu(),
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "engine": engine(),
        "python": platform.python_version(),
        "load": [*load, os.getloadavg()[0]],
        "rounds": options.rounds,
        "unit": "ns",
        "too_slow": TOO_SLOW,
        "floors": {what: statistics.median(values) for what, values in floors.items()},
        "over_floor": over_floors,
        "medians": {name: {e: statistics.median(v) for e, v in row.items() if v} for name, row in samples.items()},
    }
    if floors:
        print(f"\n{report.floors(run)}")
    if options.json:
        options.json.write_text(json.dumps({**run, "samples": samples}, indent=1) + "\n")
    if options.report:
        report.write(run, options.report)
    return 0


def cpu() -> str:
    """The CPU's name."""
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def engine() -> str:
    """What noahpy runs on here, as doctor says."""
    said = subprocess.run([*noahpy_command(), "doctor"], capture_output=True, text=True).stdout
    found = re.search(r"^engine +(.*)$", said, re.MULTILINE)
    return found[1] if found else "no engine"


if __name__ == "__main__":
    sys.exit(main())
