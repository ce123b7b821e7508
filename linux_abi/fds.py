"""Descriptors: the guest's numbers are the host's; a range above the guest's RLIMIT_NOFILE is the VMM's own and hidden."""

from __future__ import annotations

from _thread import allocate_lock

from .uapi.fcntl import F_GETFD
from .uapi.resource import RLIMIT_NOFILE
from .uapi.structs import Rlimit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .task import Host


_NEVER_OPEN = 0x7FFFFFFF  # and not -1, which is "none" to some calls, such as signalfd(2)


class FdTable:
    """Knows which numbers are hidden: [hidden_base, hidden_base + hidden_count).

    `move(base)`, the VMM's, takes them to `base` and above: 0 or negative errno. With `lock` held a thread opens and closes
    hidden ones, looks at RLIMIT_NOFILE, and forks: so a child inherits what is whole.
    """

    def __init__(self, hidden_base: int, hidden_count: int, move: Callable[[int], int]) -> None:
        self.hidden_base = hidden_base
        self.hidden_count = hidden_count
        self.move = move
        self.lock = allocate_lock()

    def is_hidden(self, fd: int) -> bool:
        """Whether a register names a descriptor of the VMM's; its upper half is not looked at."""
        return 0 <= (fd & 0xFFFFFFFF) - self.hidden_base < self.hidden_count

    def visible(self, fd: int) -> int:
        """The descriptor in a register as the host may see it: for a hidden one, a number that gives EBADF."""
        return _NEVER_OPEN if 0 <= (fd & 0xFFFFFFFF) - self.hidden_base < self.hidden_count else fd

    def make_room(self, soft_limit: int) -> None:
        """To be called before the guest's soft RLIMIT_NOFILE becomes `soft_limit`.

        Where the host refuses to move the VMM's descriptors they stay, hidden, in the guest's range: their numbers are
        taken, and `dup2` on them gives EBADF.
        """
        base = min(soft_limit, 1 << 30)  # RLIM_INFINITY; the kernel's own bound (fs.nr_open) is far below
        if self.hidden_count and base > self.hidden_base and self.move(base) == 0:
            self.hidden_base = base

    def make_way(self, host: Host, fd: int) -> None:
        """Free the number `fd`, if the guest may use it (it is below its limit), by moving the VMM's descriptors."""
        if not self.is_hidden(fd):
            return
        limit = bytearray(Rlimit.size)
        if host.prlimit64(0, RLIMIT_NOFILE, 0, limit) < 0 or fd >= Rlimit.unpack(limit).rlim_cur:
            return
        for end in (self.hidden_base, Rlimit.unpack(limit).rlim_cur):
            base = self._gap(host, end, fd)
            if base and self.move(base) == 0:
                self.hidden_base = base
                return

    def _gap(self, host: Host, end: int, fd: int) -> int:
        """The last place below `end` with room for the VMM's descriptors, without `fd`; 0 if there is none."""
        base = end - self.hidden_count
        while base > 0:
            numbers = range(base, base + self.hidden_count)
            used = next((n for n in numbers if n == fd or host.fcntl(n, F_GETFD, 0) >= 0), None)
            if used is None:
                return base
            base = used - self.hidden_count
        return 0

    def ranges(self, first: int, last: int) -> list[tuple[int, int]]:
        """[first, last] without the hidden ones, as inclusive ranges."""
        end = self.hidden_base + self.hidden_count
        if not self.hidden_count or last < self.hidden_base or first >= end:
            return [(first, last)]
        parts = [(first, self.hidden_base - 1), (end, last)]
        return [(a, b) for a, b in parts if a <= b]


class Room:
    """While it is entered, descriptors can be opened though the guest has as many as its RLIMIT_NOFILE allows.

    They get hidden numbers then.
    """

    def __init__(self, fds: FdTable, host: Host) -> None:
        self.fds = fds
        self.host = host.now

    def __enter__(self) -> None:
        self.fds.lock.acquire()
        limit = bytearray(Rlimit.size)
        self.host.prlimit64(0, RLIMIT_NOFILE, 0, limit)
        self._guest = Rlimit.unpack(limit)
        wide = max(self._guest.rlim_cur, self.fds.hidden_base + self.fds.hidden_count)
        self.host.prlimit64(0, RLIMIT_NOFILE, bytes(self._guest.replace(rlim_cur=min(wide, self._guest.rlim_max))), 0)

    def __exit__(self, *error: object) -> None:
        self.host.prlimit64(0, RLIMIT_NOFILE, bytes(self._guest), 0)
        self.fds.lock.release()
