"""What doctor says of a machine: each reason why there is no VM names what helps."""

from __future__ import annotations

import errno
import grp
import json
import os
import pwd
import resource
import subprocess
import sys
import types
from collections.abc import Callable

import pytest

from noahpy import doctor
from noahpy.doctor import Problem, diagnose


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """A machine as the test says: `files` by path, what exists, device file, user."""
    machine = types.SimpleNamespace(files={}, exists=set(), mode=0o660, uid=1000, members=[])
    user = types.SimpleNamespace(pw_name="ann")
    root = types.SimpleNamespace(pw_name="root")
    monkeypatch.setattr(doctor, "_read", lambda path: machine.files.get(path, ""))
    monkeypatch.setattr(os.path, "exists", lambda path: path in machine.exists)
    monkeypatch.setattr(os, "stat", lambda _: types.SimpleNamespace(st_mode=machine.mode, st_uid=0, st_gid=36))
    monkeypatch.setattr(os, "geteuid", lambda: machine.uid)
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: user if uid else root)
    monkeypatch.setattr(grp, "getgrgid", lambda _: types.SimpleNamespace(gr_name="kvm", gr_mem=machine.members))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return machine


def flags(words: str) -> dict[str, str]:
    return {"/proc/cpuinfo": f"processor\t: 0\nflags\t\t: fpu {words}\nvmx flags\t: vnmi\n"}


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENODEV, errno.ENXIO])
@pytest.mark.parametrize(
    ("words", "cause", "helps"),
    [
        ("vmx sse2", "module", "sudo modprobe kvm_intel; if that fails, VT-x is off in the firmware's set-up"),
        ("sse2 svm", "module", "sudo modprobe kvm_amd; if that fails, AMD-V is off in the firmware's set-up"),
        ("hypervisor", "nested", "enable that where it is started"),
        ("sse2", "firmware", "enable it (VT-x, AMD-V or SVM) in the firmware's set-up"),
    ],
)
def test_no_kvm_in_the_kernel(machine, number, words, cause, helps):
    machine.files |= flags(words)
    problem = diagnose(number)
    assert problem.cause == cause
    assert problem.helps.startswith(helps)
    machine.exists = {"/.dockerenv"}
    assert diagnose(number).cause == cause
    assert ("on the container's host" in diagnose(number).helps) == (cause == "module")


@pytest.mark.parametrize(
    ("vendor", "product", "name", "helps"),
    [
        ("QEMU", "Standard PC (Q35 + ICH9, 2009)", "QEMU", "nested=1"),
        ("VMware, Inc.", "VMware Virtual Platform", "VMware", "vhv.enable"),
        ("innotek GmbH", "VirtualBox", "VirtualBox", "--nested-hw-virt on"),
        ("Microsoft Corporation", "Virtual Machine", "Hyper-V", "-ExposeVirtualizationExtensions $true"),
        ("Google", "Google Compute Engine", "Google Cloud", "--enable-nested-virtualization"),
        ("Amazon EC2", "c7i.large", "Amazon EC2", ".metal"),
    ],
)
def test_nested_virtualisation_is_off(machine, vendor, product, name, helps):
    machine.files |= flags("sse2 hypervisor")
    machine.files |= {"/sys/class/dmi/id/sys_vendor": f"{vendor}\n", "/sys/class/dmi/id/product_name": f"{product}\n"}
    problem = diagnose(errno.ENOENT)
    assert problem.cause == "nested"
    assert f"this is a virtual machine ({name}) without nested virtualisation" in problem.what
    assert helps in problem.helps


def test_nested_virtualisation_is_off_in_wsl(machine):
    machine.files |= flags("sse2 hypervisor")
    machine.files["/proc/sys/kernel/osrelease"] = "5.15.146.1-microsoft-standard-WSL2\n"
    assert ".wslconfig" in diagnose(errno.ENOENT).helps


@pytest.mark.parametrize(
    ("mark", "helps"),
    [
        ("/.dockerenv", "docker run --device /dev/kvm"),
        ("/run/.containerenv", "podman run --device /dev/kvm"),
        ("lxc", "lxc.mount.entry = /dev/kvm dev/kvm"),
        ("kubernetes", "give the pod /dev/kvm"),
        ("systemd-nspawn", "sudo mknod -m 660 /dev/kvm c 10 232"),
    ],
)
def test_hidden_by_a_container(machine, monkeypatch, mark, helps):
    machine.files["/proc/misc"] = "259 cpu_dma_latency\n232 kvm\n"
    assert "udevadm" in diagnose(errno.ENOENT).helps
    if mark == "kubernetes":
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    elif mark[0] == "/":
        machine.exists = {mark}
    else:
        machine.files["/run/systemd/container"] = f"{mark}\n"
    for number in (errno.ENOENT, errno.ENOTTY):
        problem = diagnose(number)
        assert problem.cause == ("device-hidden" if number == errno.ENOENT else "not-kvm")
        assert helps in problem.helps


