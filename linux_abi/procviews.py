"""The texts of the guest's own files in procfs: the host's text, with what it says of the VMM said of the guest (proc(5)).

Sizes and addresses are the guest's. Resident memory is what the VMM has taken since it started, at most the guest's size: the
true figure is in smaps, for the price of a walk over all pages.
"""

from __future__ import annotations

from .uapi.signals import SIG_DFL, SIG_IGN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .task import Task

_PAGE = 4096
_FDS_AT_START = 256  # a table's size in a program that a shell started


def maps(task: Task, _text: bytes) -> bytes:
    """/proc/self/maps."""
    return task.mm.maps()


class _Sizes:
    """Bytes of the guest's address space by what they are for, as the kernel counts them."""

    def __init__(self, task: Task) -> None:
        self.total = self.data = self.stack = self.text = self.libraries = 0
        for line in task.mm.maps().splitlines():
            start, end, perms, path = _area(line)
            if path == b"[vsyscall]":
                continue
            size = end - start
            self.total += size
            if path == b"[stack]":
                self.stack += size
            elif perms[1:2] == b"w" and perms[3:4] == b"p":
                self.data += size
            elif perms[2:3] == b"x" and path == task.group.exe:
                self.text += size
            elif perms[2:3] == b"x":
                self.libraries += size


def _area(line: bytes) -> tuple[int, int, bytes, bytes]:
    """Start, end, permissions and path of a line of maps."""
    fields = line.split(None, 5)
    start, _, end = fields[0].partition(b"-")
    return int(start, 16), int(end, 16), fields[1], fields[5] if len(fields) > 5 else b""


def _guest_address(task: Task, host: int) -> int:
    """Where a host address is in the guest; 0 outside of it."""
    host_address = task.mm.host_address
    guest = host - (host_address(_PAGE) - _PAGE)
    return guest if guest > 0 and host_address(guest) == host else 0


def _signal_sets(task: Task) -> tuple[int, int, int]:
    """The guest's blocked, ignored and caught signals as bit sets."""
    ignored = caught = 0
    for number, action in task.group.actions.items():
        if action.sa_handler == SIG_IGN:
            ignored |= 1 << (number - 1)
        elif action.sa_handler != SIG_DFL:
            caught |= 1 << (number - 1)
    return task.blocked, ignored, caught


