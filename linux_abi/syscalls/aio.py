"""The kernel's asynchronous I/O: io_submit(2) and its family (docs/design.md, D22).

What names a context to the host is the address of a ring that only the host's kernel writes to; to the guest it is a page of
its own, in which libaio finds no ring, so that it asks the kernel for events. A request is submitted where the guest has it, so
that its event names it, with the host's addresses in it while it is.
"""

from __future__ import annotations

from ..errors import LinuxError
from ..forward import iovec
from ..syscall import NEVER, syscall
from ..types import In, Long, Out, Ptr, UInt, ULong
from ..uapi.aio import IOCB_CMD_PREAD, IOCB_CMD_PREADV, IOCB_CMD_PWRITE, IOCB_CMD_PWRITEV, IOCB_FLAG_RESFD
from ..uapi.errno import EINVAL
from ..uapi.mman import MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE
from ..uapi.structs import Iocb, IoEvent, PselectSigmask, Timespec
from .poll import wait_masked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..task import Task

_PAGE = 4096
_RING = PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS


@syscall
def io_setup(task: Task, nr_events: UInt, ctx_idp: Out[ULong]) -> int:
    """Make a context for asynchronous I/O."""
    mm, host = task.mm, task.host.now
    if int.from_bytes(mm.read(ctx_idp, 8), "little") or not nr_events & 0xFFFFFFFF:
        return -EINVAL
    made = bytearray(8)
    result = host.io_setup(nr_events, made)
    if result < 0:
        return result
    context = int.from_bytes(made, "little")
    try:
        place = mm.mmap(0, _PAGE, *_RING, -1, 0)
        mm.write(ctx_idp, place.to_bytes(8, "little"))
    except LinuxError:
        host.io_destroy(context)
        raise
    task.group.contexts[place] = context
    return 0


def _context(task: Task, ctx_id: int) -> int:
    try:
        return task.group.contexts[ctx_id]
    except KeyError:
        raise LinuxError(EINVAL) from None


@syscall
def io_destroy(task: Task, ctx_id: ULong) -> int:
    """Remove a context of asynchronous I/O, and wait for what is under way in it."""
    context = _context(task, ctx_id)
    del task.group.contexts[ctx_id]
    task.mm.munmap(ctx_id, _PAGE)
    return task.host.now.io_destroy(context)


@syscall
def io_submit(task: Task, ctx_id: ULong, nr: Long, iocbpp: Ptr) -> int:
    """Start asynchronous I/O: how many requests, up to the first that fails."""
    if nr < 0:
        return -EINVAL
    context = _context(task, ctx_id)
    for done in range(nr):
        try:
            result = _submit(task, context, int.from_bytes(task.mm.read(iocbpp + 8 * done, 8), "little"))
        except LinuxError as error:
            result = -error.errno
        if result < 0:
            return done or result
    return nr


def _submit(task: Task, context: int, at: int) -> int:
    mm, host, visible = task.mm, task.host, task.group.fds.visible
    given = Iocb.unpack(mm.read(at, Iocb.size))
    buffer: int | bytes = given.aio_buf
    if given.aio_lio_opcode in (IOCB_CMD_PREAD, IOCB_CMD_PWRITE):
        buffer = mm.host_address(given.aio_buf)
    elif given.aio_lio_opcode in (IOCB_CMD_PREADV, IOCB_CMD_PWRITEV):
        buffer = iovec(task, given.aio_buf, given.aio_nbytes)
    changed = given.replace(
        aio_fildes=visible(given.aio_fildes),
        aio_buf=buffer if isinstance(buffer, int) else host.address_of(buffer),
        aio_resfd=visible(given.aio_resfd) if given.aio_flags & IOCB_FLAG_RESFD else given.aio_resfd,
    )
    mm.write(at, bytes(changed))
    try:
        return host.io_submit(context, 1, mm.host_address(at).to_bytes(8, "little"))
    finally:
        key = Iocb.unpack(mm.read(at, Iocb.size)).aio_key  # which the host has written
        mm.write(at, bytes(given.replace(aio_key=key)))


@syscall
def io_cancel(task: Task, ctx_id: ULong, iocb: Ptr, result: Ptr) -> int:
    """Cancel asynchronous I/O."""
    address = task.mm.host_address
    return task.host.io_cancel(_context(task, ctx_id), address(iocb), address(result))


@syscall(restart=NEVER)
def io_getevents(task: Task, ctx_id: ULong, min_nr: Long, nr: Long, events: Ptr, timeout: In[Timespec]) -> int:
    """Wait for asynchronous I/O."""
    host, address = task.host, task.mm.host_address
    context = _context(task, ctx_id)
    return _events(task, events, lambda: host.io_getevents(context, min_nr, nr, address(events), address(timeout)))


@syscall(restart=NEVER)
def io_pgetevents(
    task: Task, ctx_id: ULong, min_nr: Long, nr: Long, events: Ptr, timeout: In[Timespec], usig: In[PselectSigmask]
) -> int:
    """Wait for asynchronous I/O with a signal mask."""
    mm, host, address = task.mm, task.host, task.mm.host_address
    asked = PselectSigmask.unpack(mm.read(usig, PselectSigmask.size)) if usig else PselectSigmask(0, 0)
    context = _context(task, ctx_id)

    def wait(mask: int | bytes) -> int:
        under = PselectSigmask.pack(mask if isinstance(mask, int) else host.address_of(mask), asked.ss_len)
        return host.io_pgetevents(context, min_nr, nr, address(events), address(timeout), under)

    return _events(task, events, lambda: wait_masked(task, asked.ss, asked.ss_len, wait))


def _events(task: Task, events: int, wait: Callable[[], int]) -> int:
    """What the host has told of requests, at the guest's addresses."""
    mm = task.mm
    count = wait()
    if count > 0:
        window = mm.host_address(_PAGE) - _PAGE
        told = IoEvent.iter_unpack(mm.read(events, count * IoEvent.size))
        mm.write(events, b"".join([bytes(event.replace(obj=event.obj - window)) for event in told]))
    return count
