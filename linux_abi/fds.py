"""Descriptors: the guest's numbers are the host's; a range that it does not use is the VMM's own and hidden."""

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

    Of the VMM: `move(base)` takes them to `base` and above, 0 or negative errno; `watch()` is to be called when RLIMIT_NOFILE
    has changed, or numbers of the guest's come to be that no call has told. With `lock` held a thread opens and closes hidden
    ones, looks at RLIMIT_NOFILE, and forks: so a child inherits what is whole.
    """

    def __init__(self, hidden_base: int, hidden_count: int, move: Callable[[int], int], watch: Callable[[], None]) -> None:
        self.hidden_base = hidden_base
        self.hidden_count = hidden_count
        self.move = move
        self.watch = watch
        self.lock = allocate_lock()
        self.own_limit = 0  # the guest's soft RLIMIT_NOFILE, if the host's is another

    def is_hidden(self, fd: int) -> bool:
        """Whether a register names a descriptor of the VMM's; its upper half is not looked at."""
        return 0 <= (fd & 0xFFFFFFFF) - self.hidden_base < self.hidden_count

    def visible(self, fd: int) -> int:
        """The descriptor in a register as the host may see it: for a hidden one, a number that gives EBADF."""
        return _NEVER_OPEN if 0 <= (fd & 0xFFFFFFFF) - self.hidden_base < self.hidden_count else fd

    def give_way(self, host: Host) -> None:
        """The guest's numbers come near: take the VMM's descriptors out of their way.

        Where there is no room they stay, hidden, in the guest's range: their numbers are taken, and `dup2` on them gives EBADF.
        """
        self._move(host, self._limit(host), self.hidden_base + 1, _NEVER_OPEN)

    def make_way(self, host: Host, fd: int) -> None:
        """Free the number `fd`, if the guest may use it (it is below its limit), by moving the VMM's descriptors."""
        if self.is_hidden(fd) and fd < (limit := self._limit(host)).rlim_cur:
            self._move(host, limit, 1, fd)

    def _limit(self, host: Host) -> Rlimit:
        limit = _limit(host)
        return limit.replace(rlim_cur=self.own_limit) if self.own_limit else limit

    def settle(self, host: Host) -> None:
        """Where the hidden ones are the last of the guest's numbers, let the host's limit end before them: for EMFILE.

        To be called when they, or the limit, have become others. They are not where they can go above the limit.
        """
        host_limit, own = _limit(host), self._limit(host)
        end = self.hidden_base + self.hidden_count
        last = self.hidden_base < own.rlim_cur <= end and own.rlim_cur > own.rlim_max - self.hidden_count
        limit = own.replace(rlim_cur=self.hidden_base) if last else own
        if limit != host_limit:
            host.prlimit64(0, RLIMIT_NOFILE, bytes(limit), 0)
            self.watch()
        self.own_limit = own.rlim_cur if last else 0

    def _move(self, host: Host, limit: Rlimit, lowest: int, fd: int) -> None:
        """To the last place from `lowest` on that has room, without `fd`: right above the limit if that can be."""
        base = min(limit.rlim_cur, limit.rlim_max - self.hidden_count)
        while base >= lowest:
            numbers = range(base, base + self.hidden_count)
            used = next((n for n in numbers if n == fd or host.fcntl(n, F_GETFD, 0) >= 0), None)
            if used is None:
                if self.move(base) == 0:
                    self.hidden_base = base
                    self.settle(host)
                return
            base = used - self.hidden_count

    def ranges(self, first: int, last: int) -> list[tuple[int, int]]:
        """[first, last] without the hidden ones, as inclusive ranges."""
        end = self.hidden_base + self.hidden_count
        if not self.hidden_count or last < self.hidden_base or first >= end:
            return [(first, last)]
        parts = [(first, self.hidden_base - 1), (end, last)]
        return [(a, b) for a, b in parts if a <= b]


def _limit(host: Host) -> Rlimit:
    limit = bytearray(Rlimit.size)
    host.prlimit64(0, RLIMIT_NOFILE, 0, limit)
    return Rlimit.unpack(limit)


class Room:
    """While it is entered, descriptors can be opened though the guest has as many as its RLIMIT_NOFILE allows.

    They get hidden numbers then.
    """

    def __init__(self, fds: FdTable, host: Host) -> None:
        self.fds = fds
        self.host = host.now

    def __enter__(self) -> None:
        self.fds.lock.acquire()
        self._guest = _limit(self.host)
        wide = max(self._guest.rlim_cur, self.fds.hidden_base + self.fds.hidden_count)
        self.host.prlimit64(0, RLIMIT_NOFILE, bytes(self._guest.replace(rlim_cur=min(wide, self._guest.rlim_max))), 0)

    def __exit__(self, *error: object) -> None:
        self.host.prlimit64(0, RLIMIT_NOFILE, bytes(self._guest), 0)
        self.fds.lock.release()
