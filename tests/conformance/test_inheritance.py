"""What a program gets from the one that starts it, and what that one gets back."""

# ruff: noqa: E501
from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.conformance.test_conformance import ENVIRONMENT
from tests.conftest import Engine

ALL_DESCRIPTORS = """
import os, resource
pipes = []
try:
    while True: pipes.append(os.pipe())
except OSError as error: print(error.strerror, len(pipes) > 100, resource.getrlimit(resource.RLIMIT_NOFILE))
print({(os.write(write, b'x'), os.read(read, 1)) for read, write in pipes})
os.closerange(3, 5000)
print(resource.getrlimit(resource.RLIMIT_NOFILE), os.dup2(0, 299), os.dup2(0, 280), os.dup(0))
print(len(os.listdir('/proc/self/fd')))
"""
# Name -> what a shell does; "$@" is the engine, which gets the program as its last arguments.
SCRIPTS = {
    "stdin is closed": '"$@" ls -l /proc/self/fd/0 <&-; echo $?',
    "stdout is closed": '"$@" echo text >&-; echo $?',
    "stderr is closed": '"$@" ls absent 2>&-; echo $?',
    "all are closed": '"$@" true <&- >&- 2>&-; echo $?',
    "all are closed, and a file is opened": '"$@" sh -c "echo one > out; echo two > out2" <&- >&- 2>&-; cat out out2; echo $?',
    "the position in a file is shared": 'exec <lines; read a; "$@" head -c 2; read b; echo "$a $b"',
    "output goes where output was": '{ echo before; "$@" echo inside; echo after; } >out; cat out',
    "appending": '"$@" sh -c "echo one; echo two" >>lines; cat lines',
    "a descriptor that is handed down": '"$@" bash -c "read -u 7 x; echo \\$x" 7<lines',
    "a high descriptor": 'exec 250<lines; "$@" bash -c "read -u 250 x; echo \\$x; ls /proc/self/fd | wc -l"',
    "nobody reads": 'set -o pipefail; "$@" yes | head -n 1; echo $?',
    "a pipe through three": '"$@" seq 10000 | "$@" sort -r | "$@" tail -n 2',
    "exit status": 'for s in 0 1 2 126 127 128 137 255; do "$@" sh -c "exit $s"; echo $?; done',
    "death by signal": 'for s in HUP INT QUIT KILL USR1 PIPE ALRM TERM; do "$@" sh -c "kill -$s \\$\\$"; echo $?; done 2>/dev/null',
    "an ignored signal stays ignored": 'trap "" TERM; "$@" bash -c "kill -TERM \\$\\$; echo lives"',
    "a caught signal is not": 'trap "echo caught" USR1; "$@" sh -c "kill -USR1 \\$\\$"; echo $?',
    "umask": 'umask 027; "$@" sh -c "umask; : > made"; stat -c %a made',
    "working directory": 'cd sub && "$@" pwd',
    "working directory that is gone": 'mkdir gone; cd gone; rmdir ../gone; "$@" /bin/pwd; echo $?',
    "soft limit below the hard one": 'ulimit -Sn 100; "$@" bash -c "ulimit -Sn; ulimit -Hn; ulimit -Sn 200; exec 150<lines && echo 150"',
    "a low limit on descriptors": f'ulimit -n 300; "$@" python3 -c "{ALL_DESCRIPTORS}"',
    "a limit on descriptors that is reached late": f'ulimit -n 4096; "$@" python3 -c "{ALL_DESCRIPTORS}"',
    "limit on core files, file size and stack": 'ulimit -c 0 -f 100 -s 4096; "$@" bash -c "ulimit -c -f -s"',
    "priority": '"$@" nice; nice -n 5 "$@" nice',
    "own process group": 'set -m; "$@" sh -c "ps -o pid=,pgid= -p \\$\\$" | awk "{ print \\$1 == \\$2 }"',
    "parent": '"$@" sh -c "echo \\$PPID" | grep -qx $$ && echo same',
    "environment": 'A=1 B="two words" "$@" env | grep -v ^_= | sort',
    "empty environment": 'env -i "$@" /usr/bin/env',
    "arguments": '"$@" printf "<%s>" a "" "b c" "*" "$(printf "\\303\\050\\n")x" -n --',
    "name in PATH": 'mkdir bin; cp /bin/echo bin/tool; PATH=$PWD/bin:$PATH; "$@" tool found',
    "in the background": '"$@" sleep 5 & p=$!; kill $p; wait $p; echo $?',
    "stopped and continued": '"$@" sh -c "kill -STOP \\$\\$; echo on" & p=$!; while ! grep -q "^State:.T" /proc/$p/status; do :; done; kill -CONT $p; wait $p; echo $?',
    "seen by ps": '"$@" sleep 60 & p=$!; while [ "$(cat /proc/$p/comm)" != sleep ]; do :; done; ps -o args= -p $p; kill $p',
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_inheritance(name: str, guest: Engine, tmp_path: Path) -> None:
    outcomes = []
    for engine in Engine("native"), guest:
        place = tmp_path / "place"
        place.mkdir()
        (place / "sub").mkdir()
        (place / "lines").write_text("".join(f"line {i}\n" for i in range(10)))
        # `env` in the native place keeps the number of words and of processes the same.
        command = engine.command or ["env"]
        result = Engine("native").run(
            ["bash", "-c", SCRIPTS[name], "bash", *command], cwd=place, env=engine.environment(ENVIRONMENT)
        )
        outcomes.append((result.stdout.decode(errors="replace"), result.stderr.decode(errors="replace"), result.status))
        place.rename(tmp_path / engine.name)
    assert outcomes[1] == outcomes[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGSEGV, signal.SIGUSR2])
def test_killed_from_outside(number: int, engine: Engine, tmp_path: Path) -> None:
    script = f'"$@" sh -c "echo > ready; read x" < fifo & p=$!; exec 3>fifo; until [ -e ready ] || ! kill -0 $p; do sleep 0.01; done; kill -{number:d} $p; wait $p; echo $?'
    result = Engine("native").run(["bash", "-c", f"mkfifo fifo; {script}", "bash", *(engine.command or ["env"])], cwd=tmp_path)
    assert result.stdout.decode() == f"{128 + number}\n"
