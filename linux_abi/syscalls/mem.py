"""Memory: mmap(2) and its family, advice, locking and policies.

What changes the guest's address space is `task.mm`'s. The rest is done by the host, on those parts of a range that the guest
has mapped: what is a hole to the guest is reserved memory to the host.
"""

from __future__ import annotations

import os
from _struct import pack, unpack

from ..errors import LinuxError
from ..host import own
from ..syscall import forward, refuse, syscall
from ..types import Address, Fd, Flags, Hex, In, Int, IoVec, Out, Pid, Place, Ptr, Size, UInt, ULong
from ..uapi.errno import EBADF, EFAULT, EINVAL, ENOMEM, ENOSPC, ENOSYS, EOPNOTSUPP, EPERM
from ..uapi.mman import (
    MADV_DONTFORK,
    MADV_DONTNEED,
    MADV_DONTNEED_LOCKED,
    MADV_FREE,
    MADV_GUARD_INSTALL,
    MADV_GUARD_REMOVE,
    MADV_REMOVE,
    MADV_WIPEONFORK,
    MAP_LOCKED,
    MCL_CURRENT,
    MCL_FUTURE,
    MCL_ONFAULT,
    MLOCK_ONFAULT,
    Advice,
    MapFlags,
    MlockallFlags,
    MlockFlags,
    MremapFlags,
    MsyncFlags,
    Protection,
)
from ..uapi.structs import Iovec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..task import Task

_PAGE = 4096
_OFFSET = _PAGE - 1  # of an address in its page
_WORD = (1 << 64) - 1
_UIO_MAXIOV = 1024
_PIDFD_SELF = (-10000, -10001)  # of the thread, of the process
_MAX_RW_COUNT = (1 << 31) - _PAGE
_DISCARDS = frozenset((MADV_DONTNEED, MADV_DONTNEED_LOCKED, MADV_FREE, MADV_REMOVE, MADV_DONTFORK, MADV_WIPEONFORK))
_PKEY_ACCESS_MASK = 3


# ---- The address space: mmap(2), mremap(2), mprotect(2), brk(2) ----


@syscall
def mmap(
    task: Task, addr: Address, length: Size, prot: Flags[Protection], flags: Flags[MapFlags], fd: Fd, offset: Hex
) -> Place:
    """Map files or memory."""
    return task.mm.mmap(addr, length, prot, flags, task.group.fds.visible(fd), offset)


@syscall
def munmap(task: Task, addr: Ptr, length: Size) -> int:
    """Unmap."""
    return task.mm.munmap(addr, length)


@syscall
def mprotect(task: Task, addr: Ptr, len: Size, prot: Flags[Protection]) -> int:
    """Change the protection of mapped memory."""
    return task.mm.mprotect(addr, len, prot)


@syscall(missing="there are no protection keys: only key -1 is accepted")
def pkey_mprotect(task: Task, addr: Ptr, len: Size, prot: Flags[Protection], pkey: Int) -> int:
    """Change the protection of mapped memory, and its key."""
    if pkey != -1 and len:
        raise LinuxError(EINVAL)
    return task.mm.mprotect(addr, len, prot)


@syscall(missing="there are no protection keys, as on a CPU without them")
def pkey_alloc(task: Task, flags: ULong, access_rights: ULong) -> int:
    """Allocate a protection key."""
    raise LinuxError(EINVAL if flags or access_rights & ~_PKEY_ACCESS_MASK else ENOSPC)


@refuse(EINVAL, "no protection key was ever allocated")
def pkey_free(pkey: Int) -> None:
    """Free a protection key."""


@syscall
def mremap(task: Task, old_address: Ptr, old_size: Size, new_size: Size, flags: Flags[MremapFlags], new_address: Ptr) -> Place:
    """Resize or move a mapping."""
    return task.mm.mremap(old_address, old_size, new_size, flags, new_address)


@syscall
def brk(task: Task, addr: Ptr) -> Place:
    """Move the end of the heap; returns where it is."""
    return task.mm.brk(addr)


@syscall
def remap_file_pages(task: Task, addr: Ptr, size: Size, prot: Int, pgoff: Size, flags: Int) -> int:
    """Show another part of a file in a shared mapping of it."""
    start = addr & ~_OFFSET
    end = start + (size & ~_OFFSET)
    result = task.host.now.remap_file_pages(task.mm.host_address(addr), size, prot, pgoff, flags)
    if not result:
        task.mm.refile(start, end, pgoff * _PAGE)
    return result


@syscall
def mseal(task: Task, addr: Ptr, len: Size, flags: ULong) -> int:
    """Protect mappings from being changed."""
    size = len + _OFFSET & ~_OFFSET & _WORD
    if flags or addr & _OFFSET or (len and not size) or addr + size > _WORD:
        raise LinuxError(EINVAL)
    if size:
        task.mm.seal(addr, addr + size)
    return 0


