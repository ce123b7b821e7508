"""ioctl(2): requests on files, terminals, block devices and sockets, and what each one's argument is.

A request whose argument holds more than one pointer is not here, nor one that points to what holds pointers.
"""

from __future__ import annotations

from .flags import Choice
from .structs import Termios, Termios2, Timespec, Timeval, Winsize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .layout import Struct

# What the third argument is: not looked at, a plain value, or the address of what is read, written, or both.
NONE, VALUE, IN, OUT, INOUT = range(5)

_arguments: dict[int, tuple[int, int | type[Struct]]] = {}
_pointers: dict[int, int] = {}


def _row(request: int, direction: int = NONE, argument: int | type[Struct] = 0, pointer: int = 0) -> int:
    """`pointer`: where the argument holds one."""
    _arguments[request] = direction, argument
    if pointer:
        _pointers[request] = pointer
    return request


def argument(request: int) -> tuple[int, int] | None:
    """Direction and size in bytes of a request's argument (of its fixed part, if more follows); None: not known here."""
    row = structure(request)
    if row is None:
        return None
    direction, what = row
    return direction, what if isinstance(what, int) else what.size


def structure(request: int) -> tuple[int, int | type[Struct]] | None:
    """The same, with the struct instead of its size where it is known."""
    return _arguments.get(request)


def pointer(request: int) -> int | None:
    """At which byte of a request's argument there is a pointer; None: nowhere."""
    return _pointers.get(request)


def with_address() -> list[int]:
    """The requests whose argument is the address of what holds no pointer."""
    addresses = [request for request, (direction, _) in _arguments.items() if direction in (IN, OUT, INOUT)]
    return [request for request in addresses if request not in _pointers]


# Terminals: ioctl_tty(2), ioctl_console(2)
TCGETS = _row(0x5401, OUT, Termios)
TCSETS = _row(0x5402, IN, Termios)
TCSETSW = _row(0x5403, IN, Termios)
TCSETSF = _row(0x5404, IN, Termios)
TCGETA = _row(0x5405, OUT, 18)
TCSETA = _row(0x5406, IN, 18)
TCSETAW = _row(0x5407, IN, 18)
TCSETAF = _row(0x5408, IN, 18)
TCSBRK = _row(0x5409, VALUE)
TCXONC = _row(0x540A, VALUE)
TCFLSH = _row(0x540B, VALUE)
TIOCEXCL = _row(0x540C)
TIOCNXCL = _row(0x540D)
TIOCSCTTY = _row(0x540E, VALUE)
TIOCGPGRP = _row(0x540F, OUT, 4)
TIOCSPGRP = _row(0x5410, IN, 4)
TIOCOUTQ = _row(0x5411, OUT, 4)
TIOCSTI = _row(0x5412, IN, 1)
TIOCGWINSZ = _row(0x5413, OUT, Winsize)
TIOCSWINSZ = _row(0x5414, IN, Winsize)
TIOCMGET = _row(0x5415, OUT, 4)
TIOCMBIS = _row(0x5416, IN, 4)
TIOCMBIC = _row(0x5417, IN, 4)
TIOCMSET = _row(0x5418, IN, 4)
TIOCGSOFTCAR = _row(0x5419, OUT, 4)
TIOCSSOFTCAR = _row(0x541A, IN, 4)
FIONREAD = _row(0x541B, OUT, 4)
TIOCINQ = FIONREAD
TIOCCONS = _row(0x541D)
TIOCPKT = _row(0x5420, IN, 4)
FIONBIO = _row(0x5421, IN, 4)
TIOCNOTTY = _row(0x5422)
TIOCSETD = _row(0x5423, IN, 4)
TIOCGETD = _row(0x5424, OUT, 4)
TCSBRKP = _row(0x5425, VALUE)
TIOCSBRK = _row(0x5427)
TIOCCBRK = _row(0x5428)
TIOCGSID = _row(0x5429, OUT, 4)
TCGETS2 = _row(0x802C542A, OUT, Termios2)
TCSETS2 = _row(0x402C542B, IN, Termios2)
TCSETSW2 = _row(0x402C542C, IN, Termios2)
TCSETSF2 = _row(0x402C542D, IN, Termios2)
TIOCGPTN = _row(0x80045430, OUT, 4)
TIOCSPTLCK = _row(0x40045431, IN, 4)
TIOCGDEV = _row(0x80045432, OUT, 4)
TIOCSIG = _row(0x40045436, VALUE)
TIOCVHANGUP = _row(0x5437)
TIOCGPKT = _row(0x80045438, OUT, 4)
TIOCGPTLCK = _row(0x80045439, OUT, 4)
TIOCGEXCL = _row(0x80045440, OUT, 4)
TIOCGPTPEER = _row(0x5441, VALUE)
TIOCGLCKTRMIOS = _row(0x5456, OUT, Termios)
TIOCSLCKTRMIOS = _row(0x5457, IN, Termios)
TIOCSERGETLSR = _row(0x5459, OUT, 4)
TIOCMIWAIT = _row(0x545C, VALUE)
TIOCGICOUNT = _row(0x545D, OUT, 80)
KDMKTONE = _row(0x4B30, VALUE)
KDGETLED = _row(0x4B31, OUT, 1)
KDSETLED = _row(0x4B32, VALUE)
KDGKBTYPE = _row(0x4B33, OUT, 1)
KDSETMODE = _row(0x4B3A, VALUE)
KDGETMODE = _row(0x4B3B, OUT, 4)
KDGKBMODE = _row(0x4B44, OUT, 4)
KDSKBMODE = _row(0x4B45, VALUE)
VT_OPENQRY = _row(0x5600, OUT, 4)
VT_GETMODE = _row(0x5601, OUT, 8)
VT_SETMODE = _row(0x5602, IN, 8)
VT_GETSTATE = _row(0x5603, OUT, 6)
VT_RELDISP = _row(0x5605, VALUE)
VT_ACTIVATE = _row(0x5606, VALUE)
VT_WAITACTIVE = _row(0x5607, VALUE)
VT_DISALLOCATE = _row(0x5608, VALUE)

