"""What the lab is made of, from Debian's packages alone: QEMU, a kernel with kvm-amd, and a root file system.

Nothing is installed: apt resolves for a system that has no package at all, `dpkg-deb` unpacks, and `mke2fs -d` fills the
disk. Programs of the tree are started by the tree's own ld.so, so the host's libraries do not matter, nor does its release:
from apt's sources comes only which mirror there is.
"""

from __future__ import annotations

import lzma
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

RELEASE = "bookworm"
# For QEMU 10: in 7.2, a machine of two CPUs whose kernel ran two VMs froze or panicked (corrupted stack end).
BACKPORTS = "bookworm-backports"
QEMU = [f"{name}/{BACKPORTS}" for name in ("qemu-system-x86", "qemu-system-common", "qemu-system-data", "seabios")]
KERNEL = "linux-image-amd64"
ROOT = (
    "python3", "python3-cffi-backend", "python3-psutil", "python3-pytest", "python3-pytest-timeout",
    "base-files", "base-passwd", "bash", "bsdextrautils", "busybox-static", "bzip2", "coreutils", "dash", "diffutils",
    "e2fsprogs", "findutils", "gawk", "grep", "gzip", "mount", "musl", "procps", "sed", "tar", "util-linux", "xz-utils", "zip",
)  # fmt: skip
MODULES = "virtio_pci", "virtio_blk", "crc32c_generic", "ext4", "9pnet_virtio", "9p", "overlay", "kvm-amd"

_DISK = "2G"  # sparse
_LD_SO = "lib64/ld-linux-x86-64.so.2"
_LIBRARIES = "lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"


class Parts:
    """The unpacked packages below `folder`, made there at the first use."""

    def __init__(self, folder: Path) -> None:
        self.tree = folder / "tree"
        self.kernel = folder / "vmlinuz"
        self.modules = folder / "modules"
        self.disk = folder / "disk"
        self._folder = folder
        self._recipe = Path(__file__).read_text()

    def command(self, program: str, *arguments: str) -> list[str]:
        """How to start a program of the tree on the host."""
        libraries = ":".join(str(self.tree / folder) for folder in _LIBRARIES)
        return [str(self.tree / _LD_SO), "--library-path", libraries, str(self.tree / program), *arguments]

    def make(self) -> None:
        """Bring all parts up to date with this file."""
        mark = self._folder / "made"
        if mark.exists() and mark.read_text() == self._recipe:
            return
        shutil.rmtree(self._folder, ignore_errors=True)
        for name in ("bin", "lib", "lib64", "sbin"):
            (self.tree / "usr" / name).mkdir(parents=True)
            (self.tree / name).symlink_to(f"usr/{name}")
        packages = list(self._download())
        image = next(path for path in packages if path.name.startswith("linux-image-") and path.stat().st_size > 1 << 20)
        for package in packages:
            if package != image:
                _unpack(package, self.tree)
        unpacked = self._folder / "kernel"
        _unpack(image, unpacked)
        shutil.copy(next(unpacked.glob("boot/vmlinuz-*")), self.kernel)
        self.modules.mkdir()
        for number, module in enumerate(_with_dependencies(unpacked, MODULES)):
            (self.modules / f"{number:02}-{module.name.partition('.')[0]}.ko").write_bytes(_content(module))
        self._fill_disk()
        for done in (unpacked, self._folder / "packages", self._folder / "lists"):
            shutil.rmtree(done)
        mark.write_text(self._recipe)

    def _download(self) -> Iterator[Path]:
        archives, lists = self._folder / "packages", self._folder / "lists"
        for folder in (archives, lists):
            (folder / "partial").mkdir(parents=True)
        nothing = archives / "status"
        nothing.touch()
        sources = archives / "mirror.list"
        sources.write_text("".join(f"deb [arch=amd64] {_mirror()} {suite} main\n" for suite in (RELEASE, BACKPORTS)))
        options = {
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root",  # apt's own user can't enter a home directory
            "Debug::NoLocking": "true",
            "Dir::Cache": archives,
            "Dir::Cache::Archives": archives,
            "Dir::Etc::PreferencesParts": archives / "partial",
            "Dir::Etc::SourceList": sources,
            "Dir::Etc::SourceParts": archives / "partial",
            "Dir::State::Lists": lists,
            "Dir::State::Status": nothing,
        }
        settings = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        _run(["apt-get", "-qq", *settings, "update"])
        _run(["apt-get", "-qq", "--yes", "--download-only", *settings, "install", *QEMU, KERNEL, *ROOT])
        return archives.glob("*.deb")

    def _fill_disk(self) -> None:
        """The root file system: the tree, and of what packages do when they are installed what the tests see."""
        for name in ("passwd", "group"):
            shutil.copy(self.tree / f"usr/share/base-passwd/{name}.master", self.tree / "etc" / name)
        (self.tree / "usr/bin/awk").symlink_to("gawk")
        for folder in self.tree.glob("usr/lib/python3*"):  # as the packages' scripts would
            subprocess.run(self.command("usr/bin/python3", "-m", "compileall", "-q", str(folder)), check=False)
        features = "^has_journal,^metadata_csum,^resize_inode"
        mke2fs = self.command("sbin/mke2fs", "-q", "-F", "-t", "ext4", "-O", features, "-d", str(self.tree))
        _run([*mke2fs, str(self.disk), _DISK])


def _mirror() -> str:
    """Where this machine's packages come from."""
    mirrors = _debian_mirrors()
    if not mirrors:  # a bare machine has no lists, which tell origins
        subprocess.run(["apt-get", "-qq", "update"], check=False)
        mirrors = _debian_mirrors()
    if not mirrors:
        raise SystemExit("lab: Debian is not among apt's sources, or apt-get update fails")
    return mirrors[0]


def _debian_mirrors() -> list[str]:
    fields = "$(ORIGIN) $(LABEL) $(REPO_URI)"
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", fields, "Created-By: Packages"], capture_output=True, text=True
    )
    targets = [line.split(" ", 2) for line in listing.stdout.splitlines()]
    return [uri for origin, label, uri in targets if origin == label == "Debian"]


def _unpack(package: Path, folder: Path) -> None:
    """As `dpkg-deb -x`, but links to folders (/bin) stay."""
    folder.mkdir(exist_ok=True)
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as archive:
        subprocess.run(["tar", "-x", "--keep-directory-symlink", "-C", folder], stdin=archive.stdout, check=True)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _with_dependencies(kernel: Path, names: Iterable[str]) -> Iterator[Path]:
    """The files of kernel modules, each behind those that it needs; what is built in has none."""
    files = {path.name.partition(".")[0].replace("-", "_"): path for path in kernel.rglob("*.ko*")}
    seen = set()

    def visit(name: str) -> Iterator[Path]:
        path = files.get(name.replace("-", "_"))
        if path is None or path in seen:
            return
        seen.add(path)
        _, _, rest = _content(path).partition(b"\0depends=")
        for needed in rest.partition(b"\0")[0].decode().split(","):
            yield from visit(needed)
        yield path

    for name in names:
        yield from visit(name)


def _content(module: Path) -> bytes:
    return lzma.decompress(module.read_bytes()) if module.suffix == ".xz" else module.read_bytes()
