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

import pytest

from noahpy import doctor


@pytest.fixture
def machine(monkeypatch):
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
    return machine


@pytest.mark.parametrize(
    ("cpuinfo", "exists", "helps"),
    [
        ("flags\t\t: fpu vmx sse2\n", (), "sudo modprobe kvm_intel"),
        ("flags\t\t: fpu sse2 svm\n", (), "sudo modprobe kvm_amd"),
        ("flags\t\t: fpu hypervisor\n", (), "virtual machine without nested virtualisation"),
        ("flags\t\t: fpu\n", (), "enable virtualisation"),
        ("flags\t\t: fpu vmx\n", ("/.dockerenv",), "--device /dev/kvm"),
    ],
)
@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENODEV])
def test_absent(machine, number, cpuinfo, exists, helps):
    machine.files["/proc/cpuinfo"] = cpuinfo
    machine.exists = set(exists)
    assert helps in doctor.diagnose(number)


def test_no_permission(machine):
    assert "sudo usermod -aG kvm ann" in doctor.diagnose(errno.EACCES)
    machine.members.append("ann")
    assert "log in again" in doctor.diagnose(errno.EACCES)
    machine.mode = 0o600
    assert "only root may use it; sudo setfacl -m u:ann:rw /dev/kvm" in doctor.diagnose(errno.EACCES)
    machine.uid = 0
    assert "--device /dev/kvm" in doctor.diagnose(errno.EPERM)


def test_busy(machine):
    assert "another hypervisor" in doctor.diagnose(errno.EBUSY)
    machine.files["/proc/modules"] = "vboxnetflt 1 0\nvboxdrv 62 1 vboxnetflt, Live\n"
    assert "sudo modprobe -r vboxdrv" in doctor.diagnose(errno.EBUSY)


def test_too_old():
    said = doctor.diagnose(errno.ENOSYS, detail="this KVM is too old: it lacks KVM_CAP_SYNC_REGS (Linux 4.17)")
    assert "KVM_CAP_SYNC_REGS" in said
    assert "newer Linux kernel" in said


def test_limited_address_space():
    code = "from noahpy import doctor; print(doctor.diagnose(12)); print(doctor.report()['problems'])"

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))

    result = subprocess.run([sys.executable, "-c", code], preexec_fn=limit, capture_output=True, text=True, check=True)
    assert result.stdout.count("limited to 4096 MiB: lift the limit (ulimit -v unlimited)") == 2


def test_anything_else_is_said_as_the_engine_says_it():
    assert doctor.diagnose(errno.EIO, detail="KVM_RUN: Input/output error") == "KVM_RUN: Input/output error"
    assert doctor.diagnose(errno.EIO) == "/dev/kvm: Input/output error"


@pytest.fixture
def engine_says(monkeypatch):
    return lambda **says: monkeypatch.setattr(doctor, "probe", lambda: says)


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
    engine_says(available=False, reason="there is no /dev/kvm: enable it")
    assert doctor.main(as_json=False) == 1
    assert capsys.readouterr().out.endswith("problem        there is no /dev/kvm: enable it\n")
    assert doctor.main(as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["problems"] == ["there is no /dev/kvm: enable it"]


def test_the_interpreters_kind(engine_says):
    engine_says(available=True)
    with open("/proc/self/exe", "rb") as file:
        assert doctor.report()["python"]["pie"] == (file.read(17)[16] == 3)
