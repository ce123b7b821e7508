"""Reads the counts of a tree's calls, exits and times (struct counts in native/api.h) into what JSON holds."""

from __future__ import annotations

import os

from linux_abi.show.calls import NAMES
from linux_abi.show.structs import signal_name

from .._native import ffi, lib
from .table import PLACES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Process = dict[str, Any]

_SERVED = dict(zip(PLACES, (lib.SERVED_GUEST, lib.SERVED_C, lib.SERVED_PYTHON), strict=True))
_EXITS = {"syscall": lib.EXIT_SYSCALL, "fault": lib.EXIT_FAULT, "signal": lib.EXIT_SIGNAL, "memory": lib.EXIT_MEMORY}
_SECOND = 1e9
_SIZE = ffi.sizeof("struct count_process")
_FIRST = ffi.offsetof("struct counts", "process")


def read(fd: int, only: set[str] | None) -> list[Process]:
    """The processes of a tree that has ended, in the order of their births; of their calls `only` these."""
    number = min(int.from_bytes(os.pread(fd, 4, 0), "little"), lib.COUNT_PROCESSES)
    found = []
    start = 0
    for place in range(number):
        record = ffi.from_buffer("struct count_process *", os.pread(fd, _SIZE, _FIRST + place * _SIZE))
        if record.pid:
            start = start or record.start
            found.append(_process(record, start, only))
    return found


def _process(record: Any, start: int, only: set[str] | None) -> Process:
    """Times in seconds: `start` and `end` since the tree's start."""
    signal = record.status & 0x7F
    how = f"exit {record.status >> 8}" if record.end else "killed"
    return {
        "pid": record.pid,
        "parent": record.parent,
        "program": os.fsdecode(ffi.string(record.program)),
        "state": signal_name(signal) if signal else how,
        "start": (record.start - start) / _SECOND,
        "end": (record.end - start) / _SECOND if record.end else None,
        "guest": record.guest_ns / _SECOND,
        "vmm": max(record.outside_ns - record.host_ns, 0) / _SECOND,
        "host": record.host_ns / _SECOND,
        "exits": {name: record.exits[place] for name, place in _EXITS.items()},
        "calls": _calls(record, only),
    }


def _calls(record: Any, only: set[str] | None) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for place, served in _SERVED.items():
        for number in range(lib.COUNT_CALLS):
            call = record.call[served][number]
            name = NAMES.get(number, "unknown")
            if call.calls and (only is None or name in only):
                histogram = ffi.unpack(call.histogram, lib.COUNT_BUCKETS)
                while histogram and not histogram[-1]:
                    histogram.pop()
                found.setdefault(name, {})[place] = {
                    "calls": call.calls,
                    "errors": call.errors,
                    "seconds": call.ns / _SECOND,
                    "histogram": histogram,
                }
    return found
