"""What every engine owes (native/engine.h), each in a process of its own: `python -m tests.engine.contract ENGINE CHECK`.

Guests are a few bytes of machine code in an address space of a few pages; no program, no handlers.
"""

from __future__ import annotations

import _signal
import _thread
import mmap
import os
import sys
import time
from collections.abc import Callable

from noahpy._native import ffi, lib
from noahpy.engine import kvm
from noahpy.window import Window

PAGE = 4096
CODE, DATA, ABSENT = 0x400000, 0x500000, 0x600000
READ, WRITE, EXECUTE = mmap.PROT_READ, mmap.PROT_WRITE, mmap.PROT_EXEC
ANONYMOUS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
SYSCALL = bytes.fromhex("0f05")
SPIN = bytes.fromhex("ebfe")
NAMES = ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp", *(f"r{i}" for i in range(8, 16)), "rip", "rflags"]


class Guest:
    """A machine with a page of code and one of data, and its first CPU."""

    def __init__(self, engine: str) -> None:
        self.window = Window()
        self.many = 100_000  # instructions that are soon executed
        if engine == "fake":
            from .fake import Engine

            self.many = 3000
            Engine().use()
        self.signals = kvm.open_machine({}, engine)
        self.map(CODE, READ | WRITE)
        self.map(DATA, READ | WRITE)
        self.cpu = kvm.Cpu()

    def map(self, gva: int, prot: int, size: int = PAGE, flags: int = ANONYMOUS, fd: int = -1) -> None:
        assert self.window.map(gva, size, prot, flags, fd, 0, size) == 0

    def protect(self, gva: int, prot: int) -> None:
        assert self.window.protect(gva, PAGE, prot, PAGE) == 0

    def code(self, text: str) -> None:
        """Put machine code, in hexadecimal, at CODE."""
        self.protect(CODE, READ | WRITE)
        self.window.write(CODE, bytes.fromhex(text))
        self.protect(CODE, READ | EXECUTE)

    def run(self, rip: int = CODE, cpu: kvm.Cpu | None = None, **registers: int) -> int:
        """Run from `rip`: why it ended."""
        cpu = cpu or self.cpu
        cpu.vcpu.regs.rip = rip
        for name, value in registers.items():
            setattr(cpu.vcpu.regs, name, value)
        why = int(cpu.run())
        return -why if why < 0 else int(lib.EXIT_SYSCALL)

    def word(self, gva: int) -> int:
        return int.from_bytes(self.window.read(gva, 8), "little")

    def __getattr__(self, name: str) -> int:
        return int(getattr(self.cpu.vcpu.regs, name))


def registers(guest: Guest) -> None:
    """Every register is what was set, and what the guest made of it."""
    values = {name: 0x1111111111111111 * (i + 1) & (1 << 64) - 1 for i, name in enumerate(NAMES[:16])}
    guest.code("0f05 48ffc0 48ffc3 48ffc2 48ffc6 48ffc7 48ffc4 48ffc5 49ffc0 49ffc1 49ffc2 49ffc4 49ffc5 49ffc6 49ffc7 0f05")
    assert guest.run(**values) == lib.EXIT_SYSCALL
    found = {name: getattr(guest, name) for name in NAMES[:16]}
    assert found == {**values, "rcx": CODE + 2, "r11": guest.rflags}
    assert guest.rip == CODE + 2
    assert guest.run(guest.rip) == lib.EXIT_SYSCALL
    changed = {name: (value + 1) & (1 << 64) - 1 for name, value in found.items() if name not in ("rcx", "r11")}
    assert {name: getattr(guest, name) for name in changed} == changed


def flags(guest: Guest) -> None:
    """Of the flags too."""
    guest.code("f9 fd 0f05 f8 fc 0f05")  # stc; std; syscall; clc; cld; syscall
    assert guest.run() == lib.EXIT_SYSCALL
    assert guest.rflags & 0x401 == 0x401
    assert guest.r11 == guest.rflags
    assert guest.run(guest.rip) == lib.EXIT_SYSCALL
    assert guest.rflags & 0x401 == 0


