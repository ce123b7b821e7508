"""Reads what the processes of a tree have recorded (struct ledger in native/api.h)."""

from __future__ import annotations

import os

from .._native import ffi, lib
from ..clerk import is_alive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SIZE_BITS, _OFFSET_BITS = 13, 39  # of a block's key
_PIECE = 1 << 20


class Process:
    """One process, by its last program; `place` is its number in the ledger."""

    def __init__(self, place: int, record: object) -> None:
        self.place = place
        self.pid: int = record.pid  # type: ignore[attr-defined]
        self.parent: int = record.parent  # type: ignore[attr-defined]
        self.instructions: int = record.instructions  # type: ignore[attr-defined]
        self.untold: int = record.untold  # type: ignore[attr-defined]
        self.program = os.fsdecode(ffi.string(record.program))  # type: ignore[attr-defined]
        self.ended = bool(record.ended) or not is_alive(self.pid)  # type: ignore[attr-defined]


class Module:
    """A file, or other memory, that code was executed from, and its blocks: (offset, size) -> executions."""

    def __init__(self, record: object) -> None:
        self.base: int = record.base  # type: ignore[attr-defined]
        self.end: int = record.end  # type: ignore[attr-defined]
        self.size: int = record.size  # type: ignore[attr-defined]
        self.changed: int = record.changed  # type: ignore[attr-defined]
        self.path = os.fsdecode(ffi.string(record.path))  # type: ignore[attr-defined]
        self.blocks: dict[tuple[int, int], int] = {}

    def is_as_it_was(self) -> bool:
        """Whether the file is still the one that was executed."""
        try:
            status = os.stat(self.path)
        except OSError:
            return False
        return (status.st_size, status.st_mtime_ns) == (self.size, self.changed)


class Ledger:
    """The ledger in the open file `fd`."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def lost(self) -> int:
        """Executions of blocks for which there was no place."""
        return int.from_bytes(os.pread(self.fd, 8, ffi.offsetof("struct ledger", "lost")), "little")

    def processes(self) -> list[Process]:
        """All processes, in the order of their births."""
        count = min(self._count("processes"), lib.LEDGER_PROCESSES)
        return [Process(i, record) for i, record in enumerate(self._records("process", count))]

    def modules(self) -> list[Module]:
        """All modules from which code was executed. One that two processes have found at the same time is one."""
        count = min(self._count("modules") + 1, lib.LEDGER_MODULES)
        by_number: list[Module | None] = [None] * count
        known: dict[object, Module] = {}
        for number, record in enumerate(self._records("module", count)):
            if record.ready:  # type: ignore[attr-defined]
                module = Module(record)
                by_number[number] = known.setdefault((module.path, module.size, module.changed), module)
        for number, offset, size, executions in self._blocks():
            if (found := by_number[number] if number < count else None) and executions:
                found.blocks[offset, size] = found.blocks.get((offset, size), 0) + executions
        return [module for module in known.values() if module.blocks]

    def take_trace(self, process: Process) -> bytes:
        """What of its trace an ended process has not written."""
        at = ffi.offsetof("struct ledger", "trace") + process.place * lib.TRACE_BUFFER
        rest = os.pread(self.fd, process.untold, at)
        record = ffi.offsetof("struct ledger", "process") + process.place * ffi.sizeof("struct ledger_process")
        os.pwrite(self.fd, bytes(4), record + ffi.offsetof("struct ledger_process", "untold"))
        return rest

    def _count(self, field: str) -> int:
        return int.from_bytes(os.pread(self.fd, 4, ffi.offsetof("struct ledger", field)), "little")

    def _records(self, kind: str, count: int) -> Iterator[object]:
        size = count * ffi.sizeof(f"struct ledger_{kind}")
        data = os.pread(self.fd, size, ffi.offsetof("struct ledger", kind))
        yield from ffi.from_buffer(f"struct ledger_{kind}[]", data)

    def _blocks(self) -> Iterator[tuple[int, int, int, int]]:
        """Module's number, offset, size, executions. Holes are not read: that would fill them."""
        from struct import iter_unpack

        at, end = ffi.offsetof("struct ledger", "block"), ffi.offsetof("struct ledger", "trace")
        while at < end:
            try:
                at = os.lseek(self.fd, at, os.SEEK_DATA)
            except OSError:  # there is no more
                return
            stop = min(os.lseek(self.fd, at, os.SEEK_HOLE), at + _PIECE, end)
            for key, executions in iter_unpack("<QQ", os.pread(self.fd, max(stop - at, 0), at)):
                if key:
                    offset, rest = key & ((1 << _OFFSET_BITS) - 1), key >> _OFFSET_BITS
                    yield rest >> _SIZE_BITS, offset, rest & ((1 << _SIZE_BITS) - 1), executions
            at = stop
