"""System V semaphores, message queues and shared memory, and POSIX message queues: the host's own objects."""

from __future__ import annotations

from ..errors import LinuxError
from ..syscall import NEVER, forward, syscall
from ..types import Fd, Flags, In, InBuf, Int, Long, Mode, OutBuf, Ptr, Size, Str, UInt, ULong
from ..uapi.errno import EEXIST, EINVAL
from ..uapi.ipc import (
    GETALL,
    IPC_INFO,
    IPC_SET,
    IPC_STAT,
    SEM_INFO,
    SEM_STAT,
    SEM_STAT_ANY,
    SETALL,
    SHM_EXEC,
    SHM_RDONLY,
    SHM_REMAP,
    SHM_RND,
    GetFlags,
    IpcCommand,
    MessageFlags,
    SemctlCommand,
    ShmatFlags,
    ShmgetFlags,
)
from ..uapi.mman import (
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_FIXED_NOREPLACE,
    MAP_NORESERVE,
    MAP_PRIVATE,
    PROT_EXEC,
    PROT_READ,
    PROT_WRITE,
)
from ..uapi.structs import Sigevent, Timespec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..task import Task


# ---- Semaphores: semop(2), semctl(2) ----


@forward
def semget(key: Int, nsems: Int, semflg: Flags[GetFlags]) -> None:
    """Find or make a set of semaphores."""


@forward(restart=NEVER)
def semop(semid: Int, sops: Ptr, nsops: UInt) -> None:
    """Change semaphores, waiting until that is possible."""


@forward(restart=NEVER)
def semtimedop(semid: Int, sops: Ptr, nsops: UInt, timeout: In[Timespec]) -> None:
    """Change semaphores, waiting no longer than a time."""


_WITH_ADDRESS = frozenset((IPC_SET, IPC_STAT, IPC_INFO, GETALL, SETALL, SEM_STAT, SEM_INFO, SEM_STAT_ANY))


@syscall
def semctl(task: Task, semid: Int, semnum: Int, op: Flags[SemctlCommand], arg: ULong) -> int:
    """Look at, set or remove a set of semaphores."""
    if op in _WITH_ADDRESS:
        return task.host.semctl(semid, semnum, op, task.mm.host_address(arg))
    return task.host.semctl(semid, semnum, op, arg)


# ---- Message queues: msgop(2) ----


@forward
def msgget(key: Int, msgflg: Flags[GetFlags]) -> None:
    """Find or make a message queue."""


@forward(restart=NEVER)
def msgsnd(msqid: Int, msgp: InBuf, msgsz: Size, msgflg: Flags[MessageFlags]) -> None:
    """Put a message into a queue."""


@forward(restart=NEVER)
def msgrcv(msqid: Int, msgp: OutBuf, msgsz: Size, msgtyp: Long, msgflg: Flags[MessageFlags]) -> None:
    """Take a message out of a queue."""


@forward
def msgctl(msqid: Int, op: Flags[IpcCommand], buf: Ptr) -> None:
    """Look at, set or remove a message queue."""


# ---- Shared memory: shmop(2) ----


@forward
def shmget(key: Int, size: Size, shmflg: Flags[ShmgetFlags]) -> None:
    """Find or make a segment of shared memory."""


@forward
def shmctl(shmid: Int, op: Flags[IpcCommand], buf: Ptr) -> None:
    """Look at, set or remove a segment of shared memory."""


_PAGE = 4096  # SHMLBA too
_SHMID_DS_SIZE = 112  # struct shmid64_ds (asm-generic/shmbuf.h)
_SHM_SEGSZ = slice(48, 56)


@syscall(missing="/proc/self/maps shows an attached segment as anonymous memory")
def shmat(task: Task, shmid: Int, shmaddr: Ptr, shmflg: Flags[ShmatFlags]) -> int:
    """Attach a segment of shared memory.

    Anonymous memory takes the place first, so that the address space's book and the page tables know it; the host then
    attaches the segment over that.
    """
    mm = task.mm
    addr = int(shmaddr)
    if shmid < 0:
        raise LinuxError(EINVAL)
    if addr % _PAGE:
        if not shmflg & SHM_RND:
            raise LinuxError(EINVAL)
        addr -= addr % _PAGE
    if not addr and shmflg & SHM_REMAP:
        raise LinuxError(EINVAL)

    status = bytearray(_SHMID_DS_SIZE)
    host = task.host.now
    result = host.shmctl(shmid, IPC_STAT, status)
    if result < 0:
        return result
    size = -(-int.from_bytes(status[_SHM_SEGSZ], "little") // _PAGE) * _PAGE

    prot = PROT_READ | (0 if shmflg & SHM_RDONLY else PROT_WRITE) | (PROT_EXEC if shmflg & SHM_EXEC else 0)
    flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    if addr:
        flags |= MAP_FIXED if shmflg & SHM_REMAP else MAP_FIXED_NOREPLACE
    try:
        place = mm.mmap(addr, size, prot, flags, -1, 0)
    except LinuxError as error:
        raise LinuxError(EINVAL if error.errno == EEXIST else error.errno) from None
    result = host.shmat(shmid, mm.host_address(place), (shmflg | SHM_REMAP) & ~SHM_RND)
    if result < 0:
        mm.munmap(place, size)
        return result
    task.group.attached[place] = size
    return place


@syscall(missing="goes by the address alone: memory mapped since over a part of the segment goes with it")
def shmdt(task: Task, shmaddr: Ptr) -> int:
    """Detach a segment of shared memory."""
    size = task.group.attached.pop(shmaddr, 0)
    if not size:
        raise LinuxError(EINVAL)
    return task.mm.munmap(shmaddr, size)


# ---- POSIX message queues: mq_overview(7); a queue's descriptor is a file's ----


@forward
def mq_open(name: Str, oflag: Int, mode: Mode, attr: Ptr) -> None:
    """Open or make a POSIX message queue."""


@forward
def mq_unlink(name: Str) -> None:
    """Remove a POSIX message queue."""


@forward
def mq_timedsend(mqdes: Fd, msg_ptr: InBuf, msg_len: Size, msg_prio: UInt, abs_timeout: In[Timespec]) -> None:
    """Put a message into a POSIX queue."""


@forward
def mq_timedreceive(mqdes: Fd, msg_ptr: OutBuf, msg_len: Size, msg_prio: Ptr, abs_timeout: In[Timespec]) -> None:
    """Take a message out of a POSIX queue."""


@forward
def mq_getsetattr(mqdes: Fd, newattr: Ptr, oldattr: Ptr) -> None:
    """A POSIX message queue's attributes."""


_SIGEV_THREAD = 2


@syscall
def mq_notify(task: Task, mqdes: Fd, sevp: In[Sigevent]) -> int:
    """Ask for a signal, or a message on a socket, when a message comes."""
    mm, fds = task.mm, task.group.fds
    event: int | bytes = mm.host_address(sevp)
    if sevp:
        try:
            asked = Sigevent.unpack(mm.read(sevp, Sigevent.size))
        except LinuxError:
            pass  # the host finds the same
        else:
            if asked.sigev_notify == _SIGEV_THREAD:  # a netlink socket's descriptor, and where the cookie is
                cookie = mm.host_address(asked.sigev_value)
                event = bytes(asked.replace(sigev_value=cookie, sigev_signo=fds.visible(asked.sigev_signo)))
    return task.host.mq_notify(fds.visible(mqdes), event)
