"""`--root` and what is shown in it: folders, binds, overlays, users, names; and that the host's stay as they are."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Result
from tests.roots.conftest import ONCE, Noahpy, without_call

Sh = Callable[..., str]


def test_a_tree(sh: Sh, tree: Path) -> None:
    names = " ".join(sorted(os.listdir(tree)))
    assert sh("pwd; echo *; cd ..; pwd; readlink /proc/self/exe; hostname").splitlines() == [
        "/", names, "/", "/bin/busybox", os.uname().nodename
    ]  # fmt: skip
    assert sorted(os.listdir(tree / "dev")) == []
    assert sh("echo *", "--no-fast").split() == names.split()


def test_links_lead_inside(sh: Sh, tree: Path) -> None:
    (tree / "etc/absolute").symlink_to("/etc/group")
    (tree / "etc/above").symlink_to("../../../../../etc/group")
    (tree / "outside").symlink_to(tree.parent)
    assert sh("cat /etc/absolute /etc/above | sort -u; cat /../../etc/group | wc -l; ls /outside 2>&1; true").splitlines() == [
        "guest:x:1000:", "root:x:0:", "staff:x:50:guest", "3", f"ls: {'/outside'}: No such file or directory"
    ]  # fmt: skip


def test_changes_are_the_callers(sh: Sh, tree: Path) -> None:
    """What root of the tree makes belongs to who called noahpy."""
    assert sh("echo new >/tmp/new; stat -c %u:%g /tmp/new; rm /etc/group; id -u") == "0:0\n0\n"
    assert (tree / "tmp/new").read_text() == "new\n"
    assert (tree / "tmp/new").stat().st_uid == (tree / "tmp").stat().st_uid
    assert not (tree / "etc/group").exists()


def test_processes_and_devices(sh: Sh) -> None:
    said = sh("""
        echo $$ $PPID; ls /dev; cat /proc/1/comm; head -c 3 /dev/zero | wc -c; echo x >/dev/null
        (echo y >/dev/full) 2>/dev/null || echo full; set -- /proc/[0-9]*; echo $#; tty
        echo z >/dev/shm/z; cat /dev/shm/z; readlink /dev/fd
    """)
    devices = [
        "fd",
        "full",
        "mqueue",
        "null",
        "ptmx",
        "pts",
        "random",
        "shm",
        "stderr",
        "stdin",
        "stdout",
        "tty",
        "urandom",
        "zero",
    ]
    assert said.splitlines() == ["2 0", *devices, "noahpy-init", "3", "full", "2", "not a tty", "z", "/proc/self/fd"]


def test_streams_can_be_opened_again(noahpy: Noahpy, tree: Path, place: Path) -> None:
    """A file for what it is open for."""
    (place / "file").write_text("from a file\n")
    (place / "file").chmod(0o666)
    command = f'echo in | "$@" sh -c "cat /dev/stdin; echo a >/dev/stdout" | cat; "$@" sh -c "$SCRIPT" <{place}/file'
    env = {**os.environ, "SCRIPT": "cat /dev/stdin; cat /dev/fd/0; (: >>/dev/stdin) 2>/dev/null || echo refused"}
    result = noahpy.within(["sh", "-c", command, "sh"]).run(["--root", tree], env=env)
    assert result == Result(0, b"in\na\nfrom a file\nfrom a file\nrefused\n", b"")


def test_status_and_death_by_signal(sh: Sh) -> None:
    sh("exit 7", status=7)
    for number in (11, 9, 15, 44):
        sh(f"kill -{number} $$", status=-number)


def test_what_is_left_behind_is_killed(sh: Sh, place: Path) -> None:
    """The end of a pipe that they hold comes with the program's end."""
    assert sh("sleep 1000 & (setsid sleep 1000 &) ; echo done") == "done\n"


