"""noahpy.loader: programs in a window of real memory, but no VM; stacks compared with Linux's own."""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from linux_abi.uapi.errno import EBADF, EEXIST, EFAULT, EINVAL, ENOMEM
from noahpy import loader, vdso
from noahpy.aslr import Aslr
from noahpy.memory import AddressSpace
from noahpy.program import TASK_SIZE, ExecError, prepare
from tests.fuzz.mutants import ET_DYN, PT_GNU_STACK, R, W, X, build, load, mutants, right_ones

PAGE = 4096
ADDR_NO_RANDOMIZE = 0x0040000
AT_NULL, AT_PHDR, AT_BASE, AT_ENTRY, AT_PLATFORM, AT_RANDOM, AT_EXECFN, AT_SYSINFO_EHDR = 0, 3, 7, 9, 15, 25, 31, 33
STACK_LIMIT = 8 << 20
LD_SO = b"/lib64/ld-linux-x86-64.so.2"

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
for call in (libc.process_vm_readv, libc.process_vm_writev):
    call.restype = ctypes.c_ssize_t
    call.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong]
RESERVED = (0, 0x4022)  # PROT_NONE; MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
MAP_FIXED = 0x10


class Window:
    """What noahpy.window does to the host's memory, without page tables."""

    size = TASK_SIZE

    def __init__(self) -> None:
        self.base = libc.mmap(0, self.size, *RESERVED, -1, 0)
        assert self.base != ctypes.c_void_p(-1).value
        self.aliases: list[tuple[int, int, int]] = []
        self.used: set[tuple[int, int]] = set()

    def map(self, gva: int, length: int, prot: int, flags: int, fd: int, offset: int, present: int) -> int:
        assert 0 <= gva < gva + length <= self.size
        assert 0 <= present <= length
        self.used.add((gva, length))
        result = libc.mmap(self.base + gva, length, prot, flags | MAP_FIXED, fd, offset)
        return 0 if result == self.base + gva else -ctypes.get_errno()

    def unmap(self, gva: int, length: int) -> int:
        return self.map(gva, length, *RESERVED, -1, 0, 0)

    def protect(self, gva: int, length: int, prot: int, present: int) -> int:
        return -ctypes.get_errno() if libc.mprotect(self.base + gva, length, prot) else 0

    def alias(self, gva: int, host: int, length: int) -> int:
        self.aliases.append((gva, host, length))
        return 0

    def clear(self) -> int:
        for gva, length in list(self.used):
            self.unmap(gva, length)
        self.used.clear()
        self.aliases.clear()
        return 0

    def _copy(self, call: Callable[..., int], gva: int, buffer: ctypes.Array[ctypes.c_char], size: int) -> int:
        here = (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), size)
        done = 0
        while done < size:  # a piece a page: what comes before a bad page is copied
            piece = min(size - done, PAGE - (gva + done) % PAGE)
            here[0], here[1] = ctypes.addressof(buffer) + done, piece
            there = (ctypes.c_uint64 * 2)(self.base + gva + done, piece)
            if gva + done + piece > self.size or call(os.getpid(), here, 1, there, 1, 0) != piece:
                break
            done += piece
        return done

    def read(self, gva: int, size: int) -> bytes:
        buffer = ctypes.create_string_buffer(size)
        done = self._copy(libc.process_vm_readv, gva, buffer, size)
        return buffer.raw[:done]

    def write(self, gva: int, data: bytes) -> int:
        return self._copy(libc.process_vm_writev, gva, ctypes.create_string_buffer(bytes(data), len(data)), len(data))


class Host:
    """A host that knows AT_EXECVE_CHECK and finds nothing wrong."""

    def execveat(self, fd: int, *args: object) -> int:
        return -EBADF if fd == -1 else -EFAULT


@pytest.fixture(scope="module")
def window() -> Iterator[Window]:
    window = Window()
    yield window
    libc.munmap(ctypes.c_void_p(window.base), ctypes.c_size_t(window.size))


@pytest.fixture
def mm(window: Window) -> Iterator[AddressSpace]:
    mm = AddressSpace(window)  # type: ignore[arg-type]
    descriptors = os.listdir("/proc/self/fd")
    yield mm
    mm.reset()
    assert os.listdir("/proc/self/fd") == descriptors


