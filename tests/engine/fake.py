"""A fake engine, for tests without a VM: a CPU in Python that reads the page tables as a real one does.

It knows what the contract's guests are made of, and #UD is the answer to all else. Each instruction is atomic.
"""

from __future__ import annotations

import errno
from _thread import allocate_lock
from collections.abc import Callable
from typing import Any

from noahpy._native import ffi, lib
from noahpy.engine.kvm import INITIAL_XSTATE

PRESENT, WRITABLE, USER, HUGE, NO_EXECUTE = 1, 2, 4, 0x80, 1 << 63
ADDRESS = (1 << 52) - (1 << 12)
WRITE, FETCH = 2, 0x10  # of a page fault's error code, with PRESENT and USER
DE, BP, UD, GP, PF = 0, 3, 6, 13, 14
CF, ZF, SF, DF = 1, 0x40, 0x80, 0x400
M32, M64 = (1 << 32) - 1, (1 << 64) - 1
FOREVER = 1 << 46  # no code is there: a CPU that gets here makes system calls for ever
ORDER = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15")
STATUS, MXCSR, X87, XMM, FEATURES = 2, 24, 32, 160, 512  # places in an XSAVE area
SIZE = len(INITIAL_XSTATE)


class Fault(Exception):
    """An exception of the CPU's."""

    def __init__(self, vector: int, error_code: int = 0, address: int = 0, ahead: int = 0) -> None:
        self.vector, self.error_code, self.address = vector, error_code, address
        self.ahead = ahead  # bytes that RIP is behind the instruction's start


class Called(Exception):
    """SYSCALL."""


class Refused(Exception):
    """The host has no page where the tables promise one."""


class Memory:
    """Guest memory as the tables show it."""

    def __init__(self) -> None:
        self._shown: list[tuple[int, int, int]] = []

    def show(self, gpa: int, host: int, size: int) -> None:
        self._shown.append((gpa, host, size))

    def _host(self, gpa: int) -> int:
        return next(host + gpa - start for start, host, size in self._shown if start <= gpa < start + size)

    def _walk(self, gva: int, access: int) -> int:
        """Where a byte is in the VMM."""
        if gva + (1 << 47) & M64 >= 1 << 48:
            raise Fault(GP)
        entry, allowed, never = lib.pagetable_root() | PRESENT, WRITABLE | USER, 0
        for shift in (39, 30, 21, 12):
            table = ffi.cast("uint64_t *", self._host(entry & ADDRESS))
            entry = table[gva >> shift & 511]
            if not entry & PRESENT:
                raise Fault(PF, USER | access, gva)
            allowed &= entry
            never |= entry & NO_EXECUTE
            if shift == 21 and entry & HUGE:
                break
        if not allowed & USER or (access == WRITE and not allowed & WRITABLE) or (access == FETCH and never):
            raise Fault(PF, PRESENT | USER | access, gva)
        return self._host((entry & ADDRESS) + (gva & ((1 << shift) - 1)))

    def _check(self, gva: int, size: int, access: int) -> None:
        last = gva + size - 1
        for at in (gva, last & -(1 << 12)) if gva >> 12 != last >> 12 else (gva,):
            assert self._walk(at, access) == lib.window_base() + at

    def read(self, gva: int, size: int, access: int = 0) -> bytes:
        self._check(gva, size, access)
        buffer = ffi.new("char[]", size)
        if lib.window_read(buffer, gva, size) != size:
            self._check(gva, size, access)  # it may have gone meanwhile
            raise Refused
        return bytes(ffi.buffer(buffer))

    def write(self, gva: int, data: bytes) -> None:
        self._check(gva, len(data), WRITE)
        if lib.window_write(gva, data, len(data)) != len(data):
            self._check(gva, len(data), WRITE)
            raise Refused


