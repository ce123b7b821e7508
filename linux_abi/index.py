"""Where calls are declared, and which of them C may finish. Generated from the declarations by `make gen`."""

from __future__ import annotations

# Number -> module of linux_abi/syscalls/.
WHERE = {
    0: "file",  # read
    1: "file",  # write
    2: "path",  # open
    3: "file",  # close
    4: "path",  # stat
    5: "path",  # fstat
    6: "path",  # lstat
    7: "poll",  # poll
    8: "file",  # lseek
    9: "mem",  # mmap
    10: "mem",  # mprotect
    11: "mem",  # munmap
    12: "mem",  # brk
    13: "signal",  # rt_sigaction
    14: "signal",  # rt_sigprocmask
    15: "signal",  # rt_sigreturn
    16: "ioctl",  # ioctl
    17: "file",  # pread64
    18: "file",  # pwrite64
    19: "file",  # readv
    20: "file",  # writev
    21: "path",  # access
    22: "file",  # pipe
    23: "poll",  # select
    24: "process",  # sched_yield
    25: "mem",  # mremap
    26: "mem",  # msync
    27: "mem",  # mincore
    28: "mem",  # madvise
    29: "ipc",  # shmget
    30: "ipc",  # shmat
    31: "ipc",  # shmctl
    32: "file",  # dup
    33: "file",  # dup2
    34: "signal",  # pause
    35: "time",  # nanosleep
    36: "time",  # getitimer
    37: "time",  # alarm
    38: "time",  # setitimer
    39: "process",  # getpid
    40: "file",  # sendfile
    41: "socket",  # socket
    42: "socket",  # connect
    43: "socket",  # accept
    44: "socket",  # sendto
    45: "socket",  # recvfrom
    46: "socket",  # sendmsg
    47: "socket",  # recvmsg
    48: "socket",  # shutdown
    49: "socket",  # bind
    50: "socket",  # listen
    51: "socket",  # getsockname
    52: "socket",  # getpeername
    53: "socket",  # socketpair
    54: "socket",  # setsockopt
    55: "socket",  # getsockopt
    56: "lifecycle",  # clone
    57: "lifecycle",  # fork
    58: "lifecycle",  # vfork
    59: "lifecycle",  # execve
    60: "process",  # exit
    61: "lifecycle",  # wait4
    62: "signal",  # kill
    63: "system",  # uname
    64: "ipc",  # semget
    65: "ipc",  # semop
    66: "ipc",  # semctl
    67: "ipc",  # shmdt
    68: "ipc",  # msgget
    69: "ipc",  # msgsnd
    70: "ipc",  # msgrcv
    71: "ipc",  # msgctl
    72: "file",  # fcntl
    73: "file",  # flock
    74: "file",  # fsync
    75: "file",  # fdatasync
    76: "path",  # truncate
    77: "file",  # ftruncate
    78: "file",  # getdents
    79: "path",  # getcwd
    80: "path",  # chdir
    81: "path",  # fchdir
    82: "path",  # rename
    83: "path",  # mkdir
    84: "path",  # rmdir
    85: "path",  # creat
    86: "path",  # link
    87: "path",  # unlink
    88: "path",  # symlink
    89: "path",  # readlink
    90: "path",  # chmod
    91: "path",  # fchmod
    92: "path",  # chown
    93: "path",  # fchown
    94: "path",  # lchown
    95: "path",  # umask
    96: "time",  # gettimeofday
    97: "limits",  # getrlimit
    98: "process",  # getrusage
    99: "system",  # sysinfo
    100: "time",  # times
    101: "process",  # ptrace
    102: "process",  # getuid
    103: "system",  # syslog
    104: "process",  # getgid
    105: "process",  # setuid
    106: "process",  # setgid
    107: "process",  # geteuid
    108: "process",  # getegid
    109: "process",  # setpgid
    110: "process",  # getppid
    111: "process",  # getpgrp
    112: "process",  # setsid
    113: "process",  # setreuid
    114: "process",  # setregid
    115: "process",  # getgroups
    116: "process",  # setgroups
    117: "process",  # setresuid
    118: "process",  # getresuid
    119: "process",  # setresgid
    120: "process",  # getresgid
    121: "process",  # getpgid
    122: "process",  # setfsuid
    123: "process",  # setfsgid
    124: "process",  # getsid
    125: "process",  # capget
    126: "process",  # capset
    127: "signal",  # rt_sigpending
    128: "signal",  # rt_sigtimedwait
    129: "signal",  # rt_sigqueueinfo
    130: "signal",  # rt_sigsuspend
    131: "signal",  # sigaltstack
    132: "path",  # utime
    133: "path",  # mknod
    134: "system",  # uselib
    135: "process",  # personality
    136: "path",  # ustat
    137: "path",  # statfs
    138: "path",  # fstatfs
    139: "path",  # sysfs
    140: "process",  # getpriority
    141: "process",  # setpriority
    142: "process",  # sched_setparam
    143: "process",  # sched_getparam
    144: "process",  # sched_setscheduler
    145: "process",  # sched_getscheduler
    146: "process",  # sched_get_priority_max
    147: "process",  # sched_get_priority_min
    148: "process",  # sched_rr_get_interval
    149: "mem",  # mlock
    150: "mem",  # munlock
    151: "mem",  # mlockall
    152: "mem",  # munlockall
    153: "process",  # vhangup
    154: "system",  # modify_ldt
    155: "mount",  # pivot_root
    156: "system",  # _sysctl
    157: "prctl",  # prctl
    158: "prctl",  # arch_prctl
    159: "time",  # adjtimex
    160: "limits",  # setrlimit
    161: "path",  # chroot
    162: "mount",  # sync
    163: "system",  # acct
    164: "time",  # settimeofday
    165: "mount",  # mount
    166: "mount",  # umount2
    167: "system",  # swapon
    168: "system",  # swapoff
    169: "system",  # reboot
    170: "system",  # sethostname
    171: "system",  # setdomainname
    172: "system",  # iopl
    173: "system",  # ioperm
    174: "system",  # create_module
    175: "system",  # init_module
    176: "system",  # delete_module
    177: "system",  # get_kernel_syms
    178: "system",  # query_module
    179: "mount",  # quotactl
    180: "system",  # nfsservctl
    181: "system",  # getpmsg
    182: "system",  # putpmsg
    183: "system",  # afs_syscall
    184: "system",  # tuxcall
    185: "system",  # security
    186: "process",  # gettid
    187: "file",  # readahead
    188: "xattr",  # setxattr
    189: "xattr",  # lsetxattr
    190: "xattr",  # fsetxattr
    191: "xattr",  # getxattr
    192: "xattr",  # lgetxattr
    193: "xattr",  # fgetxattr
    194: "xattr",  # listxattr
    195: "xattr",  # llistxattr
    196: "xattr",  # flistxattr
    197: "xattr",  # removexattr
    198: "xattr",  # lremovexattr
    199: "xattr",  # fremovexattr
    200: "signal",  # tkill
    201: "time",  # time
    202: "futex",  # futex
    203: "process",  # sched_setaffinity
    204: "process",  # sched_getaffinity
    205: "system",  # set_thread_area
    206: "aio",  # io_setup
    207: "aio",  # io_destroy
    208: "aio",  # io_getevents
    209: "aio",  # io_submit
    210: "aio",  # io_cancel
    211: "system",  # get_thread_area
    212: "system",  # lookup_dcookie
    213: "poll",  # epoll_create
    214: "system",  # epoll_ctl_old
    215: "system",  # epoll_wait_old
    216: "mem",  # remap_file_pages
    217: "file",  # getdents64
    218: "process",  # set_tid_address
    219: "time",  # restart_syscall
    220: "ipc",  # semtimedop
    221: "file",  # fadvise64
    222: "time",  # timer_create
    223: "time",  # timer_settime
    224: "time",  # timer_gettime
    225: "time",  # timer_getoverrun
    226: "time",  # timer_delete
    227: "time",  # clock_settime
    228: "time",  # clock_gettime
    229: "time",  # clock_getres
    230: "time",  # clock_nanosleep
    231: "process",  # exit_group
    232: "poll",  # epoll_wait
    233: "poll",  # epoll_ctl
    234: "signal",  # tgkill
    235: "path",  # utimes
    236: "system",  # vserver
    237: "mem",  # mbind
    238: "mem",  # set_mempolicy
    239: "mem",  # get_mempolicy
    240: "ipc",  # mq_open
    241: "ipc",  # mq_unlink
    242: "ipc",  # mq_timedsend
    243: "ipc",  # mq_timedreceive
    244: "ipc",  # mq_notify
    245: "ipc",  # mq_getsetattr
    246: "system",  # kexec_load
    247: "lifecycle",  # waitid
    248: "system",  # add_key
    249: "system",  # request_key
    250: "system",  # keyctl
    251: "process",  # ioprio_set
    252: "process",  # ioprio_get
    253: "notify",  # inotify_init
    254: "notify",  # inotify_add_watch
    255: "notify",  # inotify_rm_watch
    256: "mem",  # migrate_pages
    257: "path",  # openat
    258: "path",  # mkdirat
    259: "path",  # mknodat
    260: "path",  # fchownat
    261: "path",  # futimesat
    262: "path",  # newfstatat
    263: "path",  # unlinkat
    264: "path",  # renameat
    265: "path",  # linkat
    266: "path",  # symlinkat
    267: "path",  # readlinkat
    268: "path",  # fchmodat
    269: "path",  # faccessat
    270: "poll",  # pselect6
    271: "poll",  # ppoll
    272: "process",  # unshare
    273: "futex",  # set_robust_list
    274: "futex",  # get_robust_list
    275: "file",  # splice
    276: "file",  # tee
    277: "file",  # sync_file_range
    278: "file",  # vmsplice
    279: "mem",  # move_pages
    280: "path",  # utimensat
    281: "poll",  # epoll_pwait
    282: "poll",  # signalfd
    283: "poll",  # timerfd_create
    284: "file",  # eventfd
    285: "file",  # fallocate
    286: "poll",  # timerfd_settime
    287: "poll",  # timerfd_gettime
    288: "socket",  # accept4
    289: "poll",  # signalfd4
    290: "file",  # eventfd2
    291: "poll",  # epoll_create1
    292: "file",  # dup3
    293: "file",  # pipe2
    294: "notify",  # inotify_init1
    295: "file",  # preadv
    296: "file",  # pwritev
    297: "signal",  # rt_tgsigqueueinfo
    298: "system",  # perf_event_open
    299: "socket",  # recvmmsg
    300: "notify",  # fanotify_init
    301: "notify",  # fanotify_mark
    302: "limits",  # prlimit64
    303: "path",  # name_to_handle_at
    304: "path",  # open_by_handle_at
    305: "time",  # clock_adjtime
    306: "mount",  # syncfs
    307: "socket",  # sendmmsg
    308: "process",  # setns
    309: "process",  # getcpu
    310: "file",  # process_vm_readv
    311: "file",  # process_vm_writev
    312: "process",  # kcmp
    313: "system",  # finit_module
    314: "process",  # sched_setattr
    315: "process",  # sched_getattr
    316: "path",  # renameat2
    317: "system",  # seccomp
    318: "system",  # getrandom
    319: "file",  # memfd_create
    320: "system",  # kexec_file_load
    321: "system",  # bpf
    322: "lifecycle",  # execveat
    323: "mem",  # userfaultfd
    324: "process",  # membarrier
    325: "mem",  # mlock2
    326: "file",  # copy_file_range
    327: "file",  # preadv2
    328: "file",  # pwritev2
    329: "mem",  # pkey_mprotect
    330: "mem",  # pkey_alloc
    331: "mem",  # pkey_free
    332: "path",  # statx
    333: "aio",  # io_pgetevents
    334: "process",  # rseq
    424: "process",  # pidfd_send_signal
    425: "system",  # io_uring_setup
    426: "system",  # io_uring_enter
    427: "system",  # io_uring_register
    428: "mount",  # open_tree
    429: "mount",  # move_mount
    430: "mount",  # fsopen
    431: "mount",  # fsconfig
    432: "mount",  # fsmount
    433: "mount",  # fspick
    434: "process",  # pidfd_open
    435: "lifecycle",  # clone3
    436: "file",  # close_range
    437: "path",  # openat2
    438: "process",  # pidfd_getfd
    439: "path",  # faccessat2
    440: "mem",  # process_madvise
    441: "poll",  # epoll_pwait2
    442: "mount",  # mount_setattr
    443: "mount",  # quotactl_fd
    444: "system",  # landlock_create_ruleset
    445: "system",  # landlock_add_rule
    446: "system",  # landlock_restrict_self
    447: "mem",  # memfd_secret
    448: "process",  # process_mrelease
    449: "futex",  # futex_waitv
    450: "mem",  # set_mempolicy_home_node
    451: "file",  # cachestat
    452: "path",  # fchmodat2
    453: "mem",  # map_shadow_stack
    454: "futex",  # futex_wake
    455: "futex",  # futex_wait
    456: "futex",  # futex_requeue
    457: "mount",  # statmount
    458: "mount",  # listmount
    459: "system",  # lsm_get_self_attr
    460: "system",  # lsm_set_self_attr
    461: "system",  # lsm_list_modules
    462: "mem",  # mseal
    463: "xattr",  # setxattrat
    464: "xattr",  # getxattrat
    465: "xattr",  # listxattrat
    466: "xattr",  # removexattrat
    467: "mount",  # open_tree_attr
    468: "path",  # file_getattr
    469: "path",  # file_setattr
}

