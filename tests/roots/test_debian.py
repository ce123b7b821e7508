"""A Debian tree, unpacked from packages, in which bash, dpkg -i and apt-get work as fake root."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import CACHE
from tests.roots.conftest import IS_ROOT, USER, Noahpy

# What to unpack; of the essential ones, on which nothing depends, those that the test needs.
PACKAGES = """
apt base-files base-passwd bash coreutils dash debianutils diffutils dpkg findutils grep gzip hello libc-bin mawk perl-base
sed tar
""".split()  # noqa: SIM905
MERGED = ("bin", "lib", "lib64", "sbin")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NEEDED = ["libc6", "libgcc-s1", "dash", "base-passwd", "base-files", "dpkg"]


@pytest.fixture(scope="session")
def packages() -> Path:
    """A folder of packages, all that PACKAGES need, which is also an archive for apt."""
    folder = CACHE / "debian"
    if not (folder / "Packages").exists():
        (folder / "partial").mkdir(parents=True, exist_ok=True)
        (folder / "none").touch()
        options = {
            "Dir::State::status": folder / "none",
            "Dir::Cache::archives": folder,
            "Debug::NoLocking": 1,
            "APT::Sandbox::User": "root",
        }
        given = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        command = ["apt-get", "install", "--quiet", "--download-only", "--yes", "--no-install-recommends", *given, *PACKAGES]
        subprocess.run(command, check=True, capture_output=True)
        scanned = subprocess.run(["dpkg-scanpackages", "."], cwd=folder, check=True, capture_output=True)
        (folder / "Packages").write_bytes(scanned.stdout)
    return folder


@pytest.fixture
def debian(packages: Path, noahpy: Noahpy, place: Path) -> Path:
    tree = place / "debian"
    for name in MERGED:
        (tree / "usr" / name).mkdir(parents=True)
        (tree / name).symlink_to(f"usr/{name}")
    for package in packages.glob("*.deb"):
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as archive:
            subprocess.run(["tar", "-C", tree, "--keep-directory-symlink", "-xf", "-"], stdin=archive.stdout, check=True)
    for name, target in (("sh", "dash"), ("awk", "mawk")):
        (tree / "usr/bin" / name).unlink(missing_ok=True)
        (tree / "usr/bin" / name).symlink_to(target)
    for name in ("info", "updates"):
        (tree / "var/lib/dpkg" / name).mkdir(exist_ok=True)
    (tree / "var/lib/dpkg/status").touch()
    (tree / "etc/apt/sources.list").write_text("deb [trusted=yes] file:/packages ./\n")
    (tree / "etc/apt/apt.conf").write_text('APT::Sandbox::User "root";\n')
    if IS_ROOT and noahpy.who != "root":
        for path in [tree, *tree.rglob("*")]:
            os.chown(path, USER, USER, follow_symlinks=False)
    return tree


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_packages_are_installed(noahpy: Noahpy, debian: Path, packages: Path) -> None:
    env = {"PATH": PATH, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C", "HOME": "/root"}

    def run(script: str) -> str:
        command = ["--root", debian, "--bind", f"{packages}:/packages:ro", "bash", "-c", script]
        result = noahpy.run(command, env=env, timeout=900)
        assert result.status == 0, result.stdout.decode() + result.stderr.decode()
        return result.stdout.decode()

    assert run("id -u; cat /etc/debian_version; hello").endswith("Hello, world!\n")
    assert run("rm /usr/bin/hello; type -t hello || echo gone") == "gone\n"
    files = " ".join(f"/packages/{name}_*.deb" for name in NEEDED)
    assert "Setting up base-files" in run(f"dpkg --force-depends -i {files}")  # its script gives folders away
    assert "ii  base-files" in run("dpkg -l")
    assert "hello" in run("apt-get update && apt-cache policy hello")
    run("dpkg --force-depends -i /packages/hello_*.deb")
    assert run("hello; dpkg -S /usr/bin/hello") == "Hello, world!\nhello: /usr/bin/hello\n"
    said = run(
        "dpkg --force-depends -r hello; apt-get download hello; apt-get --no-download -s install hello || true; ls hello_*"
    )
    assert "hello_" in said