def test_what_is_traced_is_told_outside(noahpy: Noahpy, tree: Path, place: Path) -> None:
    result = noahpy.run(["--root", tree, "--strace", "-o", place / "calls", "cat", "/etc/text"])
    assert result == Result(0, b"text\n", b"")
    calls = (place / "calls").read_text()
    assert 'execve("/bin/cat", ["cat", "/etc/text"]' in calls
    assert 'open("/etc/text", O_RDONLY' in calls or 'openat(AT_FDCWD, "/etc/text", O_RDONLY' in calls
    assert sorted(os.listdir(tree / "etc")) == ["group", "passwd", "text"]
    refused = noahpy.run(["--root", tree, "--count-instructions", "true"])
    assert refused.status == 125 and b"know no trees" in refused.stderr


# ---- --bind ----


def test_bind(sh: Sh, place: Path, tree: Path) -> None:
    (place / "shown/deep").mkdir(parents=True)
    (place / "shown").chmod(0o777)
    (place / "shown/file").write_text("content\n")
    (place / "one").write_text("one\n")
    shown, one = f"{place}/shown:/mnt/shown", f"{place}/one:/etc/one"
    assert sh("cat /mnt/shown/file /etc/one; echo new >/mnt/shown/new; ls /mnt/shown", "--bind", shown, "--bind", one) == (
        "content\none\ndeep\nfile\nnew\n"
    )
    assert (place / "shown/new").read_text() == "new\n"
    assert (tree / "mnt/shown").is_dir() and (tree / "etc/one").read_text() == ""
    assert sh("(echo newer >/mnt/shown/newer) 2>&1; cat /mnt/shown/new", "--bind", f"{shown}:ro").splitlines() == [
        "sh: can't create /mnt/shown/newer: Read-only file system", "new"
    ]  # fmt: skip


def test_bind_below_a_link_stays_in_the_tree(sh: Sh, place: Path, tree: Path) -> None:
    (place / "shown").mkdir()
    (place / "shown/file").touch()
    (tree / "link").symlink_to("/tmp")
    assert sh("ls /tmp/under", "--bind", f"{place}/shown:/link/under") == "file\n"
    assert not (Path("/tmp") / "under").exists()


# ---- --read-only ----


def test_read_only(sh: Sh, place: Path, tree: Path) -> None:
    (place / "out").mkdir()
    (place / "out").chmod(0o777)
    script = (
        "for f in /x /etc/group /tmp/x; do echo x 2>/dev/null >$f || echo refused; done; echo y >/out/y; echo z >/dev/shm/z"
    )
    (tree / "out").mkdir()
    assert sh(f"({script}) 2>/dev/null", "--read-only", "--bind", f"{place}/out:/out") == "refused\n" * 3
    assert (place / "out/y").read_text() == "y\n"
    assert not (tree / "x").exists()


# ---- --overlay ----

CHANGE = """
echo half >>/etc/passwd; rm /etc/group; mkdir -p /new/deep; echo new >/new/deep/file; mv /etc/text /etc/renamed
ln /etc/passwd /etc/hard; echo changed >>/etc/hard; rm -r /root; mkdir /root; touch /root/other; chmod 700 /tmp
"""
LOOK = """
tail -n 1 /etc/passwd; test -e /etc/group || echo no group; cat /new/deep/file; test -e /etc/text || echo no text
cat /etc/renamed; ls -A /root; stat -c %h /etc/passwd /etc/hard; stat -c %a /tmp
"""
LOOKS = "changed\nno group\nnew\nno text\ntext\nother\n2\n2\n700\n"


