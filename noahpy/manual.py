"""Prints docs/noahpy.1, the manual page, from the tables of the command line.

python3 -m noahpy.manual > docs/noahpy.1
"""

from __future__ import annotations

import re

from linux_abi import callset

from .cli import COMMANDS, OPTIONS, PAGES
from .inject import fault

_HEAD = """\
.\\" Generated from noahpy/cli.py by `make gen`.
.TH NOAHPY 1 "" noahpy "User Commands"
.SH NAME
noahpy \\- run a Linux program in a virtual machine that holds no kernel
.SH SYNOPSIS
.B noahpy
.RI [ options ]
.RB [ \\-\\- ]
.I PROGRAM
.RI [ ARGS .\\|.\\|.]
.br
.B noahpy
.I COMMAND
.RI [ ARGS .\\|.\\|.]
.SH DESCRIPTION
PROGRAM, an unmodified x86\\-64 one, is the guest itself: there is no kernel in its machine. Each of its system calls leaves the
machine and is served against the host, in Python or in C. It is a process as any other: its streams, terminal, directory,
environment, children, exit status and death by a signal are its own. PROGRAM is looked for in PATH.
.PP
Where there is no KVM, the CPU is simulated, which a line says;
.B noahpy doctor
tells why, and what helps.
"""
_TITLES = {
    "tracing": "Telling system calls",
    "measuring": "Telling what is executed, on the simulated CPU",
    "roots": "A tree of its own, and limits",
    "hooks": "Changing system calls",
}
_SETS = """\
.SH SETS OF CALLS
.BR trace= ", " \\-\\-inject ", " \\-\\-deny
and the like take names and numbers of system calls with commas between, classes, regular expressions
.RB ( /^open ),
.BR all " and " none ;
with
.B !
before all of it the others are meant. The classes:
"""
_FAULTS = """\
.SH FAULTS
.B \\-\\-inject
takes a set of calls and, each behind a colon, what is to happen to them, as in
.BR write:error=ENOSPC:when=3+ .
"""
_EXAMPLES = (
    ("noahpy --strace -e trace=%file -o trace make", "which files a build asks for"),
    ("noahpy --count -o counts ./server; noahpy report counts counts.svg", "how long its calls take"),
    ("noahpy --script hooks.py ./a.out", "Python in charge of its calls"),
    ("noahpy --inject-each=write:error=ENOSPC ./backup", "what it does on a full disk"),
    ("noahpy --read-only --no-network --bind out:/mnt ./untrusted", "this machine's files, none to be changed"),
    ("noahpy --root debian.tar --overlay changes bash", "another system's tree, and what is changed in it"),
)
_TAIL = """\
.SH EXIT STATUS
That of PROGRAM, or death by the signal that ended it. Else
.TP
125
noahpy cannot work
.TP
126
PROGRAM cannot be run
.TP
127
PROGRAM is not found
.SH ENVIRONMENT
.TP
.B NOAHPY_DEBUG
not empty: an internal error shows its traceback
.SH SEE ALSO
.BR strace (1),
.BR qemu\\-user (1),
.BR bwrap (1)
"""


def _plain(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text[:1] in (".", "'") else text


def _option(short: str, name: str, value: str, what: str) -> str:
    forms = ", ".join(f"\\fB{_plain(form)}\\fR" for form in (short, name) if form)
    given = f"{'' if value[:1] == '[' else ' '}\\fI{_plain(value)}\\fR" if value else ""
    return f".TP\n{forms}{given}\n{_plain(what)}\n"


def page() -> str:
    """The file's text."""
    sections = [_HEAD, ".SH OPTIONS\n", *[_option(*row) for row in OPTIONS]]
    for name, options in PAGES.items():
        sections += [f".SS {_TITLES[name]}\n", *[_option(*row) for row in options]]
    sections.append(".SH COMMANDS\n")
    sections += [f".TP\n\\fB{name}\\fR \\fI{_plain(args)}\\fR\n{_plain(what)}\n" for name, args, what in COMMANDS]
    sections += [_SETS, _plain(", ".join(f"%{name}" for name in callset.CLASSES)), ".\n", _FAULTS]
    faults = re.findall(r"^\| (`.*?) \| (.*?) \|$", (fault.__doc__ or "").replace("µs", "us"), re.MULTILINE)
    sections += [f".TP\n\\fB{_plain(words.replace('`', ''))}\\fR\n{_plain(what.replace('`', ''))}\n" for words, what in faults]
    sections += [".SH EXAMPLES\n", *[f".TP\n.B {_plain(command)}\n{_plain(what)}\n" for command, what in _EXAMPLES]]
    return "".join([*sections, _TAIL])


if __name__ == "__main__":
    print(page(), end="")
