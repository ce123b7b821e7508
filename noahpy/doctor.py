"""`noahpy doctor`: can programs run here, and if not, why, and what helps."""

from __future__ import annotations

import os
import sys
from errno import EACCES, EBUSY, EMFILE, ENODEV, ENOENT, ENOMEM, ENOSYS, ENOTTY, ENXIO, EPERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

WINDOW_NEEDS = (64 << 40) + (4 << 30)  # bytes of address space: the window and what follows it
DESCRIPTORS_NEEDED = 64  # for a program of some threads, with noahpy's own

# The CPU's flag, its module, what people call it.
_HARDWARE = (("vmx", "kvm_intel", "VT-x"), ("svm", "kvm_amd", "AMD-V"))
# What the firmware's tables say of a virtual machine's maker, its name, how it is told to let its guests have machines.
_HYPERVISORS = (
    ("VMware", "VMware", 'vhv.enable = "TRUE" in its .vmx file'),
    ("innotek", "VirtualBox", "VBoxManage modifyvm NAME --nested-hw-virt on"),
    ("Microsoft", "Hyper-V", "Set-VMProcessor NAME -ExposeVirtualizationExtensions $true"),
    ("Google", "Google Cloud", "an instance made with --enable-nested-virtualization"),
    ("Amazon", "Amazon EC2", "a .metal instance, or a type that has nested virtualisation"),
    ("Parallels", "Parallels", "'nested virtualization' in its settings"),
    ("Xen", "Xen", "nestedhvm=1 in its configuration"),
    ("QEMU", "QEMU", "-cpu host, on a host whose kvm_intel or kvm_amd is loaded with nested=1"),
)
_RIVALS = (("vboxdrv", "VirtualBox"), ("vmmon", "VMware"))


class Problem:
    """Why programs cannot run: `cause` for programs, `what` and `helps` for people."""

    __slots__ = ("cause", "what", "helps")

    def __init__(self, cause: str, what: str, helps: str = "") -> None:
        self.cause = cause
        self.what = what
        self.helps = helps

    def __str__(self) -> str:
        return f"{self.what}: {self.helps}" if self.helps else self.what


def diagnose(errno: int, device: str = "/dev/kvm", detail: str = "") -> Problem:
    """Why there is no VM, and what helps. `errno` and `detail` (what was tried) are the engine's."""
    if errno == ENOENT:
        return _absent(f"there is no {device}", device)
    if errno in (ENODEV, ENXIO):
        return _no_driver(f"{device} has no driver")
    if errno in (EACCES, EPERM):
        return _forbidden(device)
    if errno == EBUSY:
        return _busy(device)
    if errno == ENOTTY:
        return Problem("not-kvm", f"{device} is not KVM's: something else lies in its place", _show_device(device))
    if errno == ENOSYS:
        what = detail or f"the KVM behind {device} is too old"
        return Problem("kvm-too-old", what, "a newer Linux kernel on this machine helps")
    if errno == EMFILE:
        return _descriptors()
    if errno == ENOMEM and address_space_limit() is not None:
        return _limited()
    return Problem("other", detail or f"{device}: {os.strerror(errno)}")


def address_space_limit() -> int | None:
    """RLIMIT_AS in bytes, if it is too low for the guest's window."""
    from resource import RLIM_INFINITY, RLIMIT_AS, getrlimit

    soft, _ = getrlimit(RLIMIT_AS)
    return None if soft == RLIM_INFINITY or soft >= WINDOW_NEEDS else soft


def _limited() -> Problem:
    limit = address_space_limit() or 0
    return Problem(
        "address-space",
        f"the address space is limited to {limit >> 20} MiB",
        "lift the limit (ulimit -v unlimited; for a service LimitAS=infinity)",
    )


