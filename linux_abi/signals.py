"""Signals: what a guest's process wants done at each, and how a caught one reaches it (signal(7), docs/design.md, D3).

The host's kernel keeps the queue: the guest's mask and dispositions are the host thread's, a caught signal blocks all others
until it is delivered here. SIGSEGV and SIGBUS are never blocked or ignored on the host, because the VMM's own copies need
them; what the guest wants of these two is done here alone.
"""

from __future__ import annotations

from .errors import LinuxError
from .sigframe import TF, BadFrame, pop_frame, push_frame
from .uapi.errno import EINTR, ERESTARTSYS
from .uapi.signals import (
    BUS_ADRERR,
    SA_NODEFER,
    SA_RESETHAND,
    SI_KERNEL,
    SIG_DFL,
    SIG_IGN,
    SIGBUS,
    SIGCHLD,
    SIGCONT,
    SIGFPE,
    SIGILL,
    SIGKILL,
    SIGSEGV,
    SIGSTOP,
    SIGTRAP,
    SIGTSTP,
    SIGTTIN,
    SIGTTOU,
    SIGURG,
    SIGWINCH,
    TRAP_BRKPT,
    TRAP_TRACE,
)
from .uapi.structs import Sigaction, Siginfo, SiginfoFault
from .uapi.x86_64 import RAX, RFLAGS, RIP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .task import Task

SIGNALS = 64
KEPT = (1 << (SIGSEGV - 1)) | (1 << (SIGBUS - 1))
UNBLOCKABLE = (1 << (SIGKILL - 1)) | (1 << (SIGSTOP - 1))
DEFAULT_ACTION = Sigaction(SIG_DFL, 0, 0, 0)
IGNORED = Sigaction(SIG_IGN, 0, 0, 0)
FRAME_FAULT = bytes(Siginfo(SIGSEGV, 0, SI_KERNEL))
_IGNORED_BY_DEFAULT = frozenset((SIGCHLD, SIGCONT, SIGURG, SIGWINCH))
_STOPS = frozenset((SIGTSTP, SIGTTIN, SIGTTOU))
_SYSCALL_LENGTH = 2  # bytes of the SYSCALL instruction


def host_mask(mask: int) -> int:
    """The mask that the host thread gets when the guest's is `mask`."""
    return mask & ~KEPT


def set_action(task: Task, number: int, action: Sigaction) -> None:
    """The process does `action` at signal `number` from now on, on the host too."""
    task.group.actions[number] = action
    handler = action.sa_handler
    signals = task.signals
    kind = signals.DEFAULT if handler == SIG_DFL else signals.IGNORE if handler == SIG_IGN else signals.CATCH
    if kind == signals.IGNORE:
        task.kept.pop(number, None)
    signals.set_action(number, kind, action.sa_flags)


def forget_actions(task: Task) -> None:
    """Signals with a handler get the default action, ignored ones stay ignored, all without flags (execve(2))."""
    for number, action in task.group.actions.items():
        after = IGNORED if action.sa_handler == SIG_IGN else DEFAULT_ACTION
        if action != after:
            set_action(task, number, after)


def set_mask(task: Task, mask: int) -> None:
    """The thread blocks `mask`; a signal that this unblocks is caught before it returns."""
    task.blocked = mask & ~UNBLOCKABLE
    task.signals.set_mask(task.blocked)
    _release(task, task.blocked)


def _release(task: Task, mask: int) -> bool:
    """Let those of the kept signals that `mask` does not block be caught ones again; whether there were any."""
    due = [signal for signal in task.kept if not mask >> (signal - 1) & 1] if task.kept else ()
    for signal in due:
        task.signals.put(task.kept.pop(signal))
    return bool(due)


def wait_under(task: Task, mask: int, wait: Callable[[], int]) -> int:
    """Call `wait`, which waits on the host with the guest's `mask` instead of the thread's.

    The signals that end the wait are delivered under that mask; the handler's end brings back the thread's
    (set_restore_sigmask() in the kernel).
    """
    result = -EINTR if _release(task, mask) else wait()
    if result == -EINTR and task.signals.caught[0]:
        task.unsuspended, task.blocked = task.blocked, mask & ~UNBLOCKABLE
    return result


def deliver(task: Task, number: int, result: int | None) -> None:
    """Deliver the caught signal and what it held back: frames are pushed, or the process dies.

    `number` and `result` are of the call that was just served, result None if there was none. The host has judged whether a
    signal makes it fail; if then no handler runs it is made again all the same.
    """
    if result == -ERESTARTSYS:
        _make_again(task, number)
    handled = False
    signals = task.signals
    while signals.caught[0] or task.unsuspended is not None:
        signal, info = signals.take()
        if signal > 0:
            handled |= _act(task, signal, info)
        elif signal:
            task.machine.kicked(task)
            set_mask(task, task.blocked)
        elif task.unsuspended is not None:
            mask, task.unsuspended = task.unsuspended, None
            set_mask(task, mask)
    if result == -EINTR and not handled:
        _make_again(task, number)


def _make_again(task: Task, number: int) -> None:
    task.cpu.regs[RIP] -= _SYSCALL_LENGTH
    task.cpu.regs[RAX] = number