@pytest.fixture
def put(mm: AddressSpace, tmp_path: Path) -> Callable[..., loader.Entry]:
    """`put(content)`: that file as a program in `mm`."""

    def put(
        content: bytes | Path,
        argv: list[bytes] = [b"program"],  # noqa: B006
        envp: list[bytes] = [],  # noqa: B006
        *,
        aslr: bool = False,
        stack_limit: int = STACK_LIMIT,
    ) -> loader.Entry:
        mm.reset()
        mm.aslr = Aslr(aslr)
        if isinstance(content, bytes):
            path = tmp_path / "program"
            path.write_bytes(content)
            path.chmod(0o755)
        else:
            path = content
        image = prepare(os.fsencode(path), argv, envp, host=Host(), stack_limit=stack_limit)  # type: ignore[arg-type]
        return loader.commit(image, mm)

    return put


def area(mm: AddressSpace, address: int) -> tuple[int, int, str]:
    """The mapping of `address`: start, end, protection as /proc/self/maps says it."""
    for line in mm.maps().decode().splitlines():
        bounds, prot = line.split()[:2]
        start, end = (int(n, 16) for n in bounds.split("-"))
        if start <= address < end:
            return start, end, prot[:3]
    return 0, 0, ""


# ---- The stack ---------------------------------------------------------------------------------------------------------


class Parsed:
    """A stack as a program finds it. Each check is one of Linux's promises (the kernel's create_elf_tables)."""

    def __init__(self, rsp: int, data: bytes) -> None:
        self.rsp, self.data = rsp, data
        self.top = rsp + len(data)
        words = struct.unpack_from(f"<{len(data) // 8}Q", data)
        argc = words[0]
        self.argv = words[1 : 1 + argc]
        assert words[1 + argc] == 0
        end = words.index(0, 2 + argc)
        self.envp = words[2 + argc : end]
        place = end + 1
        self.auxv: list[tuple[int, int]] = []
        while words[place] != AT_NULL:
            self.auxv.append(words[place : place + 2])
            place += 2
        assert words[place + 1] == 0
        self.value = dict(self.auxv)
        self.tables = words[: place + 2]

    def string(self, address: int) -> bytes:
        return self.data[address - self.rsp :].split(b"\0", 1)[0]

    def check(self) -> None:
        assert self.rsp % 16 == 0
        place = self.argv[0] if self.argv else self.envp[0]
        for address in [*self.argv, *self.envp, self.value[AT_EXECFN]]:
            assert address == place
            place += len(self.string(address)) + 1
        assert self.data[place - self.rsp :] == bytes(8)
        assert self.top % PAGE == 0
        platform = self.value[AT_PLATFORM]
        assert self.string(platform) == b"x86_64"
        assert (platform + 7) % 16 == 0
        assert self.value[AT_RANDOM] == platform - 16
        assert 0 <= self.value[AT_RANDOM] - (self.rsp + 8 * len(self.tables)) < 16

    def without_addresses(self) -> tuple[object, ...]:
        """All that two runs of a program have in common: addresses on the stack count from its top."""

        def relative(word: int) -> int:
            return word - self.top if self.rsp <= word <= self.top else word

        moving = {AT_PHDR, AT_BASE, AT_ENTRY, AT_SYSINFO_EHDR}
        random = self.value[AT_RANDOM] - self.rsp
        return (
            [relative(word) for word in [*self.argv, *self.envp]],
            [(key, bool(value) if key in moving else relative(value)) for key, value in self.auxv],
            self.value[AT_ENTRY] - self.value[AT_PHDR],
            self.data[8 * len(self.tables) : random] + self.data[random + 16 :],
            self.rsp - self.top,
        )


def natively(program: Path, argv: list[bytes], envp: dict[bytes, bytes], *, aslr: bool) -> Parsed:
    def no_aslr() -> None:
        assert libc.personality(ADDR_NO_RANDOMIZE) >= 0

    result = subprocess.run(
        argv, executable=program, env=envp, stdout=subprocess.PIPE, check=True, preexec_fn=None if aslr else no_aslr
    )
    rsp, top = struct.unpack_from("<QQ", result.stdout)
    assert len(result.stdout) == 16 + top - rsp
    return Parsed(rsp, result.stdout[16:])


def parsed(entry: loader.Entry, mm: AddressSpace) -> Parsed:
    end = area(mm, entry.rsp)[1]
    return Parsed(entry.rsp, mm.read(entry.rsp, end - entry.rsp))


