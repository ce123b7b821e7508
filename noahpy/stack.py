"""A new program's stack: strings, auxiliary vector and pointers, laid out as Linux does (the kernel's create_elf_tables).

From high to low addresses: eight zero bytes; the file's name, the environment's and the arguments' strings; "x86_64"; 16
random bytes; the auxiliary vector; the pointers envp and argv, each ending in NULL; argc, where RSP points.
"""

from __future__ import annotations

import os
from _struct import pack

from linux_abi.uapi.auxv import AT_EXECFN, AT_NULL, AT_PLATFORM, AT_RANDOM

_PLATFORM = b"x86_64\0"
_RANDOM_BYTES = 16


class Stack:
    """The filled part of a stack: `data` goes to `rsp`."""

    __slots__ = ("rsp", "data", "auxv", "auxv_addr", "arg_start", "arg_end", "env_end")

    rsp: int  # a multiple of 16
    data: bytes
    auxv: bytes  # AT_NULL included
    auxv_addr: int
    arg_start: int
    arg_end: int  # where the environment's strings start
    env_end: int


def lowest(top: int, argv: list[bytes], envp: list[bytes], execfn: bytes) -> int:
    """An address that the stack of these strings below `top` does not reach: all but growing room."""
    strings = [*argv, *envp, execfn]
    return top - sum([len(s) + 9 for s in strings]) - (16 << 10)


def build(top: int, argv: list[bytes], envp: list[bytes], execfn: bytes, auxv: list[tuple[int, int]], shift: int) -> Stack:
    """The stack that ends at `top`, its pointers `shift` bytes (ASLR) below where they could be.

    `auxv` are the entries to pass; those with addresses on the stack get their values here.
    """
    stack = Stack()
    args = b"".join([s + b"\0" for s in argv])
    env = b"".join([s + b"\0" for s in envp])
    strings = args + env + execfn + bytes(1 + 8)
    stack.arg_start = top - len(strings)
    stack.arg_end = stack.arg_start + len(args)
    stack.env_end = stack.arg_end + len(env)

    platform = ((stack.arg_start - shift) & -16) - len(_PLATFORM)
    random = platform - _RANDOM_BYTES
    here = {AT_PLATFORM: platform, AT_RANDOM: random, AT_EXECFN: stack.env_end}
    words = [word for key, value in auxv for word in (key, here.get(key, value))]
    words += [AT_NULL, 0]
    stack.auxv = pack(f"<{len(words)}Q", *words)

    pointers = [len(argv), *_addresses(argv, stack.arg_start), 0, *_addresses(envp, stack.arg_end), 0]
    stack.rsp = (random - len(stack.auxv) - 8 * len(pointers)) & -16
    stack.auxv_addr = stack.rsp + 8 * len(pointers)
    low = pack(f"<{len(pointers)}Q", *pointers) + stack.auxv
    middle = os.urandom(_RANDOM_BYTES) + _PLATFORM
    stack.data = low.ljust(random - stack.rsp, b"\0") + middle.ljust(stack.arg_start - random, b"\0") + strings
    return stack


def _addresses(strings: list[bytes], start: int) -> list[int]:
    """Where each of `strings` is when they lie, with their NULs, from `start` on."""
    addresses = []
    for s in strings:
        addresses.append(start)
        start += len(s) + 1
    return addresses
