"""What a guest's threads and the hooks' process say to each other.

The threads of a tree have one socket in common, on which each announces itself: a marshalled dictionary and a descriptor, that
of a socket of its own (all are SOCK_SEQPACKET). On that it tells its calls and events, and waits for each answer. Until that
comes it serves requests: the hooks' process reads and writes nothing of the guest's by itself, so it needs no rights over it.
"""

from __future__ import annotations

import marshal
from _struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket

    from ..errors import CannotRun

REGISTERS = 18  # places as in linux_abi.uapi.x86_64
PIECE = 1 << 16  # bytes of memory in one message, at most
AREA = 1 << 20
ROOM = PIECE + 64  # what holds any message

# From a thread: what it is, the call's number or an event's in EVENTS, the result or what the event tells, the registers.
TOLD = Struct(f"<cIq{REGISTERS}Q")
BEFORE, AFTER, EVENT = b"B", b"A", b"E"
EVENTS = ("fork", "exec", "thread", "exit", "signal", "end")
PROGRAM = b"P"  # and the path of what it executes from now on; not answered

# To a thread: what it is, two words and perhaps data.
SAID = Struct("<cQQ")
GO_ON = b"G"  # delay in ns; six arguments (WORDS) follow
INSTEAD = b"I"  # delay in ns, result
DIE = b"D"
READ = b"r"  # address, bytes: answered by these
STRING = b"s"  # address, most bytes: answered by those before the NUL
WRITE = b"w"  # address; the data follows
REGISTER = b"x"  # place, value
PLACE = b"m"  # answered by the address (8 bytes) of AREA bytes that are the hooks' own until the call's end
DESCRIPTOR = b"f"  # number: answered by its path
WORDS = Struct("<6Q")

ANSWER = Struct("<q")  # to a request: 0 or negative errno; data follows

# How a tree is watched, the first message from the hooks' process: {"calls": {number: FIRST | LAST}, "events": [name],
# "kill": bool}, or {"refused": why}.
FIRST, LAST = 1, 2  # before the call, after it


def refusal(error: CannotRun) -> bytes:
    """The first message of either side, if nothing will come of it."""
    return marshal.dumps({"refused": str(error), "status": error.status})


def pair() -> tuple[socket, socket]:
    """The socket that all threads have in common, and the hooks' process's end, which learns who sends."""
    from socket import AF_UNIX, SO_PASSCRED, SOCK_SEQPACKET, SOL_SOCKET, socketpair

    guests, hooks = socketpair(AF_UNIX, SOCK_SEQPACKET)
    hooks.setsockopt(SOL_SOCKET, SO_PASSCRED, 1)
    return guests, hooks