@pytest.mark.parametrize("flags", [["-static"], ["-static-pie"], ["-no-pie"], ["-pie"]], ids=lambda flags: flags[0])
@pytest.mark.parametrize(
    ("argv", "envp"),
    [
        ([b"stack"], {}),
        ([b"a", b"", b"\xff b"], {b"HOME": b"/", b"E": b""}),
        ([b"x" * 100] * 300, {b"%d" % i: b"y" * i for i in range(100)}),
    ],
    ids=["one", "some", "many"],
)
def test_the_stack_is_linuxs(
    flags: list[str],
    argv: list[bytes],
    envp: dict[bytes, bytes],
    put: Callable[..., loader.Entry],
    mm: AddressSpace,
    compile_c: Callable[..., Path],
) -> None:
    program = compile_c(Path(__file__).with_name("stack_dump.c"), *flags)
    theirs = natively(program, argv, envp, aslr=False)
    theirs.check()
    entry = put(program, argv, [key + b"=" + value for key, value in envp.items()])
    ours = parsed(entry, mm)
    ours.check()
    assert [key for key, _ in ours.auxv] == [key for key, _ in theirs.auxv]
    assert ours.without_addresses() == theirs.without_addresses()
    assert ours.value[AT_RANDOM] != theirs.value[AT_RANDOM]
    if flags[0] in ("-static", "-no-pie"):
        assert (ours.value[AT_ENTRY], ours.value[AT_PHDR]) == (theirs.value[AT_ENTRY], theirs.value[AT_PHDR])
    if flags == ["-static"]:
        assert entry.rip == theirs.value[AT_ENTRY]
    assert entry.rsp == ours.rsp == entry.start_stack
    assert entry.auxv == mm.read(entry.auxv_addr, len(entry.auxv))
    assert entry.auxv_addr + len(entry.auxv) == ours.rsp + 8 * len(ours.tables)
    assert mm.read(entry.arg_start, entry.arg_end - entry.arg_start) == b"".join([s + b"\0" for s in argv])
    assert mm.read(entry.env_start, entry.env_end - entry.env_start).count(b"\0") == len(envp)
    assert entry.env_end == ours.value[AT_EXECFN]


def test_aslr_moves_everything(put: Callable[..., loader.Entry], mm: AddressSpace) -> None:
    found: list[set[int]] = [set() for _ in range(5)]
    vdso = set()
    for _ in range(5):
        entry = put(right_ones()[3], aslr=True)
        stack = parsed(entry, mm)
        stack.check()
        values = (
            entry.rsp,
            stack.top,
            stack.value[AT_BASE],
            stack.value[AT_ENTRY],
            entry.start_brk,
        )
        vdso.add(stack.value[AT_SYSINFO_EHDR])
        for seen, value in zip(found, values, strict=True):
            seen.add(value)
        assert entry.start_brk >= stack.value[AT_ENTRY] + 0x5000 + PAGE
    assert min(len(seen) for seen in found) >= 3  # near places are 512: of five, two pairs may be the same
    assert len(vdso) == 1  # drawn once a tree (docs/design.md, D11)


def test_without_aslr_only_the_random_bytes_differ(put: Callable[..., loader.Entry], mm: AddressSpace) -> None:
    first = parsed(put(right_ones()[3]), mm)
    second = parsed(put(right_ones()[3]), mm)
    assert first.without_addresses() == second.without_addresses()
    assert first.auxv == second.auxv
    assert first.data != second.data


@pytest.mark.parametrize(
    ("limit", "size"),
    [(8 << 20, 8 << 20), ((1 << 20) + 1, (1 << 20) + PAGE), ((1 << 64) - 1, loader.STACK_MAX)],
)
def test_size_of_the_stack(limit: int, size: int, put: Callable[..., loader.Entry], mm: AddressSpace) -> None:
    start, end, prot = area(mm, put(right_ones()[0], stack_limit=limit).rsp)
    assert (end - start, prot) == (size, "rw-")


def test_a_limit_below_the_arguments(put: Callable[..., loader.Entry], mm: AddressSpace) -> None:
    entry = put(right_ones()[0], [b"a" * 1000] * 100, stack_limit=PAGE)
    parsed(entry, mm).check()


@pytest.mark.parametrize(("flags", "prot"), [(None, "rw-"), (R | W, "rw-"), (R | W | X, "rwx")])
def test_executable_stack(flags: int | None, prot: str, put: Callable[..., loader.Entry], mm: AddressSpace) -> None:
    segments = [load(R | X, 0, 0x400000, 0x1000, 0x1000)]
    if flags is not None:
        segments.append((PT_GNU_STACK, flags, 0, 0, 0, 0, 16))
    assert area(mm, put(build(segments)).rsp)[2] == prot


# ---- Segments ------------------------------------------------------------------------------------------------------------


