"""Names of the bits and values of a flag word, computed from the constants of the module that the set stands in.

    class OpenFlags(FlagSet):
        names = "O_*"
        fields = (O_ACCMODE,)

    OpenFlags.show(0o2000002)  # "O_RDWR|O_CLOEXEC"
    OpenFlags.unknown(1 << 30)  # 1 << 30

As an annotation `Flags[OpenFlags]` says what an argument's bits mean (types.py).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar


def _wanted(name: str, patterns: list[str]) -> bool:
    wanted = False
    for pattern in patterns:
        plain = pattern.strip("-*")
        if name.startswith(plain) if pattern[-1] == "*" else name == plain:
            wanted = pattern[0] != "-"
    return wanted


class FlagSet:
    """The bits that have a name. Where a module has several names for a value, the first counts."""

    names = ""  # of the constants: "O_* -O_NDELAY" is all that start with O_ but one; the last word that fits decides
    fields: tuple[int, ...] = ()  # masks of bits that together are one of several values
    unnamed = "{:#x}"  # how bits without a name are written
    _rows: ClassVar[tuple[dict[int, dict[int, str]], list[tuple[int, str]], str]]

    @classmethod
    def _table(cls) -> tuple[dict[int, dict[int, str]], list[tuple[int, str]], str]:
        """Names of each field's values, (bits, name) with the widest first, and what nothing at all is called."""
        if "_rows" not in vars(cls):
            import sys

            patterns = cls.names.split()
            fields: dict[int, dict[int, str]] = {mask: {} for mask in cls.fields}
            bits: dict[int, str] = {}
            for name, value in vars(sys.modules[cls.__module__]).items():
                if type(value) is int and _wanted(name, patterns):
                    rows = next((fields[mask] for mask in fields if not value & ~mask), bits)
                    rows.setdefault(value, name)
            nothing = bits.pop(0, "0")
            cls._rows = fields, sorted(bits.items(), key=lambda row: -row[0].bit_count()), nothing
        return cls._rows

    @classmethod
    def _split(cls, value: int) -> tuple[list[str], int]:
        """The names in `value` and the bits that are left."""
        fields, bits, _ = cls._table()
        if value < 0:
            value &= 0xFFFFFFFF  # a C int's bits
        shown = []
        for mask, names in fields.items():
            if value & mask in names:
                shown.append(names[value & mask])
                value &= ~mask
        for bit, name in bits:
            if value & bit == bit:
                shown.append(name)
                value &= ~bit
        return shown, value

    @classmethod
    def unknown(cls, value: int) -> int:
        """The bits of `value` that have no name."""
        return cls._split(value)[1]

    @classmethod
    def show(cls, value: int) -> str:
        """`value` as a C programmer would write it: names and the number that is left."""
        shown, rest = cls._split(value)
        if rest:
            shown.append(cls.unnamed.format(rest))
        return "|".join(shown) or cls._table()[2]


class Choice(FlagSet):
    """One of several values rather than bits."""

    fields = (-1,)

    @classmethod
    def unknown(cls, value: int) -> int:
        """`value` if it has no name, else 0."""
        return 0 if value in cls._table()[0][-1] else value

    @classmethod
    def show(cls, value: int) -> str:
        """The value's name, or its number."""
        return cls._table()[0][-1].get(value, str(value))
