"""Open files: open(2), fcntl(2) and the calls on descriptors and paths."""

from __future__ import annotations

from .flags import Choice, FlagSet

# open(2)
O_ACCMODE = 3
O_RDONLY = 0
O_WRONLY = 1
O_RDWR = 2
O_CREAT = 0o100
O_EXCL = 0o200
O_NOCTTY = 0o400
O_TRUNC = 0o1000
O_APPEND = 0o2000
O_NONBLOCK = 0o4000
O_DSYNC = 0o10000
O_DIRECT = 0o40000
O_LARGEFILE = 0o100000
O_NOFOLLOW = 0o400000
O_NOATIME = 0o1000000
O_CLOEXEC = 0o2000000
O_SYNC = 0x101000
O_PATH = 0o10000000
O_DIRECTORY = 0o200000
O_TMPFILE = 0x410000
O_NDELAY = O_NONBLOCK

# fcntl(2)
F_DUPFD = 0
F_GETFD = 1
F_SETFD = 2
F_GETFL = 3
F_SETFL = 4
F_GETLK = 5
F_SETLK = 6
F_SETLKW = 7
F_SETOWN = 8
F_GETOWN = 9
F_SETSIG = 10
F_GETSIG = 11
F_SETOWN_EX = 15
F_GETOWN_EX = 16
F_GETOWNER_UIDS = 17
F_OFD_GETLK = 36
F_OFD_SETLK = 37
F_OFD_SETLKW = 38

F_RDLCK = 0
F_WRLCK = 1
F_UNLCK = 2

F_SETLEASE = 0x400
F_GETLEASE = 0x401
F_DUPFD_CLOEXEC = 0x406
F_NOTIFY = 0x402
F_SETPIPE_SZ = 0x407
F_GETPIPE_SZ = 0x408
F_ADD_SEALS = 0x409
F_GET_SEALS = 0x40A
F_GET_RW_HINT = 0x40B
F_SET_RW_HINT = 0x40C
F_GET_FILE_RW_HINT = 0x40D
F_SET_FILE_RW_HINT = 0x40E

FD_CLOEXEC = 1

F_OWNER_TID = 0
F_OWNER_PID = 1
F_OWNER_PGRP = 2

F_SEAL_SEAL = 0x1
F_SEAL_SHRINK = 0x2
F_SEAL_GROW = 0x4
F_SEAL_WRITE = 0x8
F_SEAL_FUTURE_WRITE = 0x10

DN_ACCESS = 0x1
DN_MODIFY = 0x2
DN_CREATE = 0x4
DN_DELETE = 0x8
DN_RENAME = 0x10
DN_ATTRIB = 0x20
DN_MULTISHOT = 0x80000000

# The family of ...at calls
AT_FDCWD = -100
AT_SYMLINK_NOFOLLOW = 0x100
AT_EACCESS = 0x200
AT_REMOVEDIR = 0x200
AT_SYMLINK_FOLLOW = 0x400
AT_NO_AUTOMOUNT = 0x800
AT_EMPTY_PATH = 0x1000
AT_STATX_SYNC_TYPE = 0x6000
AT_STATX_SYNC_AS_STAT = 0
AT_STATX_FORCE_SYNC = 0x2000
AT_STATX_DONT_SYNC = 0x4000
AT_RECURSIVE = 0x8000

# openat2(2)
RESOLVE_NO_XDEV = 0x1
RESOLVE_NO_MAGICLINKS = 0x2
RESOLVE_NO_SYMLINKS = 0x4
RESOLVE_BENEATH = 0x8
RESOLVE_IN_ROOT = 0x10
RESOLVE_CACHED = 0x20

# access(2)
R_OK = 4
W_OK = 2
X_OK = 1
F_OK = 0

# lseek(2)
SEEK_SET = 0
SEEK_CUR = 1
SEEK_END = 2
SEEK_DATA = 3
SEEK_HOLE = 4

# flock(2)
LOCK_SH = 1
LOCK_EX = 2
LOCK_NB = 4
LOCK_UN = 8

# fallocate(2)
FALLOC_FL_KEEP_SIZE = 0x1
FALLOC_FL_PUNCH_HOLE = 0x2
FALLOC_FL_NO_HIDE_STALE = 0x4
FALLOC_FL_COLLAPSE_RANGE = 0x8
FALLOC_FL_ZERO_RANGE = 0x10
FALLOC_FL_INSERT_RANGE = 0x20
FALLOC_FL_UNSHARE_RANGE = 0x40

# posix_fadvise(2)
POSIX_FADV_NORMAL = 0
POSIX_FADV_RANDOM = 1
POSIX_FADV_SEQUENTIAL = 2
POSIX_FADV_WILLNEED = 3
POSIX_FADV_DONTNEED = 4
POSIX_FADV_NOREUSE = 5

