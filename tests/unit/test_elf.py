"""noahpy.elf against pyelftools, field by field."""

from __future__ import annotations

import io
import os
import random
import tempfile
from pathlib import Path

import pytest
from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from noahpy.elf import BadElf, Elf, read_head
from tests.fuzz.mutants import ET_DYN, PT_GNU_STACK, R, W, X, build, load, mutants, right_ones


def sample() -> list[Path]:
    """200 ELF files of the system, the same ones in every run on it."""
    found = []
    for folder in ("/usr/bin", "/usr/sbin", "/usr/lib"):
        for path, _, names in os.walk(folder):
            for name in names:
                file = Path(path, name)
                if file.is_file() and not file.is_symlink() and file.stat().st_size > 64 and os.access(file, os.R_OK):
                    with file.open("rb") as stream:
                        if stream.read(4) == b"\x7fELF":
                            found.append(file)
    return random.Random(200).sample(sorted(found), min(200, len(found)))


def read(content: bytes | Path) -> Elf:
    with content.open("rb") if isinstance(content, Path) else tempfile.TemporaryFile() as file:
        if isinstance(content, bytes):
            file.write(content)
            file.flush()
        elf = Elf(file.fileno(), read_head(file.fileno()))
        elf.fd = -1
        return elf


def differences(elf: Elf, reference: ELFFile) -> list[str]:
    """Where the two readers disagree."""
    header = reference.header
    pairs = [
        ("entry", elf.entry, header.e_entry),
        ("phoff", elf.phoff, header.e_phoff),
        ("phnum", len(elf.segments), header.e_phnum),
        ("type", elf.type, {"ET_EXEC": 2, "ET_DYN": 3}.get(header.e_type, header.e_type)),
    ]
    for i, mine in enumerate(elf.segments):
        theirs = reference.structs.Elf_Phdr.parse(
            reference.stream.getvalue()[header.e_phoff + i * header.e_phentsize :][: header.e_phentsize]
        )
        for field in ("flags", "offset", "vaddr", "filesz", "memsz", "align"):
            pairs.append((f"{i}.{field}", getattr(mine, field), theirs[f"p_{field}"]))
        kinds = {"PT_LOAD": 1, "PT_INTERP": 3, "PT_GNU_STACK": 0x6474E551}
        if theirs.p_type in kinds or mine.type in kinds.values():
            pairs.append((f"{i}.type", mine.type, kinds.get(theirs.p_type)))
    return [f"{name}: {a} is not {b}" for name, a, b in pairs if a != b]


def runnable(reference: ELFFile) -> bool:
    header = reference.header
    return header.e_machine == "EM_X86_64" and header.e_type in ("ET_EXEC", "ET_DYN") and header.e_phentsize == 56


def test_agrees_with_pyelftools_on_the_systems_files() -> None:
    files = sample()
    assert len(files) > 100
    compared = 0
    for file in files:
        reference = ELFFile(io.BytesIO(file.read_bytes()))
        if not runnable(reference):
            with pytest.raises(BadElf):
                read(file)
            continue
        assert differences(read(file), reference) == [], file
        compared += 1
    assert compared > 100


def test_agrees_with_pyelftools_on_mutants() -> None:
    compared = 0
    for content in mutants(1000, seed=1):
        try:
            reference = ELFFile(io.BytesIO(content))
        except ELFError:  # it reads sections too
            continue
        if reference.elfclass != 64 or not reference.little_endian or not runnable(reference):
            continue
        header = reference.header
        table = header.e_phoff + header.e_phnum * header.e_phentsize
        if not 0 < header.e_phnum <= 1170 or table > len(content):
            with pytest.raises(BadElf):
                read(content)
            continue
        assert differences(read(content), reference) == []
        compared += 1
    assert compared > 100


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not an ELF file"),
        (b"#", "not an ELF file"),
        (b"\x7fELF", "truncated ELF header"),
        (right_ones()[0][:63], "truncated program headers"),
        (build([load(R, 0, 0, 1, 1)], machine=183), "built for aarch64: only x86-64 is supported"),
        (build([load(R, 0, 0, 1, 1)], machine=3, elf_class=1), "32-bit ELF: only x86-64 is supported"),
        (build([load(R, 0, 0, 1, 1)], phentsize=32, elf_class=1), "32-bit ELF: only x86-64 is supported"),
        (build([load(R, 0, 0, 1, 1)], machine=0x1600, data=2, elf_class=2), "built for S/390"),
        (build([load(R, 0, 0, 1, 1)], machine=999), "built for ELF machine 999"),
        (build([load(R, 0, 0, 1, 1)], kind=1), "an object file that is not linked yet, not a program"),
        (build([load(R, 0, 0, 1, 1)], kind=4), "a core dump, not a program"),
        (build([load(R, 0, 0, 1, 1)], kind=0xFE00), "ELF type 65024, not a program"),
        (build([load(R, 0, 0, 1, 1)], phentsize=57), "bad size of program headers"),
        (build([]), "no program headers"),
        (build([load(R, 0, 0, 1, 1)], phnum=1171, size=0x20000), "too many program headers"),
        (build([load(R, 0, 0, 1, 1)], phoff=0x2FF0), "truncated program headers"),
        (build([load(R, 0, 0, 1, 1)])[:32] + b"\xff" * 8 + right_ones()[0][40:], "truncated program headers"),
    ],
)
def test_says_why(content: bytes, why: str) -> None:
    with pytest.raises(BadElf) as caught:
        read(content)
    assert why in str(caught.value)


@pytest.mark.parametrize("change", [{"elf_class": 1}, {"elf_class": 7}, {"data": 2}, {"phnum": 1170, "size": 0x20000}])
def test_takes_what_linux_takes(change: dict[str, int]) -> None:
    assert read(build([load(R | X, 0, 0x400000, 0x1000, 0x1000)], **change)).entry == 0x400800  # type: ignore[arg-type]


def test_headers_behind_the_first_read() -> None:
    segments = [load(R, 0, i << 12, 1, 1) for i in range(100)]
    assert [s.vaddr for s in read(build(segments, phoff=0x1000)).segments] == [i << 12 for i in range(100)]


def test_derived() -> None:
    elf = read(build([load(R | X, 0, 0x5800, 0x900, 0x900, 0x4000), load(R | W, 0x1000, 0x1000, 1, 0x2345, 0x7000)], ET_DYN))
    assert elf.span() == (0x1000, 0x6100)
    assert elf.alignment() == 0x4000  # 0x7000 is no power of two
    assert elf.phdr() == 0x5840
    assert not elf.executable_stack()


@pytest.mark.parametrize(("flags", "executable"), [([R | W], False), ([R | W | X], True), ([X, R], False), ([R, X], True)])
def test_the_last_gnu_stack_counts(flags: list[int], executable: bool) -> None:
    segments = [load(R, 0, 0, 1, 1), *[(PT_GNU_STACK, f, 0, 0, 0, 0, 16) for f in flags]]
    assert read(build(segments)).executable_stack() is executable
