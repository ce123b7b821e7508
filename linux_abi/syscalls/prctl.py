"""prctl(2) and arch_prctl(2): each option as its own small call.

What the host keeps per thread or process is the guest's own already; an option that would change how the VMM itself runs is
answered as a kernel without the feature would.
"""

from __future__ import annotations

from ..errors import LinuxError
from ..syscall import syscall
from ..types import Address, Flags, ULong
from ..uapi import prctl as uapi
from ..uapi.errno import EEXIST, EINVAL, ENODEV, ENOMEM, EOPNOTSUPP, EPERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..task import Task

# Newer than the headers of Linux 6.1.
PR_SET_MDWE = 65
PR_GET_MDWE = 66
PR_SET_MEMORY_MERGE = 67
PR_GET_MEMORY_MERGE = 68
PR_GET_AUXV = 0x41555856

_PAGE = 4096

# Options that the host serves, and which of their arguments are addresses: "p"; "v" is a value.
_FORWARDED = {
    uapi.PR_SET_PDEATHSIG: "v",
    uapi.PR_GET_PDEATHSIG: "p",
    uapi.PR_GET_DUMPABLE: "",
    uapi.PR_SET_DUMPABLE: "v",
    uapi.PR_GET_KEEPCAPS: "",
    uapi.PR_SET_KEEPCAPS: "v",
    uapi.PR_GET_TIMING: "",
    uapi.PR_SET_TIMING: "v",
    uapi.PR_SET_NAME: "p",
    uapi.PR_GET_NAME: "p",
    uapi.PR_GET_SECCOMP: "",
    uapi.PR_CAPBSET_READ: "v",
    uapi.PR_CAPBSET_DROP: "v",
    uapi.PR_GET_TSC: "p",
    uapi.PR_GET_SECUREBITS: "",
    uapi.PR_SET_SECUREBITS: "v",
    uapi.PR_SET_TIMERSLACK: "v",
    uapi.PR_GET_TIMERSLACK: "",
    uapi.PR_TASK_PERF_EVENTS_DISABLE: "",
    uapi.PR_TASK_PERF_EVENTS_ENABLE: "",
    uapi.PR_MCE_KILL: "vvvv",
    uapi.PR_MCE_KILL_GET: "vvvv",
    uapi.PR_SET_CHILD_SUBREAPER: "v",
    uapi.PR_GET_CHILD_SUBREAPER: "p",
    uapi.PR_SET_NO_NEW_PRIVS: "vvvv",
    uapi.PR_GET_NO_NEW_PRIVS: "vvvv",
    uapi.PR_SET_THP_DISABLE: "vvvv",
    uapi.PR_GET_THP_DISABLE: "vvvv",
    uapi.PR_CAP_AMBIENT: "vvvv",
    uapi.PR_GET_SPECULATION_CTRL: "vvvv",
    uapi.PR_SET_SPECULATION_CTRL: "vvvv",
    uapi.PR_SET_IO_FLUSHER: "vvvv",
    uapi.PR_GET_IO_FLUSHER: "vvvv",
    uapi.PR_SCHED_CORE: "vvvp",
    PR_SET_MDWE: "vvvv",
    PR_GET_MDWE: "vvvv",
    PR_SET_MEMORY_MERGE: "vvvv",
    PR_GET_MEMORY_MERGE: "vvvv",
    PR_GET_AUXV: "pvvv",  # the host has been told of the guest's
    uapi.PR_SET_PTRACER: "v",
}


