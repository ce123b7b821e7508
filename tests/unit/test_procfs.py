"""What the guest sees of itself in /proc."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from linux_abi.uapi.structs import Stat
from tests.unit.fakes import FakeGuest

O_CLOEXEC, O_PATH, O_NOFOLLOW = os.O_CLOEXEC, os.O_PATH, os.O_NOFOLLOW
AT_FDCWD, AT_SYMLINK_NOFOLLOW = -100, 0x100
VIEWS = ["maps", "smaps", "smaps_rollup", "stat", "statm", "status"]


def show(guest: FakeGuest, path: str, flags: int = 0) -> bytes:
    fd = guest.call("openat", AT_FDCWD, path.encode(), flags, 0)
    assert fd >= 0
    return guest.read_file(fd)


OWN = ("self", "thread-self", "{pid}", "{pid}/task/{pid}")


def own(place: str, name: str) -> str:
    return f"/proc/{place.format(pid=os.getpid())}/{name}"


@pytest.mark.parametrize("place", [*OWN, "./self/../self/"])
def test_maps_by_every_name(guest: FakeGuest, place: str) -> None:
    assert show(guest, own(place, "maps")) == guest.mm.maps()


def test_maps_by_detours(guest: FakeGuest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to("/proc/self/maps")
    assert show(guest, str(tmp_path / "link")) == guest.mm.maps()
    directory = guest.call("open", b"/proc/self", 0)
    assert guest.read_file(guest.call("openat", directory, b"maps", 0)) == guest.mm.maps()
    how = guest.mm.put((O_CLOEXEC).to_bytes(8, "little") + bytes(16))
    assert guest.read_file(guest.call("openat2", directory, b"maps", how, 24)) == guest.mm.maps()
    monkeypatch.chdir("/proc/self/task")
    assert show(guest, f"{os.getpid()}/maps") == guest.mm.maps()
    assert guest.call("close", directory) == 0


def test_a_view_is_a_read_only_file_in_its_place(guest: FakeGuest) -> None:
    for flags in (0, O_CLOEXEC):
        lowest = os.dup(0)
        os.close(lowest)
        fd = guest.call("open", b"/proc/self/maps", flags)
        assert fd == lowest
        assert os.get_inheritable(fd) == (not flags)
        assert guest.call("write", fd, b"x", 1) == -errno.EBADF
        assert guest.call("ftruncate", fd, 0) == -errno.EINVAL
        assert guest.call("lseek", fd, 5, 0) == 5
        assert guest.read_file(fd) == guest.mm.maps()[5:]


@contextmanager
def stopped_process() -> Iterator[int]:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        yield process.pid
        process.kill()


def test_the_rest_of_proc_is_the_hosts(guest: FakeGuest, tmp_path: Path) -> None:
    assert show(guest, "/proc/self/cmdline") == Path("/proc/self/cmdline").read_bytes()
    with stopped_process() as pid:  # of any other, some number is another one a moment later
        assert show(guest, f"/proc/{pid}/status") == Path(f"/proc/{pid}/status").read_bytes()
    assert b"MemTotal" in show(guest, "/proc/meminfo")
    elsewhere = tmp_path / str(os.getpid())
    elsewhere.mkdir()
    (elsewhere / "maps").write_text("a file of that name")
    assert show(guest, str(elsewhere / "maps")) == b"a file of that name"
    assert guest.call("open", b"/proc/self/absent", 0) == -errno.ENOENT
    fd = guest.call("open", b"/proc/self/maps", O_PATH)
    assert os.readlink(f"/proc/self/fd/{fd}") == f"/proc/{os.getpid()}/maps"
    os.close(fd)


@pytest.mark.parametrize("name", ["mem", "pagemap", "map_files", "numa_maps"])
def test_what_has_no_translation_is_denied(guest: FakeGuest, name: str) -> None:
    before = os.listdir("/proc/self/fd")
    if os.path.exists(f"/proc/self/{name}"):
        assert guest.call("open", f"/proc/self/{name}".encode(), 0) == -errno.EACCES
    assert os.listdir("/proc/self/fd") == before


def test_stat(guest: FakeGuest) -> None:
    guest.task.blocked = 0x200
    guest.group.layout = (1, 2, 3, 4, 5)
    text = show(guest, "/proc/self/stat")
    host = Path("/proc/self/stat").read_bytes()
    assert text.endswith(b"\n")
    fields, host_fields = [t.rpartition(b")")[2].split() for t in (text, host)]
    assert len(fields) == len(host_fields)
    assert text.partition(b")")[0] == host.partition(b")")[0]
    value = dict(enumerate([int(f) if f.lstrip(b"-").isdigit() else f for f in fields], 3))
    assert value[4] == os.getppid()
    assert value[20] == 1
    assert value[23] == 0x40000  # without [vsyscall]
    assert value[24] <= 0x40
    assert value[32] == 0x200
    assert [value[i] for i in (26, 27, 45, 46, 47)] == [1, 2, 3, 4, 5]
    assert [value[i] for i in (28, 48, 49, 50, 51)] == [0] * 5  # this Python is not in the window


def test_stat_translates_addresses(guest: FakeGuest) -> None:
    from linux_abi import procguests, procviews

    fields = [b"0"] * 50
    fields[0] = b"R"
    fields[25] = b"%d" % guest.mm.host_address(0x12345)
    text = procviews.stat(procguests.Own(guest.task), b"1 (a) b) " + b" ".join(fields) + b"\n")
    assert text.startswith(b"1 (a) b) R 0 ")
    assert text.split(b") ")[2].split()[25] == b"%d" % 0x12345


def test_status(guest: FakeGuest) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        text = show(guest, "/proc/self/status").decode()
        host = Path("/proc/self/status").read_text()
    finally:
        stop.set()
        thread.join()
    value, host_value = [dict(line.split(":\t", 1) for line in t.splitlines()) for t in (text, host)]
    assert list(value) == list(host_value)
    assert int(host_value["Threads"]) > 1
    assert value["Threads"] == "1"
    assert value["Pid"] == str(os.getpid())
    assert value["VmSize"] == value["VmPeak"] == "     256 kB"
    assert (value["VmExe"], value["VmLib"]) == ("      32 kB", "      64 kB")
    assert (value["VmData"], value["VmStk"]) == ("      32 kB", "     128 kB")
    rss = {name: int(value[name].split()[0]) for name in ("VmHWM", "VmRSS", "RssAnon", "RssFile", "RssShmem")}
    assert rss["VmRSS"] == rss["RssAnon"] + rss["RssFile"] + rss["RssShmem"]
    assert rss["VmRSS"] <= rss["VmHWM"] <= 256
    assert value["SigCgt"] == "0" * 16
    assert value["Uid"] == host_value["Uid"]


def test_statm(guest: FakeGuest) -> None:
    size, resident, shared, text, _, data, _ = [int(f) for f in show(guest, "/proc/self/statm").split()]
    assert (size, text, data) == (64, 8, 40)
    assert shared <= resident <= size


def test_resident_memory_is_what_was_added(guest: FakeGuest) -> None:
    def resident() -> int:
        return int(show(guest, "/proc/self/statm").split()[1])

    guest.host.resident_at_start = (1 << 40, 0)
    assert resident() == 0
    pages, file_pages = [int(field) for field in Path("/proc/self/statm").read_bytes().split()[1:3]]
    guest.host.resident_at_start = (pages - 10, file_pages)
    assert 0 < resident() <= 64


def test_smaps(guest: FakeGuest) -> None:
    guest.mm.write(0x18000, b"touched")
    lines = show(guest, "/proc/self/smaps").decode().splitlines()
    heads = [i for i, line in enumerate(lines) if "-" in line.split()[0]]
    assert [lines[i].encode() for i in heads] == guest.mm.maps().splitlines()
    heap = lines[heads[1] : heads[2]]
    assert "Size:                 32 kB" in heap
    assert any(line.startswith("Rss:") for line in heap)


def test_smaps_rollup_is_the_sum_of_smaps(guest: FakeGuest) -> None:
    def total(file: str) -> int:
        lines = show(guest, f"/proc/self/{file}").decode().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("Rss:"))

    guest.mm.write(0x18000, b"touched")
    before, rolled_up, after = total("smaps"), total("smaps_rollup"), total("smaps")
    assert 4 <= before <= rolled_up <= after
    head, *lines = show(guest, "/proc/self/smaps_rollup").decode().splitlines()
    assert {"Rss:", "Pss:", "Private_Clean:", "Private_Dirty:", "Swap:"} < {line.split()[0] for line in lines}
    areas = guest.mm.maps().decode().split()
    assert head.startswith(f"{areas[0].partition('-')[0]}-") and head.index("[rollup]") == 73


@pytest.mark.parametrize("place", OWN)
def test_exe(guest: FakeGuest, tmp_path: Path, place: str) -> None:
    path = own(place, "exe")
    program = tmp_path / "program"
    program.write_bytes(b"the guest's program")
    guest.group.exe = os.fsencode(program)
    assert show(guest, path) == b"the guest's program"
    assert guest.call("open", path.encode(), O_NOFOLLOW) == -errno.ELOOP

    buffer = guest.mm.put(200)
    length = guest.call("readlink", path.encode(), buffer, 200)
    assert guest.mm.read(buffer, 200) == guest.group.exe + bytes(200 - length)
    assert guest.call("readlinkat", AT_FDCWD, path.encode(), buffer, 3) == 3

    def mode_and_size(name: str, *args: int | bytes) -> tuple[int, int]:
        assert guest.call(name, *args) == 0
        found = Stat.unpack(guest.mm.read(buffer, Stat.size))
        return stat.S_IFMT(found.st_mode), found.st_size

    assert mode_and_size("stat", path.encode(), buffer) == (stat.S_IFREG, 19)
    assert mode_and_size("newfstatat", AT_FDCWD, path.encode(), buffer, 0) == (stat.S_IFREG, 19)
    assert mode_and_size("lstat", path.encode(), buffer) == (stat.S_IFLNK, 0)
    assert mode_and_size("newfstatat", AT_FDCWD, path.encode(), buffer, AT_SYMLINK_NOFOLLOW) == (stat.S_IFLNK, 0)
    assert guest.call("access", path.encode(), os.X_OK) == (0 if os.access(program, os.X_OK) else -errno.EACCES)


@pytest.mark.parametrize("way", ["/proc/./self//exe", "/proc/self/task/../exe", "/proc/self/root/proc/self/exe", "{link}/exe"])
def test_exe_by_other_names(guest: FakeGuest, tmp_path: Path, way: str) -> None:
    guest.group.exe = os.fsencode(tmp_path / "program")
    Path(tmp_path / "program").write_bytes(b"the guest's program")
    (tmp_path / "self").symlink_to("/proc/self")
    assert show(guest, way.format(link=tmp_path / "self")) == b"the guest's program"
    (tmp_path / "exe").write_bytes(b"a file of that name")
    assert show(guest, str(tmp_path / "exe")) == b"a file of that name"


def test_exe_below_directories(guest: FakeGuest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guest.group.exe = os.fsencode(tmp_path / "program")
    Path(guest.group.exe.decode()).write_bytes(b"x" * 77)
    directory = guest.call("open", b"/proc/self", 0)
    buffer = guest.mm.put(Stat.size)
    assert guest.call("newfstatat", directory, b"exe", buffer, 0) == 0
    assert Stat.unpack(guest.mm.read(buffer, Stat.size)).st_size == 77
    assert guest.call("faccessat", guest.HIDDEN, b"exe", 0) == -errno.EBADF
    monkeypatch.chdir("/proc/self")
    assert guest.call("stat", b"exe", buffer) == 0
    assert Stat.unpack(guest.mm.read(buffer, Stat.size)).st_size == 77
    assert guest.read_file(guest.call("openat", directory, b"exe", 0)) == b"x" * 77
    assert guest.call("close", directory) == 0


def test_hidden_descriptors_have_no_names(guest: FakeGuest, tmp_path: Path) -> None:
    buffer = guest.mm.put(Stat.size)
    for directory in ("/proc/self/fd", "/dev/fd", f"/proc/{os.getpid()}/task/{os.getpid()}/fd", "/proc/self/fdinfo"):
        path = f"{directory}/{guest.HIDDEN}".encode()
        assert os.path.lexists(path)
        assert guest.call("open", path, 0) == -errno.ENOENT
        assert guest.call("lstat", path, buffer) == -errno.ENOENT
        assert guest.call("readlink", path, buffer, 10) == -errno.ENOENT
        assert guest.call("readlinkat", AT_FDCWD, path, buffer, 10) == -errno.ENOENT
    (tmp_path / str(guest.HIDDEN)).touch()
    assert guest.call("lstat", os.fsencode(tmp_path / str(guest.HIDDEN)), buffer) == 0
    assert guest.call("lstat", b"/proc/self/fd/0", buffer) == 0


def test_exe_by_detours(guest: FakeGuest, tmp_path: Path) -> None:
    buffer = guest.mm.put(200)
    directory = guest.call("open", b"/proc/self", 0)
    link = guest.call("openat", directory, b"exe", O_PATH | O_NOFOLLOW)
    for at, path in ((directory, b"exe"), (link, b"")):
        length = guest.call("readlinkat", at, path, buffer, 200)
        assert guest.mm.read(buffer, length) == guest.EXE
    for fd in (directory, link):
        assert guest.call("close", fd) == 0
    python = tmp_path / "python"
    python.symlink_to(os.readlink("/proc/self/exe"))
    length = guest.call("readlink", os.fsencode(python), buffer, 200)
    assert guest.mm.read(buffer, length) == os.fsencode(os.readlink(python))  # a link that leads there by itself


@pytest.mark.parametrize("name", ["fd", "fdinfo"])
@pytest.mark.parametrize("call", ["getdents", "getdents64"])
def test_hidden_descriptors_are_not_listed(guest: FakeGuest, name: str, call: str) -> None:
    fd = guest.call("open", f"/proc/self/{name}".encode(), os.O_DIRECTORY)
    listed = guest.list(fd, call)
    assert {"0", "1", "2", str(fd), ".", ".."} <= listed
    assert str(guest.HIDDEN) in os.listdir("/proc/self/fd")
    assert not {str(guest.HIDDEN), str(guest.HIDDEN + 1)} & listed
    assert guest.call("close", fd) == 0


def test_a_listing_of_hidden_entries_only_is_not_its_end(guest: FakeGuest) -> None:
    """A buffer of one entry: the call goes on past those that it drops."""
    os.dup2(0, guest.HIDDEN + 2)
    fd = guest.call("open", b"/proc/self/fd", os.O_DIRECTORY)
    assert str(guest.HIDDEN + 2) in guest.list(fd, size=24)
    assert guest.call("close", fd) == 0
    os.close(guest.HIDDEN + 2)


def test_only_the_guests_threads_are_listed(guest: FakeGuest) -> None:
    stop = threading.Event()
    threads = [threading.Thread(target=stop.wait) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        fd = guest.call("open", b"/proc/self/task", os.O_DIRECTORY)
        assert guest.list(fd) == {".", "..", str(os.getpid())}
        guest.group.tids = lambda: {threads[1].native_id or 0}
        assert guest.call("lseek", fd, 0, 0) == 0
        assert guest.list(fd) == {".", "..", str(os.getpid()), str(threads[1].native_id)}
        assert show(guest, f"/proc/self/task/{threads[1].native_id}/maps") == guest.mm.maps()
        assert guest.call("close", fd) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_waiting_signal_changes_nothing(guest: FakeGuest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the host has opened the file, host calls may be refused until the signal's delivery: the view holds all the same."""
    raw = guest.host.words[-1]

    def refusing(number: int, *words: int) -> int:
        return raw(number, *words) if number == 257 else -512

    monkeypatch.setattr(guest.host, "_six", refusing)
    fd = guest.call("open", b"/proc/self/maps", 0)
    monkeypatch.undo()
    assert guest.read_file(fd) == guest.mm.maps()
