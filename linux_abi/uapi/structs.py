"""The kernel's structs that every 64-bit architecture lays out alike; the others come from the architecture's module."""

from __future__ import annotations

from .layout import Struct
from .structs_x86_64 import EpollEvent, FpxSwBytes, Sigcontext, Stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .layout import char65, char108, pad2, pad4, pad32, pad44, pad96, s16, s32, s64, u8, u8x19, u16, u32, u32x2, u64, u64x3

__all__ = ["EpollEvent", "FpxSwBytes", "Sigcontext", "Stat"]


# ---- Buffers and messages: readv(2), sendmsg(2), getdents64(2) ----


class Iovec(Struct):
    c_name_ = "struct iovec"
    iov_base: u64
    iov_len: u64


class Msghdr(Struct):
    c_name_ = "struct msghdr"
    msg_name: u64
    msg_namelen: u32
    msg_iov: u64
    msg_iovlen: u64
    msg_control: u64
    msg_controllen: u64
    msg_flags: u32


class Mmsghdr(Struct):
    c_name_ = "struct mmsghdr"
    msg_hdr: Msghdr
    msg_len: u32


class Cmsghdr(Struct):
    """Head of a control message; the data follows, aligned to 8 bytes (cmsg(3))."""

    c_name_ = "struct cmsghdr"
    cmsg_len: u64
    cmsg_level: s32
    cmsg_type: s32


class SockaddrUn(Struct):
    c_name_ = "struct sockaddr_un"
    sun_family: u16
    sun_path: char108


class LinuxDirent64(Struct):
    """Head of a directory entry (getdents64(2)); the name follows at NAME, not at the struct's end."""

    packed_ = True
    d_ino: u64
    d_off: s64
    d_reclen: u16
    d_type: u8


class FileHandle(Struct):
    """Head of name_to_handle_at(2)'s; `handle_bytes` bytes follow."""

    handle_bytes: u32
    handle_type: s32


# ---- Time ----


class Timespec(Struct):
    c_name_ = "struct timespec"
    tv_sec: s64
    tv_nsec: s64


class Timeval(Struct):
    c_name_ = "struct timeval"
    tv_sec: s64
    tv_usec: s64


class TimespecPair(Struct):
    """A file's new times: of its last access and change (utimensat(2))."""

    access: Timespec
    change: Timespec


class TimevalPair(Struct):
    """The same of utimes(2)."""

    access: Timeval
    change: Timeval


class Timezone(Struct):
    c_name_ = "struct timezone"
    tz_minuteswest: s32
    tz_dsttime: s32


class Utimbuf(Struct):
    c_name_ = "struct utimbuf"
    actime: s64
    modtime: s64


class Itimerval(Struct):
    c_name_ = "struct itimerval"
    it_interval: Timeval
    it_value: Timeval


class Itimerspec(Struct):
    c_name_ = "struct itimerspec"
    it_interval: Timespec
    it_value: Timespec


class Timex(Struct):
    c_name_ = "struct timex"
    modes: u32
    offset: s64
    freq: s64
    maxerror: s64
    esterror: s64
    status: s32
    constant: s64
    precision: s64
    tolerance: s64
    time: Timeval
    tick: s64
    ppsfreq: s64
    jitter: s64
    shift: s32
    stabil: s64
    jitcnt: s64
    calcnt: s64
    errcnt: s64
    stbcnt: s64
    tai: s32
    _reserved: pad44


class Tms(Struct):
    c_name_ = "struct tms"
    tms_utime: s64
    tms_stime: s64
    tms_cutime: s64
    tms_cstime: s64


# ---- Files ----


class StatxTimestamp(Struct):
    c_name_ = "struct statx_timestamp"
    tv_sec: s64
    tv_nsec: u32
    _reserved: pad4


class Statx(Struct):
    c_name_ = "struct statx"
    stx_mask: u32
    stx_blksize: u32
    stx_attributes: u64
    stx_nlink: u32
    stx_uid: u32
    stx_gid: u32
    stx_mode: u16
    _spare0: pad2
    stx_ino: u64
    stx_size: u64
    stx_blocks: u64
    stx_attributes_mask: u64
    stx_atime: StatxTimestamp
    stx_btime: StatxTimestamp
    stx_ctime: StatxTimestamp
    stx_mtime: StatxTimestamp
    stx_rdev_major: u32
    stx_rdev_minor: u32
    stx_dev_major: u32
    stx_dev_minor: u32
    stx_mnt_id: u64
    stx_dio_mem_align: u32
    stx_dio_offset_align: u32
    _spare3: pad96


