"""The signal frame's one pack, against the structs of uapi, which native/check_abi.c holds to the kernel's headers."""

from __future__ import annotations

from linux_abi import sigframe
from linux_abi.uapi.structs import FpxSwBytes, Sigaltstack, Sigcontext, Ucontext


def test_the_frame_is_a_return_address_and_a_ucontext() -> None:
    registers = list(range(100, 118))
    context = Sigcontext(*registers, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    ucontext = Ucontext(10, 11, Sigaltstack(12, -13, 14), context, 15)
    packed = sigframe._FRAME.pack(99, 10, 11, 12, -13, 14, *registers, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15)
    assert packed == (99).to_bytes(8, "little") + bytes(ucontext)


def test_the_description_is_the_software_bytes_and_an_empty_header() -> None:
    packed = sigframe._DESCRIPTION.pack(sigframe.MAGIC1, 2, 3, 4)
    assert packed == bytes(FpxSwBytes(sigframe.MAGIC1, 2, 3, 4)) + bytes(64)
    assert sigframe.SW_BYTES + FpxSwBytes.size == sigframe.XSTATE_HEADER
    assert sigframe.SW_BYTES + len(packed) == sigframe.XSTATE_LEGACY


def test_registers_are_in_the_order_of_a_sigcontext() -> None:
    from linux_abi.uapi import x86_64

    names = [name.upper() for name in Sigcontext.fields[:18]]
    assert [getattr(x86_64, name if name != "EFLAGS" else "RFLAGS") for name in names] == list(sigframe._ORDER)
