"""Address space layout randomization: how far from their places the parts of an address space are put.

The far part of each distance is drawn once for a whole tree of processes, the near part (within 16 MiB) at every execve. So an
exec'd program finds the memslots of the one before it, which are what the engine takes longest to change; an attacker outside
of the tree faces all of Linux's randomness.
"""

from __future__ import annotations

import os

_NEAR = (16 << 20) // 4096  # pages: a chunk of the engine's (native/kvm.c)


class Aslr:
    """Draws distances; all are 0 when it is off."""

    def __init__(self, on: bool) -> None:
        self.on = on
        self._far: dict[str, int] = {}

    def pages(self, what: str, count: int) -> int:
        """A number below `count`, a multiple of 4096: by how many pages to move `what`."""
        if not self.on:
            return 0
        fresh = int.from_bytes(os.urandom(8), "little") % count
        far = self._far.setdefault(what, fresh // _NEAR)
        return far * _NEAR + fresh % _NEAR