# Descriptors and files: ioctl(2), ioctl_iflags(2), ioctl_ficlone(2)
FIONCLEX = _row(0x5450)
FIOCLEX = _row(0x5451)
FIOASYNC = _row(0x5452, IN, 4)
FIOQSIZE = _row(0x5460, OUT, 8)
FIBMAP = _row(0x1, INOUT, 4)
FIGETBSZ = _row(0x2, OUT, 4)
FIFREEZE = _row(0xC0045877)
FITHAW = _row(0xC0045878)
FITRIM = _row(0xC0185879, INOUT, 24)
FICLONE = _row(0x40049409, VALUE)
FICLONERANGE = _row(0x4020940D, IN, 32)
FIDEDUPERANGE = _row(0xC0189436, INOUT, 24)
FS_IOC_FIEMAP = _row(0xC020660B, INOUT, 32)
FS_IOC_GETFLAGS = _row(0x80086601, OUT, 4)
FS_IOC_SETFLAGS = _row(0x40086602, IN, 4)
FS_IOC_GETVERSION = _row(0x80087601, OUT, 4)
FS_IOC_SETVERSION = _row(0x40087602, IN, 4)
FS_IOC_FSGETXATTR = _row(0x801C581F, OUT, 28)
FS_IOC_FSSETXATTR = _row(0x401C5820, IN, 28)
FS_IOC_GETFSLABEL = _row(0x81009431, OUT, 256)
FS_IOC_SETFSLABEL = _row(0x41009432, IN, 256)

# Block devices
BLKROSET = _row(0x125D, IN, 4)
BLKROGET = _row(0x125E, OUT, 4)
BLKRRPART = _row(0x125F)
BLKGETSIZE = _row(0x1260, OUT, 8)
BLKFLSBUF = _row(0x1261)
BLKRASET = _row(0x1262, VALUE)
BLKRAGET = _row(0x1263, OUT, 8)
BLKSECTGET = _row(0x1267, OUT, 2)
BLKSSZGET = _row(0x1268, OUT, 4)
BLKBSZGET = _row(0x80081270, OUT, 4)
BLKBSZSET = _row(0x40081271, IN, 4)
BLKGETSIZE64 = _row(0x80081272, OUT, 8)
BLKDISCARD = _row(0x1277, IN, 16)
BLKIOMIN = _row(0x1278, OUT, 4)
BLKIOOPT = _row(0x1279, OUT, 4)
BLKALIGNOFF = _row(0x127A, OUT, 4)
BLKPBSZGET = _row(0x127B, OUT, 4)
BLKDISCARDZEROES = _row(0x127C, OUT, 4)
BLKSECDISCARD = _row(0x127D, IN, 16)
BLKROTATIONAL = _row(0x127E, OUT, 2)
BLKZEROOUT = _row(0x127F, IN, 16)

