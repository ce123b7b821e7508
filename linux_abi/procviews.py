"""The texts of guests' files in procfs: the host's text, with what it says of the VMM said of the guest (proc(5)).

Sizes and addresses are the guest's.
"""

from __future__ import annotations

from .procguests import PAGE, content

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .procguests import Other, Own
    from .task import Task

    Guest = Own | Other

_FDS_AT_START = 256  # a table's size in a program that a shell started


def maps(guest: Guest, _text: bytes) -> bytes:
    """/proc/PID/maps."""
    return guest.maps()


class _Sizes:
    """Bytes of the guest's address space by what they are for, as the kernel counts them."""

    def __init__(self, guest: Guest) -> None:
        self.total = self.data = self.stack = self.text = self.libraries = 0
        exe = guest.exe
        for line in guest.maps().splitlines():
            start, end, perms, path = _area(line)
            if path == b"[vsyscall]":
                continue
            size = end - start
            self.total += size
            if path == b"[stack]":
                self.stack += size
            elif perms[1:2] == b"w" and perms[3:4] == b"p":
                self.data += size
            elif perms[2:3] == b"x" and path == exe:
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
    guest = host - (host_address(PAGE) - PAGE)
    return guest if guest > 0 and host_address(guest) == host else 0


_STAT_THREADS, _STAT_SIZE, _STAT_RESIDENT = 20, 23, 24
_STAT_SIGNALS = slice(32, 35)
_STAT_LAYOUT = (26, 27, 45, 46, 47)
_STATUS_SIGNALS = (b"SigBlk", b"SigIgn", b"SigCgt")
_STAT_ADDRESSES = (28, 48, 49, 50, 51)


def stat(guest: Guest, text: bytes) -> bytes:
    """/proc/PID/stat: fields are numbered from 1 as in the manual."""
    head, _, tail = text.rpartition(b") ")
    fields = [b"", head, b"", *tail.split()]
    size = _Sizes(guest).total
    fields[_STAT_THREADS] = b"%d" % len(guest.threads())
    fields[_STAT_SIZE] = b"%d" % size
    fields[_STAT_RESIDENT] = b"%d" % guest.resident(int(fields[_STAT_RESIDENT]), 0, size)[0]
    blocked, ignored, caught = [int(field) for field in fields[_STAT_SIGNALS]]
    fields[_STAT_SIGNALS] = [b"%d" % (signals & 0x7FFFFFFF) for signals in guest.signal_sets((blocked, ignored, caught))]
    for field, address in zip(_STAT_LAYOUT, guest.layout, strict=True):
        fields[field] = b"%d" % address
    for field in _STAT_ADDRESSES:
        fields[field] = b"%d" % _guest_address(guest.task, int(fields[field]))
    return head + b") " + b" ".join(fields[3:]) + b"\n"


def statm(guest: Guest, text: bytes) -> bytes:
    """/proc/PID/statm, in pages."""
    sizes = _Sizes(guest)
    host_resident, host_shared = [int(field) for field in text.split()[1:3]]
    resident, shared = guest.resident(host_resident, host_shared, sizes.total)
    pages = [size // PAGE for size in (sizes.total, sizes.text, sizes.data + sizes.stack)]
    return b"%d %d %d %d 0 %d 0\n" % (pages[0], resident, shared, pages[1], pages[2])


def status(guest: Guest, text: bytes) -> bytes:
    """/proc/PID/status."""
    fields = dict([line.partition(b":\t")[::2] for line in text.splitlines()])
    if b"VmRSS" not in fields:  # it has just ended
        return text
    sizes = _Sizes(guest)

    def host_pages(name: bytes) -> int:
        return int(fields[name].split()[0]) * 1024 // PAGE

    shared = host_pages(b"RssFile") + host_pages(b"RssShmem")
    most, _ = guest.resident(host_pages(b"VmHWM"), 0, sizes.total)
    resident, shared = guest.resident(host_pages(b"VmRSS"), shared, sizes.total)
    shmem = min(host_pages(b"RssShmem"), shared)
    kilobytes = {
        b"VmPeak": sizes.total,
        b"VmSize": sizes.total,
        b"VmHWM": max(most, resident) * PAGE,
        b"VmRSS": resident * PAGE,
        b"RssAnon": (resident - shared) * PAGE,
        b"RssFile": (shared - shmem) * PAGE,
        b"RssShmem": shmem * PAGE,
        b"VmData": sizes.data,
        b"VmStk": sizes.stack,
        b"VmExe": sizes.text,
        b"VmLib": sizes.libraries,
    }
    fields.update({name: b"%8d kB" % (size // 1024) for name, size in kilobytes.items()})
    blocked, ignored, caught = [int(fields[name], 16) for name in _STATUS_SIGNALS]
    signals = zip(_STATUS_SIGNALS, guest.signal_sets((blocked, ignored, caught)), strict=True)
    fields.update({name: b"%016x" % bits for name, bits in signals})
    fields[b"Threads"] = b"%d" % len(guest.threads())
    if guest.task.group.fds.hidden_count:
        fields[b"FDSize"] = b"%d" % _FDS_AT_START
    return b"".join([b"%s:\t%s\n" % row for row in fields.items()])


def smaps(guest: Guest, text: bytes) -> bytes:
    """/proc/PID/smaps: each area of the guest with the sums over the host's areas that it is made of."""
    areas: list[tuple[int, int, list[bytes]]] = []
    for line in text.splitlines():
        if line.split(None, 1)[0][-1:] == b":":
            areas[-1][2].append(line)
        else:
            start, end, _, _ = _area(line)
            areas.append((start, end, []))
    window = guest.task.mm.host_address(PAGE) - PAGE
    out = []
    for line in guest.maps().splitlines():
        start, end, _, _ = _area(line)
        rows = [rows for first, last, rows in areas if first < end + window and start + window < last]
        out.append(line)
        out += [_sum(same, end - start) for same in zip(*rows, strict=False)]
    return b"\n".join(out) + b"\n"


def smaps_rollup(guest: Guest, text: bytes) -> bytes:
    """/proc/PID/smaps_rollup: the sums of smaps, in the host's order; what smaps does not tell is not there."""
    sums: dict[bytes, int] = {}
    areas = []
    for line in smaps(guest, content(f"{guest.pid}/smaps")).splitlines():
        name, value, *_ = line.split()
        if name[-1:] != b":":
            areas.append(_area(line)[:2])
        elif line.endswith(b" kB"):
            sums[name] = sums.get(name, 0) + int(value)
    head = b"%08x-%08x ---p 00000000 00:00 0" % (areas[0][0], areas[-1][1])
    names = [line.split(None, 1)[0] for line in text.splitlines()[1:]]
    return b"".join([b"%-73s[rollup]\n" % head, *[b"%-16s%8d kB\n" % (name, sums[name]) for name in names if name in sums]])


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


VIEWS: dict[bytes, Callable[[Guest, bytes], bytes]] = {
    b"maps": maps,
    b"smaps": smaps,
    b"smaps_rollup": smaps_rollup,
    b"stat": stat,
    b"statm": statm,
    b"status": status,
}