class Statfs(Struct):
    c_name_ = "struct statfs"
    f_type: s64
    f_bsize: s64
    f_blocks: u64
    f_bfree: u64
    f_bavail: u64
    f_files: u64
    f_ffree: u64
    f_fsid: u32x2
    f_namelen: s64
    f_frsize: s64
    f_flags: s64
    _spare: pad32


class FdPair(Struct):
    """pipe(2)'s and socketpair(2)'s."""

    first: s32
    second: s32


class Flock(Struct):
    c_name_ = "struct flock"
    l_type: s16
    l_whence: s16
    l_start: s64
    l_len: s64
    l_pid: s32


class FOwnerEx(Struct):
    c_name_ = "struct f_owner_ex"
    type: s32
    pid: s32


class OpenHow(Struct):
    c_name_ = "struct open_how"
    flags: u64
    mode: u64
    resolve: u64


class Pollfd(Struct):
    c_name_ = "struct pollfd"
    fd: s32
    events: s16
    revents: s16


class PselectSigmask(Struct):
    """pselect6(2)'s sixth argument: the address of a mask and its size in bytes."""

    ss: u64
    ss_len: u64


# ---- Asynchronous I/O: io_submit(2), io_getevents(2) ----


class Iocb(Struct):
    c_name_ = "struct iocb"
    aio_data: u64
    aio_key: u32
    aio_rw_flags: s32
    aio_lio_opcode: u16
    aio_reqprio: s16
    aio_fildes: u32
    aio_buf: u64
    aio_nbytes: u64
    aio_offset: s64
    aio_reserved2: u64
    aio_flags: u32
    aio_resfd: u32


class IoEvent(Struct):
    c_name_ = "struct io_event"
    data: u64
    obj: u64
    res: s64
    res2: s64


# ---- Terminals: ioctl_tty(2) ----


class Winsize(Struct):
    c_name_ = "struct winsize"
    ws_row: u16
    ws_col: u16
    ws_xpixel: u16
    ws_ypixel: u16


class Termios(Struct):
    """The kernel's, of TCGETS; the C library's has more control characters."""

    c_name_ = "struct termios"
    c_iflag: u32
    c_oflag: u32
    c_cflag: u32
    c_lflag: u32
    c_line: u8
    c_cc: u8x19


class Termios2(Struct):
    c_name_ = "struct termios2"
    c_iflag: u32
    c_oflag: u32
    c_cflag: u32
    c_lflag: u32
    c_line: u8
    c_cc: u8x19
    c_ispeed: u32
    c_ospeed: u32


# ---- Signals ----


class Sigset(Struct):
    """The kernel's sigset_t: bit n - 1 is signal n."""

    c_name_ = "sigset_t"
    sig: u64


class Sigaction(Struct):
    """The kernel's, of rt_sigaction(2): not the C library's."""

    c_name_ = "struct sigaction"
    sa_handler: u64
    sa_flags: u64
    sa_restorer: u64
    sa_mask: u64


class Sigaltstack(Struct):
    c_name_ = "stack_t"
    ss_sp: u64
    ss_flags: s32
    ss_size: u64


class Ucontext(Struct):
    c_name_ = "struct ucontext"
    uc_flags: u64
    uc_link: u64
    uc_stack: Sigaltstack
    uc_mcontext: Sigcontext
    uc_sigmask: u64


class Sigevent(Struct):
    """With SIGEV_THREAD_ID's view of the union."""

    c_name_ = "struct sigevent"
    size_at_least_ = 64
    sigev_value: u64
    sigev_signo: s32
    sigev_notify: s32
    sigev_notify_thread_id: s32


class Siginfo(Struct):
    """What all views of a siginfo_t begin with; the rest is zero."""

    c_name_ = "siginfo_t"
    size_at_least_ = 128
    si_signo: s32
    si_errno: s32
    si_code: s32
    _pad: pad4


class SiginfoKill(Siginfo):
    """SI_USER, SI_TKILL, SI_QUEUE and real-time signals: from whom, and sigqueue(3)'s value."""

    c_name_ = "siginfo_t"
    size_at_least_ = 128
    si_pid: s32
    si_uid: u32
    si_value: u64