def segment_bases(guest: Guest) -> None:
    guest.window.write(DATA, (77).to_bytes(8, "little") + (88).to_bytes(8, "little"))
    guest.code("64488b042500000000 65488b1c2508000000 0f05")  # mov %fs:0, %rax; mov %gs:8, %rbx; syscall
    guest.cpu.fs_base = guest.cpu.gs_base = DATA
    assert guest.run() == lib.EXIT_SYSCALL
    assert (guest.rax, guest.rbx) == (77, 88)
    assert (guest.cpu.fs_base, guest.cpu.gs_base) == (DATA, DATA)


FAULTS = {  # code with rsi = DATA (read-only), rdi = ABSENT; vector, error code, address (None: no matter), bytes gone on
    "load_absent": ("488b07", 14, 4, ABSENT, 0),
    "load_absent_inside": ("488b4705", 14, 4, ABSENT + 5, 0),
    "store_absent": ("488907", 14, 6, ABSENT, 0),
    "store_read_only": ("48894608", 14, 7, DATA + 8, 0),
    "execute_data": ("ffe6", 14, 0x15, DATA, DATA - CODE),
    "execute_absent": ("ffe7", 14, 0x14, ABSENT, ABSENT - CODE),
    "non_canonical": ("48b80000000000000080 488b00", 13, 0, None, 10),
    "divide": ("31c931d2f7f1", 0, 0, None, 4),
    "undefined": ("0f0b", 6, 0, None, 0),
    "halt": ("f4", 13, 0, None, 0),
    "no_such_gate": ("cd7f", 13, 0x7F * 8 + 2, None, 0),
    "breakpoint": ("cc", 3, 0, None, 1),
    "read_cr0": ("0f20c0", 13, 0, None, 0),
}


def faults(guest: Guest) -> None:
    """Vector, error code, address; the registers as at the instruction; the same once more, and the CPU goes on."""
    guest.protect(DATA, READ)
    for name, (code, vector, error_code, address, ahead) in FAULTS.items():
        guest.code(code)
        for _ in range(3):
            assert guest.run(rsi=DATA, rdi=ABSENT, r15=99) == lib.EXIT_FAULT, name
            found = guest.cpu.fault()
            assert found[:2] == (vector, error_code), (name, found)
            assert address is None or found[2] == address, (name, found)
            assert (guest.rip, guest.rsi, guest.rdi, guest.r15) == (CODE + ahead, DATA, ABSENT, 99), name
        guest.code(SYSCALL.hex())
        assert guest.run() == lib.EXIT_SYSCALL, name


def lowering(guest: Guest) -> None:
    """What memory no longer allows is refused from the next access on, and what it allows again is not."""
    guest.code("488906 0f05")  # mov %rax, (%rsi); syscall
    for _ in range(50):
        assert guest.run(rsi=DATA, rax=5) == lib.EXIT_SYSCALL
        guest.protect(DATA, READ)
        assert guest.run(rsi=DATA, rax=6) == lib.EXIT_FAULT
        assert guest.word(DATA) == 5
        guest.protect(DATA, READ | WRITE)
        assert guest.run(rsi=DATA, rax=7) == lib.EXIT_SYSCALL
        assert guest.word(DATA) == 7
        guest.window.unmap(DATA, PAGE)
        assert guest.run(rsi=DATA) == lib.EXIT_FAULT
        guest.map(DATA, READ | WRITE)


def mapping(guest: Guest) -> None:
    """What is mapped is seen at once, over what was there before; code too."""
    guest.code("488b06 0f05")  # mov (%rsi), %rax; syscall
    guest.window.write(DATA, b"\1" * 8)
    assert guest.run(rsi=DATA) == lib.EXIT_SYSCALL
    assert guest.rax == 0x0101010101010101
    guest.map(DATA, READ)
    assert guest.run(rsi=DATA) == lib.EXIT_SYSCALL
    assert guest.rax == 0
    for value in range(1, 50):
        guest.map(CODE, READ | WRITE)
        guest.code(f"b8{value:02x}000000 0f05")  # mov $value, %eax; syscall
        assert guest.run() == lib.EXIT_SYSCALL
        assert guest.rax == value