def _act(task: Task, signal: int, info: bytes) -> bool:
    """Do what the guest wants at `signal`; whether a handler is to run."""
    action = task.group.actions[signal]
    handler = action.sa_handler
    if KEPT >> (signal - 1) & 1 and task.blocked >> (signal - 1) & 1:
        task.kept.setdefault(signal, info)
        task.cpu.keeps = True
        set_mask(task, task.blocked)
    elif handler == SIG_IGN or (handler == SIG_DFL and signal in _IGNORED_BY_DEFAULT):
        set_mask(task, task.blocked)
    elif handler == SIG_DFL and signal in _STOPS:  # its handler was taken away after it had been caught
        set_mask(task, task.blocked)
        now = task.host.now
        now.tgkill(now.getpid(), now.gettid(), signal)
    elif handler == SIG_DFL:
        task.signals.die(signal)
    else:
        run_handler(task, signal, info, action)
        return True
    return False


def run_handler(task: Task, signal: int, info: bytes, action: Sigaction) -> None:
    """Push the frame of a handler; it runs when the guest goes on."""
    task.machine.signalled(task, info)
    if action.sa_flags & SA_RESETHAND:
        set_action(task, signal, DEFAULT_ACTION)
    try:
        push_frame(task, signal, info, action)
    except BadFrame:
        if signal == SIGSEGV:
            task.signals.die(signal)
        force(task, SIGSEGV, FRAME_FAULT)
        return
    blocked = task.blocked | action.sa_mask
    if not action.sa_flags & SA_NODEFER:
        blocked |= 1 << (signal - 1)
    set_mask(task, blocked)


def force(task: Task, signal: int, info: bytes) -> None:
    """A signal that the guest cannot escape: one that it blocks or ignores kills it (the kernel's force_sig_info)."""
    task.signals.forced(info)
    action = task.group.actions[signal]
    if action.sa_handler in (SIG_DFL, SIG_IGN) or task.blocked >> (signal - 1) & 1:
        task.signals.die(signal)
    run_handler(task, signal, info, action)


def sigreturn(task: Task) -> None:
    """rt_sigreturn(2): back to where the handler's frame was pushed. A bad frame kills."""
    try:
        mask = pop_frame(task)
    except BadFrame:
        force(task, SIGSEGV, FRAME_FAULT)
        return
    set_mask(task, mask)


# Vector -> signal and code, of exceptions that are always the same one (arch/x86/kernel/traps.c).
_TRAPS = {
    0: (SIGFPE, 1),  # #DE: FPE_INTDIV
    3: (SIGTRAP, SI_KERNEL),  # #BP
    4: (SIGSEGV, SI_KERNEL),  # #OF
    5: (SIGSEGV, SI_KERNEL),  # #BR
    6: (SIGILL, 2),  # #UD: ILL_ILLOPN
    10: (SIGSEGV, SI_KERNEL),
    11: (SIGBUS, SI_KERNEL),  # #NP
    12: (SIGBUS, SI_KERNEL),  # #SS
    13: (SIGSEGV, SI_KERNEL),  # #GP
    17: (SIGBUS, 1),  # #AC: BUS_ADRALN
}
_WITH_ADDRESS = (SIGFPE, SIGILL)
_DEBUG, _PAGE_FAULT = 1, 14
_INT1 = 0xF1
_PROTECTION = 1  # in a page fault's error code
_TASK_SIZE_MAX = (1 << 47) - 4096


def fault(task: Task, vector: int, error_code: int, address: int) -> None:
    """An exception of the guest's CPU becomes the signal that Linux makes of it."""
    if vector == _PAGE_FAULT and address >= _TASK_SIZE_MAX:
        error_code |= _PROTECTION  # nobody is to learn what the kernel has mapped (sanitize_error_code)
    task.trap = (vector, error_code, address)
    if vector == _PAGE_FAULT:
        signal, code = task.mm.fault_signal(address, error_code)
        info = bytes(SiginfoFault(signal, 0, code, address))
    elif vector in (16, 19):
        signal = SIGFPE
        info = bytes(SiginfoFault(signal, 0, _float_code(task, vector), task.cpu.regs[RIP]))
    elif vector == _DEBUG:
        signal, code = SIGTRAP, TRAP_BRKPT if _after_int1(task) else TRAP_TRACE
        info = bytes(SiginfoFault(signal, 0, code, task.cpu.regs[RIP]))
    else:
        signal, code = _TRAPS.get(vector, (SIGSEGV, SI_KERNEL))
        where = task.cpu.regs[RIP] if signal in _WITH_ADDRESS else 0
        info = bytes(SiginfoFault(signal, 0, code, where))
    force(task, signal, info)


def _after_int1(task: Task) -> bool:
    """Whether #DB comes from the instruction INT1, not from the trap flag. RIP is behind it then, as Linux has it, not PVM."""
    regs = task.cpu.regs
    try:
        before, at = task.mm.read(regs[RIP] - 1, 2)
    except LinuxError:
        return False
    if regs[RFLAGS] & TF or _INT1 not in (before, at):
        return False
    regs[RIP] += at == _INT1
    return True


def _float_code(task: Task, vector: int) -> int:
    """FPE_... of an x87 (#MF) or SSE (#XM) exception: its first unmasked flag (the kernel's fpu__exception_code)."""
    area = task.cpu.get_xstate()
    if vector == 16:
        control, status = int.from_bytes(area[0:2], "little"), int.from_bytes(area[2:4], "little")
        raised = status & ~control
    else:
        mxcsr = int.from_bytes(area[24:28], "little")
        raised = mxcsr & ~(mxcsr >> 7)
    for bit, code in ((1, 7), (4, 3), (8, 4), (0x12, 5), (0x20, 6)):  # FLTINV FLTDIV FLTOVF FLTUND FLTRES
        if raised & bit:
            return code
    return 0


def bus_error(task: Task) -> None:
    """The host refuses a page of the guest's, at an address that it does not tell."""
    force(task, SIGBUS, bytes(SiginfoFault(SIGBUS, 0, BUS_ADRERR, task.cpu.regs[RIP])))