# Loop devices: loop(4)
LOOP_SET_FD = _row(0x4C00, VALUE)
LOOP_CLR_FD = _row(0x4C01)
LOOP_SET_STATUS = _row(0x4C02, IN, 168)
LOOP_GET_STATUS = _row(0x4C03, OUT, 168)
LOOP_SET_STATUS64 = _row(0x4C04, IN, 232)
LOOP_GET_STATUS64 = _row(0x4C05, OUT, 232)
LOOP_CHANGE_FD = _row(0x4C06, VALUE)
LOOP_SET_CAPACITY = _row(0x4C07)
LOOP_SET_DIRECT_IO = _row(0x4C08, VALUE)
LOOP_SET_BLOCK_SIZE = _row(0x4C09, VALUE)
LOOP_CONFIGURE = _row(0x4C0A, IN, 304)
LOOP_CTL_ADD = _row(0x4C80, VALUE)
LOOP_CTL_REMOVE = _row(0x4C81, VALUE)
LOOP_CTL_GET_FREE = _row(0x4C82)

# Sockets: socket(7), netdevice(7)
FIOSETOWN = _row(0x8901, IN, 4)
SIOCSPGRP = _row(0x8902, IN, 4)
FIOGETOWN = _row(0x8903, OUT, 4)
SIOCGPGRP = _row(0x8904, OUT, 4)
SIOCATMARK = _row(0x8905, OUT, 4)
SIOCGSTAMP = _row(0x8906, OUT, Timeval)
SIOCGSTAMPNS = _row(0x8907, OUT, Timespec)
SIOCADDRT = _row(0x890B, IN, 120, pointer=88)
SIOCDELRT = _row(0x890C, IN, 120, pointer=88)
SIOCGIFNAME = _row(0x8910, INOUT, 40)
SIOCGIFCONF = _row(0x8912, INOUT, 16, pointer=8)
SIOCGIFFLAGS = _row(0x8913, INOUT, 40)
SIOCSIFFLAGS = _row(0x8914, IN, 40)
SIOCGIFADDR = _row(0x8915, INOUT, 40)
SIOCSIFADDR = _row(0x8916, IN, 40)
SIOCGIFDSTADDR = _row(0x8917, INOUT, 40)
SIOCSIFDSTADDR = _row(0x8918, IN, 40)
SIOCGIFBRDADDR = _row(0x8919, INOUT, 40)
SIOCSIFBRDADDR = _row(0x891A, IN, 40)
SIOCGIFNETMASK = _row(0x891B, INOUT, 40)
SIOCSIFNETMASK = _row(0x891C, IN, 40)
SIOCGIFMETRIC = _row(0x891D, INOUT, 40)
SIOCSIFMETRIC = _row(0x891E, IN, 40)
SIOCGIFMTU = _row(0x8921, INOUT, 40)
SIOCSIFMTU = _row(0x8922, IN, 40)
SIOCSIFNAME = _row(0x8923, IN, 40)
SIOCSIFHWADDR = _row(0x8924, IN, 40)
SIOCGIFHWADDR = _row(0x8927, INOUT, 40)
SIOCADDMULTI = _row(0x8931, IN, 40)
SIOCDELMULTI = _row(0x8932, IN, 40)
SIOCGIFINDEX = _row(0x8933, INOUT, 40)
SIOCSIFPFLAGS = _row(0x8934, IN, 40)
SIOCGIFPFLAGS = _row(0x8935, INOUT, 40)
SIOCGIFTXQLEN = _row(0x8942, INOUT, 40)
SIOCSIFTXQLEN = _row(0x8943, IN, 40)
SIOCETHTOOL = _row(0x8946, IN, 40, pointer=16)
SIOCDARP = _row(0x8953, IN, 68)
SIOCGARP = _row(0x8954, INOUT, 68)
SIOCSARP = _row(0x8955, IN, 68)
SIOCGIFMAP = _row(0x8970, INOUT, 40)
SIOCBRADDBR = _row(0x89A0, IN, 16)
SIOCBRDELBR = _row(0x89A1, IN, 16)
SIOCBRADDIF = _row(0x89A2, IN, 40)
SIOCBRDELIF = _row(0x89A3, IN, 40)
SIOCSHWTSTAMP = _row(0x89B0, IN, 40, pointer=16)
SIOCGHWTSTAMP = _row(0x89B1, IN, 40, pointer=16)