@refuse(EOPNOTSUPP, "there are no shadow stacks, as on a CPU without them")
def map_shadow_stack(addr: Ptr, size: Size, flags: UInt) -> None:
    """Map a shadow stack."""


@refuse(ENOSYS, "the host would hide the pages from the virtual machine too")
def memfd_secret(flags: UInt) -> None:
    """Make a file of memory that the kernel itself can't see."""


@refuse(ENOSYS, "faults are the virtual machine's, which has no kernel to hand them on")
def userfaultfd(flags: Int) -> None:
    """Make a descriptor from which page faults are read."""


# ---- Advice, residency, writing back: madvise(2), mincore(2), msync(2) ----


@syscall(missing="MADV_GUARD_INSTALL gives EINVAL, as before Linux 6.13")
def madvise(task: Task, addr: Ptr, length: Size, advice: Flags[Advice]) -> int:
    """Advise how memory will be used."""
    host, mm = task.host.now, task.mm
    size = length + _OFFSET & ~_OFFSET & _WORD
    end = addr + size
    error = host.madvise(mm.host_address(_PAGE), 0, advice)  # nothing but the check of `advice`
    if error:
        return error
    if addr & _OFFSET or (length and not size) or end > _WORD or advice in (MADV_GUARD_INSTALL, MADV_GUARD_REMOVE):
        raise LinuxError(EINVAL)
    if not size:
        return 0
    if advice in _DISCARDS and not mm.discardable(addr, end):
        raise LinuxError(EPERM)
    mapped = 0
    for low, high in mm.runs(addr, end):
        error = host.madvise(mm.host_address(low), high - low, advice)
        if error:
            return error
        mm.advised(low, high, advice)
        mapped += high - low
    return 0 if mapped == size else -ENOMEM


@syscall(missing="only of the calling process")
def process_madvise(task: Task, pidfd: Int, iovec: IoVec, vlen: Size, advice: Flags[Advice], flags: UInt) -> int:
    """Advise how several ranges of memory will be used; returns the bytes for which that was done."""
    if flags:
        raise LinuxError(EINVAL)
    if vlen > _UIO_MAXIOV:
        raise LinuxError(EINVAL)
    ranges = list(Iovec.iter_unpack(task.mm.read(iovec, vlen * Iovec.size)))
    if pidfd not in _PIDFD_SELF and _process_of(task, pidfd) != os.getpid():
        raise LinuxError(EPERM)
    done = 0
    for addr, length in ranges:
        size = min(length, _MAX_RW_COUNT - done)
        try:
            error = madvise(task, addr, size, advice)
        except LinuxError as refused:
            error = -refused.errno
        if error:
            return done or error
        done += size
    return done


def _process_of(task: Task, pidfd: int) -> int:
    try:
        with open(f"self/fdinfo/{task.group.fds.visible(pidfd)}", "rb", opener=own.opener) as info:
            for line in info:
                if line.startswith(b"Pid:"):
                    return int(line[4:])
    except OSError:
        pass
    raise LinuxError(EBADF)


def _mapped(task: Task, start: int, size: int) -> int:
    """How much from `start` on is mapped, at most `size`."""
    runs = task.mm.runs(start, start + size)
    return runs[0][1] - start if runs and runs[0][0] == start else 0


@syscall
def mincore(task: Task, addr: Ptr, length: Size, vec: Ptr) -> int:
    """Tell which pages are in memory."""
    mm = task.mm
    if addr & _OFFSET:
        raise LinuxError(EINVAL)
    if not length:
        return 0
    if mm.host_address(addr + length - 1) == mm.BAD_ADDRESS:
        raise LinuxError(ENOMEM)
    size = length + _OFFSET & ~_OFFSET
    mapped = _mapped(task, addr, size)
    error = task.host.mincore(mm.host_address(addr) if mapped else 0, mapped, mm.host_address(vec))
    return error or (0 if mapped == size else -ENOMEM)


@syscall
def msync(task: Task, addr: Ptr, length: Size, flags: Flags[MsyncFlags]) -> int:
    """Write a file's mapped pages back."""
    host, mm = task.host.now, task.mm
    error = host.msync(mm.host_address(_PAGE), 0, flags)  # nothing but the check of `flags`
    if error:
        return error
    if addr & _OFFSET:
        raise LinuxError(EINVAL)
    size = length + _OFFSET & ~_OFFSET & _WORD
    if addr + size > _WORD:
        raise LinuxError(ENOMEM)
    mapped = 0
    for low, high in mm.runs(addr, addr + size):
        error = host.msync(mm.host_address(low), high - low, flags)
        if error:
            return error
        mapped += high - low
    return 0 if mapped == size else -ENOMEM


