"""Coverage by source lines in lcov's form, out of the line tables that the programs carry (DWARF, read by pyelftools)."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import defaultdict
from itertools import accumulate

from elftools.common.exceptions import ELFError
from elftools.dwarf.dwarfinfo import DWARFInfo
from elftools.elf.elffile import ELFFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .ledger import Module

Lines = dict[str, dict[int, int]]  # source file -> line -> how often it was executed


def write(modules: list[Module], say: Callable[[str], None]) -> bytes:
    """The file's content; `say` tells of modules whose lines cannot be had."""
    lines: Lines = defaultdict(dict)
    for module in modules:
        if not module.path.startswith("/"):
            continue
        if not module.is_as_it_was():
            say(f"coverage: {module.path} is not what was executed any more: its lines are not told")
            continue
        try:
            for path, line, executions in _rows(module):
                lines[path][line] = lines[path].get(line, 0) + executions
        except (OSError, ELFError, ValueError, KeyError, IndexError, AttributeError) as error:
            say(f"coverage: {module.path}: its line table is not understood ({error})")
    return "".join(_record(path, lines[path]) for path in sorted(lines)).encode(errors="surrogateescape")


def _record(path: str, lines: dict[int, int]) -> str:
    rows = "".join(f"DA:{line},{lines[line]}\n" for line in sorted(lines))
    return f"TN:\nSF:{path}\n{rows}LF:{len(lines)}\nLH:{sum(map(bool, lines.values()))}\nend_of_record\n"


def _rows(module: Module) -> Iterator[tuple[str, int, int]]:
    """Source file, line, executions: each line of a module once."""
    with open(module.path, "rb") as file:
        elf = ELFFile(file)
        if not elf.get_section_by_name(".debug_line") and not elf.get_section_by_name(".zdebug_line"):
            return
        lowest = min(s["p_vaddr"] for s in elf.iter_segments() if s["p_type"] == "PT_LOAD") & -4096
        executions = _executions(module, lowest)
        found: Lines = defaultdict(dict)
        for path, line, address in _statements(elf.get_dwarf_info()):
            found[path][line] = max(found[path].get(line, 0), executions(address))
    for path, lines in found.items():
        for line, count in lines.items():
            yield path, line, count


def _executions(module: Module, lowest: int) -> Callable[[int], int]:
    """How often the instruction at an address, as the file has it, was executed: of the blocks around it, the sum."""
    changes: dict[int, int] = defaultdict(int)
    for (offset, size), count in module.blocks.items():
        changes[lowest + offset] += count
        changes[lowest + offset + size] -= count
    places = sorted(changes)
    sums = list(accumulate(changes[place] for place in places))

    def executions(address: int) -> int:
        place = bisect_right(places, address)
        return sums[place - 1] if place else 0

    return executions


def _statements(dwarf: DWARFInfo) -> Iterator[tuple[str, int, int]]:
    """Source file, line and address of each statement's start."""
    for unit in dwarf.iter_CUs():
        program = dwarf.line_program_for_CU(unit)
        if program is None:
            continue
        folder = unit.get_top_DIE().attributes.get("DW_AT_comp_dir")
        names = _names(program.header, folder.value if folder else b"")
        states = [entry.state for entry in program.get_entries() if entry.state]
        for state in states:
            if state.is_stmt and state.line and not state.end_sequence and state.file in names:
                yield names[state.file], state.line, state.address


def _names(header: object, folder: bytes) -> dict[int, str]:
    """Number of a file in a line program -> its path (DWARF 4, 6.2.4 and DWARF 5, 6.2.4.1)."""
    new = header["version"] >= 5  # type: ignore[index]
    folders = [_path(f) for f in header["include_directory"]]  # type: ignore[index]
    if not new:
        folders = [folder, *folders]  # which version 5 has there itself
    names = {}
    for number, entry in enumerate(header["file_entry"], 0 if new else 1):  # type: ignore[index]
        place = entry["dir_index"] if entry["dir_index"] < len(folders) else 0
        path = os.path.join(folder, folders[place] if folders else b"", _path(entry["name"]))
        names[number] = os.fsdecode(os.path.normpath(path))
    return names


def _path(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
