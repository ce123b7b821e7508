"""Defence in depth: Landlock (landlock(7)) and a filter of system calls (seccomp(2)), for the guest and the VMM around it."""

from __future__ import annotations

import os
from _struct import Struct
from stat import S_ISCHR, S_ISREG

from linux_abi.uapi import landlock, socket
from linux_abi.uapi.errno import EAFNOSUPPORT, ENOSYS, EPERM
from linux_abi.uapi.fcntl import F_GETFL
from linux_abi.uapi.ioctl import TIOCSTI
from linux_abi.uapi.seccomp import SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, SECCOMP_RET_KILL_PROCESS, SECCOMP_SET_MODE_FILTER
from linux_abi.uapi.structs import SockFprog
from linux_abi.uapi.x86_64 import NUMBERS

from .._native import lib
from ..engine import kvm
from . import inherited, kernel

# ---- Landlock: what is opened lies in the tree, however it is named ----

_RULESET = Struct("<3Q")  # struct landlock_ruleset_attr: handled_access_fs, handled_access_net, scoped
_PATH_BENEATH = Struct("<Qi")  # struct landlock_path_beneath_attr: allowed_access, parent_fd
_RULE_PATH_BENEATH = 1
# How many rights of files each version has; before the second one, no file could be moved to another folder.
_RIGHTS = {2: 14, 3: 15, 4: 15}
_RIGHTS_NOW = 16
_SCOPED_SINCE = 6


def rules() -> int:
    """A Landlock rule set for the tree of this process and for the files that it has inherited; -1: the host has none."""
    try:
        version = kernel.call("landlock_create_ruleset", 0, 0, landlock.LANDLOCK_CREATE_RULESET_VERSION)
    except OSError:
        return -1
    if version < min(_RIGHTS):
        return -1
    every = (1 << _RIGHTS.get(version, _RIGHTS_NOW)) - 1
    scoped = landlock.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | landlock.LANDLOCK_SCOPE_SIGNAL
    attributes = _RULESET.pack(every, 0, scoped if version >= _SCOPED_SINCE else 0)
    ruleset = kernel.call("landlock_create_ruleset", attributes, 24 if version >= _SCOPED_SINCE else 8, 0)
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    kernel.call("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, _PATH_BENEATH.pack(every, root), 0)
    os.close(root)
    hidden = range(lib.hidden_base(), lib.hidden_base() + lib.hidden_count())
    for fd in inherited.descriptors():
        if fd != ruleset and fd not in hidden:
            _allow_file(ruleset, fd, every)
    return ruleset


def _allow_file(ruleset: int, fd: int, every: int) -> None:
    """What is open may be opened again by /dev/stdin and the like, for what it is open for."""
    from fcntl import fcntl

    mode = os.fstat(fd).st_mode
    if not (S_ISREG(mode) or S_ISCHR(mode)):
        return
    access = landlock.LANDLOCK_ACCESS_FS_IOCTL_DEV
    how = fcntl(fd, F_GETFL) & os.O_ACCMODE
    if how != os.O_WRONLY:
        access |= landlock.LANDLOCK_ACCESS_FS_READ_FILE
    if how != os.O_RDONLY:
        access |= landlock.LANDLOCK_ACCESS_FS_WRITE_FILE | landlock.LANDLOCK_ACCESS_FS_TRUNCATE
    try:
        kernel.call("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, _PATH_BENEATH.pack(access & every, fd), 0)
    except OSError:  # of no file system that Landlock looks at
        return


# ---- The filter ----

# Nothing that a program in a tree needs, and doors to the host's kernel.
_DENIED = """
    acct add_key bpf delete_module finit_module fsconfig fsmount fsopen fspick init_module io_uring_enter io_uring_register
    io_uring_setup kexec_file_load kexec_load keyctl mount mount_setattr move_mount open_by_handle_at open_tree
    perf_event_open pivot_root ptrace quotactl quotactl_fd reboot request_key setns swapoff swapon umount2 userfaultfd
""".split()  # noqa: SIM905
_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET)  # that namespaces part
_INSTRUCTION = Struct("<HBBI")  # struct sock_filter: code, jt, jf, k
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06  # BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ, ...|BPF_JSET, BPF_RET
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24  # offsets in struct seccomp_data; of arguments, the lower halves
_TIOCLINUX = 0x541C  # ioctl_console(2): pastes, as TIOCSTI types, into the terminal that the caller of noahpy goes on to use
_X86_64 = 0xC000003E  # AUDIT_ARCH_X86_64
_X32 = 0x40000000  # __X32_SYSCALL_BIT


# Calls that give a file away: which arguments are the user and the group.
_CHOWN = {"chown": (1, 2), "fchown": (1, 2), "lchown": (1, 2), "fchownat": (2, 3)}
_UNCHANGED = 0xFFFFFFFF


def filter_calls(network: bool) -> None:
    """Refuse, from now on, what leads around the tree or to the host's kernel; the process must have no_new_privs.

    Where the tree's root is the only user that there is, giving files to others succeeds, and they stay root's.
    """
    code = b"".join(_program(network, _is_alone()))
    program = SockFprog(len=len(code) // _INSTRUCTION.size, filter=kvm.host().address_of(code))
    kernel.call("seccomp", SECCOMP_SET_MODE_FILTER, 0, bytes(program))


def _is_alone() -> bool:
    with open("/proc/self/uid_map", "rb") as file:
        inside, _, count, *others = file.read().split()
    return (inside, count, others) == (b"0", b"1", [])


def _program(network: bool, alone: bool) -> list[bytes]:
    def answer(errno: int) -> bytes:
        return _INSTRUCTION.pack(_RETURN, 0, 0, SECCOMP_RET_ERRNO | errno)

    def unless(test: int, value: int, then: list[bytes]) -> list[bytes]:
        """`then` if the test of what is loaded holds."""
        return [_INSTRUCTION.pack(test, 0, len(then), value), *then]

    def load(offset: int) -> bytes:
        return _INSTRUCTION.pack(_LOAD, 0, 0, offset)

    allow = _INSTRUCTION.pack(_RETURN, 0, 0, SECCOMP_RET_ALLOW)
    kill = _INSTRUCTION.pack(_RETURN, 0, 0, SECCOMP_RET_KILL_PROCESS)
    typing = [load(_SECOND)]
    for request in (TIOCSTI, _TIOCLINUX):
        typing += unless(_EQUAL, request, [answer(EPERM)])
    program = [load(_ARCHITECTURE), _INSTRUCTION.pack(_EQUAL, 1, 0, _X86_64), kill, load(_NUMBER)]
    program += unless(_EQUAL, NUMBERS["ioctl"], [*typing, allow])
    program += unless(_ANY_BIT, _X32, [answer(ENOSYS)])
    if not network:
        families = [load(_FIRST)]
        for family in _FAMILIES:
            families += unless(_EQUAL, family, [allow])
        program += unless(_EQUAL, NUMBERS["socket"], [*families, answer(EAFNOSUPPORT)])
    for name, arguments in _CHOWN.items() if alone else ():
        giving = []
        for argument in arguments:
            known = [_INSTRUCTION.pack(_EQUAL, 2, 0, 0), _INSTRUCTION.pack(_EQUAL, 1, 0, _UNCHANGED)]
            giving += [load(_FIRST + 8 * argument), *known, answer(0)]
        program += unless(_EQUAL, NUMBERS[name], [*giving, allow])
    for name in _DENIED:
        program += unless(_EQUAL, NUMBERS[name], [answer(EPERM)])
    return [*program, allow]
