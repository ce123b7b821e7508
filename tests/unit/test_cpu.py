"""What `--cpu` makes of a table of CPUID."""

from __future__ import annotations

import copy

import pytest

from noahpy.cpu import EAX, EBX, ECX, EDX, FEATURES, LEVELS, Cpu, hwcaps
from noahpy.errors import CannotRun

Table = dict[tuple[int, int], list[int]]


@pytest.fixture
def table() -> Table:
    """A CPU that has everything, and what no one may take."""
    everything = {(function, index): [~0 & 0xFFFFFFFF] * 4 for function, index, _, _ in FEATURES.values()}
    sizes = {2: (256, 576), 5: (64, 1088), 6: (512, 1152), 7: (1024, 1664), 9: (8, 2688)}
    state: Table = {(0xD, number): [size, offset, 0, 0] for number, (size, offset) in sizes.items()}
    return {**everything, (0xD, 0): [0x2E7, 2696, 2696, 0], (0xD, 1): [0xF, 0, 0, 0], **state}


def features(table: Table) -> set[str]:
    return {name for name, (function, index, register, bit) in FEATURES.items() if table[function, index][register] >> bit & 1}


def shaped(text: str, table: Table) -> set[str]:
    Cpu(text).shape(table)
    return features(table)


@pytest.mark.parametrize("level", LEVELS)
def test_levels(level, table):
    assert shaped(level, table) == LEVELS[level]


def test_levels_are_the_psabis(table):
    """Bits by number, as System V ABI's AMD64 supplement lists the levels (and GCC's <cpuid.h> names them)."""
    bits = {"x86-64-v2": (0x982201, 1, 0), "x86-64-v3": (0x30D83201, 0x21, 0x128), "x86-64-v4": (0x30D83201, 0x21, 0xD0030128)}
    for level, (leaf1, extended, leaf7) in bits.items():
        made = copy.deepcopy(table)
        Cpu(level).shape(made)
        all_of = [0, 0, 0]
        for function, index, register, bit in FEATURES.values():
            place = {(1, 0, ECX): 0, (0x80000001, 0, ECX): 1, (7, 0, EBX): 2}.get((function, index, register))
            if place is not None:
                all_of[place] |= made[function, index][register] & 1 << bit
        assert all_of == [leaf1, extended, leaf7]


def test_single_features(table):
    every = features(table)
    assert shaped("host", copy.deepcopy(table)) == every
    assert every - shaped("-aes,-avx2", copy.deepcopy(table)) >= {"aes", "avx2", "vaes", "avx512f", "avx512vl", "avx_vnni"}
    assert shaped("x86-64-v3,-avx2", copy.deepcopy(table)) == LEVELS["x86-64-v3"] - {"avx2"}
    assert shaped("x86-64-v1,+lzcnt,+sse4.2", copy.deepcopy(table)) == {"abm", "pni", "ssse3", "sse4_1", "sse4_2"}
    assert shaped("x86-64-v1,+avx512bw", copy.deepcopy(table)) >= {"avx512f", "avx2", "avx", "f16c", "fma", "sse4_2"}
    assert "avx" in shaped("x86-64-v1,-avx,+avx2", copy.deepcopy(table))
    assert "avx2" not in shaped("x86-64-v1,+avx2,-avx", copy.deepcopy(table))


@pytest.mark.parametrize(
    ("text", "components", "size"),
    [
        ("host", 0x2E7, 2696),
        ("-avx512f", 0x207, 2696),
        ("x86-64-v4", 0x2E7, 2696),
        ("x86-64-v3", 0x207, 2696),
        ("-avx", 0x203, 2696),
    ],
)
def test_extended_state(table, text, components, size):
    Cpu(text).shape(table)
    assert table[0xD, 0][EAX] == components
    assert table[0xD, 0][ECX] == table[0xD, 0][EBX] == size
    for number in (2, 5, 6, 7):
        assert any(table[0xD, number]) == bool(components >> number & 1)


def test_extended_state_without_what_follows(table):
    table[0xD, 0][EAX] &= 0xFF
    Cpu("-avx512f").shape(table)
    assert table[0xD, 0][ECX] == 832
    Cpu("-avx").shape(table)
    assert table[0xD, 0][ECX] == 576


def test_what_belongs_to_the_machine_stays(table):
    Cpu("x86-64-v1").shape(table)
    assert table[1, 0][ECX] >> 26 & 1  # XSAVE
    assert table[1, 0][EDX] == 0xFFFFFFFF
    assert table[0x80000001, 0][EDX] >> 27 & 1  # RDTSCP
    assert table[7, 0][ECX] >> 22 & 1  # RDPID


def test_hwcaps(table):
    table[1, 0][EDX] = 0x178BFBFF
    assert hwcaps(table) == (0x178BFBFF, 2)
    Cpu("-fsgsbase").shape(table)
    assert hwcaps(table) == (0x178BFBFF, 0)


def test_more_than_there_is(table):
    table[7, 0][EBX] &= ~(1 << 16)
    with pytest.raises(CannotRun, match=r"--cpu x86-64-v4: there is no avx512f to be had here") as caught:
        Cpu("x86-64-v4").shape(table)
    assert caught.value.status == 125
    Cpu("x86-64-v3").shape(table)
    del table[7, 1]
    Cpu("host").shape(table)


@pytest.mark.parametrize("text", ["", "x86-64-v5", "avx2", "x86-64-v2,x86-64-v3", "host,avx2", "+sse2", "-", "-foo", "host,"])
def test_nonsense(text):
    with pytest.raises(CannotRun, match="--cpu"):
        Cpu(text)