def test_no_permission(machine):
    problem = diagnose(errno.EACCES)
    assert problem.cause == "permission"
    assert str(problem) == (
        "no permission for /dev/kvm: ann is not in its group kvm: sudo usermod -aG kvm ann, and log in again"
    )
    machine.members.append("ann")
    assert diagnose(errno.EACCES).cause == "login"
    assert "log in again" in diagnose(errno.EACCES).helps
    machine.mode = 0o600
    assert "only root may use it: sudo setfacl -m u:ann:rw /dev/kvm" in str(diagnose(errno.EACCES))
    machine.uid = 0
    assert diagnose(errno.EPERM).cause == "device-rules"
    assert "--device /dev/kvm" in diagnose(errno.EPERM).helps


def test_busy(machine):
    assert "another hypervisor" in str(diagnose(errno.EBUSY))
    machine.files["/proc/modules"] = "vboxnetflt 1 0\nvboxdrv 62 1 vboxnetflt, Live\n"
    assert "VirtualBox holds" in diagnose(errno.EBUSY).what
    assert "sudo modprobe -r vboxdrv" in diagnose(errno.EBUSY).helps
    machine.files["/proc/modules"] = "vmmon 62 1\n"
    assert "sudo modprobe -r vmmon" in diagnose(errno.EBUSY).helps


def test_too_old():
    problem = diagnose(errno.ENOSYS, detail="this KVM is too old: it lacks KVM_CAP_SYNC_REGS (Linux 4.17)")
    assert problem.cause == "kvm-too-old"
    assert "KVM_CAP_SYNC_REGS" in problem.what
    assert "newer Linux kernel" in problem.helps


def test_anything_else_is_said_as_the_engine_says_it():
    assert str(diagnose(errno.EIO, detail="KVM_RUN: Input/output error")) == "KVM_RUN: Input/output error"
    assert str(diagnose(errno.EIO)) == "/dev/kvm: Input/output error"


def limited(what: int, limit: int, code: str) -> str:
    """What Python prints of `code` under a limit."""
    command = [sys.executable, "-c", f"from noahpy import doctor; {code}"]
    return subprocess.run(
        command, preexec_fn=lambda: resource.setrlimit(what, (limit, limit)), capture_output=True, text=True, check=True
    ).stdout


def test_limited_address_space():
    out = limited(resource.RLIMIT_AS, 4 << 30, "print(doctor.diagnose(12)); print(doctor.report()['problems'])")
    assert out.count("limited to 4096 MiB") == 2
    assert out.count("ulimit -v unlimited") == 2
    assert out.count("'cause': 'address-space'") == 1


def test_too_few_descriptors():
    out = limited(resource.RLIMIT_NOFILE, 20, "print(doctor.diagnose(24))")
    assert out == "no room for noahpy's own descriptors: the limit of open files is 20: raise it (ulimit -n 64)\n"


@pytest.fixture
def engine_says(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What KVM says, beside a simulated CPU that works."""
    sim = {"available": True, "flavour": "Unicorn 2.1", "exit_us": 1.0}
    return lambda **says: monkeypatch.setattr(doctor, "probe", lambda engine: dict(says if engine == "kvm" else sim))


def test_report_of_a_machine_that_works(engine_says, capsys):
    engine_says(available=True, flavour="PVM", exit_us=27.25)
    assert doctor.main(as_json=False) == 0
    out = capsys.readouterr().out
    assert "KVM, PVM" in out
    assert "27.2 µs" in out
    assert out.endswith("programs can run\n")
    assert doctor.main(as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["engine"]["exit_us"] == 27.25


def test_report_of_one_that_does_not(engine_says, capsys):
    problem = Problem("nested", "there is no /dev/kvm", "enable it")
    engine_says(available=False, problem=problem)
    assert doctor.main(as_json=False) == 1
    out = capsys.readouterr().out
    assert "problem        there is no /dev/kvm\nwhat helps     enable it\n" in out
    assert out.endswith("programs run on the simulated CPU, slowly\n")
    assert len(out.splitlines()) < 24
    engine_says(available=False, problem=problem)
    assert doctor.main(as_json=True) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["problems"] == [{"cause": "nested", "what": "there is no /dev/kvm", "helps": "enable it"}]
    assert found["engine"] == {"available": False}


def test_the_interpreters_kind(engine_says):
    engine_says(available=True)
    with open("/proc/self/exe", "rb") as file:
        assert doctor.report()["python"]["pie"] == (file.read(17)[16] == 3)
