"""noahpy.program against execve(2) of the host: the same files, errors and arguments."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from fcntl import fcntl
from pathlib import Path

import pytest

from linux_abi.errors import LinuxError
from linux_abi.uapi import errno
from linux_abi.uapi.errno import EBADF, EFAULT, ENOENT, ETXTBSY
from noahpy.program import ExecError, Image, prepare
from tests.fuzz.mutants import ET_DYN, R, W, X, build, load, right_ones

LD_SO = b"/lib64/ld-linux-x86-64.so.2\0"
FIXED = load(R | X, 0, 0x600000, 0x1000, 0x1000)
SIGSEGV = 11
STACK_LIMIT = 8 << 20


class Host:
    """A host that gives `answer` to execveat(AT_EXECVE_CHECK), or does not know it (None); leases are the host's own."""

    def __init__(self, answer: int | None = -EFAULT) -> None:
        self.answer = answer
        self.asked: list[object] = []

    def execveat(self, fd: int, path: bytes, *args: object) -> int:
        if self.answer is None:
            return -EFAULT
        if fd == -1:
            return -EBADF
        self.asked.append(path)
        return self.answer

    def fcntl(self, *args: int) -> int:
        try:
            return fcntl(*args)
        except OSError as error:
            return -error.errno


@pytest.fixture(autouse=True)
def no_descriptor_is_left_open() -> Iterator[None]:
    before = os.listdir("/proc/self/fd")
    yield
    assert os.listdir("/proc/self/fd") == before


def make(path: Path, content: bytes, mode: int = 0o755) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def find(path: bytes | Path, argv: list[bytes] = [b"x"], envp: list[bytes] = [], **more: object) -> Image:  # noqa: B006
    """`prepare`, with the files closed."""
    arguments = {"host": Host(), "stack_limit": STACK_LIMIT, **more}
    image = prepare(os.fsencode(path), argv, envp, **arguments)  # type: ignore[arg-type]
    image.close()
    return image


def natively(path: bytes | Path, argv: list[bytes]) -> str:
    """What execve(2) gives: an errno's name, "SIGSEGV" or "runs"."""

    def limit_stack() -> None:
        resource.setrlimit(resource.RLIMIT_STACK, (STACK_LIMIT, resource.getrlimit(resource.RLIMIT_STACK)[1]))

    try:
        result = subprocess.run(argv, executable=path, env={}, capture_output=True, check=False, preexec_fn=limit_stack)
    except OSError as error:
        return errno.name(error.errno)
    return "SIGSEGV" if result.returncode == -SIGSEGV else "runs"


def here(path: bytes | Path, argv: list[bytes]) -> str:
    """The same of `prepare`."""
    try:
        find(path, argv)
    except ExecError as error:
        if not str(error) or "\n" in str(error):
            return f"no line: {error}"
        return "SIGSEGV" if error.fatal else str(LinuxError(error.errno))
    return "runs"


def check(path: bytes | Path, expected: str, argv: list[bytes] | None = None) -> None:
    argv = argv or [b"program"]
    assert natively(path, argv) == expected
    assert here(path, argv) == expected


