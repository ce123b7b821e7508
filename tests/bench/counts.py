"""`python -m tests.bench.counts FOLDER`: which calls programs make, and where noahpy serves them; counts.md.

By `noahpy --count` of a few programs that do ordinary work; those that are not installed are left out.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT, noahpy_command

_HTTP = """
const http = require("http"), server = http.createServer((q, r) => r.end("x")).listen(0, () => {
    let n = 0
    const next = () => http.get({port: server.address().port}, r => {
        r.resume()
        r.on("end", () => ++n < 200 ? next() : process.exit())
    })
    next()
})
"""
_GIT = "git init -q && git add . && git -c user.name=a -c user.email=a@b commit -qm x && git gc -q && git log --stat"
_REDIS = """
redis-server --save '' --port 0 --unixsocket socket --daemonize yes >log
until [ -S socket ]; do sleep 0.1; done
redis-benchmark -q -s socket -n 2000 -c 10 -t set,get >report
redis-cli -s socket shutdown nosave
"""
PROGRAMS = {  # name -> the program that must be there, and what sh does in a copy of linux_abi/
    "python3 -c pass": ("/usr/bin/python3", "/usr/bin/python3 -c pass"),
    "gcc of a file": ("gcc", "echo 'int main(void) { return 0; }' >a.c && gcc -O2 a.c"),
    "git": ("git", _GIT),
    "make -j2 of 12 files": ("make", "for i in a b c d e f g h i j k l; do echo 'int main(void) { return 0; }' >$i.c; done;"
                             " echo 'all: a b c d e f g h i j k l' >Makefile; make -j2"),
    "find, sort, tar, gzip": ("tar", "find . | xargs -n5 cat | sort | uniq -c | tail -1; tar cf - . | gzip | wc -c"),
    "redis and its benchmark": ("redis-server", _REDIS),
    "node's http, 200 requests": ("node", f"node -e '{_HTTP}'"),
    "go run": ("go", 'printf "package main\\nfunc main() { println(1) }\\n" >m.go && HOME=$PWD go run m.go'),
}  # fmt: skip
PLACES = "guest", "C", "Python"


def count(script: str) -> dict[str, Counter[str]]:
    """Place -> calls served there, by name."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "linux_abi", Path(folder) / "work", ignore=shutil.ignore_patterns("__pycache__"))
        told = Path(folder) / "counts"
        command = [*noahpy_command(), "-q", "--count", "-o", told, "sh", "-c", script]
        subprocess.run(command, cwd=Path(folder) / "work", stdout=-3, stderr=-3, check=True)
        report = json.loads(told.read_text())
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for process in report["processes"]:
        for name, places in process["calls"].items():
            for place, what in places.items():
                found[place][name] += what["calls"]
    return found


def most(calls: Counter[str], number: int) -> str:
    return ", ".join(f"`{name}` {times}" for name, times in calls.most_common(number)) or "none"


def document() -> Iterator[str]:
    yield from ("# Which calls, and where they are served", "")
    yield "By `python -m tests.bench.counts docs`, which runs each with `noahpy --count`."
    yield from ("", f"| | calls | {' | '.join(f'in {place}' for place in PLACES)} | most often | most often in Python |")
    yield "|---|---|---|---|---|---|---|"
    for name, (program, script) in PROGRAMS.items():
        if not shutil.which(program):
            continue
        found = count(script)
        every = sum(found.values(), Counter())
        places = " | ".join(f"{found[place].total()}" for place in PLACES)
        yield f"| {name} | {every.total()} | {places} | {most(every, 5)} | {most(found['Python'], 5)} |"


def main() -> int:
    if len(sys.argv) != 2:
        print("counts: which folder is counts.md for?", file=sys.stderr)
        return 2
    text = "\n".join([*document(), ""])
    (Path(sys.argv[1]) / "counts.md").write_text(text)
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