@syscall(missing="PR_SET_SECCOMP, PR_SET_SYSCALL_USER_DISPATCH and PR_TSC_SIGSEGV would hit the VMM: EINVAL; PR_SET_MM: EPERM")
def prctl(task: Task, option: Flags[uapi.PrctlOption], arg2: ULong, arg3: ULong, arg4: ULong, arg5: ULong) -> int:
    """Work on the process or thread itself."""
    kinds = _FORWARDED.get(option)
    if option == uapi.PR_CAPBSET_DROP:
        task.group.bounded = True
    if kinds is not None:
        address = task.mm.host_address
        given = (arg2, arg3, arg4, arg5)[: len(kinds)]
        return task.host.prctl(option, *[address(a) if kind == "p" else a for a, kind in zip(given, kinds, strict=True)])
    if option == uapi.PR_SET_TSC and arg2 == uapi.PR_TSC_ENABLE:
        return 0
    if option == uapi.PR_SET_MM:
        raise LinuxError(EPERM)
    if option == uapi.PR_GET_TID_ADDRESS:
        task.mm.write(arg2, task.clear_child_tid.to_bytes(8, "little"))
        return 0
    if option == uapi.PR_SET_VMA and arg2 == uapi.PR_SET_VMA_ANON_NAME:
        return _name_memory(task, arg3, arg4, arg5)
    raise LinuxError(EINVAL)


def _name_memory(task: Task, addr: int, size: int, name: int) -> int:
    """PR_SET_VMA_ANON_NAME, of the parts of the range that are mapped; ENOMEM if there are others."""
    mm = task.mm
    end = addr + size + (-size % _PAGE)
    if addr % _PAGE or end >> 64:
        raise LinuxError(EINVAL)
    runs = mm.runs(addr, end)
    for start, stop in runs:
        host_name, at = mm.host_address(name), mm.host_address(start)
        result = task.host.prctl(uapi.PR_SET_VMA, uapi.PR_SET_VMA_ANON_NAME, at, stop - start, host_name)
        if result < 0:
            return result
        mm.set_name(start, stop, b"[anon:%s]" % mm.cstr(name) if name else b"")
    if runs != [(addr, end)] and size:
        raise LinuxError(ENOMEM)
    return 0


_TASK_SIZE_MAX = (1 << 47) - 4096  # the CPU's own limit (asm/page_64_types.h)
_XFEATURE_XTILE_DATA = 18
_AMX = 3 << 17  # XTILE_CFG and XTILE_DATA: a vCPU has them not


@syscall(missing="ARCH_CET_*, ARCH_SHSTK_*, ARCH_*_TAG*: EINVAL, as a kernel without shadow stacks and LAM; no AMX")
def arch_prctl(task: Task, code: Flags[uapi.ArchPrctlCode], addr: Address) -> int:
    """Set and get the FS and GS bases, and what else is x86's own."""
    cpu = task.cpu
    if code in (uapi.ARCH_SET_FS, uapi.ARCH_SET_GS):
        if addr >= _TASK_SIZE_MAX:
            raise LinuxError(EPERM)
        if code == uapi.ARCH_SET_FS:
            cpu.fs_base = addr
        else:
            cpu.gs_base = addr
        return 0
    if code in (uapi.ARCH_GET_FS, uapi.ARCH_GET_GS):
        task.mm.write(addr, (cpu.fs_base if code == uapi.ARCH_GET_FS else cpu.gs_base).to_bytes(8, "little"))
        return 0
    if code == uapi.ARCH_GET_CPUID:
        return 1
    if code == uapi.ARCH_SET_CPUID:
        raise LinuxError(ENODEV)  # as on a CPU that cannot make CPUID fault
    if code in (uapi.ARCH_GET_XCOMP_SUPP, uapi.ARCH_GET_XCOMP_PERM):
        features = bytearray(8)
        result = task.host.arch_prctl(code, features)
        if result == 0:
            task.mm.write(addr, (int.from_bytes(features, "little") & ~_AMX).to_bytes(8, "little"))
        return result
    if code == uapi.ARCH_REQ_XCOMP_PERM:
        raise LinuxError(EOPNOTSUPP if addr <= _XFEATURE_XTILE_DATA else EINVAL)
    if uapi.ARCH_MAP_VDSO_X32 <= code <= uapi.ARCH_MAP_VDSO_64:
        raise LinuxError(EEXIST)  # the loader has mapped it
    raise LinuxError(EINVAL)
