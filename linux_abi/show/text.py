"""Bytes as a C programmer would write them."""

from __future__ import annotations

_ESCAPES = {0x22: '\\"', 0x5C: "\\\\", 0x0A: "\\n", 0x09: "\\t", 0x0B: "\\v", 0x0C: "\\f", 0x0D: "\\r"}
_PLAIN = [_ESCAPES.get(i) or (chr(i) if 0x20 <= i < 0x7F else f"\\{i:o}") for i in range(256)]
_DIGITS = frozenset(b"01234567")
_EASY = frozenset(range(0x20, 0x7F)) - frozenset(_ESCAPES)


def quoted(data: bytes, limit: int) -> tuple[str, bool]:
    """At most `limit` bytes in quotes; whether that is all."""
    whole = len(data) <= limit
    if not whole:
        data = data[:limit]
    if _EASY.issuperset(data):
        return f'"{data.decode("ascii")}"', whole
    shown = [_PLAIN[byte] for byte in data]
    for i in range(len(data) - 1):  # an octal number ends where no digit follows, or after three
        if len(shown[i]) < 4 and shown[i][0] == "\\" and shown[i][1:].isdigit() and data[i + 1] in _DIGITS:
            shown[i] = f"\\{data[i]:03o}"
    return f'"{"".join(shown)}"', whole


def hexed(data: bytes) -> str:
    """The same of what is no text."""
    return '"' + "".join([f"\\x{byte:02x}" for byte in data]) + '"'
