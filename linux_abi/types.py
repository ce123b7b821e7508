"""Argument types: how a register becomes a value, what the host gets for it, and which values are worth testing.

A handler's annotations name these classes and are its only signature. Each class says

- ``decode``: the Python expression that makes the handler's argument out of the raw register ``{r}`` (unsigned 64 bit);
- ``kind``: how a *forwarded* argument is made fit for the host, in Python (`forward.py`) and in C (`native/fast.c`);
- ``boundaries``: raw register values that the argument fuzzer tries.

A value that can't be translated (a hidden descriptor, an address outside the guest) is never refused here: it is replaced
by one that is bad in the same way, so that the host's kernel finds the errors in the order in which Linux finds them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Generic, TypeVar

    T = TypeVar("T")

# Kinds of forwarded arguments. native/api.h has the same numbers (checked when the table is handed over).
VALUE, FD, POINTER, PATH, IOVEC, FUTEX, LISTED, FCNTL, MASK = range(9)

S32 = "((({r} & 0xffffffff) ^ 0x80000000) - 0x80000000)"
S64 = "(({r} ^ 0x8000000000000000) - 0x8000000000000000)"

_M64 = (1 << 64) - 1


class Arg(int):
    """An unsigned machine word (`unsigned long`)."""

    decode = "{r}"
    kind = VALUE
    boundaries: tuple[int, ...] = (0, 1, 0xFFF, 0x1000, 1 << 31, (1 << 31) - 1, 1 << 32, 1 << 63, _M64)


class Int(Arg):
    """A C `int`: the register's upper half is not looked at."""

    decode = S32
    boundaries: tuple[int, ...] = (0, 1, 2, 3, 7, 64, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 32)


class UInt(Arg):
    """A C `unsigned int`."""

    decode = "({r} & 0xffffffff)"
    boundaries: tuple[int, ...] = Int.boundaries


class Long(Arg):
    """A C `long`."""

    decode = S64


class ULong(Arg):
    """A C `unsigned long`."""


class Size(ULong):
    """A `size_t`; after a buffer argument it is that buffer's length in bytes."""

    boundaries = (0, 1, 7, 8, 16, 0xFFF, 0x1000, 0x1001, 1 << 20, 1 << 31, (1 << 63) - 1, 1 << 63, _M64)


class Hex(ULong):
    """An `unsigned long` that is read best in base 16."""


class Address(Hex):
    """An address as a mere number: nothing need be there."""


class Offset(Long):
    """An `off_t`: a file offset in bytes."""


class Mode(UInt):
    """File mode bits (`mode_t`)."""

    boundaries = (0, 0o644, 0o755, 0o7777, 0o177777, 0xFFFFFFFF)


class CreateMode(Mode):
    """A Mode that is looked at if `flags` ask for a new file."""


class Protocol(Int):
    """A socket's protocol; what it means depends on the domain."""


class OptName(Int):
    """An option of the level before it."""


class Fd(Int):
    """A file descriptor. The guest's numbers are the host's; those of the VMM itself are hidden (EBADF)."""

    kind = FD
    boundaries: tuple[int, ...] = (0, 1, 3, 4, 5, 6, 7, 1023, 0x7FFFFFFF, 0xFFFFFFFF)


class DirFd(Fd):
    """A directory's descriptor or AT_FDCWD."""

    boundaries = (*Fd.boundaries, (1 << 32) - 100, _M64 - 99)


class ListedFd(Fd):
    """A directory's descriptor whose entries are wanted: in procfs, some are not the guest's to see."""

    kind = LISTED


class Pid(Int):
    """A process, thread or process group number: the host's own."""

    boundaries = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0x80000000)


class Signal(Int):
    """A signal's number."""

    boundaries = (0, 17, 28, 64, 65, 0xFFFFFFFF)


class Ptr(Arg):
    """A guest address, of something that holds no pointers itself; 0 stays 0."""

    kind = POINTER
    boundaries = ()  # the fuzzer's own: page ends, holes, the window's end, the VMM's addresses