# Namespaces and processes by descriptors: ioctl_nsfs(2), ioctl_pidfd(2)
NS_GET_USERNS = _row(0xB701)
NS_GET_PARENT = _row(0xB702)
NS_GET_NSTYPE = _row(0xB703)
NS_GET_OWNER_UID = _row(0xB704, OUT, 4)
NS_GET_MNTNS_ID = _row(0x8008B705, OUT, 8)
NS_GET_PID_FROM_PIDNS = _row(0x8004B706, VALUE)
NS_GET_TGID_FROM_PIDNS = _row(0x8004B707, VALUE)
NS_GET_PID_IN_PIDNS = _row(0x8004B708, VALUE)
NS_GET_TGID_IN_PIDNS = _row(0x8004B709, VALUE)
PIDFD_GET_CGROUP_NAMESPACE = _row(0xFF01)
PIDFD_GET_IPC_NAMESPACE = _row(0xFF02)
PIDFD_GET_MNT_NAMESPACE = _row(0xFF03)
PIDFD_GET_NET_NAMESPACE = _row(0xFF04)
PIDFD_GET_PID_NAMESPACE = _row(0xFF05)
PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE = _row(0xFF06)
PIDFD_GET_TIME_NAMESPACE = _row(0xFF07)
PIDFD_GET_TIME_FOR_CHILDREN_NAMESPACE = _row(0xFF08)
PIDFD_GET_USER_NAMESPACE = _row(0xFF09)
PIDFD_GET_UTS_NAMESPACE = _row(0xFF0A)

# Network interfaces of programs' own (linux/if_tun.h)
TUNSETNOCSUM = _row(0x400454C8, VALUE)
TUNSETIFF = _row(0x400454CA, INOUT, 40)
TUNSETPERSIST = _row(0x400454CB, VALUE)
TUNSETOWNER = _row(0x400454CC, VALUE)
TUNSETLINK = _row(0x400454CD, VALUE)
TUNSETGROUP = _row(0x400454CE, VALUE)
TUNGETFEATURES = _row(0x800454CF, OUT, 4)
TUNSETOFFLOAD = _row(0x400454D0, VALUE)
TUNGETIFF = _row(0x800454D2, OUT, 40)
TUNGETSNDBUF = _row(0x800454D3, OUT, 4)
TUNSETSNDBUF = _row(0x400454D4, IN, 4)
TUNATTACHFILTER = _row(0x401054D5, IN, 16, pointer=8)
TUNDETACHFILTER = _row(0x401054D6, IN, 16, pointer=8)
TUNGETVNETHDRSZ = _row(0x800454D7, OUT, 4)
TUNSETVNETHDRSZ = _row(0x400454D8, IN, 4)
TUNSETQUEUE = _row(0x400454D9, IN, 40)

# Devices: random(4), rtc(4), vsock(7)
RNDGETENTCNT = _row(0x80045200, OUT, 4)
RNDADDTOENTCNT = _row(0x40045201, IN, 4)
RTC_AIE_ON = _row(0x7001)
RTC_AIE_OFF = _row(0x7002)
RTC_UIE_ON = _row(0x7003)
RTC_UIE_OFF = _row(0x7004)
RTC_PIE_ON = _row(0x7005)
RTC_PIE_OFF = _row(0x7006)
RTC_ALM_SET = _row(0x40247007, IN, 36)
RTC_ALM_READ = _row(0x80247008, OUT, 36)
RTC_RD_TIME = _row(0x80247009, OUT, 36)
RTC_SET_TIME = _row(0x4024700A, IN, 36)
RTC_IRQP_READ = _row(0x8008700B, OUT, 8)
RTC_IRQP_SET = _row(0x4008700C, VALUE)
RTC_WKALM_SET = _row(0x4028700F, IN, 40)
RTC_WKALM_RD = _row(0x80287010, OUT, 40)
IOCTL_VM_SOCKETS_GET_LOCAL_CID = _row(0x7B9, OUT, 4)


class IoctlRequest(Choice):
    """ioctl(2)'s `op`."""

    names = "TC* TIOC* FIO* FI* FS_IOC_* BLK* LOOP_* SIOC* KD* VT_* RND* RTC_* NS_* PIDFD_GET_* TUN* IOCTL_VM_*"