def test_bss(put: Callable[..., loader.Entry], mm: AddressSpace) -> None:
    content = build([load(R | X, 0, 0x400000, 0x1000, 0x1000), load(R | W, 0x1100, 0x402100, 0x800, 0x3000)])
    entry = put(content)
    assert mm.read(0x400000, 0x1000) == content[:0x1000]
    assert mm.read(0x402000, 0x900) == content[0x1000:0x1900]
    assert mm.read(0x402900, 0x2700) == bytes(0x2700)
    mm.write(0x402000, b"x" * 0x4000)
    assert area(mm, 0x401000) == (0, 0, "")
    assert area(mm, 0x406000) == (0, 0, "")
    assert (entry.start_code, entry.end_code) == (0x400000, 0x401000)
    assert (entry.start_data, entry.end_data) == (0x402100, 0x402900)
    assert entry.start_brk == 0x406000
    assert mm.brk(0) == 0x406000
    assert mm.brk(0x407001) == 0x407001
    assert mm.read(0x406000, 0x2000) == bytes(0x2000)


def test_bss_that_ends_in_the_files_last_page(put: Callable[..., loader.Entry], mm: AddressSpace) -> None:
    content = build([load(R | X, 0, 0x400000, 0x1000, 0x1000), load(R | W, 0x1000, 0x402000, 0x10, 0x20)])
    put(content)
    assert mm.read(0x402000, PAGE) == content[0x1000:0x1010] + bytes(PAGE - 0x10)  # all of the page, as Linux does
    assert area(mm, 0x403000)[2] == ""


def test_bss_of_one_more_page(put: Callable[..., loader.Entry], mm: AddressSpace) -> None:
    put(build([load(R | X, 0, 0x400000, 0x1000, 0x1000), load(R | W, 0x1000, 0x402000, 0x10, 0x1010)]))
    assert mm.read(0x402010, 0x2000 - 0x10) == bytes(0x2000 - 0x10)
    assert area(mm, 0x404000)[2] == ""


def test_with_aslr_a_page_before_the_heap_is_free(
    put: Callable[..., loader.Entry], mm: AddressSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Aslr, "pages", lambda *_: 0)
    content = build([load(R | X, 0, 0x400000, 0x1000, 0x1800)])
    assert put(content, aslr=False).start_brk == 0x402000
    assert put(content, aslr=True).start_brk == 0x403000


def test_bss_alone_and_executable(put: Callable[..., loader.Entry], mm: AddressSpace) -> None:
    put(build([load(R | X, 0, 0x400000, 0x1000, 0x1000), load(R | W | X, 0x123, 0x402456, 0, 0x2000)]))
    assert area(mm, 0x402000) == (0x402000, 0x405000, "rwx")


def test_bss_of_a_read_only_segment(put: Callable[..., loader.Entry], mm: AddressSpace) -> None:
    content = build([load(R | X, 0, 0x400000, 0x900, 0x3000)])
    put(content)
    assert mm.read(0x400000, PAGE) == content[:PAGE]  # the file's page can't be cleared: Linux leaves it
    assert area(mm, 0x401000) == (0x401000, 0x403000, "rwx")


def test_a_later_segment_lies_over_an_earlier_one(put: Callable[..., loader.Entry], mm: AddressSpace) -> None:
    content = build([load(R, 0, 0x400000, 0x3000, 0x3000), load(R | W, 0x2000, 0x401000, 0x1000, 0x1000)])
    put(content)
    assert mm.read(0x400000, 0x3000) == content[:0x1000] + content[0x2000:] + content[0x2000:]


@pytest.mark.parametrize("interpreter", [None, LD_SO + b"\0"], ids=["static", "dynamic"])
@pytest.mark.parametrize("align", [0x1000, 0x200000, 1 << 30])
@pytest.mark.parametrize("aslr", [False, True])
def test_alignment(
    align: int, aslr: bool, interpreter: bytes | None, put: Callable[..., loader.Entry], mm: AddressSpace
) -> None:
    segments = [load(R | X, 0, 0, 0x1000, 0x1000, align), load(R | W, 0x1000, align + 0x1000, 0x1000, 0x1000, align)]
    entry = put(build(segments, ET_DYN, interpreter=interpreter), aslr=aslr)
    stack = parsed(entry, mm)
    base = stack.value[AT_ENTRY] - 0x800
    assert base % align == 0
    assert area(mm, base)[2] == "r-x"
    assert area(mm, base + align + 0x1000)[2] == "rw-"
    assert stack.value[AT_PHDR] == base + 64
    if interpreter:
        assert loader.PIE_BASE - align < base < loader.PIE_BASE + (loader.PIE_RANDOM << 12)
        assert entry.start_brk >= base + align + 0x2000
        assert area(mm, entry.rip)[2] == "r-x"
        assert entry.rip - stack.value[AT_BASE] < 1 << 20
    else:
        assert entry.rip == stack.value[AT_ENTRY]
        assert stack.value[AT_BASE] == 0
        assert loader.PIE_BASE <= entry.start_brk < loader.PIE_BASE + (loader.BRK_RANDOM << 12)