def _descriptors() -> Problem:
    what = "no room for noahpy's own descriptors"
    try:
        from resource import RLIMIT_NOFILE, getrlimit

        what += f": the limit of open files is {getrlimit(RLIMIT_NOFILE)[1]}"
    except ImportError:  # there is not even one for the module's file
        pass
    return Problem("descriptors", what, f"raise it (ulimit -n {DESCRIPTORS_NEEDED})")


# ---- The device ----


def _absent(what: str, device: str) -> Problem:
    if not any(line.split()[1:] == ["kvm"] for line in _read("/proc/misc").splitlines()):
        return _no_driver(what)
    what += ", though the kernel has KVM"
    if _container():
        return Problem("device-hidden", f"{what}: this is a container that does not show it", _show_device(device))
    return Problem("device-hidden", what, f"sudo mknod -m 660 {device} c 10 232, or: sudo udevadm trigger")


def _no_driver(what: str) -> Problem:
    where = " on the container's host" if _container() else ""
    flags = _cpu_flags()
    for flag, module, name in _HARDWARE:
        if flag in flags:
            rest = f"; if that fails, {name} is off in the firmware's set-up"
            return Problem("module", f"{what}: KVM's module is not loaded", f"sudo modprobe {module}{where}{rest}")
    if "hypervisor" in flags:
        name, how = _outer_hypervisor()
        return Problem("nested", f"{what}: this is a virtual machine{name} without nested virtualisation", how)
    helps = "enable it (VT-x, AMD-V or SVM) in the firmware's set-up, then: sudo modprobe kvm_intel || sudo modprobe kvm_amd"
    return Problem("firmware", f"{what}: the CPU's virtualisation is off", helps)


def _cpu_flags() -> set[str]:
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("flags"):
            return set(line.partition(":")[2].split())
    return set()


def _outer_hypervisor() -> tuple[str, str]:
    if "microsoft" in _read("/proc/sys/kernel/osrelease").lower():
        return " (WSL)", "nestedVirtualization=true under [wsl2] in .wslconfig, then: wsl --shutdown"
    made_by = _read("/sys/class/dmi/id/sys_vendor") + _read("/sys/class/dmi/id/product_name")
    for mark, name, how in _HYPERVISORS:
        if mark in made_by:
            return f" ({name})", f"enable that where it is started: {how}"
    return "", "enable that where it is started"


def _container() -> str:
    """What kind of container this is, as far as it can be told; empty: none."""
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return "kubernetes"
    for mark, name in (("/.dockerenv", "docker"), ("/run/.containerenv", "podman")):
        if os.path.exists(mark):
            return name
    return _read("/run/systemd/container").strip()


def _show_device(device: str) -> str:
    kind = _container()
    if kind == "kubernetes":
        return f"give the pod {device}: a device plugin for KVM, or a privileged container with it as a hostPath"
    if kind in ("docker", "podman"):
        return f"{kind} run --device {device}"
    if kind.startswith("lxc"):
        return f"let the container have it (lxc.mount.entry = {device} dev/kvm none bind,create=file)"
    return f"for a container, --device {device} shows it; else: sudo mknod -m 660 {device} c 10 232"


def _forbidden(device: str) -> Problem:
    from grp import getgrgid
    from pwd import getpwuid

    what = f"no permission for {device}"
    try:
        status = os.stat(device)
        user = getpwuid(os.geteuid()).pw_name
        group = getgrgid(status.st_gid)
    except (OSError, KeyError):
        return Problem("permission", what, f"sudo chmod o+rw {device}")
    if os.geteuid() == 0 or os.access(device, os.R_OK | os.W_OK):
        helps = f"allow it there (docker run --device {device}; a service's DeviceAllow={device} rw)"
        return Problem("device-rules", f"{what}: a container's or service's device rules forbid it", helps)
    if status.st_mode & 0o060 != 0o060:
        owner = getpwuid(status.st_uid).pw_name
        return Problem("permission", f"{what}: only {owner} may use it", f"sudo setfacl -m u:{user}:rw {device}")
    if user in group.gr_mem:
        return Problem(
            "login", f"{what}: {user} is in its group {group.gr_name}, but this session began before", "log in again"
        )
    helps = f"sudo usermod -aG {group.gr_name} {user}, and log in again"
    return Problem("permission", f"{what}: {user} is not in its group {group.gr_name}", helps)