class InBuf(Ptr):
    """Bytes that the call reads; their number is the next argument."""


class OutBuf(Ptr):
    """Bytes that the call writes; their number is the next argument."""


class OutBytes(OutBuf):
    """An OutBuf of what is no text."""


class OutEntries(OutBuf):
    """An OutBuf of `struct linux_dirent64`."""


class OutCpuSet(Ptr):
    """A set of CPUs, a bit each, that the call writes; its size in bytes is the result."""


class OutStr(Ptr):
    """A NUL-terminated string that the call writes."""


class SockAddr(InBuf):
    """A socket's address."""


class OutSockAddr(Ptr):
    """A socket's address that the call writes; the next argument points to its size in bytes."""


class OptVal(InBuf):
    """The value of a socket's option."""


class OutOptVal(OutSockAddr):
    """The value of a socket's option that the call writes; the next argument points to its size in bytes."""


class FdSet(Ptr):
    """A set of descriptors, a bit each, that the call reads and writes (select(2))."""


class Strings(Ptr):
    """A NULL-terminated array of strings."""


class Environment(Strings):
    """The environment of a program."""


class FcntlArg(Arg):
    """What fcntl(2)'s command makes of it."""

    kind = FCNTL


class IoctlArg(Arg):
    """What ioctl(2)'s request makes of it."""


class FutexValue(UInt):
    """A number of which futex(2)'s operation says whether it counts."""


class FutexAddress(Ptr):
    """futex(2)'s second word, if the operation has one."""


class Path(Ptr):
    """A NUL-terminated path, at most PATH_MAX (4096) bytes."""

    kind = PATH


class Link(Path):
    """A path whose last component is not followed if it is a symbolic link."""


class Str(Ptr):
    """A NUL-terminated string that is not a path."""


class IoVec(Ptr):
    """An array of `struct iovec`; the number of its elements is the next argument."""

    kind = IOVEC


class FutexTimeout(ULong):
    """A `struct timespec` where futex(2)'s operation, its second argument, waits; else a number."""

    kind = FUTEX


if TYPE_CHECKING:
    NewFd = int
    GivenFd = int
    Place = int

    class WaitStatus(int):
        """A status as of wait(2)."""

    class In(int, Generic[T]):
        """The address of a T that the call reads."""

    class WaitMask(int, Generic[T]):
        """The address of a T that the call reads: signals that are blocked while it waits. Or 0."""

    class Out(int, Generic[T]):
        """The address of a T that the call writes."""

    class InOut(int, Generic[T]):
        """The address of a T that the call reads and writes."""

    class OutArray(int, Generic[T]):
        """The address of Ts that the call writes; their number is the result."""

    class InOutArray(int, Generic[T]):
        """The address of Ts that the call reads and writes; their number is the next argument."""

    class Flags(int, Generic[T]):
        """A C `int` of the constants in T."""

else:

    class NewFd(Fd):
        """As a result: the descriptor of a file that was opened by its path."""

    class GivenFd(Fd):
        """As a result: another new descriptor."""

    class Place(Address):
        """As a result: an address."""

    class WaitStatus(Int):
        """A status as of wait(2)."""

    class _Of:
        """`In[Timespec]`: a subclass that knows its struct or flag set."""

        of = None

        def __class_getitem__(cls, item):
            return type(f"{cls.__name__}[{getattr(item, '__name__', item)}]", (cls,), {"of": item, "__doc__": cls.__doc__})

    class In(_Of, Ptr):
        """The address of a struct that the call reads."""

    class WaitMask(In):
        """The address of a struct that the call reads: signals that are blocked while it waits. Or 0."""

        kind = MASK

    class Out(_Of, Ptr):
        """The address of a struct that the call writes."""

    class InOut(_Of, Ptr):
        """The address of a struct that the call reads and writes."""

    class OutArray(_Of, Ptr):
        """The address of structs that the call writes; their number is the result."""

    class InOutArray(_Of, Ptr):
        """The address of structs that the call reads and writes; their number is the next argument."""

    class Flags(_Of, Int):
        """A C `int` of named bits or of one of several named values."""
