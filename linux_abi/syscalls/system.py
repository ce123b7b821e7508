"""The machine and its administration: uname(2), sysinfo(2), getrandom(2), and what only an administrator may do."""

from __future__ import annotations

from ..syscall import forward, refuse
from ..types import Fd, Flags, InBuf, Int, Out, OutBuf, OutBytes, Path, Ptr, Size, Str, UInt, ULong
from ..uapi.errno import ENOSYS, EOPNOTSUPP, EPERM
from ..uapi.random import RandomFlags
from ..uapi.structs import Sysinfo, Utsname

# ---- The machine: the host's own ----


@forward
def uname(buf: Out[Utsname]) -> None:
    """Names and versions: the host's kernel is the guest's."""


@forward
def sysinfo(info: Out[Sysinfo]) -> None:
    """Memory, load and uptime of the host."""


@forward
def getrandom(buf: OutBytes, size: Size, flags: Flags[RandomFlags]) -> None:
    """Random bytes."""


@forward
def sethostname(name: InBuf, size: Int) -> None:
    """Set the host's name, if the host lets us."""


@forward
def setdomainname(name: InBuf, size: Int) -> None:
    """Set the host's NIS domain name, if the host lets us."""


@forward
def syslog(type: Int, bufp: OutBuf, size: Int) -> None:
    """Read or control the host's kernel log, if the host lets us."""


@forward
def lsm_list_modules(ids: Ptr, size: Ptr, flags: UInt) -> None:
    """The host's security modules."""


@forward
def lsm_get_self_attr(attr: UInt, ctx: Ptr, size: Ptr, flags: UInt) -> None:
    """The thread's security attributes."""


# ---- Not a guest's to do: the host is not its to administrate ----


@refuse(EPERM, "a guest does not restart the host")
def reboot(magic: Int, magic2: Int, op: UInt, arg: Ptr) -> None:
    """Restart or halt the machine."""


@refuse(EPERM, "a guest does not change the host's swap space")
def swapon(path: Path, swapflags: Int) -> None:
    """Start swapping to a file."""


@refuse(EPERM, "a guest does not change the host's swap space")
def swapoff(path: Path) -> None:
    """Stop swapping to a file."""


@refuse(EPERM, "a guest does not switch on the host's process accounting")
def acct(filename: Path) -> None:
    """Process accounting."""


@refuse(EPERM, "there is no kernel in the guest to load")
def kexec_load(entry: ULong, nr_segments: ULong, segments: Ptr, flags: ULong) -> None:
    """Load a kernel to boot."""


@refuse(EPERM, "there is no kernel in the guest to load")
def kexec_file_load(kernel_fd: Fd, initrd_fd: Fd, cmdline_len: ULong, cmdline: Ptr, flags: ULong) -> None:
    """Load a kernel to boot, from a file."""


@refuse(EPERM, "there is no kernel in the guest to load modules into")
def init_module(module_image: InBuf, size: ULong, param_values: Str) -> None:
    """Load a kernel module."""


@refuse(EPERM, "there is no kernel in the guest to load modules into")
def finit_module(fd: Fd, param_values: Str, flags: Int) -> None:
    """Load a kernel module from a file."""


@refuse(EPERM, "there is no kernel in the guest to unload modules from")
def delete_module(name: Str, flags: UInt) -> None:
    """Unload a kernel module."""


@refuse(EPERM, "a vCPU has no I/O ports of the host's")
def iopl(level: UInt) -> None:
    """Set the I/O privilege level."""


@refuse(EPERM, "a vCPU has no I/O ports of the host's")
def ioperm(from_: ULong, num: ULong, turn_on: Int) -> None:
    """Open I/O ports."""


# ---- What would act on the VMM and the guest alike ----


@refuse(ENOSYS, "a filter would hit the VMM's calls, which are not the guest's; as a kernel without CONFIG_SECCOMP")
def seccomp(operation: UInt, flags: UInt, args: Ptr) -> None:
    """Filter system calls."""


@refuse(EOPNOTSUPP, "a rule would hit the VMM's files too; as a kernel that has Landlock switched off")
def landlock_create_ruleset(attr: Ptr, size: Size, flags: UInt) -> None:
    """Make a Landlock rule set."""


@refuse(EOPNOTSUPP, "as landlock_create_ruleset")
def landlock_add_rule(ruleset_fd: Fd, rule_type: UInt, rule_attr: Ptr, flags: UInt) -> None:
    """Add a Landlock rule."""


@refuse(EOPNOTSUPP, "as landlock_create_ruleset")
def landlock_restrict_self(ruleset_fd: Fd, flags: UInt) -> None:
    """Enforce a Landlock rule set."""