# ---- Locking: mlock(2) ----


def _lock(task: Task, call: Callable[..., int], addr: int, length: int, *flags: int, on: bool = True) -> int:
    """The host's call for what is mapped; ENOMEM if that ends at a hole."""
    mm = task.mm
    start = addr & ~_OFFSET
    size = length + (addr & _OFFSET) + _OFFSET & ~_OFFSET & _WORD
    mapped = _mapped(task, start, size) if start + size <= _WORD else 0
    error = call(mm.host_address(start) if mapped else 0, mapped, *flags)
    if error:
        return error
    if start + size > _WORD:
        raise LinuxError(EINVAL)
    if mapped:
        mm.locked(start, start + mapped, on=on)
    return 0 if mapped == size else -ENOMEM


@syscall
def mlock(task: Task, addr: Ptr, len: Size) -> int:
    """Keep pages in memory."""
    return _lock(task, task.host.now.mlock, addr, len)


@syscall
def mlock2(task: Task, addr: Ptr, len: Size, flags: Flags[MlockFlags]) -> int:
    """Keep pages in memory, from now on or once they are there."""
    return _lock(task, task.host.now.mlock2, addr, len, flags)


@syscall
def munlock(task: Task, addr: Ptr, len: Size) -> int:
    """Let pages leave memory."""
    return _lock(task, task.host.now.munlock, addr, len, on=False)


@syscall(missing="MCL_ONFAULT of later mappings locks them at once")
def mlockall(task: Task, flags: Flags[MlockallFlags]) -> int:
    """Keep all of the guest's pages in memory, those of now or of later."""
    if not flags or flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) or flags == MCL_ONFAULT:
        raise LinuxError(EINVAL)
    host, mm = task.host.now, task.mm
    error = host.mlock(0, 0)  # EPERM for who may not lock at all
    if error:
        return error
    mm.lock_future = MAP_LOCKED if flags & MCL_FUTURE else 0
    if flags & MCL_CURRENT:
        onfault = MLOCK_ONFAULT if flags & MCL_ONFAULT else 0
        for low, high in mm.runs(0, _WORD):
            # What can't be brought in (PROT_NONE) is locked all the same, as mlockall(2) has it.
            host.mlock2(mm.host_address(low), high - low, onfault)
            mm.locked(low, high, on=True)
    return 0


@syscall
def munlockall(task: Task) -> int:
    """Let all pages leave memory."""
    mm = task.mm
    mm.lock_future = 0
    for low, high in mm.runs(0, _WORD):
        task.host.now.munlock(mm.host_address(low), high - low)
        mm.locked(low, high, on=False)
    return 0


# ---- Where memory is: set_mempolicy(2), mbind(2) ----


@forward
def set_mempolicy(mode: Int, nodemask: Ptr, maxnode: ULong) -> None:
    """Set the thread's default memory policy."""


@forward
def get_mempolicy(mode: Out[Int], nodemask: Ptr, maxnode: ULong, addr: Ptr, flags: ULong) -> None:
    """Tell a memory policy."""


@syscall
def mbind(task: Task, addr: Ptr, len: Size, mode: Int, nodemask: In[ULong], maxnode: ULong, flags: UInt) -> int:
    """Set the memory policy of a range."""
    mm = task.mm
    mapped = _mapped(task, addr, len + _OFFSET & ~_OFFSET & _WORD)
    whole = mapped >= len
    error = task.host.mbind(mm.host_address(addr), len if whole else 0, mode, mm.host_address(nodemask), maxnode, flags)
    return error or (0 if whole else -EFAULT)


@forward
def set_mempolicy_home_node(start: Ptr, len: Size, home_node: ULong, flags: ULong) -> None:
    """Set the node from which a range's memory is taken first."""


@forward
def migrate_pages(pid: Pid, maxnode: ULong, old_nodes: Ptr, new_nodes: Ptr) -> None:
    """Move a process's memory to other nodes."""


@syscall(missing="only of the calling process")
def move_pages(task: Task, pid: Pid, count: ULong, pages: Ptr, nodes: Ptr, status: Ptr, flags: Int) -> int:
    """Move pages to other nodes, or tell on which they are."""
    mm = task.mm
    if pid and pid != os.getpid():
        raise LinuxError(EPERM)
    addresses: int | bytes = mm.host_address(pages)
    if pages and count < 1 << 20:
        try:
            asked = unpack(f"<{count}Q", mm.read(pages, count * 8))
        except LinuxError:
            pass  # the host finds the same
        else:
            addresses = pack(f"<{count}Q", *[mm.host_address(address) for address in asked])
    return task.host.move_pages(pid, count, addresses, mm.host_address(nodes), mm.host_address(status), flags)
