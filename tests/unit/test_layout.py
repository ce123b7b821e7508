"""Struct: layouts by C's rules, values by name and by place."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

from linux_abi.uapi.layout import Struct

if TYPE_CHECKING:
    from linux_abi.uapi.layout import pad4, s32, u8, u16, u32x2, u64

    char4 = bytes


class Mixed(Struct):
    a: u8
    b: u64
    c: u16


class Packed(Mixed):
    packed_ = True


class Outer(Struct):
    head: u8
    inner: Mixed
    pair: u32x2
    text: char4
    _gap: pad4
    tail: s32


def test_alignment_is_c_s() -> None:
    assert Mixed.offsets == {"a": 0, "b": 8, "c": 16}
    assert Mixed.size == 24
    assert Mixed.pack(1, 2, 3) == struct.pack("=B7xQH6x", 1, 2, 3)


def test_packed() -> None:
    assert Packed.offsets == {"a": 0, "b": 1, "c": 9}
    assert Packed.size == 11


def test_nested_arrays_and_bytes() -> None:
    value = Outer(1, Mixed(2, 3, 4), (5, 6), b"abcd", -7)
    assert Outer.offsets == {"head": 0, "inner": 8, "pair": 32, "text": 40, "_gap": 44, "tail": 48}
    assert Outer.size == 56
    assert bytes(value) == struct.pack("=B7xB7xQH6xII4s4xi4x", 1, 2, 3, 4, 5, 6, b"abcd", -7)
    assert Outer.unpack(bytes(value)) == value
    assert Outer.unpack(bytes(value)).inner.b == 3
    assert isinstance(Outer.unpack(bytes(value)).inner, Mixed)


def test_values_by_name() -> None:
    value = Mixed(1, c=3)
    assert value == (1, 0, 3)
    assert (value.a, value.b, value.c) == value
    assert value.replace(b=9) == (1, 9, 3)
    assert repr(value) == "Mixed(a=1, b=0, c=3)"
    assert Outer().inner == Mixed(0, 0, 0)


@pytest.mark.parametrize(("values", "named"), [((1, 2, 3, 4), {}), ((1,), {"a": 2}), ((), {"d": 1})])
def test_values_that_do_not_fit_the_fields(values: tuple[int, ...], named: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="Mixed has the fields a, b, c"):
        Mixed(*values, **named)


def test_arrays_of_structs() -> None:
    rows = [Mixed(i, i + 1, i + 2) for i in range(3)]
    assert list(Mixed.iter_unpack(b"".join(map(bytes, rows)))) == rows
    assert Mixed.unpack_from(b"".join(map(bytes, rows)), 2 * Mixed.size) == rows[2]


def test_a_view_is_its_own_struct_whichever_is_used_first() -> None:
    class Head(Struct):
        size_at_least_ = 32
        a: u8

    assert Head.size == 32

    class View(Head):
        size_at_least_ = 32
        b: u64

    assert View.fields == ("a", "b")
    assert (Head.fields, View.size) == (("a",), 32)


def test_a_field_may_not_hide_what_struct_has() -> None:
    class Bad(Struct):
        pack: u8  # type: ignore[assignment]

    with pytest.raises(TypeError, match=r"Bad\.pack"):
        _: Any = Bad.offsets


def test_wrong_length_and_wrong_value() -> None:
    with pytest.raises(struct.error):
        Mixed.unpack(b"")
    with pytest.raises(struct.error):
        Mixed.pack(256, 0, 0)
    with pytest.raises(AttributeError):
        _ = Mixed.nothing  # type: ignore[attr-defined]
