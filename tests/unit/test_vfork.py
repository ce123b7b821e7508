"""What a child of vfork(2) has changed."""

from __future__ import annotations

import random

from noahpy.vfork import changes


def test_runs_of_changed_bytes() -> None:
    assert list(changes(b"", b"")) == []
    assert list(changes(b"same", b"same")) == []
    assert list(changes(b"abcdef", b"aXXdYf")) == [(1, b"XX"), (4, b"Y")]
    assert list(changes(b"abc", b"\0b\0")) == [(0, b"\0"), (2, b"\0")]
    assert list(changes(b"ab", b"xyz")) == [(0, b"xy")]


def test_what_has_changed_is_all_that_is_needed() -> None:
    rng = random.Random(7)
    for _ in range(200):
        old = rng.randbytes(rng.randrange(300))
        new = bytes(rng.choice((byte, byte, rng.randrange(256))) for byte in old)
        merged = bytearray(old)
        for start, part in changes(old, new):
            assert all(a != b for a, b in zip(old[start:], part, strict=False))
            merged[start : start + len(part)] = part
        assert merged == new
