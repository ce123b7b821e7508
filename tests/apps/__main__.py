"""`make apps`: each script of this folder natively and in noahpy, in a table; 0 if all went as natively."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.apps.programs import document, perform, programs


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.apps", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--document", action="store_true", help="print docs/programs.md")
    parser.add_argument("--packages", action="store_true", help="print the packages that all need")
    options = parser.parse_args()
    if options.document:
        print(document(), end="")
        return 0
    if options.packages:
        print(*sorted({package for program in programs() for package in program.packages}))
        return 0
    known = {program.name: program for program in programs()}
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"there is no {unknown[0]}.sh in tests/apps")
    return run([known[name] for name in options.names or known])


def run(chosen) -> int:
    from tests.conftest import CACHE, Engine

    ways = Engine("native"), Engine("kvm")
    print(f"{'program':<12} {'as natively':<12} {'native s':>8} {'here s':>8}  what was run", flush=True)
    differing = []
    with tempfile.TemporaryDirectory(prefix="noahpy-apps-") as folder:
        os.chmod(folder, 0o755)  # for what runs as nobody
        for program in chosen:
            outcomes, seconds = [], []
            for way in ways:
                started = time.monotonic()
                outcomes.append(perform(way, program, Path(folder), CACHE))
                seconds.append(time.monotonic() - started)
            native, here = outcomes
            word = "yes" if here == native else "no"
            if native.result.status:
                word = "fails there"
            print(f"{program.name:<12} {word:<12} {seconds[0]:8.1f} {seconds[1]:8.1f}  {program.about}", flush=True)
            if word != "yes":
                diff = difflib.unified_diff(
                    str(native).splitlines(), str(here).splitlines(), "native", "noahpy", n=1, lineterm=""
                )
                differing += [f"--- {program.name}", *diff]
    print("\n".join(differing))
    return 1 if differing else 0


sys.exit(main())