PROGRAMS = {
    "right": (right_ones()[0], "runs"),
    "static PIE": (right_ones()[1], "runs"),
    "empty": (b"", "ENOEXEC"),
    "one byte": (b"\x7f", "ENOEXEC"),
    "magic": (b"\x7fELF", "ENOEXEC"),
    "text": (b"hello\n", "ENOEXEC"),
    "half a header": (right_ones()[0][:40], "ENOEXEC"),
    "header alone": (right_ones()[0][:64], "ENOEXEC"),
    "class": (build([FIXED], elf_class=7), "runs"),
    "machine": (build([FIXED], machine=183), "ENOEXEC"),
    "object": (build([FIXED], kind=1), "ENOEXEC"),
    "core": (build([FIXED], kind=4), "ENOEXEC"),
    "phentsize": (build([FIXED], phentsize=64), "ENOEXEC"),
    "phnum 0": (build([FIXED], phnum=0), "ENOEXEC"),
    "phnum 1171": (build([FIXED], phnum=1171, size=0x20000), "ENOEXEC"),
    "headers truncated": (build([FIXED], phoff=0x2FF0), "ENOEXEC"),
    "headers beyond all": (build([FIXED])[:32] + b"\xff" * 8 + build([FIXED])[40:], "ENOEXEC"),
    "no segment": (build([(4, R, 0, 0, 8, 8, 1)], entry=0x400000), "SIGSEGV"),
    "no segment, PIE": (build([(4, R, 0, 0, 8, 8, 1)], ET_DYN), "SIGSEGV"),
    "more in the file than in memory": (build([load(R | X, 0, 0x400000, 0x1000, 0x800)]), "SIGSEGV"),
    "offset and address differ": (build([load(R | X, 0, 0x400010, 0x1000, 0x1000)]), "SIGSEGV"),
    "kernel's address": (build([load(R | X, 0, 1 << 63, 0x1000, 0x1000)]), "SIGSEGV"),
    "endless": (build([FIXED, load(R | W, 0, 0x700000, 0x10, 1 << 47)]), "SIGSEGV"),
    "offset beyond all": (build([FIXED, load(R, (1 << 63) - 0x1000, 0x700000, 0x1000, 0x1000)]), "SIGSEGV"),
    "entry in the kernel": (build([FIXED], entry=1 << 63), "SIGSEGV"),
    "interpreter": (build([load(R | X, 0, 0, 0x1000, 0x1000)], ET_DYN, interpreter=b"INTERPRETER\0"), "runs"),
    "two interpreters": (
        build([(3, R, 0x810, 0, 12, 12, 1), (3, R, 0x2FF0, 0, 12, 12, 1), FIXED], interpreter=b"INTERPRETER\0"), "runs"
    ),
    "interpreter missing": (build([FIXED], interpreter=b"/no/such/file\0"), "ENOENT"),
    "interpreter a directory": (build([FIXED], interpreter=b"/usr\0"), "EACCES"),
    "interpreter below a file": (build([FIXED], interpreter=b"/etc/passwd/x\0"), "ENOTDIR"),
    "interpreter's file name too long": (build([FIXED], interpreter=b"/" + b"x" * 256 + b"\0"), "ENAMETOOLONG"),
    "interpreter's name not ended": (build([FIXED], interpreter=b"/no/such/file"), "ENOEXEC"),
    "interpreter's name empty": (build([FIXED], interpreter=b"\0"), "ENOEXEC"),
    "interpreter's name two NULs": (build([FIXED], interpreter=b"\0\0"), "EACCES"),
    "interpreter's name too long": (build([FIXED], interpreter=b"/" * 4096 + b"\0"), "ENOEXEC"),
    "interpreter's name as long as it may be": (build([FIXED], interpreter=b"/" * 4095 + b"\0"), "EACCES"),
    "interpreter's name behind the end": (build([(3, R, 0x5000, 0, 10, 10, 1), FIXED]), "EIO"),
    "interpreter's name beyond all": (build([(3, R, 1 << 63, 0, 10, 10, 1), FIXED]), "EINVAL"),
    "interpreter a script": (build([FIXED], interpreter=b"/usr/bin/ldd\0"), "ELIBBAD"),
    "interpreter not executable": (build([FIXED], interpreter=b"/etc/passwd\0"), "EACCES"),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_as_natively(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, expected = PROGRAMS[name]
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "INTERPRETER", build([load(R | X, 0, 0x400000, 0x1000, 0x1000)]))
    check(make(tmp_path / "program", content), expected)


INTERPRETERS = {
    "short": (b"\x7fELF", "EIO"),
    "not ELF": (b"x" * 64, "ELIBBAD"),
    "machine": (build([FIXED], machine=183), "ELIBBAD"),
    "phnum 0": (build([FIXED], phnum=0), "ELIBBAD"),
    "headers truncated": (build([FIXED], phoff=0x2FF0), "ELIBBAD"),
    "no segment": (build([(4, R, 0, 0, 8, 8, 1)]), "SIGSEGV"),
    "more in the file than in memory": (build([load(R | X, 0, 0x400000, 0x1000, 0x800)]), "SIGSEGV"),
}


@pytest.mark.parametrize("name", INTERPRETERS)
def test_interpreters_as_natively(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, expected = INTERPRETERS[name]
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "INTERPRETER", content)
    check(make(tmp_path / "program", build([FIXED], interpreter=b"INTERPRETER\0")), expected)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/no/such/file", "ENOENT"),
        (b"/etc/passwd/x", "ENOTDIR"),
        (b"/usr", "EACCES"),
        (b"/dev/null", "EACCES"),
        (b"/etc/passwd", "EACCES"),
        (b"/" + b"a" * 256, "ENAMETOOLONG"),
        (b"/" + b"a/" * 2100, "ENAMETOOLONG"),
        (b"/proc/version", "EACCES"),
    ],
)
def test_paths_as_natively(path: bytes, expected: str) -> None:
    check(path, expected)


def test_no_path() -> None:
    assert here(b"", [b"x"]) == "ENOENT"


def test_a_loop_of_links(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("a")
    check(tmp_path / "a", "ELOOP")


def test_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o755)
    check(tmp_path / "pipe", "EACCES")


