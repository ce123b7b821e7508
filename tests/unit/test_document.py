"""The table of system calls that docs/syscalls.md is."""

from __future__ import annotations

import re
import subprocess
import sys

from linux_abi.document import document
from linux_abi.syscall import CALLS, Syscall
from linux_abi.uapi.errno import EPERM
from linux_abi.uapi.x86_64 import NUMBERS


def close() -> None:
    """Close a descriptor.

    More of it.
    """


def test_rows() -> None:
    calls = {
        "close": Syscall(close, "handled", "", 0, "a | b"),
        "dup": Syscall(close, "forwarded", "", 0, ""),
        "acct": Syscall(close, "refused", "", EPERM, "no accounting"),
    }
    page = document(calls, {"dup": 32, "close": 3, "acct": 163, "read": 0})
    rows = page.splitlines()[-4:]
    assert rows == [
        "| 0 | read | -ENOSYS |  |  |",
        "| 3 | close | handled | Close a descriptor. | a \\| b |",
        "| 32 | dup | forwarded | Close a descriptor. |  |",
        "| 163 | acct | -EPERM | Close a descriptor. | no accounting |",
    ]
    assert re.findall(r"^\| (handled|forwarded|refused|not declared) \| (\d+)", page, re.MULTILINE) == [
        ("handled", "1"),
        ("forwarded", "1"),
        ("refused", "1"),
        ("not declared", "1"),
    ]


def test_command_prints_all_calls() -> None:
    result = subprocess.run([sys.executable, "-m", "linux_abi.document"], capture_output=True, text=True, check=True)
    listed = re.findall(r"^\| (\d+) \| (\w+) \|", result.stdout, re.MULTILINE)
    assert [(name, int(number)) for number, name in listed] == sorted(NUMBERS.items(), key=lambda item: item[1])


def test_every_call_says_what_it_does() -> None:
    assert [name for name, call in CALLS.items() if not call.doc] == []


def test_every_refusal_says_why() -> None:
    assert [name for name, call in CALLS.items() if call.how == "refused" and not (call.errno and call.note)] == []