class Cpu:
    """A virtual CPU."""

    def __init__(self, memory: Memory) -> None:
        self.seen = ffi.new("struct vcpu *")
        self._kept = ffi.new("struct registers *"), ffi.new("uint64_t *"), ffi.new("uint64_t *")
        self.seen.regs, self.seen.robust_list, self.seen.clear_child_tid = self._kept
        self.regs = self.seen.regs
        self.regs.rflags = 0x202
        self.seen.number = self.seen.kept_exit = -1
        self.area = bytearray(INITIAL_XSTATE)
        self._memory = memory

    def step(self) -> None:
        """One instruction: all of it, or Fault and none."""
        if self.regs.rip == FOREVER:
            self.regs.rcx, self.regs.r11 = FOREVER, self.regs.rflags
            raise Called
        self._at = self.regs.rip
        self._prefixes: set[int] = set()
        self._rex = 0
        code = self._byte()
        while code in (0x64, 0x65, 0x66, 0xF0, 0xF3):
            self._prefixes.add(code)
            code = self._byte()
        if code >> 4 == 4:
            self._rex, code = code, self._byte()
        if code == 0x0F:
            code = 0x0F00 | self._byte()
        instruction = INSTRUCTIONS.get(code)
        if not instruction:
            raise Fault(UD)
        instruction(self, code)
        self.regs.rip = self._at

    # ---- what instructions are made of ----

    def _byte(self) -> int:
        byte = self._memory.read(self._at, 1, FETCH)[0]
        self._at += 1
        return byte

    def _immediate(self, size: int, *, signed: bool = False) -> int:
        return int.from_bytes(bytes(self._byte() for _ in range(size)), "little", signed=signed)

    def _operands(self) -> tuple[int, str | int]:
        """Of a ModRM byte: the register's number, and the other's name or the address of what is in memory."""
        modrm = self._byte()
        mode, number, other = modrm >> 6, modrm >> 3 & 7 | (self._rex & 4) << 1, modrm & 7
        if mode == 3:
            return number, ORDER[other | (self._rex & 1) << 3]
        if other == 4 and mode == 0 and self._byte() == 0x25:  # SIB: a displacement alone
            address = self._immediate(4, signed=True)
        else:
            displacement = {0: 0, 1: 1, 2: 4}[mode]
            address = getattr(self.regs, ORDER[other | (self._rex & 1) << 3]) + self._immediate(displacement, signed=True)
        base = {0x64: self.seen.fs_base, 0x65: self.seen.gs_base}
        return number, address + sum(base[prefix] for prefix in self._prefixes & base.keys()) & M64

    @property
    def _size(self) -> int:
        return 8 if self._rex & 8 else 4

    def get(self, what: str | int) -> int:
        if isinstance(what, str):
            return int(getattr(self.regs, what)) & (1 << 8 * self._size) - 1
        return int.from_bytes(self._memory.read(what, self._size), "little")

    def put(self, what: str | int, value: int) -> None:
        value &= (1 << 8 * self._size) - 1
        if isinstance(what, str):
            setattr(self.regs, what, value)
        else:
            self._memory.write(what, value.to_bytes(self._size, "little"))

    def _flag(self, bit: int, on: bool) -> None:
        self.regs.rflags = self.regs.rflags & ~bit | (bit if on else 0)

    def _xmm(self, number: int) -> slice:
        return slice(XMM + 16 * number, XMM + 16 * number + 16)

    # ---- instructions ----

    def syscall(self, code: int) -> None:
        self.regs.rip = self.regs.rcx = self._at
        self.regs.r11 = self.regs.rflags
        raise Called

    def load(self, code: int) -> None:
        number, what = self._operands()
        self.put(ORDER[number], self.get(what))

    def store(self, code: int) -> None:
        number, what = self._operands()
        self.put(what, self.get(ORDER[number]))

    def constant(self, code: int) -> None:
        self.put(ORDER[code & 7 | (self._rex & 1) << 3], self._immediate(self._size))

    def exclusive_or(self, code: int) -> None:
        number, what = self._operands()
        value = self.get(what) ^ self.get(ORDER[number])
        self.put(what, value)
        self._flag(ZF, not value & M32)
        self._flag(CF, False)

    def group_ff(self, code: int) -> None:
        number, what = self._operands()
        if number & 7 == 4:  # jmp
            assert isinstance(what, str)
            self._at = int(getattr(self.regs, what))
        elif number & 7 > 1:
            raise Fault(UD)
        else:
            value = self.get(what) + (-1 if number & 7 else 1)
            self.put(what, value)
            self._flag(ZF, not value & (1 << 8 * self._size) - 1)
            self._flag(SF, bool(value >> 8 * self._size - 1 & 1))

    def group_f7(self, code: int) -> None:
        divides = self._operands()[0] & 7 == 6
        raise Fault(DE if divides else UD)  # no contract's guest divides by anything but 0

    def jump(self, code: int) -> None:
        offset = self._immediate(1, signed=True)
        if code == 0xEB or not self.regs.rflags & ZF:
            self._at += offset

    def flag(self, code: int) -> None:
        bit, on = {0xF8: (CF, False), 0xF9: (CF, True), 0xFC: (DF, False), 0xFD: (DF, True)}[code]
        self._flag(bit, on)

    def breakpoint(self, code: int) -> None:
        raise Fault(BP, ahead=1)

    def interrupt(self, code: int) -> None:
        raise Fault(GP, self._byte() * 8 + 2)

    def privileged(self, code: int) -> None:
        raise Fault(GP)

    def movd(self, code: int) -> None:
        number, what = self._operands()
        xmm = self._xmm(number)
        if code == 0x0F6E:
            self.area[xmm] = self.get(what).to_bytes(16, "little")
        else:
            self.put(what, int.from_bytes(self.area[xmm][:4], "little"))

    def movdqu(self, code: int) -> None:
        if 0x66 in self._prefixes:
            raise Fault(UD)
        number, what = self._operands()
        assert isinstance(what, int)
        if code == 0x0F6F:
            self.area[self._xmm(number)] = self._memory.read(what, 16)
        else:
            self._memory.write(what, bytes(self.area[self._xmm(number)]))

    def packed(self, code: int) -> None:
        number, what = self._operands()
        assert isinstance(what, str)
        xmm, other = self._xmm(number), self._xmm(ORDER.index(what))
        pairs = list(zip(self.area[xmm], self.area[other], strict=True))
        if code == 0x0FEF:
            self.area[xmm] = bytes(a ^ b for a, b in pairs)
        else:
            same = [all(a == b for a, b in pairs[at : at + 4]) for at in range(0, 16, 4)]
            self.area[xmm] = b"".join(b"\xff" * 4 if equal else bytes(4) for equal in same)

    def _turn_stack(self, pushed: int) -> None:
        status = int.from_bytes(self.area[STATUS : STATUS + 2], "little")
        top = (status >> 11) - pushed & 7
        self.area[STATUS : STATUS + 2] = (status & 0xC7FF | top << 11).to_bytes(2, "little")
        used = top if pushed > 0 else top - 1 & 7
        self.area[4] = self.area[4] & ~(1 << used) | (1 << used if pushed > 0 else 0)
        stack = self.area[X87 : X87 + 128]
        self.area[X87 : X87 + 128] = stack[-16 * pushed :] + stack[: -16 * pushed]

    def load_one(self, code: int) -> None:
        if self._byte() != 0xE8:
            raise Fault(UD)
        self._turn_stack(1)
        self.area[X87 : X87 + 16] = bytes(7) + b"\x80\xff\x3f" + bytes(6)

    def store_double(self, code: int) -> None:
        number, what = self._operands()
        if number & 7 != 3:
            raise Fault(UD)
        assert isinstance(what, int)
        mantissa = int.from_bytes(self.area[X87 : X87 + 8], "little")
        exponent = int.from_bytes(self.area[X87 + 8 : X87 + 10], "little")
        double = (exponent - 0x3FFF + 0x3FF) << 52 | mantissa >> 11 & (1 << 52) - 1
        self._memory.write(what, double.to_bytes(8, "little"))
        self._turn_stack(-1)


