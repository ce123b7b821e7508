"""Limits: getrlimit(2), getrusage(2), getpriority(2), <linux/limits.h>."""

from __future__ import annotations

from .flags import Choice

# getrlimit(2)
RLIMIT_CPU = 0
RLIMIT_FSIZE = 1
RLIMIT_DATA = 2
RLIMIT_STACK = 3
RLIMIT_CORE = 4
RLIMIT_RSS = 5
RLIMIT_NPROC = 6
RLIMIT_NOFILE = 7
RLIMIT_MEMLOCK = 8
RLIMIT_AS = 9
RLIMIT_LOCKS = 10
RLIMIT_SIGPENDING = 11
RLIMIT_MSGQUEUE = 12
RLIMIT_NICE = 13
RLIMIT_RTPRIO = 14
RLIMIT_RTTIME = 15
RLIM_NLIMITS = 16
RLIM_INFINITY = 0xFFFFFFFFFFFFFFFF

# getrusage(2)
RUSAGE_SELF = 0
RUSAGE_CHILDREN = -1
RUSAGE_BOTH = -2
RUSAGE_THREAD = 1

# getpriority(2)
PRIO_MIN = -20
PRIO_MAX = 20
PRIO_PROCESS = 0
PRIO_PGRP = 1
PRIO_USER = 2

# Limits (<linux/limits.h>)
NGROUPS_MAX = 65536
ARG_MAX = 131072
NAME_MAX = 255
PATH_MAX = 4096
PIPE_BUF = 4096
XATTR_NAME_MAX = 255
XATTR_SIZE_MAX = 65536
XATTR_LIST_MAX = 65536
UIO_MAXIOV = 1024


class Resource(Choice):
    """getrlimit(2)'s `resource`."""

    names = "RLIMIT_*"


class RusageWho(Choice):
    """getrusage(2)'s `who`."""

    names = "RUSAGE_*"


class PriorityWhich(Choice):
    """getpriority(2)'s `which`."""

    names = "PRIO_PROCESS PRIO_PGRP PRIO_USER"
