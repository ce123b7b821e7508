"""Lengths of instructions (native/sim_length.c), held to objdump's."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.measure.conftest import HERE

_LINE = re.compile(r"^ *[0-9a-f]+:\t((?:[0-9a-f]{2} )+) *\t?(?:(?:bnd|notrack|data16|repz|cs|ds|rex\S*) )*(\S*)", re.MULTILINE)
# What objdump shows in one line though it is two instructions, or data.
_OTHER = re.compile(r"\(bad\)|rex\S*$|f(st|sav|init|clex)\w*")
_JUMP = re.compile(r"(j|call|ret|lret|iret|loop|ljmp|lcall)\w*$")


@pytest.mark.parametrize("library", ["libc.so.6", "libm.so.6", "libstdc++.so.6"])
def test_as_objdump(library: str, tmp_path: Path) -> None:
    path = subprocess.run(["gcc", f"-print-file-name={library}"], capture_output=True, text=True, check=True).stdout.strip()
    listing = subprocess.run(["objdump", "-dw", "--insn-width=16", path], capture_output=True, text=True, check=True).stdout
    expected = [(m[1].replace(" ", ""), m[2]) for m in _LINE.finditer(listing) if not _OTHER.match(m[2])]
    assert len(expected) > 50_000
    sources = [HERE / "lengths.c", ROOT / "native/sim_length.c"]
    subprocess.run(["gcc", "-O2", f"-I{ROOT / 'native'}", *sources, "-o", tmp_path / "lengths"], check=True)
    given = "".join(f"{code}\n" for code, _ in expected)
    told = subprocess.run([tmp_path / "lengths"], input=given, capture_output=True, text=True, check=True).stdout.split()
    wrong = [(code, name, got) for (code, name), got in zip(expected, told, strict=True) if int(got) >> 1 != len(code) // 2]
    assert wrong == []
    jumps = {name for (_, name), got in zip(expected, told, strict=True) if int(got) & 1}
    others = {name for (_, name), got in zip(expected, told, strict=True) if not int(got) & 1}
    assert [name for name in jumps if not _JUMP.match(name)] == []
    assert [name for name in others if _JUMP.match(name)] == []