@refuse(EOPNOTSUPP, "the VMM runs under the same attributes")
def lsm_set_self_attr(attr: UInt, ctx: Ptr, size: UInt, flags: UInt) -> None:
    """Set the thread's security attributes."""


@refuse(EPERM, "a program in the host's kernel would see the VMM in the guest's place")
def bpf(cmd: Int, attr: Ptr, size: UInt) -> None:
    """Load eBPF programs and maps."""


@refuse(EPERM, "the host's counters and samples would be the VMM's")
def perf_event_open(attr: Ptr, pid: Int, cpu: Int, group_fd: Fd, flags: ULong) -> None:
    """Measure performance."""


@refuse(ENOSYS, "its rings hold addresses that the host's kernel takes for the VMM's")
def io_uring_setup(entries: UInt, p: Ptr) -> None:
    """Make an io_uring."""


@refuse(ENOSYS, "as io_uring_setup")
def io_uring_enter(fd: UInt, to_submit: UInt, min_complete: UInt, flags: UInt, arg: Ptr, argsz: Size) -> None:
    """Submit to and wait for an io_uring."""


@refuse(ENOSYS, "as io_uring_setup")
def io_uring_register(fd: UInt, opcode: UInt, arg: Ptr, nr_args: UInt) -> None:
    """Register buffers or files with an io_uring."""


@refuse(ENOSYS, "keyrings are shared with the VMM; as a kernel without CONFIG_KEYS")
def add_key(type: Str, description: Str, payload: InBuf, plen: Size, keyring: Int) -> None:
    """Add a key to the kernel's keyring."""


@refuse(ENOSYS, "as add_key")
def request_key(type: Str, description: Str, callout_info: Str, dest_keyring: Int) -> None:
    """Look a key up in the kernel's keyring."""


@refuse(ENOSYS, "as add_key")
def keyctl(operation: Int, arg2: ULong, arg3: ULong, arg4: ULong, arg5: ULong) -> None:
    """Work on the kernel's keyrings."""


@refuse(ENOSYS, "a 64-bit guest has no use for a local descriptor table; as a kernel without CONFIG_MODIFY_LDT_SYSCALL")
def modify_ldt(func: Int, ptr: Ptr, bytecount: ULong) -> None:
    """Change the local descriptor table."""


# ---- Numbers that Linux itself answers with ENOSYS on x86-64 ----

_REMOVED = "Linux has taken it out"
_NEVER = "Linux has the number only"
_32_BIT = "for 32-bit programs"


@refuse(ENOSYS, _REMOVED)
def uselib(library: Str) -> None:
    """Load a shared library."""


@refuse(ENOSYS, _REMOVED)
def _sysctl(args: Ptr) -> None:
    """Read and write kernel parameters."""


@refuse(ENOSYS, _REMOVED)
def create_module(name: Str, size: Size) -> None:
    """Make room for a kernel module."""


@refuse(ENOSYS, _REMOVED)
def get_kernel_syms(table: Ptr) -> None:
    """The kernel's symbols."""


@refuse(ENOSYS, _REMOVED)
def query_module(name: Str, which: Int, buf: OutBuf, bufsize: Size, ret: Ptr) -> None:
    """Ask about kernel modules."""


@refuse(ENOSYS, _REMOVED)
def nfsservctl(cmd: Int, argp: Ptr, resp: Ptr) -> None:
    """Control the NFS server."""


@refuse(ENOSYS, _REMOVED)
def lookup_dcookie(cookie: ULong, buffer: OutBuf, len: Size) -> None:
    """A directory entry's path."""


@refuse(ENOSYS, _REMOVED)
def epoll_ctl_old() -> None:
    """An early epoll_ctl."""


@refuse(ENOSYS, _REMOVED)
def epoll_wait_old() -> None:
    """An early epoll_wait."""


@refuse(ENOSYS, _NEVER)
def getpmsg() -> None:
    """STREAMS."""


@refuse(ENOSYS, _NEVER)
def putpmsg() -> None:
    """STREAMS."""


@refuse(ENOSYS, _NEVER)
def afs_syscall() -> None:
    """AFS."""


@refuse(ENOSYS, _NEVER)
def tuxcall() -> None:
    """The TUX web server."""


@refuse(ENOSYS, _NEVER)
def security() -> None:
    """Security modules."""


@refuse(ENOSYS, _NEVER)
def vserver() -> None:
    """Linux-VServer."""


@refuse(ENOSYS, _32_BIT)
def set_thread_area(u_info: Ptr) -> None:
    """Set a TLS descriptor."""


@refuse(ENOSYS, _32_BIT)
def get_thread_area(u_info: Ptr) -> None:
    """A TLS descriptor."""