def snapshot(folder: Path) -> dict[str, tuple[object, ...]]:
    """All that can be seen of a folder's content, but times of reading."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted([folder, *folder.rglob("*")]):
        status = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path)] = (status.st_mode, status.st_uid, status.st_gid, status.st_nlink, status.st_mtime_ns, content)
    return found


def test_overlay_keeps_changes(sh: Sh, place: Path, tree: Path) -> None:
    before = snapshot(tree)
    changes = place / "changes"
    changes.mkdir()
    changes.chmod(0o777)
    assert sh(CHANGE + LOOK, "--overlay", changes) == LOOKS
    assert snapshot(tree) == before
    assert sh(LOOK, "--overlay", changes) == LOOKS
    assert sh("ls /root; cat /etc/group | wc -l") == "file\n3\n"
    assert snapshot(tree) == before


def test_overlay_in_memory(sh: Sh, tree: Path) -> None:
    before = snapshot(tree)
    assert sh(CHANGE + LOOK, "--overlay", "memory") == LOOKS
    assert sh("ls /root", "--overlay", "memory") == "file\n"
    assert snapshot(tree) == before


# ---- --user, --hostname, --no-network ----


def test_user(sh: Sh, noahpy: Noahpy) -> None:
    assert sh("id -u; id -g", "--user", "1000") == "1000\n1000\n"
    if noahpy.who == "user":  # and there is no other
        result = noahpy.run(["--root", "/", "--user", "guest", "true"])
        assert result == Result(125, b"", b"noahpy: --user guest: there is only one user in the tree: give it a number\n")
        return
    assert sh("id; touch /tmp/x; stat -c %u /tmp/x; chown 0 /tmp/x 2>/dev/null || echo no", "--user", "guest") == (
        "uid=1000(guest) gid=1000(guest) groups=50(staff),1000(guest)\n1000\nno\n"
    )
    assert sh("id -u; id -g", "--user", "guest:staff") == "1000\n50\n"
    assert sh("cd /tmp; touch y; chown 1000:50 y; stat -c %u:%g y") == "1000:50\n"


def test_hostname(sh: Sh) -> None:
    assert sh("hostname; uname -n; hostname other 2>/dev/null || echo no", "--hostname", "box") == "box\nbox\nno\n"


def test_no_network(sh: Sh, noahpy: Noahpy) -> None:
    said = sh("tail -n +3 /proc/net/dev | cut -d: -f1; ping -c 1 -w 5 127.0.0.1 | grep -c 'bytes from'", "--no-network")
    assert said.split() == ["lo", "1"]


# ---- Without --root: the host's own tree ----


def test_the_hosts_own_tree(noahpy: Noahpy, place: Path) -> None:
    """The user stays the same, and so does the folder."""
    script = 'id -u; pwd; cat "$0"; (echo x >file) 2>/dev/null || echo refused; ls /dev/kvm 2>/dev/null; echo $$'
    (place / "text").write_text("text\n")
    result = noahpy.run(["--read-only", "sh", "-c", script, "text"], cwd=place)
    native = 0 if noahpy.who == "root" else 54321
    assert (result.status, result.stderr) == (0, b"")
    assert result.stdout.decode().splitlines() == [str(native), str(place), "text", "refused", "2"]


# ---- What is wrong is said in one line, and nothing is done ----


@ONCE
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--root", "/nowhere"], "--root /nowhere: No such file or directory"),
        (["--root", "/dev/null"], "--root /dev/null: neither a folder nor an archive"),
        (["--bind", "/nowhere:/x"], "--bind /nowhere: No such file or directory"),
        (["--bind", "/tmp"], "--bind needs SRC:DST, SRC:DST:ro or SRC:DST:rw, not '/tmp'"),
        (["--bind", "/tmp:/x:rx"], "--bind needs SRC:DST, SRC:DST:ro or SRC:DST:rw, not '/tmp:/x:rx'"),
        (["--bind", "/tmp:x"], "--bind /tmp:x: DST is an absolute path in the tree, but not /, /dev or /proc"),
        (["--bind", "/tmp:/mnt/.."], "--bind /tmp:/mnt/..: DST is an absolute path in the tree, but not /, /dev or /proc"),
        (["--bind", "/tmp:/x", "--bind", "/usr:/x/"], "--bind: /x is given twice"),
        (["--bind", "/tmp:/bin/busybox"], "/bin/busybox in the tree is no folder: nothing can be shown there"),
        (["--read-only", "--bind", "/tmp:/none"], "there is no /none in the tree, and --read-only makes none: make it first"),
        (["--overlay", "memory", "--read-only"], "--overlay keeps changes, --read-only allows none: choose one"),
        (["--overlay", "/nowhere"], "--overlay /nowhere: there is no such folder: mkdir it, or say --overlay memory"),
        (
            ["--overlay", "{tree}/etc"],
            "--overlay {tree}/etc lies in the tree itself: choose another folder, or say --overlay memory",
        ),
        (["--hostname", "x" * 65], "--hostname: a name has at most 64 letters"),
        (["--hostname", "a", "--hostname", "b"], "--hostname is given twice: 'a' and 'b'"),
        (["--root="], "--root needs a value"),
    ],
)
def test_bad_input(options: list[str], says: str, noahpy: Noahpy, tree: Path) -> None:
    before = snapshot(tree)
    root = [] if "--root" in " ".join(options) else ["--root", str(tree)]
    argv = [*root, *(option.replace("{tree}", str(tree)) for option in options), "true"]
    assert noahpy.run(argv) == Result(125, b"", f"noahpy: {says}\n".replace("{tree}", str(tree)).encode())
    assert snapshot(tree) == before


@ONCE
def test_trees_that_no_overlay_can_be_laid_over(noahpy: Noahpy, tree: Path) -> None:
    says = "over this machine's own tree, in which others are mounted, Linux lays none"
    assert noahpy.run(["--overlay", "memory", "true"]).stderr.decode() == f"noahpy: --overlay needs --root: {says}\n"
    outer = noahpy.within(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", f'mount --bind /etc {tree}/etc; exec "$@"', "sh"]
    )
    says = "something is mounted in the tree, or the folder's file system can't keep what an overlay changes"
    result = outer.run(["--root", tree, "--overlay", "memory", "true"])
    assert result == Result(125, b"", f"noahpy: --overlay memory: {says}\n".encode())


def test_a_host_without_user_namespaces(noahpy: Noahpy, tree: Path) -> None:
    if noahpy.who == "lent":
        pytest.skip("newuidmap gives nothing to a process that has a filter")
    without = noahpy.within([sys.executable, "-c", without_call(272)])  # unshare
    says = "this host gives no user namespace (Operation not permitted): in a container, let it have them"
    result = without.run(["--root", tree, "true"])
    assert result == Result(125, b"", f"noahpy: {says} (docker run --security-opt seccomp=unconfined)\n".encode())


def test_a_network_that_is_inherited(noahpy: Noahpy, tree: Path) -> None:
    """As a standard stream it is refused, as any other descriptor it is closed; a local socket is none."""
    connect = "import os, socket, sys; s = socket.socket({}); os.dup2(s.fileno(), {}); os.execvp(sys.argv[1], sys.argv[1:])"

    def run(family: str, fd: int) -> Result:
        outer = noahpy.within([sys.executable, "-c", connect.format(family, fd)])
        return outer.run(["--root", tree, "--no-network", "sh", "-c", "test -e /proc/self/fd/7 && echo open"])

    assert run("socket.AF_INET", 0) == Result(125, b"", b"noahpy: stdin is a network's, which --no-network forbids\n")
    assert run("socket.AF_INET", 7) == Result(1, b"", b"")
    assert run("socket.AF_UNIX", 7) == Result(0, b"open\n", b"")


def test_a_folder_that_is_inherited(noahpy: Noahpy, tree: Path) -> None:
    within = noahpy.within(["sh", "-c", 'exec "$@" 7</ 8</etc/passwd', "sh"])
    assert (
        within.run(["--root", tree, "sh", "-c", "test -e /proc/self/fd/7 || readlink /proc/self/fd/8"]).stdout
        == b"/etc/passwd\n"
    )