def test_a_file_open_for_writing(tmp_path: Path) -> None:
    program = make(tmp_path / "program", right_ones()[0])
    host = Host(-ETXTBSY)
    with pytest.raises(ExecError) as caught:
        find(program, host=host)
    assert caught.value.errno == ETXTBSY
    assert host.asked == [bytes(program) + b"\0"]
    assert find(program, host=Host()).program.entry == 0x400800


def test_a_file_open_for_writing_on_older_kernels(tmp_path: Path) -> None:
    program = make(tmp_path / "program", right_ones()[0])
    with program.open("r+b"), pytest.raises(ExecError) as caught:
        find(program, host=Host(None))
    assert caught.value.errno == ETXTBSY
    assert find(program, host=Host(None)).program.entry == 0x400800


# ---- Arguments ---------------------------------------------------------------------------------------------------------------


def test_a_string_too_long(tmp_path: Path) -> None:
    program = make(tmp_path / "program", right_ones()[0])
    check(program, "runs", [b"x", b"a" * 131071])
    check(program, "E2BIG", [b"x", b"a" * 131072])


def test_all_strings_too_long(tmp_path: Path) -> None:
    program = make(tmp_path / "program", right_ones()[0])
    size = STACK_LIMIT // 4 - len(bytes(program)) - 1
    check(program, "runs", [b"a" * 999] * 2000 + [b"b" * (size - 2000 * 1008 - 9)])
    check(program, "E2BIG", [b"a" * 999] * 2000 + [b"b" * (size - 2000 * 1008 - 8)])


@pytest.mark.parametrize(("limit", "room"), [(0, 128 << 10), (1 << 20, 256 << 10), (1 << 63, 6 << 20)])
def test_room_by_the_stacks_limit(limit: int, room: int, tmp_path: Path) -> None:
    program = make(tmp_path / "p", right_ones()[0])
    count = (room - len(bytes(program)) - 1 - 4 - 8) // 1008
    find(program, [b"abc"], [b"a" * 999] * count, stack_limit=limit)
    with pytest.raises(ExecError, match="too long"):
        find(program, [b"abc"], [b"a" * 999] * (count + 1), stack_limit=limit)


def test_without_arguments_there_is_an_empty_one(tmp_path: Path) -> None:
    assert find(make(tmp_path / "program", right_ones()[0]), []).argv == [b""]


def test_arguments_are_read_when_the_file_is_open() -> None:
    def faulting() -> Iterator[bytes]:
        raise LinuxError(EFAULT)
        yield b""

    with pytest.raises(LinuxError) as caught:
        find(b"/no/such/file", faulting())  # type: ignore[arg-type]
    assert caught.value.errno == ENOENT
    with pytest.raises(LinuxError) as caught:
        find(b"/bin/true", faulting())  # type: ignore[arg-type]
    assert caught.value.errno == EFAULT


# ---- Scripts -----------------------------------------------------------------------------------------------------------------


LINES = {
    "plain": b"#!NAME\n",
    "no newline": b"#!NAME",
    "blanks around": b"#! \t NAME \t \n",
    "argument": b"#!NAME -x\nexit\n",
    "argument with blanks": b"#!NAME  a b\tc \t\nexit\n",
    "argument, no newline": b"#!NAME a ",
    "argument empty": b"#!NAME ",
    "tab": b"#!NAME\targ\n",
    "carriage return": b"#!NAME a\r\n",
    "NUL behind the name": b"#!NAME\0 x\n",
    "NUL in the argument": b"#!NAME a\0b\n",
    "NUL as the argument": b"#!NAME \0b\n",
    "argument cut": b"#!NAME " + b"a" * 300 + b"\n",
    "argument cut at a blank": b"#!NAME FILL" + b"  \n",
    "argument up to the end": b"#!NAME FILL" + b"bc",
    "name up to the end": b"#!FILLEDNAME\n",
}
BAD_LINES = {
    "nothing": (b"#!", "EACCES"),
    "empty": (b"#!\n", "ENOEXEC"),
    "blanks": (b"#! \t \n", "ENOEXEC"),
    "blanks only": (b"#!" + b" " * 300, "ENOEXEC"),
    "NUL": (b"#!\0\n", "EACCES"),
    "missing": (b"#!/no/such/file\n", "ENOENT"),
    "directory": (b"#!/usr\n", "EACCES"),
    "carriage return": (b"#!/bin/sh\r\n", "ENOENT"),
    "name too long": (b"#!/" + b"a" * 300 + b"\n", "ENOEXEC"),
    "name over the end": (b"#!" + b" " * 245 + b"/bin/true\n", "ENOEXEC"),
    "not a program": (b"#!/etc/passwd\n", "EACCES"),
}


