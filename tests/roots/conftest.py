"""Who runs noahpy in a tree: root, and a user without rights, with and without numbers that /etc/subuid lends."""

from __future__ import annotations

import copy
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import CACHE, ROOT, Engine

USER = 54321
LENT = 200_000, 65_536
# Become a user, in a mount namespace where it can reach Python and KVM and is lent numbers; nothing of the host's changes.
BECOME = """
set -e; umask 022
mount -t tmpfs none "$1"; mknod -m 666 "$1/kvm" c 10 232; mount --bind "$1/kvm" /dev/kvm
for python in $2; do
    hidden=$(while [ "$python" != / ]; do python=$(dirname "$python"); echo "$python"; done | tac | while read -r folder; do
        case $(stat -c %A "$folder") in *[xt]) ;; *) echo "$folder"; break ;; esac
    done)
    [ "$hidden" ] || continue
    mkdir -p "$1/python"; mount --bind "$python" "$1/python"; mount -t tmpfs -o mode=755 none "$hidden"
    mkdir -p "$python"; mount --bind "$1/python" "$python"
done
user=$4
if [ "$3" ]; then
    { cat /etc/passwd; echo "lender:x:$user:$user::/:/bin/sh"; } >"$1/passwd"; mount --bind "$1/passwd" /etc/passwd
    for kind in uid gid; do echo "$3" >"$1/sub$kind"; : >>/etc/sub$kind; mount --bind "$1/sub$kind" /etc/sub$kind; done
fi
shift 4
exec setpriv --reuid "$user" --regid "$user" --clear-groups "$@"
"""
IS_ROOT = os.geteuid() == 0
WHO = ["root", "user", *(pytest.param(who, marks=pytest.mark.slow) for who in ("lent", "user-nofast", "user-sim"))]
ONCE = pytest.mark.parametrize("noahpy", ["user"], indirect=True)  # what does not depend on who it is


class Noahpy(Engine):
    """Somebody's noahpy."""

    def __init__(self, who: str, folder: Path) -> None:
        who, _, how = who.partition("-")
        super().__init__(f"kvm-{how}" if how == "nofast" else how or "kvm")
        self.who = who
        self.become: list[str] = []
        if who != "root" and IS_ROOT:
            lent = f"{USER}:{LENT[0]}:{LENT[1]}" if who == "lent" else ""
            pythons = {os.path.realpath(folder) for folder in (sys.base_prefix, sys.prefix, ROOT)}
            place = str(folder)
            self.become = ["unshare", "--mount", "sh", "-c", BECOME, "sh", place, " ".join(sorted(pythons)), lent, str(USER)]
            self.command = [*self.become, *self.command]

    def within(self, outer: list[str]) -> Noahpy:
        """The same, started by another command, as the same user."""
        inner = copy.copy(self)
        inner.command = [*self.become, *outer, *self.command[len(self.become) :]]
        return inner


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty folder that everybody can reach and write to."""
    folder = Path(tempfile.mkdtemp(prefix="noahpy-roots-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=WHO)
def noahpy(request: pytest.FixtureRequest, kvm: None) -> Iterator[Noahpy]:
    if request.param == "root" and not IS_ROOT:
        pytest.skip("needs root")
    if request.param == "lent" and not IS_ROOT:
        pytest.skip("needs root, to lend numbers")
    folder = tempfile.mkdtemp(prefix="noahpy-become-")
    yield Noahpy(request.param, Path(folder))
    os.rmdir(folder)


@pytest.fixture
def tree(noahpy: Noahpy, place: Path) -> Path:
    """A tree of busybox, which belongs to whom `noahpy` runs as."""
    return busybox_tree(place / "tree", own=noahpy.who != "root" and IS_ROOT)


def busybox_tree(tree: Path, *, own: bool) -> Path:
    busybox = CACHE / "busybox-static/bin/busybox"
    for name in ("bin", "dev", "etc", "proc", "root", "tmp", "sys"):
        (tree / name).mkdir(parents=True)
    shutil.copy(busybox, tree / "bin/busybox")
    for name in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
        if name != "busybox":
            (tree / "bin" / name).symlink_to("busybox")
    (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nguest:x:1000:1000:guest:/:/bin/sh\n")
    (tree / "etc/group").write_text("root:x:0:\nguest:x:1000:\nstaff:x:50:guest\n")
    (tree / "etc/text").write_text("text\n")
    (tree / "root/file").touch()
    (tree / "tmp").chmod(stat.S_ISVTX | 0o777)
    if own:
        for path in [tree, *tree.rglob("*")]:
            os.chown(path, USER, USER, follow_symlinks=False)
    return tree


@pytest.fixture
def sh(noahpy: Noahpy, tree: Path) -> Callable[..., str]:
    """`sh(script, *options)`: what the script says in the tree; it must succeed."""

    def sh(script: str, *options: str | Path, status: int = 0, **more: object) -> str:
        result = noahpy.run(["--root", tree, *options, "sh", "-c", script], **more)
        assert (result.status, result.stderr.decode()) == (status, "")
        return result.stdout.decode()

    return sh


def without_call(number: int) -> str:
    """The Python source of what starts a program for which a system call fails with EPERM: by a filter of seccomp(2)."""
    return f"""
import ctypes, os, struct, sys
code = [(0x20, 0, 0, 0), (0x15, 0, 1, {number}), (6, 0, 0, 0x50000 | 1), (6, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *row) for row in code))
program = ctypes.create_string_buffer(struct.pack("<H6xQ", 4, ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
assert not libc.prctl(38, 1, 0, 0, 0) and not libc.prctl(22, 2, program, 0, 0), ctypes.get_errno()
os.execvp(sys.argv[1], sys.argv[1:])
"""