def _resident(task: Task, pages: int, file_pages: int, limit: int) -> tuple[int, int]:
    """The guest's share of the host's resident pages, and of those that files back; `limit` is the guest's size in bytes."""
    total_at_start, files_at_start = task.host.resident_at_start
    resident = min(max(pages - total_at_start, 0), limit // _PAGE)
    return resident, min(max(file_pages - files_at_start, 0), resident)


_STAT_THREADS, _STAT_SIZE, _STAT_RESIDENT = 20, 23, 24
_STAT_SIGNALS = slice(32, 35)
_STAT_LAYOUT = (26, 27, 45, 46, 47)
_STAT_ADDRESSES = (28, 48, 49, 50, 51)


def stat(task: Task, text: bytes) -> bytes:
    """/proc/self/stat: fields are numbered from 1 as in the manual."""
    head, _, tail = text.rpartition(b") ")
    fields = [b"", head, b"", *tail.split()]
    size = _Sizes(task).total
    fields[_STAT_THREADS] = b"%d" % _threads(task)
    fields[_STAT_SIZE] = b"%d" % size
    fields[_STAT_RESIDENT] = b"%d" % _resident(task, int(fields[_STAT_RESIDENT]), 0, size)[0]
    fields[_STAT_SIGNALS] = [b"%d" % (signals & 0x7FFFFFFF) for signals in _signal_sets(task)]
    for field, address in zip(_STAT_LAYOUT, task.group.layout, strict=True):
        fields[field] = b"%d" % address
    for field in _STAT_ADDRESSES:
        fields[field] = b"%d" % _guest_address(task, int(fields[field]))
    return head + b") " + b" ".join(fields[3:]) + b"\n"


def statm(task: Task, text: bytes) -> bytes:
    """/proc/self/statm, in pages."""
    sizes = _Sizes(task)
    host_resident, host_shared = [int(field) for field in text.split()[1:3]]
    resident, shared = _resident(task, host_resident, host_shared, sizes.total)
    pages = [size // _PAGE for size in (sizes.total, sizes.text, sizes.data + sizes.stack)]
    return b"%d %d %d %d 0 %d 0\n" % (pages[0], resident, shared, pages[1], pages[2])


def status(task: Task, text: bytes) -> bytes:
    """/proc/self/status."""
    fields = dict([line.partition(b":\t")[::2] for line in text.splitlines()])
    sizes = _Sizes(task)

    def host_pages(name: bytes) -> int:
        return int(fields[name].split()[0]) * 1024 // _PAGE

    shared = host_pages(b"RssFile") + host_pages(b"RssShmem")
    most, _ = _resident(task, host_pages(b"VmHWM"), 0, sizes.total)
    resident, shared = _resident(task, host_pages(b"VmRSS"), shared, sizes.total)
    shmem = min(host_pages(b"RssShmem"), shared)
    kilobytes = {
        b"VmPeak": sizes.total,
        b"VmSize": sizes.total,
        b"VmHWM": max(most, resident) * _PAGE,
        b"VmRSS": resident * _PAGE,
        b"RssAnon": (resident - shared) * _PAGE,
        b"RssFile": (shared - shmem) * _PAGE,
        b"RssShmem": shmem * _PAGE,
        b"VmData": sizes.data,
        b"VmStk": sizes.stack,
        b"VmExe": sizes.text,
        b"VmLib": sizes.libraries,
    }
    fields.update({name: b"%8d kB" % (size // 1024) for name, size in kilobytes.items()})
    signals = zip((b"SigBlk", b"SigIgn", b"SigCgt"), _signal_sets(task), strict=True)
    fields.update({name: b"%016x" % bits for name, bits in signals})
    fields[b"Threads"] = b"%d" % _threads(task)
    if task.group.fds.hidden_count:
        fields[b"FDSize"] = b"%d" % _FDS_AT_START
    return b"".join([b"%s:\t%s\n" % row for row in fields.items()])


def smaps(task: Task, text: bytes) -> bytes:
    """/proc/self/smaps: each area of the guest with the sums over the host's areas that it is made of."""
    areas: list[tuple[int, int, list[bytes]]] = []
    for line in text.splitlines():
        if line.split(None, 1)[0][-1:] == b":":
            areas[-1][2].append(line)
        else:
            start, end, _, _ = _area(line)
            areas.append((start, end, []))
    window = task.mm.host_address(_PAGE) - _PAGE
    out = []
    for line in task.mm.maps().splitlines():
        start, end, _, _ = _area(line)
        rows = [rows for first, last, rows in areas if first < end + window and start + window < last]
        out.append(line)
        out += [_sum(same, end - start) for same in zip(*rows, strict=False)]
    return b"\n".join(out) + b"\n"


def _sum(lines: tuple[bytes, ...], size: int) -> bytes:
    """One line for those of several areas."""
    name = lines[0].partition(b":")[0]
    if name == b"Size":
        value = size // 1024
    elif lines[0][-3:] != b" kB" or name.endswith(b"PageSize"):
        return lines[0]
    else:
        value = sum([int(line.split()[1]) for line in lines])
    return b"%-16s%8d kB" % (name + b":", value)


def _threads(task: Task) -> int:
    from .procfs import tids

    return len(tids(task))


VIEWS: dict[bytes, Callable[[Task, bytes], bytes]] = {
    b"maps": maps,
    b"smaps": smaps,
    b"stat": stat,
    b"statm": statm,
    b"status": status,
}