def moving(guest: Guest) -> None:
    """A mapping is at its new place and not at its old one."""
    guest.code("488b06 0f05")
    guest.window.write(DATA, b"\2" * 8)
    assert lib.window_move(DATA, PAGE, ABSENT, PAGE, READ, 0, PAGE) == 0
    assert guest.run(rsi=DATA) == lib.EXIT_FAULT
    assert guest.run(rsi=ABSENT) == lib.EXIT_SYSCALL
    assert guest.rax == 0x0202020202020202


def huge(guest: Guest) -> None:
    """Of memory that may have 2 MiB entries, each page can be changed by itself."""
    start, size = 0x40000000, 16 << 20
    page = start + (5 << 20)
    guest.map(start, READ | WRITE, size)
    guest.code("488b06 48ff06 0f05")  # mov (%rsi), %rax; incq (%rsi); syscall

    def counts(gva: int, value: int) -> None:
        assert guest.run(rsi=gva) == lib.EXIT_SYSCALL
        assert guest.rax == value

    around = (start, page - PAGE, page + PAGE, start + size - PAGE)
    for gva in (*around, page):
        counts(gva, 0)
    guest.protect(page, READ)
    assert guest.run(rsi=page) == lib.EXIT_FAULT
    assert guest.cpu.fault() == (14, 7, page)
    guest.window.unmap(page, PAGE)
    assert guest.run(rsi=page) == lib.EXIT_FAULT
    assert guest.cpu.fault() == (14, 4, page)
    for gva in around:
        counts(gva, 1)
    guest.map(page, READ | WRITE)
    counts(page, 0)
    guest.window.unmap(start, size)
    for gva in (*around, page):
        assert guest.run(rsi=gva) == lib.EXIT_FAULT


def sharing(guest: Guest) -> None:
    """Memory that is shared is seen both ways."""
    fd = os.memfd_create("shared")
    os.ftruncate(fd, PAGE)
    guest.map(DATA, READ | WRITE, flags=mmap.MAP_SHARED, fd=fd)
    guest.code("48ff06 0f05")  # incq (%rsi); syscall
    for value in range(0, 100, 2):
        os.pwrite(fd, value.to_bytes(8, "little"), 0)
        assert guest.run(rsi=DATA) == lib.EXIT_SYSCALL
        assert os.pread(fd, 8, 0) == (value + 1).to_bytes(8, "little")


def shrinking(guest: Guest) -> None:
    """A page that a file has lost is told, by EXIT_MEMORY, at the instruction."""
    fd = os.memfd_create("shrinks")
    os.ftruncate(fd, PAGE)
    guest.map(DATA, READ | WRITE, flags=mmap.MAP_SHARED, fd=fd)
    guest.code("488b06 0f05")
    assert guest.run(rsi=DATA) == lib.EXIT_SYSCALL
    os.ftruncate(fd, 0)
    assert guest.run(rsi=DATA, rax=5) == lib.EXIT_MEMORY
    assert (guest.rip, guest.rax) == (CODE, 5)
    os.ftruncate(fd, PAGE)
    assert guest.run(rsi=DATA) == lib.EXIT_SYSCALL


def interruption(guest: Guest) -> None:
    """A caught signal ends a run, between two instructions: none is done twice, none is lost."""
    loop = "f048ff06 48ffc0 ebf7"  # 1: lock incq (%rsi); inc %rax; jmp 1b
    guest.code(loop)
    lib.signal_action(_signal.SIGALRM, lib.ACTION_CATCH, 0)
    rip, count = CODE, 0
    for _ in range(300):
        _signal.setitimer(_signal.ITIMER_REAL, 0.001)
        assert guest.run(rip, rsi=DATA, rax=count) == lib.EXIT_SIGNAL
        assert guest.cpu.vcpu.number == -1
        assert guest.signals.take()[0] == _signal.SIGALRM
        guest.signals.set_mask(0)
        rip, count = guest.rip, guest.rax
        assert guest.word(DATA) == count + (rip == CODE + 4), hex(rip)
    assert count > guest.many / 10
    os.kill(os.getpid(), _signal.SIGALRM)  # before the run: it does not begin
    assert guest.run(rip, rax=count) == lib.EXIT_SIGNAL
    assert (guest.rip, guest.rax) == (rip, count)


