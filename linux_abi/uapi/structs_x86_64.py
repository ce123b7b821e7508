"""Structs that x86-64 lays out in its own way."""

from __future__ import annotations

from .layout import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .layout import pad4, pad24, pad28, pad64, s64, u16, u32, u64


class Stat(Struct):
    """stat(2)'s."""

    c_name_ = "struct stat"
    st_dev: u64
    st_ino: u64
    st_nlink: u64
    st_mode: u32
    st_uid: u32
    st_gid: u32
    _pad0: pad4
    st_rdev: u64
    st_size: s64
    st_blksize: s64
    st_blocks: s64
    st_atime: u64
    st_atime_nsec: u64
    st_mtime: u64
    st_mtime_nsec: u64
    st_ctime: u64
    st_ctime_nsec: u64
    _unused: pad24


class EpollEvent(Struct):
    """Packed here, so that 32-bit programs have the same; on other architectures it is not."""

    packed_ = True
    c_name_ = "struct epoll_event"
    events: u32
    data: u64


class FpxSwBytes(Struct):
    """What the kernel says of a signal frame's extended state: bytes 464 to 511 of the FXSAVE area."""

    c_name_ = "struct _fpx_sw_bytes"
    magic1: u32
    extended_size: u32
    xfeatures: u64
    xstate_size: u32
    _padding: pad28


class Sigcontext(Struct):
    """The registers in a signal frame."""

    c_name_ = "struct sigcontext"
    r8: u64
    r9: u64
    r10: u64
    r11: u64
    r12: u64
    r13: u64
    r14: u64
    r15: u64
    rdi: u64
    rsi: u64
    rbp: u64
    rbx: u64
    rdx: u64
    rax: u64
    rcx: u64
    rsp: u64
    rip: u64
    eflags: u64
    cs: u16
    gs: u16
    fs: u16
    ss: u16
    err: u64
    trapno: u64
    oldmask: u64
    cr2: u64
    fpstate: u64
    _reserved1: pad64
