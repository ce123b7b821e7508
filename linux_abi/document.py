"""Prints docs/syscalls.md, the table of all system calls and what is done about each, from the declarations.

python3 -m linux_abi.document > docs/syscalls.md
"""

from __future__ import annotations

from .syscall import CALLS, Syscall
from .syscalls import declare_all
from .uapi import errno
from .uapi.x86_64 import NUMBERS

_HEAD = """\
# System calls

Generated from the declarations in `linux_abi/syscalls/` by `make gen`. Architecture: x86-64, {total} calls.

| how | calls | |
|---|---:|---|
| handled | {handled} | a body in `linux_abi/syscalls/` does it |
| forwarded | {forwarded} | the host's kernel does it, its arguments translated |
| refused | {refused} | known, not done: an errno and why |
| not declared | {undeclared} | -ENOSYS, like a number that Linux does not know |

| nr | call | how | what it does | what is missing, or why not |
|---:|---|---|---|---|
"""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def row(number: int, name: str, call: Syscall | None) -> str:
    """The table's line of one call."""
    if call is None:
        how, doc, note = "-ENOSYS", "", ""
    elif call.how == "refused":
        how, doc, note = f"-{errno.name(call.errno)}", call.doc, call.note
    else:
        how, doc, note = call.how, call.doc, call.note
    return f"| {number} | {name} | {how} | {_cell(doc)} | {_cell(note)} |"


def document(calls: dict[str, Syscall], numbers: dict[str, int]) -> str:
    """The whole page: counts, then a line for each of `numbers`."""
    counts = {how: sum(call.how == how for call in calls.values()) for how in ("handled", "forwarded", "refused")}
    head = _HEAD.format(total=len(numbers), undeclared=len(numbers) - len(calls), **counts)
    ordered = sorted(numbers.items(), key=lambda item: item[1])
    return head + "\n".join(row(number, name, calls.get(name)) for name, number in ordered) + "\n"


if __name__ == "__main__":
    declare_all()

    print(document(CALLS, NUMBERS), end="")
