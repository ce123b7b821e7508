"""Address space layout randomization: how far from their places the parts of an address space are put.

The far part of each distance is drawn once for a whole tree of processes, the near part (within 2 MiB) at every execve. So an
exec'd program finds the memslots of the one before it, which are what the engine takes longest to change; an attacker outside
of the tree faces all of Linux's randomness.
"""

from __future__ import annotations

from ._native import lib

_KINDS = {"stack": lib.ASLR_STACK, "mmap": lib.ASLR_MMAP, "image": lib.ASLR_IMAGE, "heap": lib.ASLR_HEAP}


class Aslr:
    """Draws distances (native/load.c); all are 0 when it is off."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def pages(self, what: str, count: int) -> int:
        """A number below `count`, a multiple of 4096: by how many pages to move `what`."""
        return lib.aslr_pages(_KINDS[what], count) if self.on else 0
