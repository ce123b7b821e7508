"""Coverage as DynamoRIO's drcov writes it on Linux: version 2, module table version 2, the blocks binary."""

from __future__ import annotations

from struct import pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .ledger import Module

_MOST = 1 << 32  # an offset has 32 bits


def write(modules: list[Module]) -> bytes:
    """The file's content."""
    blocks = [
        pack("<IHH", offset, size, number)
        for number, module in enumerate(modules)
        for offset, size in sorted(module.blocks)
        if offset < _MOST
    ]
    head = [
        "DRCOV VERSION: 2",
        "DRCOV FLAVOR: drcov-64",
        f"Module Table: version 2, count {len(modules)}",
        "Columns: id, base, end, entry, path",
        *(f"{i:3}, {m.base:#018x}, {m.end:#018x}, {0:#018x}, {m.path}" for i, m in enumerate(modules)),
        f"BB Table: {len(blocks)} bbs",
    ]
    return "\n".join([*head, ""]).encode(errors="surrogateescape") + b"".join(blocks)
