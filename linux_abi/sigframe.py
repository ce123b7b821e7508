"""The frame that a signal handler runs on, laid out as by the kernel (arch/x86/kernel/signal_64.c, asm/sigcontext.h).

From the stack's new top upwards: return address (SA_RESTORER), ucontext, siginfo; above them, aligned to 64 bytes, the extended
state in XSAVE format with the kernel's description of it in the legacy area's software bytes and a magic word behind.
"""

from __future__ import annotations

from _operator import itemgetter
from _struct import Struct as Packer

from .errors import LinuxError
from .uapi.errno import EINVAL, ENOMEM, EPERM
from .uapi.signals import MINSIGSTKSZ, SA_ONSTACK, SA_RESTORER, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK
from .uapi.structs import FpxSwBytes, Sigaction, Sigaltstack
from .uapi.x86_64 import R8, R9, R10, R11, R12, R13, R14, R15, RAX, RBP, RBX, RCX, RDI, RDX, RFLAGS, RIP, RSI, RSP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .task import Task

UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS = 1, 2, 4
USER_CS, USER_SS = 0x33, 0x2B
DF, RF, TF = 1 << 10, 1 << 16, 1 << 8
# CF PF AF ZF SF TF DF OF RF AC: what sigreturn takes from a frame (FIX_EFLAGS).
RESTORED_FLAGS = 0x50DD5
FIXED_FLAGS = 0x202
MAGIC1, MAGIC2 = 0x46505853, 0x46505845.to_bytes(4, "little")
SW_BYTES, XSTATE_HEADER, XSTATE_LEGACY = 464, 512, 576
RED_ZONE = 128
_BEYOND = 1 << 63  # of what a program can own
SIGINFO = 128

NO_ALTSTACK = Sigaltstack(0, 0, 0)  # a program's start
RESET_ALTSTACK = Sigaltstack(0, SS_DISABLE, 0)

# The frame below the extended state: return address, struct ucontext (its flags, link, stack, struct sigcontext and mask). One
# pack, because signals are a hot path; the parts' own layouts are in uapi, and a unit test compares.
_FRAME = Packer("<QQQQixxxxQ18Q4H5Q64xQ")
# What of the extended state's area is not the CPU's to write: the software's bytes and XSAVE's header.
_DESCRIPTION = Packer("<IIQI28x64x")
# The general registers in the order of struct sigcontext.
_ORDER = (R8, R9, R10, R11, R12, R13, R14, R15, RDI, RSI, RBP, RBX, RDX, RAX, RCX, RSP, RIP, RFLAGS)
_in_frame = itemgetter(*_ORDER)
_in_cpu = itemgetter(*[_ORDER.index(place) for place in range(len(_ORDER))])
_REGISTERS = Packer(f"{len(_ORDER)}Q")


class BadFrame(Exception):
    """The frame can't be written, or what was to be read as one is none."""


def on_altstack(task: Task, sp: int) -> bool:
    """Whether `sp` lies on the alternate signal stack; never with SS_AUTODISARM, whose stack is off while in use."""
    stack = task.altstack
    return not stack.ss_flags & SS_AUTODISARM and stack.ss_sp < sp <= stack.ss_sp + stack.ss_size


def set_altstack(task: Task, new: Sigaltstack) -> int:
    """Change the alternate signal stack: 0 or a negative errno (do_sigaltstack() in the kernel)."""
    if on_altstack(task, task.cpu.regs[RSP]):
        return -EPERM
    mode = new.ss_flags & (SS_AUTODISARM - 1)
    if mode not in (0, SS_ONSTACK, SS_DISABLE):
        return -EINVAL
    if mode == SS_DISABLE:
        new = new.replace(ss_sp=0, ss_size=0)
    elif new.ss_size < MINSIGSTKSZ:
        return -ENOMEM
    task.altstack = new
    return 0