class SiginfoTimer(Siginfo):
    """SI_TIMER: a timer of timer_create(2)."""

    c_name_ = "siginfo_t"
    size_at_least_ = 128
    si_tid: s32
    si_overrun: s32
    si_value: u64


class SiginfoChild(Siginfo):
    """SIGCHLD, and waitid(2)'s answer."""

    c_name_ = "siginfo_t"
    size_at_least_ = 128
    si_pid: s32
    si_uid: u32
    si_status: s32
    si_utime: s64
    si_stime: s64


class SiginfoFault(Siginfo):
    """SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP."""

    c_name_ = "siginfo_t"
    size_at_least_ = 128
    si_addr: u64
    si_addr_lsb: s16


class SiginfoPoll(Siginfo):
    """SIGIO."""

    c_name_ = "siginfo_t"
    size_at_least_ = 128
    si_band: s64
    si_fd: s32


class SiginfoSys(Siginfo):
    """SIGSYS: a call that seccomp(2) caught."""

    c_name_ = "siginfo_t"
    size_at_least_ = 128
    si_call_addr: u64
    si_syscall: s32
    si_arch: u32


# ---- Processes ----


class Rlimit(Struct):
    c_name_ = "struct rlimit"
    rlim_cur: u64
    rlim_max: u64


class Rusage(Struct):
    c_name_ = "struct rusage"
    ru_utime: Timeval
    ru_stime: Timeval
    ru_maxrss: s64
    ru_ixrss: s64
    ru_idrss: s64
    ru_isrss: s64
    ru_minflt: s64
    ru_majflt: s64
    ru_nswap: s64
    ru_inblock: s64
    ru_oublock: s64
    ru_msgsnd: s64
    ru_msgrcv: s64
    ru_nsignals: s64
    ru_nvcsw: s64
    ru_nivcsw: s64


class Utsname(Struct):
    c_name_ = "struct new_utsname"
    sysname: char65
    nodename: char65
    release: char65
    version: char65
    machine: char65
    domainname: char65


class Sysinfo(Struct):
    c_name_ = "struct sysinfo"
    uptime: s64
    loads: u64x3
    totalram: u64
    freeram: u64
    sharedram: u64
    bufferram: u64
    totalswap: u64
    freeswap: u64
    procs: u16
    totalhigh: u64
    freehigh: u64
    mem_unit: u32


class CloneArgs(Struct):
    c_name_ = "struct clone_args"
    flags: u64
    pidfd: u64
    child_tid: u64
    parent_tid: u64
    exit_signal: u64
    stack: u64
    stack_size: u64
    tls: u64
    set_tid: u64
    set_tid_size: u64
    cgroup: u64


class RobustListHead(Struct):
    c_name_ = "struct robust_list_head"
    list: u64
    futex_offset: s64
    list_op_pending: u64


class FutexWaitv(Struct):
    c_name_ = "struct futex_waitv"
    val: u64
    uaddr: u64
    flags: u32
    _reserved: pad4


class SchedParam(Struct):
    sched_priority: s32


class SchedAttr(Struct):
    c_name_ = "struct sched_attr"
    size_: u32
    sched_policy: u32
    sched_flags: u64
    sched_nice: s32
    sched_priority: u32
    sched_runtime: u64
    sched_deadline: u64
    sched_period: u64
    sched_util_min: u32
    sched_util_max: u32


class PrctlMmMap(Struct):
    """PR_SET_MM_MAP's (prctl(2))."""

    c_name_ = "struct prctl_mm_map"
    start_code: u64
    end_code: u64
    start_data: u64
    end_data: u64
    start_brk: u64
    brk: u64
    start_stack: u64
    arg_start: u64
    arg_end: u64
    env_start: u64
    env_end: u64
    auxv: u64
    auxv_size: u32
    exe_fd: s32


class CapHeader(Struct):
    c_name_ = "struct __user_cap_header_struct"
    version: u32
    pid: s32


class CapData(Struct):
    """One of the two that version 3 has: 32 capabilities each."""

    c_name_ = "struct __user_cap_data_struct"
    effective: u32
    permitted: u32
    inheritable: u32


class SockFprog(Struct):
    """A classic BPF program: the number of instructions and their address."""

    c_name_ = "struct sock_fprog"
    len: u16
    filter: u64