def _meaning(xstate: bytearray) -> bytearray:
    """An extended state, whatever the CPU says of zero XMM registers: that they are in use, or not (SDM vol. 1, 13.6)."""
    if not any(xstate[160:416]):
        xstate[512] &= ~2
    return xstate


def fork(guest: Guest) -> None:
    """The child goes on with the registers and a copy of the memory; neither sees the other's from then on."""
    guest.code("48ff06 0f05")
    state = _meaning(guest.cpu.get_xstate())
    assert guest.run(rsi=DATA, r12=12) == lib.EXIT_SYSCALL
    arguments = bytearray(88)
    arguments[32:40] = int(_signal.SIGCHLD).to_bytes(8, "little")
    for _ in range(20):
        pid = guest.cpu.fork(bytes(arguments))
        if pid == 0:
            right = guest.word(DATA) == 1 and guest.run(rsi=DATA) == lib.EXIT_SYSCALL and guest.word(DATA) == 2
            os._exit(0 if right and guest.r12 == 12 and _meaning(guest.cpu.get_xstate()) == state else 1)
        assert os.waitpid(pid, 0)[1] == 0
        assert guest.word(DATA) == 1
    assert guest.run(rsi=DATA) == lib.EXIT_SYSCALL
    assert guest.word(DATA) == 2


def _beside(work: Callable[[], None]) -> Callable[[], bool]:
    """Start `work` in a thread that takes signals as guests' threads do; what is returned waits for it."""
    done = _thread.allocate_lock()
    done.acquire()

    def body() -> None:
        signals = kvm.Signals()
        try:
            work()
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
            os._exit(1)
        signals.end()
        done.release()

    _thread.start_new_thread(body, ())
    return done.acquire


def threads(guest: Guest) -> None:
    """CPUs in several threads: atomics are atomic, each has its own registers and vectors."""
    rounds, count = guest.many, 4
    # movd %ecx, %xmm1; 1: lock incq (%rsi); dec %rcx; jnz 1b; movd %xmm1, %ebx; syscall
    guest.code("660f6ec9 f048ff06 48ffc9 75f7 660f7ecb 0f05")

    def work(number: int) -> Callable[[], None]:
        cpu = kvm.Cpu()

        def run() -> None:
            assert guest.run(CODE, cpu, rsi=DATA, rcx=rounds + number) == lib.EXIT_SYSCALL
            assert cpu.vcpu.regs.rbx == rounds + number
            cpu.release()

        return run

    waits = [_beside(work(number)) for number in range(count)]
    for wait in waits:
        wait()
    assert guest.word(DATA) == sum(rounds + number for number in range(count))


def copies(guest: Guest) -> None:
    """A copy of a CPU goes on where it was, and apart from it; a released one is given out with fresh registers."""
    guest.cpu.fs_base = DATA
    guest.code("660f6ec8 0f05 660f7ec8 64488b0c2500000000 48ffc3 0f05")  # movd %eax, %xmm1; syscall; movd %xmm1, %eax;
    guest.window.write(DATA, (33).to_bytes(8, "little"))  # mov %fs:0, %rcx; inc %rbx; syscall
    assert guest.run(rax=55, rbx=66) == lib.EXIT_SYSCALL
    copy = guest.cpu.copy()
    assert copy

    def work(cpu: kvm.Cpu = copy) -> None:
        assert guest.run(guest.rip, cpu, rax=0) == lib.EXIT_SYSCALL
        regs = cpu.vcpu.regs
        assert (regs.rax, regs.rbx, regs.rip, cpu.fs_base) == (55, 67, guest.rip + 18, DATA)
        cpu.release()
        fresh = kvm.Cpu()
        assert [getattr(fresh.vcpu.regs, name) for name in NAMES] == [0] * 17 + [0x202]
        assert guest.run(guest.rip, fresh) == lib.EXIT_FAULT  # FS has no base
        assert fresh.fs_base == 0
        fresh.release()

    _beside(work)()
    assert guest.run(guest.rip, rbx=0) == lib.EXIT_SYSCALL
    assert (guest.rax, guest.rbx) == (55, 1)


