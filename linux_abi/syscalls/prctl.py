"""prctl(2) and arch_prctl(2): each option as its own small call.

What the host keeps per thread or process is the guest's own already; an option that would change how the VMM itself runs is
answered as a kernel without the feature would.
"""

from __future__ import annotations

from ..errors import LinuxError
from ..syscall import syscall
from ..types import Int, ULong
from ..uapi.errno import EEXIST, EINVAL, ENODEV, ENOMEM, EOPNOTSUPP, EPERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..task import Task

# Options that the host serves (linux/prctl.h), and which of their arguments are addresses: "p"; "v" is a value.
_FORWARDED = {
    1: "v",  # PR_SET_PDEATHSIG
    2: "p",  # PR_GET_PDEATHSIG
    3: "",  # PR_GET_DUMPABLE
    4: "v",  # PR_SET_DUMPABLE
    7: "",  # PR_GET_KEEPCAPS
    8: "v",  # PR_SET_KEEPCAPS
    13: "",  # PR_GET_TIMING
    14: "v",  # PR_SET_TIMING
    15: "p",  # PR_SET_NAME
    16: "p",  # PR_GET_NAME
    21: "",  # PR_GET_SECCOMP
    23: "v",  # PR_CAPBSET_READ
    24: "v",  # PR_CAPBSET_DROP
    25: "p",  # PR_GET_TSC
    27: "",  # PR_GET_SECUREBITS
    28: "v",  # PR_SET_SECUREBITS
    29: "v",  # PR_SET_TIMERSLACK
    30: "",  # PR_GET_TIMERSLACK
    31: "",  # PR_TASK_PERF_EVENTS_DISABLE
    32: "",  # PR_TASK_PERF_EVENTS_ENABLE
    33: "vvvv",  # PR_MCE_KILL
    34: "vvvv",  # PR_MCE_KILL_GET
    36: "v",  # PR_SET_CHILD_SUBREAPER
    37: "p",  # PR_GET_CHILD_SUBREAPER
    38: "vvvv",  # PR_SET_NO_NEW_PRIVS
    39: "vvvv",  # PR_GET_NO_NEW_PRIVS
    41: "vvvv",  # PR_SET_THP_DISABLE
    42: "vvvv",  # PR_GET_THP_DISABLE
    47: "vvvv",  # PR_CAP_AMBIENT
    52: "vvvv",  # PR_GET_SPECULATION_CTRL
    53: "vvvv",  # PR_SET_SPECULATION_CTRL
    57: "vvvv",  # PR_SET_IO_FLUSHER
    58: "vvvv",  # PR_GET_IO_FLUSHER
    62: "vvvp",  # PR_SCHED_CORE
    65: "vvvv",  # PR_SET_MDWE
    66: "vvvv",  # PR_GET_MDWE
    67: "vvvv",  # PR_SET_MEMORY_MERGE
    68: "vvvv",  # PR_GET_MEMORY_MERGE
    0x41555856: "pvvv",  # PR_GET_AUXV: the host has been told of the guest's
    0x59616D61: "v",  # PR_SET_PTRACER
}
PR_SET_TSC = 26
PR_TSC_ENABLE = 1
PR_SET_MM = 35
PR_GET_TID_ADDRESS = 40
PR_SET_VMA = 0x53564D41
PR_SET_VMA_ANON_NAME = 0


@syscall(missing="PR_SET_SECCOMP, PR_SET_SYSCALL_USER_DISPATCH and PR_TSC_SIGSEGV would hit the VMM: EINVAL; PR_SET_MM: EPERM")
def prctl(task: Task, option: Int, arg2: ULong, arg3: ULong, arg4: ULong, arg5: ULong) -> int:
    """Work on the process or thread itself."""
    kinds = _FORWARDED.get(option)
    if kinds is not None:
        address = task.mm.host_address
        given = (arg2, arg3, arg4, arg5)[: len(kinds)]
        return task.host.prctl(option, *[address(a) if kind == "p" else a for a, kind in zip(given, kinds, strict=True)])
    if option == PR_SET_TSC and arg2 == PR_TSC_ENABLE:
        return 0
    if option == PR_SET_MM:
        raise LinuxError(EPERM)
    if option == PR_GET_TID_ADDRESS:
        task.mm.write(arg2, task.clear_child_tid.to_bytes(8, "little"))
        return 0
    if option == PR_SET_VMA and arg2 == PR_SET_VMA_ANON_NAME:
        return _name_memory(task, arg3, arg4, arg5)
    raise LinuxError(EINVAL)


def _name_memory(task: Task, addr: int, size: int, name: int) -> int:
    """PR_SET_VMA_ANON_NAME; the host must not name what lies behind the window."""
    mm = task.mm
    if size and mm.host_address(addr + size - 1) == mm.BAD_ADDRESS:
        raise LinuxError(ENOMEM)
    return task.host.prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, mm.host_address(addr), size, mm.host_address(name))


ARCH_SET_GS = 0x1001
ARCH_SET_FS = 0x1002
ARCH_GET_FS = 0x1003
ARCH_GET_GS = 0x1004
ARCH_GET_CPUID = 0x1011
ARCH_SET_CPUID = 0x1012
ARCH_GET_XCOMP_SUPP = 0x1021
ARCH_GET_XCOMP_PERM = 0x1022
ARCH_REQ_XCOMP_PERM = 0x1023
ARCH_MAP_VDSO_X32 = 0x2001
ARCH_MAP_VDSO_64 = 0x2003

_TASK_SIZE_MAX = (1 << 47) - 4096  # the CPU's own limit (asm/page_64_types.h)
_XFEATURE_XTILE_DATA = 18
_AMX = 3 << 17  # XTILE_CFG and XTILE_DATA: a vCPU has them not


@syscall(missing="ARCH_CET_*, ARCH_SHSTK_*, ARCH_*_TAG*: EINVAL, as a kernel without shadow stacks and LAM; no AMX")
def arch_prctl(task: Task, code: Int, addr: ULong) -> int:
    """Set and get the FS and GS bases, and what else is x86's own."""
    cpu = task.cpu
    if code in (ARCH_SET_FS, ARCH_SET_GS):
        if addr >= _TASK_SIZE_MAX:
            raise LinuxError(EPERM)
        if code == ARCH_SET_FS:
            cpu.fs_base = addr
        else:
            cpu.gs_base = addr
        return 0
    if code in (ARCH_GET_FS, ARCH_GET_GS):
        task.mm.write(addr, (cpu.fs_base if code == ARCH_GET_FS else cpu.gs_base).to_bytes(8, "little"))
        return 0
    if code == ARCH_GET_CPUID:
        return 1
    if code == ARCH_SET_CPUID:
        raise LinuxError(ENODEV)  # as on a CPU that cannot make CPUID fault
    if code in (ARCH_GET_XCOMP_SUPP, ARCH_GET_XCOMP_PERM):
        features = bytearray(8)
        result = task.host.arch_prctl(code, features)
        if result == 0:
            task.mm.write(addr, (int.from_bytes(features, "little") & ~_AMX).to_bytes(8, "little"))
        return result
    if code == ARCH_REQ_XCOMP_PERM:
        raise LinuxError(EOPNOTSUPP if addr <= _XFEATURE_XTILE_DATA else EINVAL)
    if ARCH_MAP_VDSO_X32 <= code <= ARCH_MAP_VDSO_64:
        raise LinuxError(EEXIST)  # the loader has mapped it
    raise LinuxError(EINVAL)