def test_first_address_need_not_be_zero(put: Callable[..., loader.Entry], mm: AddressSpace) -> None:
    segments = [load(R | W, 0x1000, 0x7000, 0x1000, 0x1000), load(R | X, 0, 0x5000, 0x1000, 0x1000)]
    entry = put(build(segments, ET_DYN, entry=0x5800))
    assert area(mm, entry.rip)[0] == entry.rip - 0x800
    assert area(mm, entry.rip + 0x1800)[2] == "rw-"


def test_the_loader_as_the_program(put: Callable[..., loader.Entry], mm: AddressSpace) -> None:
    entry = put(Path(os.fsdecode(LD_SO)), [LD_SO, b"--help"])
    stack = parsed(entry, mm)
    assert entry.rip == stack.value[AT_ENTRY]
    assert stack.value[AT_BASE] == 0


def test_vdso(put: Callable[..., loader.Entry], mm: AddressSpace, window: Window) -> None:
    start = parsed(put(right_ones()[0]), mm).value[AT_SYSINFO_EHDR]
    host = vdso.auxv()[AT_SYSINFO_EHDR]
    found = vdso.find()
    assert found
    assert mm.read(start, len(found.code)) == ctypes.string_at(host, len(found.code))
    assert mm.read(start, 4) == b"\x7fELF"
    assert area(mm, start)[2] == "r-x"
    assert window.aliases
    for gva, address, length in window.aliases:
        assert gva - start == address - host
        assert area(mm, gva)[2] == "r--"
        assert area(mm, gva)[1] >= gva + length
    names = [line.split()[-1] for line in mm.maps().splitlines()]
    assert names.count(b"[vdso]") == names.count(b"[stack]") == 1
    assert b"[vvar]" in names


def test_the_window_is_as_large_as_the_loader_thinks() -> None:
    from noahpy.window import SIZE

    assert SIZE == TASK_SIZE


# ---- What goes wrong -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "errno"),
    [
        (build([load(R | X, 0, 0x400000, 0x1000, 0x1000), load(R | W, 0x5000, 0x500000, 0x10, 0x20)]), EFAULT),
        (build([load(R | X, 0, 0x400000, 0x1000, 0x1000), load(R | W, 0x1000, 0x500000, 0x10, (1 << 46) - 0x501000)]), ENOMEM),
        (build([load(R | X, 0, TASK_SIZE - PAGE, PAGE, PAGE)]), EEXIST),
        (build([load(R | X, 0, 0, PAGE, PAGE)], ET_DYN, entry=1 << 46), EINVAL),
        (build([load(R | X, 0, 0, PAGE, PAGE), load(R, 0, (1 << 46) - PAGE, PAGE, PAGE)], ET_DYN), ENOMEM),
    ],
    ids=["past the file's end", "all of the memory", "at the stack", "entry", "span"],
)
def test_what_commit_finds_is_fatal(content: bytes, errno: int, put: Callable[..., loader.Entry]) -> None:
    with pytest.raises(ExecError) as caught:
        put(content)
    assert caught.value.errno == errno
    assert caught.value.fatal
    assert str(caught.value).startswith("can't be loaded: ")


def test_mutants(mm: AddressSpace, tmp_path: Path) -> None:
    program = tmp_path / "mutant"
    program.touch(0o755)
    loaded = refused = 0
    reasons = set()
    for content in mutants(10_000, seed=2):
        program.write_bytes(content)
        mm.reset()
        try:
            image = prepare(os.fsencode(program), [b"mutant"], [], host=Host(), stack_limit=STACK_LIMIT)  # type: ignore[arg-type]
            entry = loader.commit(image, mm)
        except ExecError as error:
            reasons.add(str(error))
            refused += 1
        else:
            assert 0 <= entry.rip < TASK_SIZE
            loaded += 1
    assert min(loaded, refused) > 1000
    assert len(reasons) > 20
