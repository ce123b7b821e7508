"""Files' types, permissions and attributes: inode(7), statx(2), getdents64(2)."""

from __future__ import annotations

from .flags import Choice, FlagSet

# st_mode (inode(7))
S_IFMT = 0o170000
S_IFSOCK = 0o140000
S_IFLNK = 0o120000
S_IFREG = 0o100000
S_IFBLK = 0o60000
S_IFDIR = 0o40000
S_IFCHR = 0o20000
S_IFIFO = 0o10000
S_ISUID = 0o4000
S_ISGID = 0o2000
S_ISVTX = 0o1000
S_IRUSR = 0o400
S_IWUSR = 0o200
S_IXUSR = 0o100
S_IRGRP = 0o40
S_IWGRP = 0o20
S_IXGRP = 0o10
S_IROTH = 0o4
S_IWOTH = 0o2
S_IXOTH = 0o1
S_IRWXU = 0o700
S_IRWXG = 0o70
S_IRWXO = 0o7

# statx(2)
STATX_TYPE = 0x1
STATX_MODE = 0x2
STATX_NLINK = 0x4
STATX_UID = 0x8
STATX_GID = 0x10
STATX_ATIME = 0x20
STATX_MTIME = 0x40
STATX_CTIME = 0x80
STATX_INO = 0x100
STATX_SIZE = 0x200
STATX_BLOCKS = 0x400
STATX_BASIC_STATS = 0x7FF
STATX_BTIME = 0x800
STATX_MNT_ID = 0x1000
STATX_DIOALIGN = 0x2000
STATX_ALL = 0xFFF
STATX_ATTR_COMPRESSED = 0x4
STATX_ATTR_IMMUTABLE = 0x10
STATX_ATTR_APPEND = 0x20
STATX_ATTR_NODUMP = 0x40
STATX_ATTR_ENCRYPTED = 0x800
STATX_ATTR_AUTOMOUNT = 0x1000
STATX_ATTR_MOUNT_ROOT = 0x2000
STATX_ATTR_VERITY = 0x100000
STATX_ATTR_DAX = 0x200000

# getdents64(2)


# getdents64(2)
DT_UNKNOWN = 0
DT_FIFO = 1
DT_CHR = 2
DT_DIR = 4
DT_BLK = 6
DT_REG = 8
DT_LNK = 10
DT_SOCK = 12
DT_WHT = 14


class FileMode(FlagSet):
    """`st_mode`: type and permissions."""

    names = "S_IF* S_ISUID S_ISGID S_ISVTX"
    unnamed = "0{:o}"
    fields = (S_IFMT,)


class StatxMask(FlagSet):
    """statx(2)'s `mask`."""

    names = (
        "STATX_TYPE STATX_MODE STATX_NLINK STATX_UID STATX_GID STATX_ATIME STATX_MTIME STATX_CTIME STATX_BTIME "
        "STATX_INO STATX_SIZE STATX_BLOCKS STATX_MNT_ID STATX_DIOALIGN STATX_BASIC_STATS"
    )


class StatxAttributes(FlagSet):
    """`stx_attributes`."""

    names = "STATX_ATTR_*"


class FileType(Choice):
    """A directory entry's `d_type`."""

    names = "DT_*"