def push_frame(task: Task, signal: int, info: bytes, action: Sigaction) -> None:
    """Make the registers and the stack those of `action`'s handler."""
    if not action.sa_flags & SA_RESTORER:
        raise BadFrame
    cpu, write = task.cpu, task.mm.write
    regs = cpu.regs
    stack = task.altstack
    sp = regs[RSP] - RED_ZONE
    nested = on_altstack(task, sp)
    entering = bool(action.sa_flags & SA_ONSTACK) and not nested and bool(stack.ss_size)
    if entering:
        sp = stack.ss_sp + stack.ss_size
    size = cpu.xstate_size
    fpstate = (sp - size - len(MAGIC2)) & ~63
    sp = ((fpstate - _FRAME.size - SIGINFO) & ~15) - 8
    if sp < 0 or not cpu.settle_xstate() or ((nested or entering) and not stack.ss_sp < sp <= stack.ss_sp + stack.ss_size):
        raise BadFrame
    vector, error_code, address = task.trap
    mask = task.blocked if task.unsuspended is None else task.unsuspended
    # fmt: off
    frame = _FRAME.pack(
        action.sa_restorer,
        UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS, 0,
        stack.ss_sp, stack.ss_flags, stack.ss_size,
        *_in_frame(regs.tolist()),
        USER_CS, 0, 0, USER_SS, error_code, vector, mask, address, fpstate,
        mask,
    )
    # fmt: on
    try:
        write(fpstate + size, MAGIC2)
        description = _DESCRIPTION.pack(MAGIC1, size + len(MAGIC2), cpu.xstate_features, size)
        write(sp, (frame + info).ljust(fpstate + SW_BYTES - sp, b"\0") + description)  # the CPU writes the rest
    except LinuxError:
        raise BadFrame from None
    task.unsuspended = None
    if stack.ss_flags & SS_AUTODISARM:
        task.altstack = RESET_ALTSTACK
    regs[RDI] = signal
    regs[RSI] = sp + _FRAME.size
    regs[RDX] = sp + 8
    regs[RAX] = 0
    regs[RSP] = sp
    regs[RIP] = action.sa_handler
    regs[RFLAGS] &= ~(DF | RF | TF)
    cpu.save_xstate(fpstate)


def pop_frame(task: Task) -> int:
    """Make the registers what the frame at the stack's top says; the signal mask that it says."""
    regs = task.cpu.regs
    if not 8 <= regs[RSP] < _BEYOND:
        raise BadFrame
    try:
        frame = task.mm.read(regs[RSP] - 8, _FRAME.size)
    except LinuxError:
        raise BadFrame from None
    _, _, _, ss_sp, ss_flags, ss_size, *registers, _, _, _, _, _, _, _, _, fpstate, mask = _FRAME.unpack(frame)
    _load_xstate(task, fpstate)
    regs[:] = memoryview(_REGISTERS.pack(*_in_cpu(registers))).cast("Q")
    regs[RFLAGS] = (regs[RFLAGS] & RESTORED_FLAGS) | FIXED_FLAGS
    if task.altstack != (ss_sp, ss_flags, ss_size):
        set_altstack(task, Sigaltstack(ss_sp, ss_flags, ss_size))
    return int(mask)


def _load_xstate(task: Task, address: int) -> None:
    cpu, read = task.cpu, task.mm.read
    if not address:
        cpu.set_xstate(cpu.initial_xstate)
        return
    if address >= _BEYOND:
        raise BadFrame
    try:
        described = FpxSwBytes.unpack(read(address + SW_BYTES, FpxSwBytes.size))
        size = described.xstate_size
        whole = described.magic1 == MAGIC1 and size == cpu.xstate_size and read(address + size, len(MAGIC2)) == MAGIC2
        if whole and described.xfeatures & cpu.xstate_features == cpu.xstate_features:
            if not cpu.load_xstate(address, cpu.xstate_features):
                raise BadFrame
            return
        area = bytearray(read(address, XSTATE_LEGACY))  # only what FXSAVE knows
    except LinuxError:
        raise BadFrame from None
    area[XSTATE_HEADER:XSTATE_LEGACY] = (3).to_bytes(8, "little") + bytes(56)
    if not cpu.set_xstate(area):
        raise BadFrame
