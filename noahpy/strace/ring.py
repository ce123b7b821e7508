"""Reads the records of a tree's threads (struct ring in native/api.h)."""

from __future__ import annotations

import os
from mmap import mmap
from struct import Struct
from time import monotonic_ns

from linux_abi.uapi.futex import FUTEX_WAKE
from linux_abi.uapi.x86_64 import NUMBERS

from .._native import ffi, lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_RECORD = Struct("<IBBHiiQQ")  # struct watch_record
_PART = Struct("<BxxxI")  # struct watch_part
_ARGUMENTS = Struct("<6Q")
_FIRST_LANE = ffi.offsetof("struct ring", "lane")
_LANE = ffi.sizeof("struct lane")
_DATA = ffi.offsetof("struct lane", "data")
_SIZE: int = lib.LANE_SIZE
_EVERYBODY = 0x7FFFFFFF

Parts = list[tuple[int, bytes]]  # number of an argument, and what it points to


class Record:
    """What has happened in a thread: bytes of `raw` from `at` on. `value` and `when` are as in native/api.h."""

    __slots__ = ("size", "kind", "served", "pid", "tid", "when", "value", "content")

    def __init__(self, raw: bytes, at: int = 0) -> None:
        self.size, self.kind, self.served, _, self.pid, self.tid, self.when, self.value = _RECORD.unpack_from(raw, at)
        self.content = raw[at + _RECORD.size : at + self.size]

    @classmethod
    def at(cls, when: int) -> Record:
        """Nothing but a time."""
        return cls(_RECORD.pack(_RECORD.size, lib.RECORD_END, 0, 0, 0, 0, when, 0))


def arguments(content: bytes) -> tuple[int, ...]:
    """Of a call's beginning: the six registers."""
    return _ARGUMENTS.unpack_from(content)


def parts(content: bytes, at: int = 0) -> Parts:
    """What follows from byte `at` on."""
    found = []
    while at < len(content):
        argument, size = _PART.unpack_from(content, at)
        at += _PART.size
        found.append((argument, content[at : at + size]))
        at += size + -size % 8
    return found


ARGUMENTS_SIZE = _ARGUMENTS.size


class Lane:
    """One thread's queue."""

    def __init__(self, ring: mmap, number: int) -> None:
        self.at = _FIRST_LANE + number * _LANE
        self.memory = memoryview(ring)[self.at : self.at + _DATA]
        self.data = memoryview(ring)[self.at + _DATA : self.at + _LANE]
        words = self.memory.cast("I")
        self.owner = words[:1].cast("B").cast("i")
        self.rounds = words[1:2]
        self.positions = self.memory[8:32].cast("Q")  # written, read, told

    def take(self, before: int) -> Iterator[Record]:
        """The records from before that time; their places are free from then on."""
        written, read, _ = self.positions
        first = read % _SIZE
        raw = bytes(self.data[first : first + written - read])
        raw += bytes(self.data[: written - read - len(raw)])
        at = 0
        while at < len(raw):
            record = Record(raw, at)
            if record.when > before:
                break
            yield record
            at += record.size
        self.positions[1] = read + at


class Ring:
    """All lanes of the ring in the open file `fd`; this process is its clerk."""

    def __init__(self, fd: int) -> None:
        self.memory = mmap(fd, ffi.sizeof("struct ring"))
        words = memoryview(self.memory)[:16].cast("I")
        self._clerk, self._off, self._used, self._asleep = [words[i : i + 1] for i in range(4)]
        self._clerk[0] = os.getpid()
        self._lanes: list[Lane] = []

    def take(self) -> list[Record]:
        """What has been recorded until now, in the order of times.

        What a thread records comes before what others record because of it: that is later, and so is not taken where the first
        one was not to be seen yet.
        """
        now = monotonic_ns()
        while len(self._lanes) < self._used[0]:
            self._lanes.append(Lane(self.memory, len(self._lanes)))
        found = [record for lane in self._lanes if lane.owner[0] for record in lane.take(now)]
        found.sort(key=lambda record: record.when)
        return found

    def told(self) -> None:
        """All that was taken is written: who waits may go on."""
        for lane in self._lanes:
            _, read, told = lane.positions
            if told != read:
                lane.positions[2] = read
                lane.rounds[0] = (lane.rounds[0] + 1) & 0xFFFFFFFF
                address = int(ffi.cast("intptr_t", ffi.from_buffer(lane.memory))) + 4
                lib.host_syscall_now(NUMBERS["futex"], address, FUTEX_WAKE, _EVERYBODY, 0, 0, 0)

    def release(self, gone: set[int]) -> None:
        """Give back the lanes of these threads, all of whose records are told."""
        for lane in self._lanes:
            if lane.owner[0] in gone and lane.positions[0] == lane.positions[1]:
                lane.owner[0] = 0

    def owners(self) -> list[int]:
        """The threads that have lanes."""
        return [lane.owner[0] for lane in self._lanes if lane.owner[0]]

    def sleep(self, asleep: bool) -> None:
        """Whether the next record is to wake the clerk."""
        self._asleep[0] = asleep

    def close(self) -> None:
        """Nobody reads any more: nobody is to write, or to wait."""
        self._off[0] = 1
