"""Measuring what a program executes (docs/measuring.md): not imported unless asked for."""

from __future__ import annotations

import os
import sys

from .._native import ffi, lib
from ..clerk import make, no_stream
from ..errors import CannotRun
from .clerk import Clerk
from .ledger import Ledger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..cli import Options


def begin(options: Options) -> None:
    """Choose the simulated CPU, make the clerk and tell the engine, which is not open yet, what to record.

    CannotRun: it can't be.
    """
    coverage = f"--coverage={options.coverage}" if options.coverage else ""
    what = coverage or ("--trace=blocks" if options.trace else "--count-instructions")
    if options.engine == "kvm":
        raise CannotRun(f"{what} needs the simulated CPU, not --engine kvm")
    if options.coverage == "lcov" and not any(os.path.exists(os.path.join(path, "elftools")) for path in sys.path):
        raise CannotRun("--coverage=lcov needs the Python package pyelftools: python -m pip install pyelftools")
    try:
        out = options.out()
        ledger = no_stream(os.memfd_create("noahpy-ledger"))
        os.ftruncate(ledger, ffi.sizeof("struct ledger"))
        asked, ask = map(no_stream, os.pipe())
        answer, answered = map(no_stream, os.pipe())
        work = Clerk(options, Ledger(ledger), out).work
        make(lambda: work(asked, answered), {ledger, asked, answered, out})
    except OSError as error:
        raise CannotRun(f"{what}: {error.strerror}") from error
    os.close(asked)
    os.close(answered)
    wanted = options.counts * lib.MEASURE_COUNTS | options.trace * lib.MEASURE_TRACE
    wanted |= bool(options.coverage) * lib.MEASURE_COVERAGE
    trace = -1
    if options.trace:
        trace = os.dup(out) if out == 2 else out
    elif out != 2:
        os.close(out)
    failed = lib.measure(wanted, ledger, ask, answer, trace)
    if failed:
        raise CannotRun(f"{what}: {os.strerror(-failed)}")
    if options.engine == "auto" and not options.quiet:
        os.write(2, f"noahpy: {what} needs it: the CPU is simulated, and slow\n".encode())
    options.engine = "sim"