# Number -> kinds of the arguments (types.py), whether the result is a descriptor of a file that was opened.
PLAIN = {
    0: ([1, 2, 0], False),  # read
    1: ([1, 2, 0], False),  # write
    2: ([3, 0, 0], True),  # open
    3: ([1], False),  # close
    4: ([3, 2], False),  # stat
    5: ([1, 2], False),  # fstat
    6: ([3, 2], False),  # lstat
    7: ([2, 0, 0], False),  # poll
    8: ([1, 0, 0], False),  # lseek
    17: ([1, 2, 0, 0], False),  # pread64
    18: ([1, 2, 0, 0], False),  # pwrite64
    19: ([1, 4, 0], False),  # readv
    20: ([1, 4, 0], False),  # writev
    21: ([3, 0], False),  # access
    22: ([2], False),  # pipe
    23: ([0, 2, 2, 2, 2], False),  # select
    24: ([], False),  # sched_yield
    29: ([0, 0, 0], False),  # shmget
    31: ([0, 0, 2], False),  # shmctl
    32: ([1], False),  # dup
    33: ([1, 1], False),  # dup2
    34: ([], False),  # pause
    35: ([2, 2], False),  # nanosleep
    36: ([0, 2], False),  # getitimer
    37: ([0], False),  # alarm
    38: ([0, 2, 2], False),  # setitimer
    39: ([], False),  # getpid
    40: ([1, 1, 2, 0], False),  # sendfile
    41: ([0, 0, 0], False),  # socket
    42: ([1, 2, 0], False),  # connect
    43: ([1, 2, 2], False),  # accept
    44: ([1, 2, 0, 0, 2, 0], False),  # sendto
    45: ([1, 2, 0, 0, 2, 2], False),  # recvfrom
    48: ([1, 0], False),  # shutdown
    49: ([1, 2, 0], False),  # bind
    50: ([1, 0], False),  # listen
    51: ([1, 2, 2], False),  # getsockname
    52: ([1, 2, 2], False),  # getpeername
    53: ([0, 0, 0, 2], False),  # socketpair
    61: ([0, 2, 0, 2], False),  # wait4
    62: ([0, 0], False),  # kill
    63: ([2], False),  # uname
    64: ([0, 0, 0], False),  # semget
    65: ([0, 2, 0], False),  # semop
    68: ([0, 0], False),  # msgget
    69: ([0, 2, 0, 0], False),  # msgsnd
    70: ([0, 2, 0, 0, 0], False),  # msgrcv
    71: ([0, 0, 2], False),  # msgctl
    72: ([1, 0, 7], False),  # fcntl
    73: ([1, 0], False),  # flock
    74: ([1], False),  # fsync
    75: ([1], False),  # fdatasync
    76: ([3, 0], False),  # truncate
    77: ([1, 0], False),  # ftruncate
    78: ([6, 2, 0], False),  # getdents
    79: ([2, 0], False),  # getcwd
    80: ([3], False),  # chdir
    81: ([1], False),  # fchdir
    82: ([3, 3], False),  # rename
    83: ([3, 0], False),  # mkdir
    84: ([3], False),  # rmdir
    85: ([3, 0], True),  # creat
    86: ([3, 3], False),  # link
    87: ([3], False),  # unlink
    88: ([2, 3], False),  # symlink
    90: ([3, 0], False),  # chmod
    91: ([1, 0], False),  # fchmod
    92: ([3, 0, 0], False),  # chown
    93: ([1, 0, 0], False),  # fchown
    94: ([3, 0, 0], False),  # lchown
    95: ([0], False),  # umask
    96: ([2, 2], False),  # gettimeofday
    98: ([0, 2], False),  # getrusage
    99: ([2], False),  # sysinfo
    100: ([2], False),  # times
    102: ([], False),  # getuid
    103: ([0, 2, 0], False),  # syslog
    104: ([], False),  # getgid
    105: ([0], False),  # setuid
    106: ([0], False),  # setgid
    107: ([], False),  # geteuid
    108: ([], False),  # getegid
    110: ([], False),  # getppid
    111: ([], False),  # getpgrp
    112: ([], False),  # setsid
    113: ([0, 0], False),  # setreuid
    114: ([0, 0], False),  # setregid
    115: ([0, 2], False),  # getgroups
    116: ([0, 2], False),  # setgroups
    117: ([0, 0, 0], False),  # setresuid
    118: ([2, 2, 2], False),  # getresuid
    119: ([0, 0, 0], False),  # setresgid
    120: ([2, 2, 2], False),  # getresgid
    121: ([0], False),  # getpgid
    122: ([0], False),  # setfsuid
    123: ([0], False),  # setfsgid
    124: ([0], False),  # getsid
    125: ([2, 2], False),  # capget
    126: ([2, 2], False),  # capset
    129: ([0, 0, 2], False),  # rt_sigqueueinfo
    132: ([3, 2], False),  # utime
    133: ([3, 0, 0], False),  # mknod
    135: ([0], False),  # personality
    136: ([0, 2], False),  # ustat
    137: ([3, 2], False),  # statfs
    138: ([1, 2], False),  # fstatfs
    140: ([0, 0], False),  # getpriority
    141: ([0, 0, 0], False),  # setpriority
    142: ([0, 2], False),  # sched_setparam
    143: ([0, 2], False),  # sched_getparam
    144: ([0, 0, 2], False),  # sched_setscheduler
    145: ([0], False),  # sched_getscheduler
    146: ([0], False),  # sched_get_priority_max
    147: ([0], False),  # sched_get_priority_min
    148: ([0, 2], False),  # sched_rr_get_interval
    153: ([], False),  # vhangup
    155: ([3, 3], False),  # pivot_root
    159: ([2], False),  # adjtimex
    161: ([3], False),  # chroot
    162: ([], False),  # sync
    164: ([2, 2], False),  # settimeofday
    165: ([2, 3, 2, 0, 2], False),  # mount
    166: ([3, 0], False),  # umount2
    170: ([2, 0], False),  # sethostname
    171: ([2, 0], False),  # setdomainname
    179: ([0, 2, 0, 2], False),  # quotactl
    186: ([], False),  # gettid
    187: ([1, 0, 0], False),  # readahead
    188: ([3, 2, 2, 0, 0], False),  # setxattr
    189: ([3, 2, 2, 0, 0], False),  # lsetxattr
    190: ([1, 2, 2, 0, 0], False),  # fsetxattr
    191: ([3, 2, 2, 0], False),  # getxattr
    192: ([3, 2, 2, 0], False),  # lgetxattr
    193: ([1, 2, 2, 0], False),  # fgetxattr
    194: ([3, 2, 0], False),  # listxattr
    195: ([3, 2, 0], False),  # llistxattr
    196: ([1, 2, 0], False),  # flistxattr
    197: ([3, 2], False),  # removexattr
    198: ([3, 2], False),  # lremovexattr
    199: ([1, 2], False),  # fremovexattr
    200: ([0, 0], False),  # tkill
    201: ([2], False),  # time
    202: ([2, 0, 0, 5, 2, 0], False),  # futex
    203: ([0, 0, 2], False),  # sched_setaffinity
    204: ([0, 0, 2], False),  # sched_getaffinity
    213: ([0], False),  # epoll_create
    217: ([6, 2, 0], False),  # getdents64
    220: ([0, 2, 0, 2], False),  # semtimedop
    221: ([1, 0, 0, 0], False),  # fadvise64
    223: ([0, 0, 2, 2], False),  # timer_settime
    224: ([0, 2], False),  # timer_gettime
    225: ([0], False),  # timer_getoverrun
    227: ([0, 2], False),  # clock_settime
    228: ([0, 2], False),  # clock_gettime
    229: ([0, 2], False),  # clock_getres
    230: ([0, 0, 2, 2], False),  # clock_nanosleep
    232: ([1, 2, 0, 0], False),  # epoll_wait
    233: ([1, 0, 1, 2], False),  # epoll_ctl
    234: ([0, 0, 0], False),  # tgkill
    235: ([3, 2], False),  # utimes
    238: ([0, 2, 0], False),  # set_mempolicy
    239: ([2, 2, 0, 2, 0], False),  # get_mempolicy
    240: ([2, 0, 0, 2], False),  # mq_open
    241: ([2], False),  # mq_unlink
    242: ([1, 2, 0, 0, 2], False),  # mq_timedsend
    243: ([1, 2, 0, 2, 2], False),  # mq_timedreceive
    245: ([1, 2, 2], False),  # mq_getsetattr
    247: ([0, 0, 2, 0, 2], False),  # waitid
    251: ([0, 0, 0], False),  # ioprio_set
    252: ([0, 0], False),  # ioprio_get
    253: ([], False),  # inotify_init
    254: ([1, 3, 0], False),  # inotify_add_watch
    255: ([1, 0], False),  # inotify_rm_watch
    256: ([0, 0, 2, 2], False),  # migrate_pages
    257: ([1, 3, 0, 0], True),  # openat
    258: ([1, 3, 0], False),  # mkdirat
    259: ([1, 3, 0, 0], False),  # mknodat
    260: ([1, 3, 0, 0, 0], False),  # fchownat
    261: ([1, 3, 2], False),  # futimesat
    262: ([1, 3, 2, 0], False),  # newfstatat
    263: ([1, 3, 0], False),  # unlinkat
    264: ([1, 3, 1, 3], False),  # renameat
    265: ([1, 3, 1, 3, 0], False),  # linkat
    266: ([2, 1, 3], False),  # symlinkat
    268: ([1, 3, 0], False),  # fchmodat
    269: ([1, 3, 0], False),  # faccessat
    270: ([0, 2, 2, 2, 2, 8], False),  # pselect6
    271: ([2, 0, 2, 8, 0], False),  # ppoll
    275: ([1, 2, 1, 2, 0, 0], False),  # splice
    276: ([1, 1, 0, 0], False),  # tee
    277: ([1, 0, 0, 0], False),  # sync_file_range
    278: ([1, 4, 0, 0], False),  # vmsplice
    280: ([1, 3, 2, 0], False),  # utimensat
    281: ([1, 2, 0, 0, 8, 0], False),  # epoll_pwait
    282: ([1, 2, 0], False),  # signalfd
    283: ([0, 0], False),  # timerfd_create
    284: ([0], False),  # eventfd
    285: ([1, 0, 0, 0], False),  # fallocate
    286: ([1, 0, 2, 2], False),  # timerfd_settime
    287: ([1, 2], False),  # timerfd_gettime
    288: ([1, 2, 2, 0], False),  # accept4
    289: ([1, 2, 0, 0], False),  # signalfd4
    290: ([0, 0], False),  # eventfd2
    291: ([0], False),  # epoll_create1
    292: ([1, 1, 0], False),  # dup3
    293: ([2, 0], False),  # pipe2
    294: ([0], False),  # inotify_init1
    295: ([1, 4, 0, 0, 0], False),  # preadv
    296: ([1, 4, 0, 0, 0], False),  # pwritev
    297: ([0, 0, 0, 2], False),  # rt_tgsigqueueinfo
    300: ([0, 0], False),  # fanotify_init
    301: ([1, 0, 0, 1, 3], False),  # fanotify_mark
    303: ([1, 3, 2, 2, 0], False),  # name_to_handle_at
    304: ([1, 2, 0], False),  # open_by_handle_at
    305: ([0, 2], False),  # clock_adjtime
    306: ([1], False),  # syncfs
    309: ([2, 2, 2], False),  # getcpu
    314: ([0, 2, 0], False),  # sched_setattr
    315: ([0, 2, 0, 0], False),  # sched_getattr
    316: ([1, 3, 1, 3, 0], False),  # renameat2
    318: ([2, 0, 0], False),  # getrandom
    319: ([2, 0], False),  # memfd_create
    324: ([0, 0, 0], False),  # membarrier
    326: ([1, 2, 1, 2, 0, 0], False),  # copy_file_range
    327: ([1, 4, 0, 0, 0, 0], False),  # preadv2
    328: ([1, 4, 0, 0, 0, 0], False),  # pwritev2
    332: ([1, 3, 0, 0, 2], False),  # statx
    424: ([1, 0, 2, 0], False),  # pidfd_send_signal
    428: ([1, 3, 0], False),  # open_tree
    429: ([1, 3, 1, 3, 0], False),  # move_mount
    430: ([2, 0], False),  # fsopen
    431: ([1, 0, 2, 2, 0], False),  # fsconfig
    432: ([1, 0, 0], False),  # fsmount
    433: ([1, 3, 0], False),  # fspick
    434: ([0, 0], False),  # pidfd_open
    438: ([1, 1, 0], False),  # pidfd_getfd
    439: ([1, 3, 0, 0], False),  # faccessat2
    441: ([1, 2, 0, 2, 8, 0], False),  # epoll_pwait2
    442: ([1, 3, 0, 2, 0], False),  # mount_setattr
    443: ([1, 0, 0, 2], False),  # quotactl_fd
    448: ([1, 0], False),  # process_mrelease
    450: ([2, 0, 0, 0], False),  # set_mempolicy_home_node
    451: ([1, 2, 2, 0], False),  # cachestat
    452: ([1, 3, 0, 0], False),  # fchmodat2
    454: ([2, 0, 0, 0], False),  # futex_wake
    455: ([2, 0, 0, 0, 2, 0], False),  # futex_wait
    457: ([2, 2, 0, 0], False),  # statmount
    458: ([2, 2, 0, 0], False),  # listmount
    459: ([0, 2, 2, 0], False),  # lsm_get_self_attr
    461: ([2, 2, 0], False),  # lsm_list_modules
    465: ([1, 3, 0, 2, 0], False),  # listxattrat
    466: ([1, 3, 0, 2], False),  # removexattrat
    467: ([1, 3, 0, 2, 0], False),  # open_tree_attr
    468: ([1, 3, 2, 0, 0], False),  # file_getattr
    469: ([1, 3, 2, 0, 0], False),  # file_setattr
}

