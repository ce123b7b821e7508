"""Memory: mmap(2) and its family."""

from __future__ import annotations

from .flags import Choice, FlagSet

# mmap(2), mprotect(2)
PROT_READ = 0x1
PROT_WRITE = 0x2
PROT_EXEC = 0x4
PROT_SEM = 0x8
PROT_NONE = 0
PROT_GROWSDOWN = 0x1000000
PROT_GROWSUP = 0x2000000

MAP_32BIT = 0x40
MAP_TYPE = 0xF
MAP_FIXED = 0x10
MAP_ANONYMOUS = 0x20
MAP_POPULATE = 0x8000
MAP_NONBLOCK = 0x10000
MAP_STACK = 0x20000
MAP_HUGETLB = 0x40000
MAP_SYNC = 0x80000
MAP_FIXED_NOREPLACE = 0x100000
MAP_UNINITIALIZED = 0x4000000
MAP_FILE = 0
MAP_GROWSDOWN = 0x100
MAP_DENYWRITE = 0x800
MAP_EXECUTABLE = 0x1000
MAP_LOCKED = 0x2000
MAP_NORESERVE = 0x4000
MAP_SHARED = 0x1
MAP_PRIVATE = 0x2
MAP_SHARED_VALIDATE = 0x3
MAP_DROPPABLE = 0x8

MAP_HUGE_SHIFT = 0x1A
MAP_HUGE_MASK = 0x3F
MAP_HUGE_2MB = 0x54000000
MAP_HUGE_1GB = 0x78000000

# mremap(2)
MREMAP_MAYMOVE = 1
MREMAP_FIXED = 2
MREMAP_DONTUNMAP = 4

# msync(2)
MS_ASYNC = 1
MS_INVALIDATE = 2
MS_SYNC = 4

# madvise(2)
MADV_NORMAL = 0
MADV_RANDOM = 1
MADV_SEQUENTIAL = 2
MADV_WILLNEED = 3
MADV_DONTNEED = 4
MADV_FREE = 8
MADV_REMOVE = 9
MADV_DONTFORK = 10
MADV_DOFORK = 11
MADV_HWPOISON = 100
MADV_SOFT_OFFLINE = 101
MADV_MERGEABLE = 12
MADV_UNMERGEABLE = 13
MADV_HUGEPAGE = 14
MADV_NOHUGEPAGE = 15
MADV_DONTDUMP = 16
MADV_DODUMP = 17
MADV_WIPEONFORK = 18
MADV_KEEPONFORK = 19
MADV_COLD = 20
MADV_PAGEOUT = 21
MADV_POPULATE_READ = 22
MADV_POPULATE_WRITE = 23
MADV_DONTNEED_LOCKED = 24
MADV_COLLAPSE = 25
MADV_GUARD_INSTALL = 102
MADV_GUARD_REMOVE = 103

# mlock2(2), mlockall(2)
MLOCK_ONFAULT = 0x1
MCL_CURRENT = 1
MCL_FUTURE = 2
MCL_ONFAULT = 4

# memfd_create(2)
MFD_CLOEXEC = 0x1
MFD_ALLOW_SEALING = 0x2
MFD_HUGETLB = 0x4
MFD_HUGE_SHIFT = 0x1A
MFD_HUGE_MASK = 0x3F

# mbind(2), set_mempolicy(2)


class Protection(FlagSet):
    """mmap(2)'s and mprotect(2)'s `prot`."""

    names = "PROT_*"


class MapFlags(FlagSet):
    """mmap(2)'s `flags`."""

    names = "MAP_*"
    fields = (
        MAP_TYPE,
        MAP_HUGE_MASK << MAP_HUGE_SHIFT,
    )


class MremapFlags(FlagSet):
    """mremap(2)'s `flags`."""

    names = "MREMAP_*"


class MsyncFlags(FlagSet):
    """msync(2)'s `flags`."""

    names = "MS_*"


class Advice(Choice):
    """madvise(2)'s `advice`."""

    names = "MADV_*"


class MlockFlags(FlagSet):
    """mlock2(2)'s `flags`."""

    names = "MLOCK_*"


class MlockallFlags(FlagSet):
    """mlockall(2)'s `flags`."""

    names = "MCL_*"


class MemfdFlags(FlagSet):
    """memfd_create(2)'s `flags`."""

    names = "MFD_CLOEXEC MFD_ALLOW_SEALING MFD_HUGETLB"
