"""The life of a process: fork, exec, wait."""

from __future__ import annotations

import os

from .. import procfs
from ..sigframe import RESET_ALTSTACK
from ..signals import SIGNALS, forget_actions
from ..syscall import forward, syscall
from ..types import DirFd, Environment, Flags, In, Int, Out, Path, Pid, Ptr, Size, Strings, ULong, WaitStatus
from ..uapi.clone import (
    CLONE_ARGS_SIZE_VER0,
    CLONE_ARGS_SIZE_VER2,
    CLONE_CHILD_CLEARTID,
    CLONE_CHILD_SETTID,
    CLONE_CLEAR_SIGHAND,
    CLONE_DETACHED,
    CLONE_FILES,
    CLONE_INTO_CGROUP,
    CLONE_PARENT,
    CLONE_PARENT_SETTID,
    CLONE_PIDFD,
    CLONE_SETTLS,
    CLONE_SIGHAND,
    CLONE_THREAD,
    CLONE_VFORK,
    CLONE_VM,
    CSIGNAL,
)
from ..uapi.errno import E2BIG, EINVAL, ELOOP, ENOENT, EPERM
from ..uapi.fcntl import AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, F_GETFD, FD_CLOEXEC, AtFlags
from ..uapi.signals import SIGCHLD
from ..uapi.structs import CloneArgs, Rusage, Siginfo
from ..uapi.wait import IdType, WaitOptions
from ..uapi.x86_64 import RSP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..task import Task

# Served here, not by the host, whose child has memory, descriptors and signal handlers of its own in any case.
_OURS = CLONE_VM | CLONE_VFORK | CLONE_SETTLS | CLONE_CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_FILES | CLONE_CHILD_CLEARTID
_TASK_SIZE_MAX = (1 << 47) - 4096
_PAGE = 4096
_STRING_MAX = 128 << 10  # bytes with the NUL (MAX_ARG_STRLEN)
_STRINGS_MAX = 6 << 20  # all of an execve's: three quarters of the stack's usual limit (bprm_stack_limits() in fs/exec.c)


# ---- fork(2) ----


@syscall(missing="CLONE_VM without CLONE_VFORK or CLONE_THREAD, CLONE_FILES without CLONE_THREAD: a copy instead of sharing")
def clone(task: Task, flags: ULong, stack: Ptr, parent_tid: Out[Int], child_tid: Out[Int], tls: ULong) -> int:
    """Make a child process."""
    exit_signal = flags & CSIGNAL
    if flags & CLONE_PIDFD and flags & CLONE_DETACHED:
        return -EINVAL
    return _clone(
        task,
        CloneArgs(
            flags=flags & 0xFFFFFFFF & ~CSIGNAL & ~CLONE_DETACHED,  # which means nothing any more
            pidfd=parent_tid,
            child_tid=child_tid,
            parent_tid=parent_tid,
            exit_signal=0 if flags & CLONE_PARENT or exit_signal > SIGNALS else exit_signal,  # what clone3 would refuse
            stack=stack,
            tls=tls,
        ),
    )


@syscall(missing="as clone")
def clone3(task: Task, cl_args: In[CloneArgs], size: Size) -> int:
    """Make a child process."""
    if size > _PAGE:
        return -E2BIG
    if size < CLONE_ARGS_SIZE_VER0:
        return -EINVAL
    raw = task.mm.read(cl_args, size)
    if any(raw[CloneArgs.size :]):
        return -E2BIG
    args = CloneArgs.unpack(raw[: CloneArgs.size].ljust(CloneArgs.size, b"\0"))
    if bool(args.stack) != bool(args.stack_size) or args.stack + args.stack_size > _TASK_SIZE_MAX:
        return -EINVAL
    if args.flags & (CLONE_THREAD | CLONE_PARENT) and args.exit_signal:
        return -EINVAL
    if args.flags & CLONE_INTO_CGROUP and size < CLONE_ARGS_SIZE_VER2:
        return -EINVAL
    return _clone(task, args.replace(stack=args.stack + args.stack_size, stack_size=0))


@syscall
def fork(task: Task) -> int:
    """Make a child process, a copy of this one."""
    return _clone(task, CloneArgs(exit_signal=SIGCHLD))


