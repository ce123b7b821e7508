"""The tree that the guest sees, made of mounts in a namespace of its own (mount_namespaces(7)).

What is the host's is opened first, as copies of mounts that are nowhere yet. Then the new root takes the old one's place
(pivot_root(2)), and all the rest is done inside: symbolic links and `..` are the kernel's to follow, and cannot lead out.
"""

from __future__ import annotations

import os
from _struct import Struct
from stat import S_ISDIR

from linux_abi.uapi.errno import EINVAL, ELOOP, ENOENT, ENOTDIR
from linux_abi.uapi.mount import (
    MNT_DETACH,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    MS_PRIVATE,
    MS_REC,
)

from . import unpack
from .images import Broken
from .kernel import call, copy_mount, mounts, new_mount, put_mount, restrict_mount
from .policy import MEMORY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .policy import Policy

_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1
_IFREQ = Struct("<16sh22x")  # struct ifreq: ifr_name, ifr_flags
_STAGE = "/dev"  # a folder of every host's, for mounts to be put on for a while
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_DEV_LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}
# What would let root change the host, and what tells of the host's kernel, in /proc.
_PROC_READ_ONLY = ("sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "scsi", "driver", "mtrr")
_PROC_EMPTY = ("kcore", "keys", "key-users", "kmsg", "kpagecount", "kpageflags", "kpagecgroup", "timer_list", "vmallocinfo")
# File systems that are doors to the kernel: never to be written to where the host's are shown.
_DOORS = frozenset(
    """binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl proc pstore resctrl securityfs selinuxfs
    sysfs tracefs""".split()  # noqa: SIM905
)

_NO_OVERLAY = {
    ELOOP: "the tree lies in it: choose another folder",
    EINVAL: "something is mounted in the tree, or the folder's file system can't keep what an overlay changes",
}


class Failed(Exception):
    """The tree can't be made: one line why."""


def build(policy: Policy) -> None:
    """Become a process whose root directory is the tree. OSError, Failed: it can't be made; nothing of it is left then."""
    call("mount", 0, b"/\0", 0, MS_REC | MS_PRIVATE, 0)
    binds = [(bind, _copied("--bind", bind.source), S_ISDIR(os.stat(bind.source).st_mode)) for bind in policy.binds]
    devices = [(name, copy_mount(f"/dev/{name}", deep=False)) for name in _DEVICES if os.path.exists(f"/dev/{name}")]
    terminal = _terminal()
    proc = _proc()
    _new_root(policy)
    restrict_mount("/", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, deep=True)
    made = not policy.read_only
    places = [_place("/dev", True, made), _place("/proc", True, made)]
    targets = [_place(bind.target, folder, made) for bind, _, folder in binds]
    if policy.read_only:
        restrict_mount("/", MOUNT_ATTR_RDONLY, deep=True)
    _devices(places[0], devices, terminal)
    put_mount(proc, places[1])
    _guard_proc()
    for (bind, mount, _), target in zip(binds, targets, strict=True):
        attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (MOUNT_ATTR_RDONLY if bind.read_only else 0)
        restrict_mount("", attributes, deep=True, mount=mount)
        put_mount(mount, target)
    _close_doors()
    if not policy.network:
        _loopback()
    if policy.hostname:
        name = os.fsencode(policy.hostname)
        call("sethostname", name + b"\0", len(name))


def _copied(option: str, path: str) -> int:
    try:
        return copy_mount(path, deep=True)
    except OSError as error:
        raise Failed(f"{option} {path}: {error.strerror}") from None


def _terminal() -> int | None:
    """The terminal of a standard stream; None: there is none, or it is another mount namespace's."""
    try:
        return next((copy_mount(f"/proc/self/fd/{fd}", deep=False) for fd in range(3) if os.isatty(fd)), None)
    except OSError:
        return None


def _proc() -> int:
    try:
        return new_mount("proc")
    except PermissionError:
        raise Failed(
            "this host gives no /proc of the guest's own: parts of its own are hidden, as in a container"
            " (docker run --security-opt systempaths=unconfined)"
        ) from None


def _loopback() -> None:
    """A network of nothing but this process's own has a loopback, once it is switched on (netdevice(7))."""
    from fcntl import ioctl
    from socket import AF_INET, SOCK_DGRAM, socket

    with socket(AF_INET, SOCK_DGRAM) as any_one:
        ioctl(any_one, _SIOCSIFFLAGS, _IFREQ.pack(b"lo", _IFF_UP))


# ---- The root ----


def _new_root(policy: Policy) -> None:
    tree = policy.root or "/"
    if unpack.is_archive(tree):
        root = new_mount("tmpfs", mode="755")
        try:
            unpack.into(root, tree)
        except Broken as error:
            raise Failed(f"--root {tree}: {error}") from None
    else:
        root = _copied("--root", tree)
    overlay = -1
    if policy.overlay:
        in_memory = policy.overlay == MEMORY
        overlay = new_mount("tmpfs", mode="755") if in_memory else os.open(policy.overlay, os.O_PATH | os.O_DIRECTORY)
    put_mount(root, _STAGE)
    if overlay >= 0:
        put_mount(_overlaid(policy.overlay, overlay), _STAGE)
        os.close(overlay)
    os.chdir(_STAGE)
    call("pivot_root", b".\0", b".\0")
    call("umount2", b".\0", MNT_DETACH)
    os.chdir("/")


def _overlaid(name: str, changes: int) -> int:
    """The tree at _STAGE, under what is changed in it (Documentation/filesystems/overlayfs.rst)."""
    here = f"/proc/self/fd/{changes}"
    for part in ("upper", "work"):
        try:
            os.mkdir(f"{here}/{part}")
        except FileExistsError:
            pass
    options = {"lowerdir": _STAGE, "upperdir": f"{here}/upper", "workdir": f"{here}/work", "userxattr": ""}
    try:
        return new_mount("overlay", **options)
    except OSError as error:
        why = _NO_OVERLAY.get(error.errno or 0, error.strerror)
        raise Failed(f"--overlay {name}: {why}") from None


def _place(path: str, folder: bool, make: bool) -> str:
    """A folder or a file in the tree to mount on; made if it is missing."""
    if os.path.exists(path):
        if os.path.isdir(path) != folder:
            raise Failed(f"{path} in the tree is {'no' if folder else 'a'} folder: nothing can be shown there")
        return path
    if not make:
        raise Failed(f"there is no {path} in the tree, and --read-only makes none: make it first")
    try:
        os.makedirs(path if folder else os.path.dirname(path), exist_ok=True)
        if not folder:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
    except OSError as error:
        raise Failed(f"there is no {path} in the tree, and it can't be made: {error.strerror}") from None
    return path


def _close_doors() -> None:
    """What the tree shows of the host's kernel, beside our own /proc and /dev, can be looked at alone."""
    for _, path, kind, _ in mounts():
        if kind in _DOORS and not f"{path}/".startswith(("/proc/", "/dev/")):
            try:
                restrict_mount(path, MOUNT_ATTR_RDONLY, deep=False)
            except OSError as error:
                if error.errno not in (ENOENT, ENOTDIR, EINVAL):  # something else is mounted over it
                    raise


# ---- /proc and /dev ----


def _guard_proc() -> None:
    restrict_mount("/proc", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, deep=False)
    with open("/proc/sys/user/max_user_namespaces", "wb", buffering=0) as file:
        file.write(b"0")  # in one of its own a program would have all rights again, and the host's kernel more to fear
    for name in _PROC_READ_ONLY:
        path = f"/proc/{name}"
        if os.path.exists(path):
            put_mount(copy_mount(path, deep=False), path)
            restrict_mount(path, MOUNT_ATTR_RDONLY, deep=False)
    for name in _PROC_EMPTY:
        if os.path.exists(f"/proc/{name}"):
            put_mount(copy_mount("/dev/null", deep=False), f"/proc/{name}")


def _devices(place: str, devices: list[tuple[str, int]], terminal: int | None) -> None:
    put_mount(new_mount("tmpfs", mode="755", size="64k"), place)
    restrict_mount(place, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, deep=False)
    for name, device in [*devices, *([("console", terminal)] if terminal is not None else [])]:
        os.close(os.open(f"{place}/{name}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666))
        put_mount(device, f"{place}/{name}")
    for name in ("pts", "shm", "mqueue"):
        os.mkdir(f"{place}/{name}")
    put_mount(new_mount("devpts", newinstance="", ptmxmode="0666", mode="0620"), f"{place}/pts")
    put_mount(new_mount("tmpfs", mode="1777"), f"{place}/shm")
    put_mount(new_mount("mqueue"), f"{place}/mqueue")
    os.symlink("pts/ptmx", f"{place}/ptmx")
    for name, target in _DEV_LINKS.items():
        os.symlink(target, f"{place}/{name}")