@pytest.mark.parametrize("name", LINES)
def test_script_lines_as_natively(name: str, tmp_path: Path, compile_c: Callable[..., Path]) -> None:
    interpreter = tmp_path / "i"
    interpreter.symlink_to(compile_c(Path(__file__).with_name("print_args.c")))
    line = LINES[name].replace(b"FILLEDNAME", b" " * (253 - len(bytes(interpreter))) + b"NAME")
    line = line.replace(b"FILL", b"f" * (254 - 3 - len(bytes(interpreter)))).replace(b"NAME", bytes(interpreter))
    script = make(tmp_path / "script", line)
    argv = [b"first", b"second", b"third"]
    theirs = subprocess.run(argv, executable=script, stdout=subprocess.PIPE, check=True).stdout
    image = find(script, argv)
    assert b"".join([s + b"\0" for s in image.argv]) == theirs
    assert image.execfn == bytes(script)


@pytest.mark.parametrize("name", BAD_LINES)
def test_bad_script_lines_as_natively(name: str, tmp_path: Path) -> None:
    line, expected = BAD_LINES[name]
    check(make(tmp_path / "script", line), expected)


@pytest.mark.parametrize(("depth", "expected"), [(1, "runs"), (5, "runs"), (6, "ELOOP"), (9, "ELOOP")])
def test_scripts_of_scripts_as_natively(depth: int, expected: str, tmp_path: Path) -> None:
    for i in range(depth):
        following = b"/bin/true" if i == depth - 1 else bytes(tmp_path / str(i + 1))
        make(tmp_path / str(i), b"#!" + following + b" %d\n" % i)
    check(tmp_path / "0", expected)


def test_arguments_of_scripts_of_scripts(tmp_path: Path) -> None:
    make(tmp_path / "a", b"#!/bin/true x y\n")
    make(tmp_path / "b", b"#!%s\n" % bytes(tmp_path / "a"))
    image = find(tmp_path / "b", [b"name", b"argument"], execfn=b"./b")
    assert image.argv == [b"/bin/true", b"x y", bytes(tmp_path / "a"), b"./b", b"argument"]
    assert image.execfn == b"./b"


def test_a_script_that_names_itself(tmp_path: Path) -> None:
    check(make(tmp_path / "s", b"#!%s\n" % bytes(tmp_path / "s")), "ELOOP")


# ---- What the user reads -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"hello\n", "not an ELF file"),
        (build([FIXED], machine=183), "built for aarch64: only x86-64 is supported"),
        (build([FIXED], machine=3, elf_class=1), "32-bit ELF: only x86-64 is supported"),
        (build([FIXED], phoff=0x2FF0), "truncated program headers"),
        (
            build([FIXED], interpreter=b"/no/ld-musl-x86_64.so.1\0"),
            "interpreter /no/ld-musl-x86_64.so.1 not found: install it (on Debian: apt-get install musl)",
        ),
        (build([FIXED], interpreter=b"/no/such\0"), "interpreter /no/such not found"),
        (build([FIXED], interpreter=b"/usr\0"), "interpreter /usr: is a directory"),
        (build([FIXED], interpreter=b"/usr/bin/ldd\0"), "interpreter /usr/bin/ldd: not an ELF file"),
        (b"#!/no/such\n", "interpreter /no/such not found"),
        (b"#!\n", "the #! line names no interpreter"),
        (b"#!/" + b"a" * 300 + b"\n", "the #! line is too long"),
        (build([load(R, 0, 0x1010, 9, 9)]), "segment at 0x1010: offset and address differ within the page"),
        (build([load(R, 0, 0x1000, 9, 8)]), "segment at 0x1000: more bytes in the file than in memory"),
        (build([load(R, 0, 1 << 46, 9, 9)]), "segment at 0x400000000000: outside of the address space"),
        (build([FIXED], entry=1 << 46), "entry point 0x400000000000: outside of the address space"),
    ],
)
def test_explanation(content: bytes, line: str, tmp_path: Path) -> None:
    with pytest.raises(ExecError) as caught:
        find(make(tmp_path / "program", content))
    assert str(caught.value) == caught.value.explanation == line


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (b"/no/such/file", "no such file or directory"),
        (b"/usr", "is a directory"),
        (b"/dev/null", "not a regular file"),
        (b"/etc/passwd", "no permission to execute"),
    ],
)
def test_explanation_of_paths(path: bytes, line: str) -> None:
    with pytest.raises(ExecError) as caught:
        find(path)
    assert str(caught.value) == line
