"""`noahpy doctor`: can programs run here, and if not, why, and what helps."""

from __future__ import annotations

import os
import sys
from errno import EACCES, EBUSY, EMFILE, ENODEV, ENOENT, ENOMEM, ENOSYS, ENXIO, EPERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

WINDOW_NEEDS = (64 << 40) + (4 << 30)  # bytes of address space: the window and what follows it


def diagnose(errno: int, device: str = "/dev/kvm", detail: str = "") -> str:
    """One line: why there is no VM, and what helps. `errno` and `detail` (what was tried) are the engine's."""
    if errno == ENOENT:
        return f"there is no {device}: {_why_absent()}"
    if errno in (ENODEV, ENXIO):
        return f"{device} has no driver: {_why_absent()}"
    if errno in (EACCES, EPERM):
        return f"no permission for {device}: {_how_permitted(device)}"
    if errno == EBUSY:
        return f"{device} is busy: {_who_holds()}"
    if errno == ENOSYS:
        return f"{detail or f'the KVM behind {device} is too old'}; a newer Linux kernel on this machine helps"
    if errno == EMFILE:
        return "too many open files: raise the limit (ulimit -n)"
    if errno == ENOMEM and address_space_limit() is not None:
        return _limited()
    return detail or f"{device}: {os.strerror(errno)}"


def address_space_limit() -> int | None:
    """RLIMIT_AS in bytes, if it is too low for the guest's window."""
    from resource import RLIM_INFINITY, RLIMIT_AS, getrlimit

    soft, _ = getrlimit(RLIMIT_AS)
    return None if soft == RLIM_INFINITY or soft >= WINDOW_NEEDS else soft


def _limited() -> str:
    limit = address_space_limit() or 0
    return f"the address space is limited to {limit >> 20} MiB: lift the limit (ulimit -v unlimited)"


def _why_absent() -> str:
    if any(map(os.path.exists, ("/.dockerenv", "/run/.containerenv"))):
        return "start the container with --device /dev/kvm"
    flags = _read("/proc/cpuinfo")
    for flag, module in (("vmx", "kvm_intel"), ("svm", "kvm_amd")):
        if f" {flag} " in flags.replace("\n", " "):
            return f"load its module (sudo modprobe {module}); if that fails, the firmware's set-up has virtualisation off"
    if " hypervisor " in flags.replace("\n", " "):
        return "this is a virtual machine without nested virtualisation: enable that where it is started"
    return "enable virtualisation (VT-x, SVM) in the firmware's set-up, then: sudo modprobe kvm_intel || sudo modprobe kvm_amd"


def _how_permitted(device: str) -> str:
    from grp import getgrgid
    from pwd import getpwuid

    try:
        status = os.stat(device)
        user = getpwuid(os.geteuid()).pw_name
        group = getgrgid(status.st_gid)
    except (OSError, KeyError):
        return f"sudo chmod o+rw {device}"
    if os.geteuid() == 0 or os.access(device, os.R_OK | os.W_OK):
        return "a container's or service's device rules forbid it; for a container, --device /dev/kvm allows it"
    if status.st_mode & 0o060 != 0o060:
        return f"only {getpwuid(status.st_uid).pw_name} may use it; sudo setfacl -m u:{user}:rw {device}"
    if user in group.gr_mem:
        return f"{user} is in its group {group.gr_name}, but this session began before: log in again"
    return f"join its group {group.gr_name} (sudo usermod -aG {group.gr_name} {user}) and log in again"


def _who_holds() -> str:
    modules = [line.split()[0] for line in _read("/proc/modules").splitlines()]
    for module, name in (("vboxdrv", "VirtualBox"), ("vmmon", "VMware")):
        if module in modules:
            return f"{name} may hold the CPU's virtualisation; end its machines, or: sudo modprobe -r {module}"
    return "another hypervisor holds the CPU's virtualisation; end its machines"


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _is_pie() -> bool:
    """Whether this interpreter is position-independent: e_type is ET_DYN (elf(5))."""
    with open("/proc/self/exe", "rb") as file:
        return file.read(18)[16] == 3


def probe() -> dict[str, object]:
    """What the engine says of itself: available and reason, or flavour and exit_us (engine/kvm.py)."""
    try:
        from .engine import kvm

        return dict(kvm.probe())
    except ImportError as error:
        return {"available": False, "reason": f"noahpy's native part does not load: {error}"}


def report() -> dict[str, Any]:
    """All that doctor knows, as --json prints it."""
    from . import __version__

    engine = probe()
    problems = [] if engine["available"] else [str(engine["reason"])]
    if address_space_limit() is not None and _limited() not in problems:
        problems.append(_limited())
    if sys.maxsize < 1 << 32 or os.uname().machine != "x86_64":
        problems.append(f"this is {os.uname().machine}: noahpy runs x86-64 programs on x86-64")
    return {
        "version": __version__,
        "ok": not problems,
        "engine": engine,
        "python": {"version": sys.version.split()[0], "path": sys.executable, "pie": _is_pie()},
        "kernel": os.uname().release,
        "problems": problems,
    }


def main(as_json: bool) -> int:
    """Print the report; 0 if programs can run, else 1."""
    found = report()
    if as_json:
        import json

        print(json.dumps(found, indent=2))
    else:
        print(_text(found), end="")
    return 0 if found["ok"] else 1


def _text(found: dict[str, Any]) -> str:
    engine, python = found["engine"], found["python"]
    rows = [("noahpy", found["version"])]
    if engine["available"]:
        rows += [("engine", f"KVM, {engine['flavour']}"), ("an exit costs", f"{engine['exit_us']:.1f} µs")]
    rows += [
        ("Python", f"{python['version']}, {'' if python['pie'] else 'not '}position-independent, {python['path']}"),
        ("kernel", found["kernel"]),
    ]
    rows += [("problem", problem) for problem in found["problems"]] or [("verdict", "programs can run")]
    return "".join(f"{name:14} {value}\n" for name, value in rows)