@syscall
def vfork(task: Task) -> int:
    """Make a child process and wait until it has called execve or ended."""
    return _clone(task, CloneArgs(flags=CLONE_VM | CLONE_VFORK, exit_signal=SIGCHLD))


def _clone(task: Task, args: CloneArgs) -> int:
    flags = args.flags
    if _senseless(flags):
        return -EINVAL
    if flags & CLONE_SETTLS and args.tls >= _TASK_SIZE_MAX:
        return -EPERM
    if flags & CLONE_THREAD:
        return task.machine.spawn(task, args)
    address = task.mm.host_address
    host = args.replace(
        flags=flags & ~_OURS,
        pidfd=address(args.pidfd) if flags & CLONE_PIDFD else 0,
        child_tid=address(args.child_tid) if flags & CLONE_CHILD_SETTID else 0,
        parent_tid=address(args.parent_tid) if flags & CLONE_PARENT_SETTID else 0,
        stack=0,
        tls=0,
        set_tid=address(args.set_tid),
    )
    result = task.machine.fork(task, args, bytes(host))
    if result == 0:
        begin_child(task, args)
    return result


def _senseless(flags: int) -> bool:
    """Whether flags exclude each other that the host does not see (the kernel's copy_process)."""
    if flags & CLONE_THREAD and not flags & CLONE_SIGHAND:
        return True
    return bool(flags & CLONE_SIGHAND and (not flags & CLONE_VM or flags & CLONE_CLEAR_SIGHAND))


def begin_child(task: Task, args: CloneArgs) -> None:
    """What of the child differs from its parent and the host has not done."""
    group = task.group
    group.timers.clear()
    group.contexts.clear()
    task.kept.clear()
    task.clear_child_tid = args.child_tid if args.flags & CLONE_CHILD_CLEARTID else 0
    if args.stack:
        task.cpu.regs[RSP] = args.stack
    if args.flags & CLONE_SETTLS:
        task.cpu.fs_base = args.tls
    if args.flags & CLONE_CLEAR_SIGHAND:
        forget_actions(task)
    if args.flags & CLONE_VM and not args.flags & CLONE_VFORK:
        task.altstack = RESET_ALTSTACK


# ---- execve(2) ----


@syscall
def execve(task: Task, pathname: Path, argv: Strings, envp: Environment) -> None:
    """Execute a program in place of this one."""
    name = task.mm.cstr(pathname)
    task.machine.execute(task, procfs.followed(task, name), name, _strings(task, argv), _strings(task, envp), lasting=True)


@syscall
def execveat(task: Task, dirfd: DirFd, pathname: Path, argv: Strings, envp: Environment, flags: Flags[AtFlags]) -> int | None:
    """Execute a program named relative to a directory, or by its descriptor alone."""
    if flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW):
        return -EINVAL
    name = task.mm.cstr(pathname)
    lasting = True
    if dirfd == AT_FDCWD or name[:1] == b"/":
        path = execfn = name
    elif not name and not flags & AT_EMPTY_PATH:
        return -ENOENT
    else:
        if (fd_flags := task.host.fcntl(task.group.fds.visible(dirfd), F_GETFD)) < 0:
            return fd_flags
        lasting = not fd_flags & FD_CLOEXEC
        path, execfn = [f % dirfd + (b"/" + name if name else b"") for f in (b"/proc/self/fd/%d", b"/dev/fd/%d")]
    if name and flags & AT_SYMLINK_NOFOLLOW and os.path.islink(path):
        return -ELOOP
    path = procfs.followed(task, path)
    task.machine.execute(task, path, execfn, _strings(task, argv), _strings(task, envp), lasting=lasting)
    return None


def _strings(task: Task, array: int) -> Iterator[bytes]:
    """Not read before somebody asks for the first one."""
    yield from task.mm.strings(array, _STRING_MAX, _STRINGS_MAX)


# ---- wait(2) ----


@forward
def wait4(pid: Pid, wstatus: Out[WaitStatus], options: Flags[WaitOptions], rusage: Out[Rusage]) -> int:
    """Wait for a child to change state."""


@forward
def waitid(which: Flags[IdType], upid: Pid, infop: Out[Siginfo], options: Flags[WaitOptions], ru: Out[Rusage]) -> int:
    """Wait for a child to change state, told in a siginfo."""