# sync_file_range(2)
SYNC_FILE_RANGE_WAIT_BEFORE = 1
SYNC_FILE_RANGE_WRITE = 2
SYNC_FILE_RANGE_WAIT_AFTER = 4
SYNC_FILE_RANGE_WRITE_AND_WAIT = 0x7

# preadv2(2)
RWF_HIPRI = 0x1
RWF_DSYNC = 0x2
RWF_SYNC = 0x4
RWF_NOWAIT = 0x8
RWF_APPEND = 0x10

# renameat2(2)
RENAME_NOREPLACE = 0x1
RENAME_EXCHANGE = 0x2
RENAME_WHITEOUT = 0x4

# splice(2), tee(2), vmsplice(2)
SPLICE_F_MOVE = 0x1
SPLICE_F_NONBLOCK = 0x2
SPLICE_F_MORE = 0x4
SPLICE_F_GIFT = 0x8

# close_range(2)
CLOSE_RANGE_UNSHARE = 0x2
CLOSE_RANGE_CLOEXEC = 0x4

# eventfd(2)
EFD_SEMAPHORE = 0x1
EFD_CLOEXEC = 0x80000
EFD_NONBLOCK = 0x800

# setxattr(2)
XATTR_CREATE = 0x1
XATTR_REPLACE = 0x2


class OpenFlags(FlagSet):
    """open(2)'s `flags`."""

    names = "O_*"
    fields = (O_ACCMODE,)


class PipeFlags(FlagSet):
    """pipe2(2)'s `flags`."""

    names = "O_CLOEXEC O_NONBLOCK O_DIRECT"


class DupFlags(FlagSet):
    """dup3(2)'s `flags`."""

    names = "O_CLOEXEC"


class FdFlags(FlagSet):
    """F_SETFD's."""

    names = "FD_CLOEXEC"


class FcntlCommand(Choice):
    """fcntl(2)'s `cmd`."""

    names = "F_DUPFD* F_GET* F_SET* F_OFD_* F_NOTIFY F_ADD_SEALS"


class LockType(Choice):
    """`struct flock`'s `l_type`."""

    names = "F_RDLCK F_WRLCK F_UNLCK"


class Seals(FlagSet):
    """F_ADD_SEALS's."""

    names = "F_SEAL_*"


class AtFlags(FlagSet):
    """What most calls of the ...at family take."""

    names = "AT_SYMLINK_* AT_EMPTY_PATH AT_NO_AUTOMOUNT"


class UnlinkFlags(FlagSet):
    """unlinkat(2)'s `flags`."""

    names = "AT_REMOVEDIR"


class AccessFlags(FlagSet):
    """faccessat2(2)'s `flags`."""

    names = "AT_EACCESS AT_SYMLINK_NOFOLLOW AT_EMPTY_PATH"


class StatxFlags(FlagSet):
    """statx(2)'s `flags`."""

    names = "AT_SYMLINK_NOFOLLOW AT_EMPTY_PATH AT_NO_AUTOMOUNT AT_STATX_*"
    fields = (AT_STATX_SYNC_TYPE,)


class ResolveFlags(FlagSet):
    """openat2(2)'s `resolve`."""

    names = "RESOLVE_*"


class AccessMode(FlagSet):
    """access(2)'s `mode`."""

    names = "F_OK R_OK W_OK X_OK"


class Whence(Choice):
    """lseek(2)'s `whence`."""

    names = "SEEK_*"


class FlockOperation(FlagSet):
    """flock(2)'s `operation`."""

    names = "LOCK_*"


class FallocateMode(FlagSet):
    """fallocate(2)'s `mode`."""

    names = "FALLOC_FL_*"


class FileAdvice(Choice):
    """posix_fadvise(2)'s `advice`."""

    names = "POSIX_FADV_*"


class SyncFileRangeFlags(FlagSet):
    """sync_file_range(2)'s `flags`."""

    names = "SYNC_FILE_RANGE_*"


class ReadWriteFlags(FlagSet):
    """preadv2(2)'s and pwritev2(2)'s `flags`."""

    names = "RWF_*"


class RenameFlags(FlagSet):
    """renameat2(2)'s `flags`."""

    names = "RENAME_*"


class SpliceFlags(FlagSet):
    """splice(2)'s, tee(2)'s and vmsplice(2)'s `flags`."""

    names = "SPLICE_F_*"


class CloseRangeFlags(FlagSet):
    """close_range(2)'s `flags`."""

    names = "CLOSE_RANGE_*"


class EventfdFlags(FlagSet):
    """eventfd2(2)'s `flags`."""

    names = "EFD_*"


class XattrFlags(FlagSet):
    """setxattr(2)'s `flags`."""

    names = "XATTR_*"