def resetting(guest: Guest) -> None:
    """As at a program's start."""
    guest.cpu.fs_base = DATA
    guest.code("660f76c9 d9e8 0f05")  # pcmpeqd %xmm1, %xmm1; fld1; syscall
    assert guest.run(rax=1, r15=15) == lib.EXIT_SYSCALL
    guest.cpu.reset()
    assert [getattr(guest, name) for name in NAMES] == [0] * 17 + [0x202]
    assert guest.cpu.fs_base == 0
    area = guest.cpu.get_xstate()
    assert (area[:4], area[160:416]) == (guest.cpu.initial_xstate[:4], bytes(256))


def fork_beside(guest: Guest) -> None:
    """While another CPU runs: the child has its memory and this CPU, and may have more."""
    guest.code("48ff06 ebfb 48ff4608 0f05")  # 1: incq (%rsi); jmp 1b; incq 8(%rsi); syscall
    other = kvm.Cpu()

    def work() -> None:
        assert guest.run(CODE, other, rsi=DATA) == lib.EXIT_FAULT
        other.release()

    wait = _beside(work)
    while not guest.word(DATA):
        time.sleep(0)
    for _ in range(10):
        pid = guest.cpu.fork_beside_threads()
        if pid == 0:
            ran = [guest.run(CODE + 5, cpu, rsi=DATA) for cpu in (guest.cpu, kvm.Cpu())]
            os._exit(0 if ran == [lib.EXIT_SYSCALL] * 2 and guest.word(DATA + 8) == 2 else 1)
        assert os.waitpid(pid, 0)[1] == 0
        assert guest.word(DATA + 8) == 0
    guest.protect(DATA, READ)
    wait()


def lowering_beside(guest: Guest) -> None:
    """A thread that writes is stopped by another's change of the protection, before that is over."""
    guest.code("48ff06 ebfb")  # 1: incq (%rsi); jmp 1b
    for _ in range(20):
        cpu = kvm.Cpu()

        def work(cpu: kvm.Cpu = cpu) -> None:
            assert guest.run(CODE, cpu, rsi=DATA) == lib.EXIT_FAULT
            assert cpu.fault() == (14, 7, DATA)
            cpu.release()

        wait = _beside(work)
        before = guest.word(DATA)
        while guest.word(DATA) == before:
            time.sleep(0)
        guest.protect(DATA, READ)
        last = guest.word(DATA)
        wait()
        assert guest.word(DATA) == last
        guest.protect(DATA, READ | WRITE)


def kicks(guest: Guest) -> None:
    """A kicked thread's run ends."""
    guest.code(SPIN.hex())
    cpu, tids = kvm.Cpu(), []

    def work() -> None:
        tids.append(_thread.get_native_id())
        assert guest.run(CODE, cpu) == lib.EXIT_SIGNAL
        assert cpu.vcpu.regs.rip == CODE

    wait = _beside(work)
    while not tids:
        time.sleep(0)
    time.sleep(0.01)
    assert lib.thread_kick(tids[0]) == 0
    wait()


def vectors(guest: Guest) -> None:
    """The extended state is what was set, what the guest made of it, and in a signal frame both ways."""
    assert guest.cpu.xstate_features & 3 == 3
    assert guest.cpu.xstate_size >= 576
    area = bytearray(guest.cpu.xstate_size)
    area[:576] = guest.cpu.initial_xstate
    area[160:176] = bytes(range(16))  # xmm0
    assert guest.cpu.set_xstate(area)
    guest.code("f30f7f06 660fefc9 660f76c9 0f05")  # movdqu %xmm0, (%rsi); pxor, pcmpeqd %xmm1, %xmm1; syscall
    assert guest.run(rsi=DATA) == lib.EXIT_SYSCALL
    assert guest.window.read(DATA, 16) == bytes(range(16))
    found = guest.cpu.get_xstate()
    assert found[160:192] == bytes(range(16)) + b"\xff" * 16

    frame = DATA + 1024
    guest.code("f30f6f06 0f05")  # movdqu (%rsi), %xmm0; syscall
    guest.cpu.vcpu.regs.rip = CODE
    guest.cpu.save_xstate(frame)
    guest.window.write(DATA, b"\x55" * 16)
    assert guest.run(rsi=DATA) == lib.EXIT_SYSCALL
    assert guest.window.read(frame + 160, 16) == bytes(range(16))
    assert guest.cpu.get_xstate()[160:176] == b"\x55" * 16
    assert guest.cpu.load_xstate(frame, guest.cpu.xstate_features)
    guest.code("f30f7f06 0f05")
    assert guest.run(rsi=DATA) == lib.EXIT_SYSCALL
    assert guest.window.read(DATA, 16) == bytes(range(16))