INSTRUCTIONS: dict[int, Callable[[Cpu, int], None]] = {
    0x0F05: Cpu.syscall,
    0x89: Cpu.store,
    0x8B: Cpu.load,
    **dict.fromkeys(range(0xB8, 0xC0), Cpu.constant),
    0x31: Cpu.exclusive_or,
    0xFF: Cpu.group_ff,
    0xF7: Cpu.group_f7,
    **dict.fromkeys((0x75, 0xEB), Cpu.jump),
    **dict.fromkeys((0xF8, 0xF9, 0xFC, 0xFD), Cpu.flag),
    0xCC: Cpu.breakpoint,
    0xCD: Cpu.interrupt,
    **dict.fromkeys((0xF4, 0x0F20), Cpu.privileged),
    **dict.fromkeys((0x0F6E, 0x0F7E), Cpu.movd),
    **dict.fromkeys((0x0F6F, 0x0F7F), Cpu.movdqu),
    **dict.fromkeys((0x0F76, 0x0FEF), Cpu.packed),
    0xD9: Cpu.load_one,
    0xDD: Cpu.store_double,
}


class Engine:
    """struct engine of native/api.h."""

    in_use: Engine  # which C knows by addresses

    def __init__(self) -> None:
        self._memory = Memory()
        self._cpus: dict[Any, Cpu] = {}
        self._turn = allocate_lock()
        self._flavour = ffi.new("char[]", b"fake")
        self._kept = []
        self._struct = ffi.new("struct engine *")
        for field, _ in ffi.typeof("struct engine").fields:
            if method := getattr(self, field, None):
                callback = ffi.callback(ffi.typeof(getattr(self._struct, field)), method)
                self._kept.append(callback)
                setattr(self._struct, field, callback)

    def use(self) -> None:
        Engine.in_use = self
        assert lib.engine_use(self._struct, ffi.NULL) == 0

    def open(self, path: object) -> int:
        lib.physical_limit(1 << 40)
        lib.xstate_is(3, SIZE)
        return 0 if lib.pagetable_root() else -errno.ENOMEM

    def flavour(self) -> Any:
        return self._flavour

    def show(self, number: int, gpa: int, host: Any, size: int) -> int:
        self._memory.show(gpa, int(ffi.cast("uintptr_t", host)), size)
        return 0

    def flush(self) -> None:
        """Nothing is kept of the tables."""

    def create(self, anew: bool) -> Any:
        if not anew:
            return ffi.NULL
        cpu = Cpu(self._memory)
        self._cpus[cpu.seen] = cpu
        return cpu.seen

    def destroy(self, seen: Any) -> None:
        del self._cpus[seen]

    def run(self, seen: Any) -> int:
        cpu, caught = self._cpus[seen], lib.signal_caught()
        while not caught[0]:
            try:
                with self._turn:
                    cpu.step()
            except Called:
                return int(lib.EXIT_SYSCALL)
            except Refused:
                return int(lib.EXIT_MEMORY)
            except Fault as fault:
                seen.vector, seen.error_code, seen.address = fault.vector, fault.error_code, fault.address
                seen.regs.rip += fault.ahead
                return int(lib.EXIT_FAULT)
        return int(lib.EXIT_SIGNAL)

    def call_for_ever(self, seen: Any) -> int:
        seen.regs.rip = FOREVER
        return 0

    def get_xstate(self, seen: Any, area: Any) -> int:
        ffi.memmove(area, self._cpus[seen].area, SIZE)
        return 0

    def set_xstate(self, seen: Any, area: Any, size: int) -> int:
        new = bytearray(INITIAL_XSTATE)
        given = bytes(ffi.buffer(area, min(size, SIZE)))
        new[: len(given)] = given
        if int.from_bytes(new[MXCSR : MXCSR + 4], "little") >> 16:
            return -errno.EINVAL
        if not new[FEATURES] & 1:
            new[:MXCSR] = INITIAL_XSTATE[:MXCSR]
            new[X87:XMM] = bytes(XMM - X87)
        if not new[FEATURES] & 2:
            new[XMM : XMM + 256] = bytes(256)
        new[FEATURES] = 3
        self._cpus[seen].area = new
        return 0

    def save_xstate(self, seen: Any, gva: int) -> int:
        return int(lib.frame_write(gva, ffi.from_buffer(self._cpus[seen].area)))

    def load_xstate(self, seen: Any, gva: int, features: int) -> int:
        area = ffi.new("char[]", SIZE)
        return lib.frame_read(area, gva, features) or self.set_xstate(seen, area, SIZE)

    def settle_xstate(self, seen: Any) -> int:
        return 0

    def fork_prepare(self, seen: Any) -> int:
        return 0

    def fork_child(self, seen: Any) -> int:
        self._turn = allocate_lock()  # another thread may have had it
        self._cpus = {seen: self._cpus[seen]}
        return 0
