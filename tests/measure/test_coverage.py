"""`--coverage`: lines as gcov counts them natively, and blocks in drcov's form, read back here."""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from tests.conftest import Engine, Result
from tests.measure.conftest import HERE

Lines = dict[int, int]


def build(source: Path, folder: Path, *flags: str) -> Path:
    program = folder / source.stem
    subprocess.run(["gcc", "-O0", "-g", "-w", *flags, source, "-o", program], check=True, cwd=folder)
    return program


def read_lcov(path: Path) -> dict[str, Lines]:
    """Source file -> line -> executions; the sums in the file must agree."""
    files = {}
    for record in path.read_text().split("end_of_record\n")[:-1]:
        name = re.search(r"^SF:(.*)$", record, re.MULTILINE)[1]
        lines = {int(line): int(count) for line, count in re.findall(r"^DA:(\d+),(\d+)$", record, re.MULTILINE)}
        assert re.findall(r"^L[FH]:(\d+)$", record, re.MULTILINE) == [str(len(lines)), str(sum(map(bool, lines.values())))]
        files[name] = lines
    return files


def read_gcov(text: str) -> Lines:
    """Its own text form: `count: line: source`; ##### is 0, - no code."""
    found = re.findall(r"^ *(\d+|#####)\*?: *([1-9]\d*):", text, re.MULTILINE)
    return {int(line): 0 if count == "#####" else int(count) for count, line in found}


@pytest.mark.parametrize("form", ["pie", "no-pie", "static-pie"])
@pytest.mark.parametrize("dwarf", ["4", "5"])
def test_lines_as_gcov(form: str, dwarf: str, measured: Callable[..., Result], tmp_path: Path) -> None:
    source = HERE / "lines.c"
    (tmp_path / "gcov").mkdir()
    subprocess.run([build(source, tmp_path / "gcov", "--coverage")], check=True)
    notes = next((tmp_path / "gcov").glob("*.gcno"))
    gcov = subprocess.run(["gcov", "-t", notes], capture_output=True, text=True, check=True, cwd=notes.parent).stdout
    out = tmp_path / "out.info"
    program = build(source, tmp_path, f"-gdwarf-{dwarf}", f"-{form}")
    result = measured(["--coverage=lcov", "-o", str(out)], [program])
    assert (result.status, result.stderr) == (0, b"")
    expected, found = read_gcov(gcov), read_lcov(out)[str(source)]
    assert sum(not count for count in expected.values()) == 5
    assert max(expected.values()) == 11
    # A line table has a function's closing brace, gcov a label.
    text = source.read_text().splitlines()
    assert {text[line - 1].strip() for line in found.keys() - expected.keys()} == {"}"}
    assert all(re.fullmatch(r" *(case \d|default):", text[line - 1]) for line in expected.keys() - found.keys())
    both = found.keys() & expected.keys()
    assert {line: found[line] for line in both} == {line: expected[line] for line in both}


def test_lines_behind_a_fault(measured: Callable[..., Result], tmp_path: Path) -> None:
    source, out = HERE / "fault_line.c", tmp_path / "out.info"
    assert measured(["--coverage=lcov", "-o", str(out)], [build(source, tmp_path)]).status == 0
    found = read_lcov(out)[str(source)]
    text = {text.partition(";")[0].strip(): number for number, text in enumerate(source.read_text().splitlines(), 1)}
    expected = {"int n = 1": 1, "n += *p": 1, "n *= 2": 0, "return n": 0, "siglongjmp(back, number)": 1, "return 0": 1}
    assert {what: found[text[what]] for what in expected} == expected
    assert found[text["if (!sigsetjmp(back, 1)) /* twice */"]] == 2


def test_a_program_that_is_gone_has_no_lines(measured: Callable[..., Result], tmp_path: Path) -> None:
    program, out = build(HERE / "fault_line.c", tmp_path), tmp_path / "out.info"
    result = measured(["--coverage=lcov", "-o", str(out)], ["/bin/sh", "-c", f"{program}; rm {program}"])
    assert out.read_text() == ""
    says = f"noahpy: coverage: {program} is not what was executed any more: its lines are not told\n"
    assert (result.status, result.stderr.decode()) == (0, says)


