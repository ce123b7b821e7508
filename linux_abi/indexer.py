"""Prints linux_abi/index.py, which says of the declared calls what a start needs before their modules are imported.

python3 -m linux_abi.indexer > linux_abi/index.py
"""

from __future__ import annotations

from .syscall import CALLS
from .syscalls import declare_all
from .uapi import ioctl

_HEAD = '"""Where calls are declared, and which of them C may finish. Generated from the declarations by `make gen`."""'


def index() -> str:
    """The file's text."""
    declare_all()
    calls = sorted(CALLS.values(), key=lambda call: call.number)
    where = [f'    {call.number}: "{call.function.__module__.rpartition(".")[2]}",  # {call.name}' for call in calls]
    plain = [f"    {call.number}: ({list(call.kinds)}, {call.opens}),  # {call.name}" for call in calls if call.plain]
    refused = [f"    {call.number}: {call.errno},  # {call.name}" for call in calls if call.how == "refused"]
    return "\n".join(
        [
            _HEAD,
            "",
            "from __future__ import annotations",
            "",
            "# Number -> module of linux_abi/syscalls/.",
            "WHERE = {",
            *where,
            "}",
            "",
            "# Number -> kinds of the arguments (types.py), whether the result is a descriptor of a file that was opened.",
            "PLAIN = {",
            *plain,
            "}",
            "",
            "# Number -> errno of calls that are refused.",
            "REFUSED = {",
            *refused,
            "}",
            "",
            "# Requests of ioctl(2) whose argument is an address, and which the host serves as they are.",
            "REQUESTS = (",
            *[f"    0x{request:X}," for request in sorted(ioctl.with_address())],
            ")",
            "",
        ]
    )


if __name__ == "__main__":
    print(index(), end="")