# Number -> errno of calls that are refused.
REFUSED = {
    101: 1,  # ptrace
    134: 38,  # uselib
    154: 38,  # modify_ldt
    156: 38,  # _sysctl
    163: 1,  # acct
    167: 1,  # swapon
    168: 1,  # swapoff
    169: 1,  # reboot
    172: 1,  # iopl
    173: 1,  # ioperm
    174: 38,  # create_module
    175: 1,  # init_module
    176: 1,  # delete_module
    177: 38,  # get_kernel_syms
    178: 38,  # query_module
    180: 38,  # nfsservctl
    181: 38,  # getpmsg
    182: 38,  # putpmsg
    183: 38,  # afs_syscall
    184: 38,  # tuxcall
    185: 38,  # security
    205: 38,  # set_thread_area
    211: 38,  # get_thread_area
    212: 38,  # lookup_dcookie
    214: 38,  # epoll_ctl_old
    215: 38,  # epoll_wait_old
    219: 4,  # restart_syscall
    236: 38,  # vserver
    246: 1,  # kexec_load
    248: 38,  # add_key
    249: 38,  # request_key
    250: 38,  # keyctl
    298: 1,  # perf_event_open
    313: 1,  # finit_module
    317: 38,  # seccomp
    320: 1,  # kexec_file_load
    321: 1,  # bpf
    323: 38,  # userfaultfd
    331: 22,  # pkey_free
    334: 38,  # rseq
    425: 38,  # io_uring_setup
    426: 38,  # io_uring_enter
    427: 38,  # io_uring_register
    444: 95,  # landlock_create_ruleset
    445: 95,  # landlock_add_rule
    446: 95,  # landlock_restrict_self
    447: 38,  # memfd_secret
    453: 95,  # map_shadow_stack
    460: 95,  # lsm_set_self_attr
}