def _busy(device: str) -> Problem:
    what = f"{device} is busy"
    modules = [line.split()[0] for line in _read("/proc/modules").splitlines()]
    for module, name in _RIVALS:
        if module in modules:
            helps = f"end its machines, or: sudo modprobe -r {module}"
            return Problem("busy", f"{what}: {name} holds the CPU's virtualisation", helps)
    return Problem("busy", f"{what}: another hypervisor holds the CPU's virtualisation", "end its machines")


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


# ---- The report ----


def _is_pie() -> bool:
    """Whether this interpreter is position-independent: e_type is ET_DYN (elf(5))."""
    with open("/proc/self/exe", "rb") as file:
        return file.read(18)[16] == 3


def probe(engine: str) -> dict[str, Any]:
    """What `engine` says of itself: available; then flavour and exit_us, else the problem (engine/kvm.py)."""
    import json

    source, sink = os.pipe()
    child = os.fork()  # a process opens one engine
    if not child:
        os.write(sink, json.dumps(_probe(engine)).encode())
        os._exit(0)
    os.close(sink)
    with open(source, "rb") as stream:
        answer = stream.read()
    os.waitpid(child, 0)
    says: dict[str, Any] = json.loads(answer or '{"available": false, "problem": ["died", "trying it ended the process", ""]}')
    return {**says, "problem": Problem(*says["problem"])} if "problem" in says else says


def _probe(engine: str) -> dict[str, Any]:
    try:
        from .engine import kvm

        says: dict[str, Any] = kvm.probe(engine)
    except ImportError as error:
        what = f"noahpy's native part does not load: {error}"
        says = {"available": False, "problem": Problem("native-part", what, "in the sources: make build")}
    if not says["available"]:
        problem = says["problem"]
        says["problem"] = (problem.cause, problem.what, problem.helps)
    return says


def report() -> dict[str, Any]:
    """All that doctor knows, as --json prints it."""
    from . import __version__

    engine, simulation = probe("kvm"), probe("sim")
    found = [engine.pop("problem")] if not engine["available"] else []
    missing = simulation.pop("problem", None)
    if missing:
        simulation["reason"] = str(missing)
    if address_space_limit() is not None and all(problem.cause != "address-space" for problem in found):
        found.append(_limited())
    if sys.maxsize < 1 << 32 or os.uname().machine != "x86_64":
        what = f"this is {os.uname().machine}: noahpy runs x86-64 programs on x86-64"
        found.append(Problem("architecture", what, "use an x86-64 machine and a 64-bit Python"))
    return {
        "version": __version__,
        "ok": not found,
        "engine": engine,
        "simulation": simulation,
        "python": {"version": sys.version.split()[0], "path": sys.executable, "pie": _is_pie()},
        "kernel": os.uname().release,
        "problems": [{"cause": problem.cause, "what": problem.what, "helps": problem.helps} for problem in found],
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
    simulation = found["simulation"]
    rows += [
        ("simulated CPU", f"{simulation['flavour']} (--engine sim)" if simulation["available"] else simulation["reason"]),
        ("Python", f"{python['version']}, {'' if python['pie'] else 'not '}position-independent, {python['path']}"),
        ("kernel", found["kernel"]),
    ]
    for problem in found["problems"]:
        rows += [("problem", problem["what"]), *([("what helps", problem["helps"])] if problem["helps"] else [])]
    if found["ok"]:
        rows.append(("verdict", "programs can run"))
    elif simulation["available"]:
        rows.append(("until then", "programs run on the simulated CPU, slowly"))
    return "".join(f"{name:14} {value}\n" for name, value in rows)
