"""What can't be run: one line that says why, and the shell's status. 127: there is no such thing; 126: it is no program."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Engine

SOURCE = "int main(void) { return 0; }\n"
NOT_RUNNABLE, NOT_FOUND = 126, 127


@pytest.fixture(scope="session")
def program(compile_c: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A dynamically linked program that works."""
    source = tmp_path_factory.mktemp("source") / "program.c"
    source.write_text(SOURCE)
    return compile_c(source).read_bytes()


def patched(program: bytes, offset: int, form: str, value: int) -> bytes:
    changed = bytearray(program)
    struct.pack_into(form, changed, offset, value)
    return bytes(changed)


def header_of(program: bytes, kind: int) -> int:
    """The offset of the first program header of a kind."""
    start, size, count = struct.unpack_from("<Q14xHH", program, 32)
    return next(at for at in range(start, start + size * count, size) if struct.unpack_from("<I", program, at)[0] == kind)


LOAD, INTERP = 1, 3
# Name -> what is in the file.
BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda p: b"",
    "text": lambda p: b"hello\n",
    "text of nine bytes": lambda p: b"echo hi\n\n",
    "binary": lambda p: bytes(range(256)) * 20,
    "no magic": lambda p: patched(p, 0, "B", 0x7E),
    "32-bit": lambda p: patched(patched(p, 4, "B", 1), 18, "<H", 3),
    "an object file": lambda p: patched(p, 16, "<H", 1),
    "a core file": lambda p: patched(p, 16, "<H", 4),
    "for arm64": lambda p: patched(p, 18, "<H", 183),
    "for i386": lambda p: patched(p, 18, "<H", 3),
    "four bytes": lambda p: p[:4],
    "63 bytes": lambda p: p[:63],
    "no program headers in the file": lambda p: p[:64],
    "half of the program headers": lambda p: p[:200],
    "program headers behind the end": lambda p: patched(p, 32, "<Q", 1 << 40),
    "program headers at 2^64-1": lambda p: patched(p, 32, "<Q", (1 << 64) - 1),
    "no program headers": lambda p: patched(p, 56, "<H", 0),
    "65535 program headers": lambda p: patched(p, 56, "<H", 65535),
    "program headers of 1 byte": lambda p: patched(p, 54, "<H", 1),
    "more in the file than in memory": lambda p: patched(p, header_of(p, LOAD) + 40, "<Q", 1),
    "a segment of 2^63 bytes": lambda p: patched(p, header_of(p, LOAD) + 40, "<Q", 1 << 63),
    "a segment at 2^63": lambda p: patched(p, header_of(p, LOAD) + 16, "<Q", 1 << 63),
    "an interpreter's name of 0 bytes": lambda p: patched(p, header_of(p, INTERP) + 32, "<Q", 0),
    "an interpreter's name of 5000 bytes": lambda p: patched(p, header_of(p, INTERP) + 32, "<Q", 5000),
    "an interpreter's name behind the end": lambda p: patched(p, header_of(p, INTERP) + 8, "<Q", 1 << 30),
    "an interpreter's name without an end": lambda p: patched(p, header_of(p, INTERP) + 32, "<Q", 5),
    "a script without an interpreter": lambda p: b"#!\n",
    "a script for a directory": lambda p: b"#!/usr\n",
    "a script for itself": lambda p: b"#!./program\n",
}


def check_refusal(engine: Engine, argv: list[str], status: int, cwd: Path, *named: str) -> None:
    result = engine.run(argv, cwd=cwd)
    text = result.stderr.decode()
    assert result.stdout == b""
    assert text.startswith("noahpy: ")
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert len(text) < 400
    for name in named:
        assert name in text
    assert result.status == status


def native_refuses(path: Path) -> bool:
    """Does Linux itself refuse it, by an error or, when it has gone too far for one, by a signal?"""
    pid = os.fork()
    if not pid:
        try:
            os.chdir(path.parent)
            os.execv(path, [path])
        except OSError:
            os._exit(99)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status == 99 or status < 0


@pytest.mark.parametrize("name", BROKEN)
def test_broken_program(name: str, guest: Engine, program: bytes, tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(BROKEN[name](program))
    path.chmod(0o755)
    assert native_refuses(path)
    check_refusal(guest, [str(path)], NOT_RUNNABLE, tmp_path, str(path))


@pytest.mark.parametrize("name", ["absent", "./absent", "/absent/program", ""])
def test_absent_program(name: str, guest: Engine, tmp_path: Path) -> None:
    check_refusal(guest, [name], NOT_FOUND, tmp_path, name)


def test_what_is_no_program(guest: Engine, tmp_path: Path) -> None:
    (tmp_path / "forbidden").write_bytes(b"#!/bin/sh\n")
    (tmp_path / "forbidden").chmod(0o644)
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "fifo", 0o755)
    check_refusal(guest, ["./forbidden"], NOT_RUNNABLE, tmp_path, "./forbidden", "permission")
    check_refusal(guest, ["/usr"], NOT_RUNNABLE, tmp_path, "/usr")
    check_refusal(guest, ["./loop"], NOT_RUNNABLE, tmp_path, "./loop")
    check_refusal(guest, ["./fifo"], NOT_RUNNABLE, tmp_path, "./fifo")
    check_refusal(guest, ["./forbidden/program"], NOT_RUNNABLE, tmp_path, "./forbidden/program")
    check_refusal(guest, ["n" * 300], NOT_FOUND, tmp_path)
    check_refusal(guest, ["/" + "n" * 200 + "/x"], NOT_FOUND, tmp_path)


def test_missing_interpreter_is_named(guest: Engine, program: bytes, tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(program.replace(b"/lib64/ld-linux-x86-64.so.2", b"/lib64/no-such-interpreter."))
    path.chmod(0o755)
    check_refusal(guest, [str(path)], NOT_FOUND, tmp_path, "/lib64/no-such-interpreter.")
    path.write_text("#!/absent/interpreter -x\n")
    check_refusal(guest, [str(path)], NOT_FOUND, tmp_path, "/absent/interpreter")


def test_arguments_that_are_too_long(guest: Engine, tmp_path: Path) -> None:
    """One string of 128 KiB, or all of them above a quarter of the stack's limit: execve(2)."""
    native = Engine("native")
    assert guest.run(["/bin/echo", "x" * 131071]) == native.run(["/bin/echo", "x" * 131071])
    many = ["/bin/echo", *["y" * 1000] * 1500]
    assert guest.run(many) == native.run(many)


@pytest.mark.parametrize(
    "options", [["--no-such-option", "/bin/true"], [], ["--env"], ["--env", "novalue", "/bin/true"], ["--"]]
)
def test_wrong_options(options: list[str], guest: Engine, tmp_path: Path) -> None:
    check_refusal(guest, options, 125, tmp_path)
