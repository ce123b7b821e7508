"""Who runs: the processes of the trees that noahpy has started, out of the memory that each tree shares (native/tree.c)."""

from __future__ import annotations

import os
from _struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = "/memfd:noahpy-tree (deleted)"
_HEADER = Struct("<III4x")  # struct tree
_RECORD = Struct("<ii5QiIii192s264x")  # struct tree_record


class Record:
    """One process. Times are in seconds, points in time since 1970."""

    __slots__ = ("pid", "parent", "start", "exec", "end", "user", "system", "status", "execs", "path")

    def __init__(self, raw: bytes) -> None:
        pid, parent, start, execed, end, user, system, status, execs, _, _, path = _RECORD.unpack(raw)
        self.pid: int = pid
        self.parent: int = parent
        self.start = start / 1e9
        self.exec = execed / 1e9
        self.end = end / 1e9
        self.user = user / 1e9
        self.system = system / 1e9
        self.status: int = status  # as of wait(2); of an ended process
        self.execs: int = execs
        self.path = os.fsdecode(path.split(b"\0", 1)[0])

    def state(self) -> str:
        """`runs`, `exit N`, `signal N`, or `killed` if it is gone without having said so."""
        if not self.end:
            return "runs" if self.pid and os.path.exists(f"/proc/{self.pid}") else "killed"
        return f"signal {self.status & 0x7F}" if self.status & 0x7F else f"exit {self.status >> 8}"


def trees() -> Iterator[list[Record]]:
    """The records of each tree that still runs and whose processes are this user's, in the order of their starts."""
    seen = set()
    for process, path, memory in _holders():
        if memory in seen:
            continue
        seen.add(memory)
        try:
            with open(path, "rb") as file:
                records = _records(file.read())
            _number(records, os.readlink(f"/proc/{process}/ns/pid"))
        except OSError:  # ended meanwhile
            continue
        yield records


def members(pid: int) -> list[int]:
    """The processes that are of one tree with `pid`, and it too; empty if it is of none."""
    held = {process: memory for process, _, memory in _holders()}
    return [process for process, memory in held.items() if memory == held.get(pid)]


def _holders() -> Iterator[tuple[int, str, int]]:
    """The processes that are of a tree: number, path of the tree's memory, inode of that."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            for fd in os.listdir(f"/proc/{name}/fd"):
                path = f"/proc/{name}/fd/{fd}"
                if os.readlink(path) == _NAME:
                    yield int(name), path, os.stat(path).st_ino
        except OSError:  # ended meanwhile, or another user's
            continue


def _number(records: list[Record], namespace: str) -> None:
    """Give processes of another process namespace (--root) the numbers that they have here; ended ones keep theirs."""
    if namespace == os.readlink("/proc/self/ns/pid"):
        return
    here = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{name}/ns/pid") == namespace:
                with open(f"/proc/{name}/status", "rb") as file:
                    numbers = next(line for line in file if line.startswith(b"NSpid:"))
                here[int(numbers.split()[-1])] = int(name)
        except OSError:  # ended meanwhile, or another user's
            continue
    for record in records:
        if not record.end:
            record.pid = here.get(record.pid, 0)
        record.parent = here.get(record.parent, record.parent)


def _records(data: bytes) -> list[Record]:
    start = _HEADER.size
    if len(data) < start:  # just being made
        return []
    room, born, size = _HEADER.unpack_from(data)
    if size != _RECORD.size:  # of another version of noahpy
        return []
    raw = [data[start + i * _RECORD.size :][: _RECORD.size] for i in range(min(room, born))]
    return sorted([r for r in map(Record, raw) if r.pid], key=lambda r: r.start)


def main() -> int:
    """`noahpy processes`: a line a process."""
    from time import localtime, strftime, time

    rows = [("PID", "PARENT", "START", "SECONDS", "STATE", "PROGRAM")]
    for tree in trees():
        for r in tree:
            took = (r.end or time()) - r.start
            rows.append((str(r.pid), str(r.parent), strftime("%H:%M:%S", localtime(r.start)), f"{took:.3f}", r.state(), r.path))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    for row in rows:
        print("  ".join([*(row[i].rjust(w) if i in (0, 1, 3) else row[i].ljust(w) for i, w in enumerate(widths)), row[5]]))
    return 0