# Requests of ioctl(2) whose argument is an address, and which the host serves as they are.
REQUESTS = (
    0x1,
    0x2,
    0x7B9,
    0x125D,
    0x125E,
    0x1260,
    0x1263,
    0x1267,
    0x1268,
    0x1277,
    0x1278,
    0x1279,
    0x127A,
    0x127B,
    0x127C,
    0x127D,
    0x127E,
    0x127F,
    0x4B31,
    0x4B33,
    0x4B3B,
    0x4B44,
    0x4C02,
    0x4C03,
    0x4C04,
    0x4C05,
    0x4C0A,
    0x5401,
    0x5402,
    0x5403,
    0x5404,
    0x5405,
    0x5406,
    0x5407,
    0x5408,
    0x540F,
    0x5410,
    0x5411,
    0x5412,
    0x5413,
    0x5414,
    0x5415,
    0x5416,
    0x5417,
    0x5418,
    0x5419,
    0x541A,
    0x541B,
    0x5420,
    0x5421,
    0x5423,
    0x5424,
    0x5429,
    0x5452,
    0x5456,
    0x5457,
    0x5459,
    0x545D,
    0x5460,
    0x5600,
    0x5601,
    0x5602,
    0x5603,
    0x8901,
    0x8902,
    0x8903,
    0x8904,
    0x8905,
    0x8906,
    0x8907,
    0x8910,
    0x8913,
    0x8914,
    0x8915,
    0x8916,
    0x8917,
    0x8918,
    0x8919,
    0x891A,
    0x891B,
    0x891C,
    0x891D,
    0x891E,
    0x8921,
    0x8922,
    0x8923,
    0x8924,
    0x8927,
    0x8931,
    0x8932,
    0x8933,
    0x8934,
    0x8935,
    0x8942,
    0x8943,
    0x8953,
    0x8954,
    0x8955,
    0x8970,
    0x89A0,
    0x89A1,
    0x89A2,
    0x89A3,
    0xB704,
    0x40045201,
    0x40045431,
    0x400454CA,
    0x400454D4,
    0x400454D8,
    0x400454D9,
    0x40081271,
    0x40086602,
    0x40087602,
    0x401C5820,
    0x4020940D,
    0x40247007,
    0x4024700A,
    0x4028700F,
    0x402C542B,
    0x402C542C,
    0x402C542D,
    0x41009432,
    0x80045200,
    0x80045430,
    0x80045432,
    0x80045438,
    0x80045439,
    0x80045440,
    0x800454CF,
    0x800454D2,
    0x800454D3,
    0x800454D7,
    0x80081270,
    0x80081272,
    0x80086601,
    0x8008700B,
    0x80087601,
    0x8008B705,
    0x801C581F,
    0x80247008,
    0x80247009,
    0x80287010,
    0x802C542A,
    0x81009431,
    0xC0185879,
    0xC0189436,
    0xC020660B,
)