def read_drcov(path: Path) -> tuple[list[tuple[int, int, str]], list[tuple[int, int, int]]]:
    """Modules as base, end, path; blocks as offset, size, module."""
    data = path.read_bytes()
    head, _, rest = data.partition(b"BB Table: ")
    lines = head.decode().splitlines()
    assert lines[:2] == ["DRCOV VERSION: 2", "DRCOV FLAVOR: drcov-64"]
    assert re.fullmatch(r"Module Table: version 2, count \d+", lines[2])
    assert lines[3] == "Columns: id, base, end, entry, path"
    modules = []
    for number, line in enumerate(lines[4:]):
        place, base, end, entry, name = line.split(", ", 4)
        assert (int(place), int(entry, 16)) == (number, 0)
        modules.append((int(base, 16), int(end, 16), name))
    assert len(modules) == int(lines[2].split()[-1])
    count, _, table = rest.partition(b" bbs\n")
    assert len(table) == 8 * int(count)
    return modules, list(struct.iter_unpack("<IHH", table))


def test_drcov(measured: Callable[..., Result], tmp_path: Path) -> None:
    program, out = build(HERE / "lines.c", tmp_path), tmp_path / "out.drcov"
    result = measured(["--coverage=drcov", "-o", str(out)], [program])
    assert (result.status, result.stdout, result.stderr) == (0, b"", b"")
    modules, blocks = read_drcov(out)
    assert {Path(name).name for _, _, name in modules} == {program.name, "libc.so.6", "ld-linux-x86-64.so.2"}
    assert len(set(blocks)) == len(blocks)
    assert all(offset + size <= modules[number][1] - modules[number][0] for offset, size, number in blocks)
    with program.open("rb") as file:
        symbols = {s.name: s for s in ELFFile(file).get_section_by_name(".symtab").iter_symbols()}
    (mine,) = [number for number, (_, _, name) in enumerate(modules) if name == str(program)]
    covered = {at for offset, size, number in blocks if number == mine for at in range(offset, offset + size)}

    def extent(name: str) -> set[int]:
        return set(range(symbols[name]["st_value"], symbols[name]["st_value"] + symbols[name]["st_size"]))

    for name in ("square", "caught", "classify", "main"):
        assert len(extent(name) & covered) > 0.8 * len(extent(name)), name
    assert not extent("never") & covered


def test_drcov_of_known_blocks(measured: Callable[..., Result], assemble: Callable[[str], Path], tmp_path: Path) -> None:
    """The loop's program has three blocks; of REP, what is before it and it."""
    out = tmp_path / "out"
    measured(["--coverage=drcov", "-o", str(out)], [assemble("LOOP")])
    modules, blocks = read_drcov(out)
    start = min(offset for offset, _, _ in blocks)
    assert [name for _, _, name in modules] == [str(assemble("LOOP"))]
    assert sorted((offset - start, size) for offset, size, _ in blocks) == [(0, 9), (5, 4), (9, 35)]


def test_one_file_for_all_processes(measured: Callable[..., Result], native: Engine, tmp_path: Path) -> None:
    program, out = build(HERE / "lines.c", tmp_path), tmp_path / "out.info"
    """Of two programs that fork and two that are executed in a fork."""
    once = measured(["--coverage=lcov", "-o", str(out)], [program, "x"])
    alone = read_lcov(out)[str(HERE / "lines.c")]
    thrice = measured(["--coverage=lcov", "-o", str(out)], ["/bin/sh", "-c", f"{program} x; {program} x & {program} x; wait"])
    assert (once.stdout * 3, once.status) == (thrice.stdout, thrice.status)
    assert read_lcov(out)[str(HERE / "lines.c")] == {line: 3 * count for line, count in alone.items()}
