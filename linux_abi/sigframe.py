"""The frame that a signal handler runs on, laid out as by the kernel (arch/x86/kernel/signal_64.c, asm/sigcontext.h).

From the stack's new top upwards: return address (SA_RESTORER), ucontext, siginfo; above them, aligned to 64 bytes, the extended
state in XSAVE format with the kernel's description of it in the legacy area's software bytes and a magic word behind.
"""

from __future__ import annotations

from .errors import LinuxError
from .uapi.signals import SA_ONSTACK, SA_RESTORER, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK
from .uapi.structs import FpxSwBytes, Sigaction, Sigaltstack, Sigcontext, Ucontext
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
MAGIC1, MAGIC2 = 0x46505853, 0x46505845
SW_BYTES, XSTATE_HEADER, XSTATE_LEGACY = 464, 512, 576
RED_ZONE = 128
SIGINFO = 128

NO_ALTSTACK = Sigaltstack(0, SS_DISABLE, 0)

# The general registers in the order of struct sigcontext.
_ORDER = (R8, R9, R10, R11, R12, R13, R14, R15, RDI, RSI, RBP, RBX, RDX, RAX, RCX, RSP, RIP, RFLAGS)


class BadFrame(Exception):
    """The frame can't be written, or what was to be read as one is none."""


def on_altstack(task: Task, sp: int) -> bool:
    """Whether `sp` lies on the alternate signal stack; never with SS_AUTODISARM, whose stack is off while in use."""
    stack = task.altstack
    return not stack.ss_flags & SS_AUTODISARM and stack.ss_sp < sp <= stack.ss_sp + stack.ss_size


def push_frame(task: Task, signal: int, info: bytes, action: Sigaction) -> None:
    """Make the registers and the stack those of `action`'s handler."""
    if not action.sa_flags & SA_RESTORER:
        raise BadFrame
    regs = task.cpu.regs
    stack = task.altstack
    sp = regs[RSP] - RED_ZONE
    nested = on_altstack(task, sp)
    entering = bool(action.sa_flags & SA_ONSTACK) and not nested and bool(stack.ss_size)
    if entering:
        sp = stack.ss_sp + stack.ss_size
    xstate = task.cpu.get_xstate()
    size = len(xstate)
    fpstate = (sp - size - 4) & ~63
    head = 8 + Ucontext.size
    sp = ((fpstate - head - SIGINFO) & ~15) - 8
    if (nested or entering) and not stack.ss_sp < sp <= stack.ss_sp + stack.ss_size:
        raise BadFrame
    features = int.from_bytes(xstate[XSTATE_HEADER : XSTATE_HEADER + 8], "little") | task.cpu.xstate_features
    xstate[SW_BYTES:XSTATE_HEADER] = bytes(FpxSwBytes(MAGIC1, size + 4, features, size))
    vector, error_code, address = task.trap
    context = Sigcontext(
        *[regs[i] for i in _ORDER], USER_CS, 0, 0, USER_SS, error_code, vector, task.blocked, address, fpstate
    )
    flags = (stack.ss_flags & SS_AUTODISARM) | (SS_DISABLE if not stack.ss_size else SS_ONSTACK if nested else 0)
    flags -= (flags & SS_AUTODISARM) << 1  # as a C int
    ucontext = Ucontext(
        UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS, 0, Sigaltstack(stack.ss_sp, flags, stack.ss_size), context, task.blocked
    )
    try:
        task.mm.write(fpstate, bytes(xstate) + MAGIC2.to_bytes(4, "little"))
        task.mm.write(sp, action.sa_restorer.to_bytes(8, "little") + bytes(ucontext) + info)
    except (LinuxError, OverflowError, ValueError):
        raise BadFrame from None
    if stack.ss_flags & SS_AUTODISARM:
        task.altstack = NO_ALTSTACK
    regs[RDI] = signal
    regs[RSI] = sp + head
    regs[RDX] = sp + 8
    regs[RAX] = 0
    regs[RSP] = sp
    regs[RIP] = action.sa_handler
    regs[RFLAGS] &= ~(DF | RF | TF)


def pop_frame(task: Task) -> int:
    """Make the registers what the frame at the stack's top says; the signal mask that it says."""
    regs = task.cpu.regs
    try:
        frame = Ucontext.unpack(task.mm.read(regs[RSP], Ucontext.size))
    except LinuxError:
        raise BadFrame from None
    context = frame.uc_mcontext
    _load_xstate(task, context.fpstate)
    for place, value in zip(_ORDER, context):
        regs[place] = value
    regs[RFLAGS] = (context.eflags & RESTORED_FLAGS) | FIXED_FLAGS
    stack = frame.uc_stack
    if not on_altstack(task, regs[RSP]):
        off = stack.ss_flags & SS_DISABLE or not stack.ss_size
        task.altstack = NO_ALTSTACK if off else stack.replace(ss_flags=stack.ss_flags & SS_AUTODISARM)
    return frame.uc_sigmask


def _load_xstate(task: Task, address: int) -> None:
    if not address:
        task.cpu.set_xstate(task.cpu.initial_xstate)
        return
    try:
        area = bytearray(task.mm.read(address, XSTATE_LEGACY))
        described = FpxSwBytes.unpack(area[SW_BYTES:XSTATE_HEADER])
        size, features = described.xstate_size, described.xfeatures
        whole = described.magic1 == MAGIC1 and XSTATE_LEGACY <= size <= task.cpu.xstate_size
        if whole and task.mm.read(address + size, 4) == MAGIC2.to_bytes(4, "little"):
            area = bytearray(task.mm.read(address, task.cpu.xstate_size))
            saved = int.from_bytes(area[XSTATE_HEADER : XSTATE_HEADER + 8], "little") & features & task.cpu.xstate_features
        else:  # only what FXSAVE knows
            saved = 3
    except LinuxError:
        raise BadFrame from None
    area[XSTATE_HEADER:XSTATE_LEGACY] = saved.to_bytes(8, "little") + bytes(56)
    if not task.cpu.set_xstate(area):
        raise BadFrame
