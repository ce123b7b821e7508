"""One virtual machine: QEMU's TCG with AMD's SVM, from power-on to power-off."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .debian import Parts

HERE = Path(__file__).parent
KERNEL_ARGUMENTS = "console=ttyS0 panic=-1 mitigations=off nokaslr tsc=reliable quiet"


@dataclass(frozen=True)
class Machine:
    """A model of QEMU's CPUs, and how many of them."""

    model: str
    cpus: int

    def __str__(self) -> str:
        return f"{self.model}, {self.cpus} CPU{'s' if self.cpus > 1 else ''}"

    def run(self, parts: Parts, folder: Path, where: Path, share: Path, job: str, timeout: float) -> str:
        """Boot, run the shell script `job` with what it prints going to share/output, and power off.

        It sees `folder` as `where` (what it writes there is lost) and `share`, a fresh folder, as /share. The answer is why
        the machine did not come to the job's end in `timeout` seconds, or nothing; share/console has what its kernel said.

        A nanosecond passes in there with each instruction: however slow the host, timers leave a program time to run. It
        costs that one thread does the work of all its CPUs.
        """
        share.mkdir(parents=True)
        (share / "job").write_text(job)
        (share / "output").touch()
        (share / "initrd").write_bytes(_initrd(parts))
        environment = {**os.environ, "QEMU_MODULE_DIR": str(parts.tree / "usr/lib/x86_64-linux-gnu/qemu")}
        command = self._command(parts, folder, where, share)
        with (share / "qemu").open("w") as complaints:
            qemu = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stderr=complaints, start_new_session=True
            )
            try:
                status = qemu.wait(timeout)
            except subprocess.TimeoutExpired:
                return f"not done after {timeout:.0f} s"
            finally:
                qemu.kill()
                qemu.wait()
        if status:
            return f"QEMU failed: {(share / 'qemu').read_text().strip().rpartition(chr(10))[2]}"
        return "" if (share / "done").exists() else "it died"

    def _command(self, parts: Parts, folder: Path, where: Path, share: Path) -> list[str]:
        command = parts.command("usr/bin/qemu-system-x86_64", "-nodefaults", "-no-reboot", "-display", "none")
        for firmware in ("seabios", "qemu"):
            command += ["-L", str(parts.tree / "usr/share" / firmware)]
        command += ["-M", "q35", "-accel", "tcg,thread=single,tb-size=512", "-icount", "shift=0", "-m", "2G"]
        command += ["-cpu", f"{self.model},+svm,+npt", "-smp", str(self.cpus)]
        command += ["-kernel", str(parts.kernel), "-initrd", str(share / "initrd")]
        command += ["-append", f"{KERNEL_ARGUMENTS} where={where}"]
        command += ["-drive", f"file={parts.disk},format=raw,if=virtio,snapshot=on"]
        command += ["-serial", f"file:{share / 'console'}", "-serial", f"file:{share / 'output'}"]
        for name, path, mode in (("folder", folder, ",readonly=on"), ("share", share, "")):
            command += ["-fsdev", f"local,id={name},path={path},security_model=none,multidevs=remap{mode}"]
            command += ["-device", f"virtio-9p-pci,fsdev={name},mount_tag={name}"]
        return command


def _initrd(parts: Parts) -> bytes:
    """A cpio archive (the kernel's initramfs buffer format) of busybox, the modules and `init`."""
    files = {"init": HERE / "init", "bin/busybox": parts.tree / "bin/busybox"}
    files |= {f"modules/{path.name}": path for path in sorted(parts.modules.iterdir())}
    archive = bytearray()
    for name in ("bin", "dev", "modules", "proc", "root"):
        archive += _member(name, 0o040755, b"")
    for name, path in files.items():
        archive += _member(name, 0o100755, path.read_bytes())
    return bytes(archive + _member("TRAILER!!!", 0, b""))


def _member(name: str, mode: int, content: bytes) -> bytes:
    fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return _padded(head) + _padded(content)


def _padded(block: bytes) -> bytes:
    return block + bytes(-len(block) % 4)