def wide_vectors(guest: Guest) -> None:
    """AVX's registers, too, where the engine has them; else its instructions are unknown."""
    avx, high = 4, slice(576, 592)
    guest.window.write(DATA, bytes(range(32)))
    guest.code("c5fe6f06 c5fe7f4620 0f05")  # vmovdqu (%rsi), %ymm0; vmovdqu %ymm0, 32(%rsi); syscall
    if not guest.cpu.xstate_features & avx:
        assert guest.run(rsi=DATA) == lib.EXIT_FAULT
        assert guest.cpu.fault()[:2] == (6, 0)
        return
    assert guest.run(rsi=DATA) == lib.EXIT_SYSCALL
    assert guest.window.read(DATA + 32, 32) == bytes(range(32))
    area = guest.cpu.get_xstate()
    assert area[high] == bytes(range(16, 32))
    area[high] = b"\x77" * 16
    assert guest.cpu.set_xstate(area)
    assert guest.run(CODE + 4, rsi=DATA) == lib.EXIT_SYSCALL
    assert guest.window.read(DATA + 48, 16) == b"\x77" * 16


def floating_point(guest: Guest) -> None:
    """x87's registers; and what a frame does not hold becomes initial."""
    one, two = (bytes(7) + b"\x80" + exponent.to_bytes(2, "little") for exponent in (0x3FFF, 0x4000))
    guest.code("d9e8 0f05 dd1e 0f05")  # fld1; syscall; fstpl (%rsi); syscall
    assert guest.run() == lib.EXIT_SYSCALL
    area = guest.cpu.get_xstate()
    assert area[32:42] == one
    area[32:42] = two
    area[160:176] = b"\x11" * 16  # xmm0
    assert guest.cpu.set_xstate(area)
    area[512] = 1  # x87 only
    guest.window.write(DATA + 1024, area)
    assert guest.run(guest.rip, rsi=DATA) == lib.EXIT_SYSCALL
    assert guest.window.read(DATA, 8) == (0x4000 << 48).to_bytes(8, "little")  # 2.0
    assert guest.cpu.load_xstate(DATA + 1024, guest.cpu.xstate_features)
    guest.code("dd1e f30f7f4610 0f05")  # fstpl (%rsi); movdqu %xmm0, 16(%rsi); syscall
    assert guest.run(rsi=DATA) == lib.EXIT_SYSCALL
    assert guest.window.read(DATA, 8) == (0x4000 << 48).to_bytes(8, "little")
    assert guest.window.read(DATA + 16, 16) == bytes(16)


def bad_vectors(guest: Guest) -> None:
    """What the CPU refuses to load does not get there, and hurts nobody."""
    area = bytearray(guest.cpu.xstate_size)
    area[:576] = guest.cpu.initial_xstate
    area[24:28] = b"\xff" * 4  # MXCSR
    before = guest.cpu.get_xstate()
    if not guest.cpu.set_xstate(area):
        assert guest.cpu.get_xstate() == before
    guest.code(SYSCALL.hex())
    assert guest.run() == lib.EXIT_SYSCALL


def cost(guest: Guest) -> None:
    assert 0 < lib.engine_exit_cost(50) < 1e9
    assert ffi.string(lib.engine_flavour())


CHECKS = {
    check.__name__: check
    for check in (
        registers, flags, segment_bases, resetting, faults, lowering, mapping, huge, moving, sharing, shrinking, interruption,
        fork, fork_beside, threads, copies, lowering_beside, kicks, vectors, wide_vectors, floating_point, bad_vectors, cost,
    )
}  # fmt: skip

if __name__ == "__main__":
    CHECKS[sys.argv[2]](Guest(sys.argv[1]))
