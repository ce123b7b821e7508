"""Whose files in procfs are views: the guest's own process and the others of its tree, which are guests too (proc(5)).

Each of them is asked the same. Of its own process the guest's books tell all; of another one what its host process shows: it
has the same window at the same place, since all of a tree are forks of one process.
"""

from __future__ import annotations

from os import O_DIRECTORY, O_RDONLY, close, getpid, listdir

from .errors import LinuxError
from .host import own
from .signals import KEPT
from .uapi.signals import SIG_DFL, SIG_IGN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .task import Task

PAGE = 4096
_USER_WORKER = 0x4000  # PF_USER_WORKER in a thread's flags: the kernel's, for KVM
_FLAGS = 6  # of a thread's stat, counted behind its name
_HELPER = b"noahpy-exitless"  # the name of the VMM's own (native/exitless.c)


class Own:
    """The process that looks."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.pid = getpid()
        self.exe = task.group.exe
        self.layout = task.group.layout

    def maps(self) -> bytes:
        """The text of /proc/PID/maps."""
        return self.task.mm.maps()

    def threads(self) -> set[int]:
        """The numbers of the guest's threads; the host's process has more, such as KVM's."""
        return {self.pid, *self.task.group.tids()}

    def hides(self, fd: int) -> bool:
        """Whether a descriptor is the VMM's."""
        return self.task.group.fds.is_hidden(fd)

    def exe_file(self) -> bytes:
        """Where the host finds the program."""
        return self.task.group.exe_file()

    def signal_sets(self, _host: tuple[int, int, int]) -> tuple[int, int, int]:
        """The blocked, ignored and caught signals as bit sets, where the host says `host`."""
        ignored = caught = 0
        for number, action in self.task.group.actions.items():
            if action.sa_handler == SIG_IGN:
                ignored |= 1 << (number - 1)
            elif action.sa_handler != SIG_DFL:
                caught |= 1 << (number - 1)
        return self.task.blocked, ignored, caught

    def resident(self, pages: int, file_pages: int, limit: int) -> tuple[int, int]:
        """Resident pages, and how many of them files back, where the host says `pages` and `file_pages`.

        What the VMM has taken since it started, at most `limit` bytes: the true figure is in smaps, for the price of a walk
        over all pages.
        """
        if not (at_start := self.task.host.resident_at_start):
            return _resident(self)
        total_at_start, files_at_start = at_start
        resident = min(max(pages - total_at_start, 0), limit // PAGE)
        return resident, min(max(file_pages - files_at_start, 0), resident)


class Other:
    """Another process of the tree. That it catches SIGSEGV or SIGBUS is not seen, nor memory that it has made inaccessible."""

    layout = (0,) * 5  # as to who may not trace it (proc_pid_stat(5))

    def __init__(self, task: Task, pid: int, hidden: int, program: int) -> None:
        self.task = task
        self.pid = pid
        self._hidden = range(hidden, hidden + task.group.fds.hidden_count)
        self._program = program

    @property
    def exe(self) -> bytes:
        """The program's path."""
        try:
            return own.target(f"{self.pid}/fd/{self._program}")
        except OSError as error:  # the process has ended
            raise LinuxError(error.errno or 0) from None

    def maps(self) -> bytes:
        """As Own.maps(): the host's areas in the window. Where the guest has none, the window is one that nobody may touch."""
        areas = _guest_areas(self.task, content(f"{self.pid}/maps").splitlines())
        return b"".join([b"%08x-%08x %s\n" % area for area in areas.values()])

    def threads(self) -> set[int]:
        """As Own.threads()."""
        return {int(name) for name in self._tasks() if self._is_of_guest(name)}

    def _tasks(self) -> list[str]:
        try:
            folder = own.opener(f"{self.pid}/task", O_RDONLY | O_DIRECTORY)
        except OSError as error:
            raise LinuxError(error.errno or 0) from None
        try:
            return listdir(folder)
        finally:
            close(folder)

    def _is_of_guest(self, tid: str) -> bool:
        try:
            stat = content(f"{self.pid}/task/{tid}/stat")
        except LinuxError:  # it has just ended
            return False
        name, _, rest = stat.partition(b"(")[2].rpartition(b") ")
        return name != _HELPER and not int(rest.split()[_FLAGS]) & _USER_WORKER

    def hides(self, fd: int) -> bool:
        """As Own.hides()."""
        return fd in self._hidden

    def exe_file(self) -> bytes:
        """As Own.exe_file()."""
        return b"/proc/%d/fd/%d" % (self.pid, self._program)

    def signal_sets(self, host: tuple[int, int, int]) -> tuple[int, int, int]:
        """As Own.signal_sets()."""
        blocked, ignored, caught = host
        return blocked, ignored, caught & ~KEPT

    def resident(self, _pages: int, _file_pages: int, _limit: int) -> tuple[int, int]:
        """As Own.resident()."""
        return _resident(self)


def _resident(guest: Own | Other) -> tuple[int, int]:
    """By smaps, of a process made by fork: what of the VMM is resident there, nobody has seen."""
    total = anonymous = 0
    shown = False
    lines = content(f"{guest.pid}/smaps").splitlines()
    areas = _guest_areas(guest.task, [line for line in lines if line.split(None, 1)[0][-1:] != b":"])
    for line in lines:
        name, *words = line.split()
        if name[-1:] != b":":
            shown = line in areas
        elif shown and name == b"Rss:":
            total += int(words[0])
        elif shown and name == b"Anonymous:":
            anonymous += int(words[0])
    return total * 1024 // PAGE, (total - anonymous) * 1024 // PAGE


def _guest_areas(task: Task, lines: list[bytes]) -> dict[bytes, tuple[int, int, bytes]]:
    """Those lines of maps that are of areas of a guest's, with its addresses and the rest of the line.

    What is mapped where a guest's address is taken for a host's (native/robust.c) is none.
    """
    host_address = task.mm.host_address
    window = host_address(PAGE) - PAGE
    areas = {}
    for line in lines:
        area, _, rest = line.partition(b" ")
        start, end = [int(address, 16) - window for address in area.split(b"-")]
        if start > 0 and host_address(start) == start + window and not rest.startswith(b"---"):
            areas[line] = start, end, rest

    def is_mapped(address: int) -> bool:
        return host_address(address) == address + window and any(start <= address < end for start, end, _ in areas.values())

    return {line: area for line, area in areas.items() if not is_mapped(area[0] + window)}


def content(name: str) -> bytes:
    """What the host says in a file of its /proc."""
    try:
        with open(name, "rb", opener=own.opener) as file:
            return file.read()
    except OSError as error:  # the process has ended
        raise LinuxError(error.errno or 0) from None


def guest(task: Task, number: int) -> Own | Other | None:
    """The guest whose process, or if its own one of whose threads, has this number."""
    mine = Own(task)
    if number in mine.threads():
        return mine
    found = task.group.relative(number)
    try:
        if found and own.target(f"{number}/exe") == task.host.vmm_path():  # else it was killed, and the number is another's now
            return Other(task, number, *found)
    except OSError:
        pass
    return None
