"""The clerk of --strace: tells what is in the ring while the tree runs."""

from __future__ import annotations

import os
from select import POLLIN, POLLOUT, poll
from time import monotonic

from .._native import lib
from ..clerk import is_alive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .lines import Lines
    from .ring import Ring

_PAUSE_MS = 1  # between looks, so that records come in numbers
_IDLE_MS = 20  # after that nobody is expected to say more at once
_LOOK_AROUND = 0.5  # s between looks for processes that were killed
_ROOM = 1 << 16  # characters that are written at a time


class Clerk:
    """Writes to the open file `out`."""

    def __init__(self, ring: Ring, out: int) -> None:
        self.ring = ring
        self.out = out
        self.text: list[str] = []

    def work(self, lines: Lines, calls: int) -> None:
        """Tell until `calls`, whose other end all processes of the tree hold, is closed."""
        ring, waits = self.ring, poll()
        waits.register(calls, POLLIN)
        os.set_blocking(calls, False)
        looked = monotonic()
        running = True
        try:
            while running:
                if self._tell(lines):
                    waits.poll(_PAUSE_MS)
                    running = _listen(calls)
                    continue
                if monotonic() - looked > _LOOK_AROUND:
                    looked = monotonic()
                    self._look_around(lines)
                if not waits.poll(_IDLE_MS):
                    lines.idle()
                    self._write()
                    ring.sleep(True)
                    if not self._tell(lines):
                        waits.poll(int(1000 * _LOOK_AROUND))
                    ring.sleep(False)
                running = _listen(calls)
            while self._tell(lines):
                pass
            lines.idle()
            for task in list(lines.tasks.values()):  # all have let go of their end, if some are not yet gone
                lines.killed(task.pid)
            self._write()
        finally:
            ring.close()

    def _tell(self, lines: Lines) -> bool:
        records = self.ring.take()
        lines.feed(records)
        self._write()
        self.ring.told()
        ended = {r.tid for r in records if r.kind in (lib.RECORD_THREAD_ENDED, lib.RECORD_ENDED)}
        if ended:
            self.ring.release(ended)
        return bool(records)

    def _write(self) -> None:
        data = "".join(self.text).encode(errors="surrogateescape")
        self.text.clear()
        while data:
            try:
                data = data[os.write(self.out, data) :]
            except BlockingIOError:
                waits = poll()
                waits.register(self.out, POLLOUT)
                waits.poll()

    def _look_around(self, lines: Lines) -> None:
        """For threads that have gone without a word."""
        gone = {tid for tid in self.ring.owners() if not is_alive(tid)}
        self._tell(lines)
        for tid in gone:
            task = lines.tasks.get(tid)
            if task and not is_alive(task.pid):
                lines.killed(task.pid)
        self._write()
        self.ring.release(gone)


def _listen(calls: int) -> bool:
    """Takes the bytes that were to wake; whether there is somebody at the other end."""
    try:
        return bool(os.read(calls, 4096))
    except BlockingIOError:
        return True
