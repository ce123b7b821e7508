"""System V IPC: shmget(2), semget(2), msgget(2)."""

from __future__ import annotations

from .flags import Choice, FlagSet

# shmget(2), semget(2), msgget(2)
IPC_PRIVATE = 0
IPC_CREAT = 0o1000
IPC_EXCL = 0o2000
IPC_NOWAIT = 0o4000
IPC_RMID = 0
IPC_SET = 1
IPC_STAT = 2
IPC_INFO = 3
IPC_64 = 0x100

SHM_R = 0o400
SHM_W = 0o200
SHM_HUGETLB = 0o4000
SHM_NORESERVE = 0o10000
SHM_RDONLY = 0o10000
SHM_RND = 0o20000
SHM_REMAP = 0o40000
SHM_EXEC = 0o100000
SHM_LOCK = 11
SHM_UNLOCK = 12
SHM_STAT = 13
SHM_INFO = 14
SHM_STAT_ANY = 15

SEM_UNDO = 0x1000
GETPID = 11
GETVAL = 12
GETALL = 13
GETNCNT = 14
GETZCNT = 15
SETVAL = 16
SETALL = 17
SEM_STAT = 18
SEM_INFO = 19
SEM_STAT_ANY = 20

MSG_STAT = 11
MSG_INFO = 12
MSG_STAT_ANY = 13
MSG_NOERROR = 0o10000
MSG_EXCEPT = 0o20000
MSG_COPY = 0o40000


class ShmgetFlags(FlagSet):
    """shmget(2)'s `shmflg` above the permissions."""

    names = "IPC_CREAT IPC_EXCL SHM_HUGETLB SHM_NORESERVE"
    unnamed = "0{:o}"


class ShmatFlags(FlagSet):
    """shmat(2)'s `shmflg`."""

    names = "SHM_RDONLY SHM_RND SHM_REMAP SHM_EXEC"


class GetFlags(FlagSet):
    """semget(2)'s and msgget(2)'s flags above the permissions."""

    names = "IPC_CREAT IPC_EXCL"
    unnamed = "0{:o}"


class IpcCommand(Choice):
    """shmctl(2)'s and msgctl(2)'s `cmd`."""

    names = "IPC_RMID IPC_SET IPC_STAT IPC_INFO"


class SemctlCommand(Choice):
    """semctl(2)'s `op`."""

    names = "IPC_RMID IPC_SET IPC_STAT IPC_INFO GET* SET* SEM_STAT SEM_INFO SEM_STAT_ANY"


class MessageFlags(FlagSet):
    """msgrcv(2)'s `msgflg`."""

    names = "IPC_NOWAIT MSG_NOERROR MSG_EXCEPT MSG_COPY"
