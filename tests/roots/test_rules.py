"""`--deny` and `--allow`: calls, and files by the names that the kernel has for them, however a program names them."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Engine, Result, noahpy_command

# Each way tells what became of it.
WAYS = """
import os
def way(name, attempt):
    try:
        attempt()
        print(name, "done")
    except OSError as error:
        print(name, error.strerror)
secret = os.path.realpath("kept/secret")
os.symlink(secret, "absolute")
os.symlink("kept/../kept/secret", "relative")
os.symlink("kept", "folder")
os.symlink("kept/new", "dangling")
fd = os.open("kept", os.O_PATH)
way("plain", lambda: os.open("kept/secret", os.O_RDONLY))
way("absolute", lambda: os.open("absolute", os.O_RDONLY))
way("relative", lambda: os.open("relative", os.O_RDONLY))
way("through a folder", lambda: os.open("folder/secret", os.O_RDONLY))
way("by a descriptor", lambda: os.open("secret", os.O_RDONLY, dir_fd=fd))
way("by its own folder", lambda: os.open("/proc/self/cwd/kept/secret", os.O_RDONLY))
way("by a descriptor in /proc", lambda: os.open(f"/proc/self/fd/{fd}/secret", os.O_RDONLY))
way("slashes", lambda: os.open(".//kept/.///secret", os.O_RDONLY))
way("a new file", lambda: os.open("kept/new", os.O_WRONLY | os.O_CREAT))
way("a new file by a link", lambda: os.open("dangling", os.O_WRONLY | os.O_CREAT))
way("to move it", lambda: os.rename("kept/secret", "moved"))
way("to move over it", lambda: os.rename("other", "kept/secret"))
way("to link it", lambda: os.link("kept/secret", "linked"))
way("to remove it", lambda: os.unlink("kept/secret"))
way("to remove it by a descriptor", lambda: os.unlink("secret", dir_fd=fd))
way("its mode", lambda: os.chmod("absolute", 0o600))
way("its size", lambda: os.truncate("relative", 0))
way("a child", lambda: os.waitpid(os.posix_spawn("/bin/cat", ["cat", "absolute"], {}), 0)[1] and os.open("absolute", 0))
way("another file", lambda: os.open("other", os.O_RDONLY))
way("the link", lambda: os.unlink("absolute"))
way("to enter", lambda: os.chdir("kept"))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/secret").write_text("secret\n")
    (tmp_path / "other").write_text("other\n")
    return tmp_path.resolve()


def run(guest: Engine, folder: Path, options: list[str], *argv: str) -> Result:
    engine = Engine(guest.name)
    engine.command = [*guest.command, *options]
    return engine.run(list(argv), cwd=folder)


def test_ways_to_a_file(guest: Engine, folder: Path) -> None:
    result = run(guest, folder, ["--deny", f"%file:{folder}/kept/*"], "/usr/bin/python3", "-c", WAYS)
    outcomes = [line.rpartition(" Operation not permitted") for line in result.stdout.decode().splitlines()]
    allowed = [line for _, refused, line in outcomes if not refused]
    assert allowed == ["another file done", "to enter done"], result
    assert len(outcomes) == WAYS.count("\nway(")
    assert result.stderr == b"cat: absolute: Operation not permitted\n"
    assert (folder / "kept/secret").read_text() == "secret\n"
    assert os.listdir(folder / "kept") == ["secret"]


def test_the_first_rule_that_fits_decides(guest: Engine, folder: Path) -> None:
    kept = f"{folder}/kept/*"
    script = "cat kept/secret; cat other; (echo x >kept/secret) 2>/dev/null; echo $?"
    said = {
        ("--allow", f"openat:{folder}/kept/secret", "--deny", f"openat:{folder}/*"): b"secret\n0\n",
        ("--deny", f"openat:{kept}", "--allow", f"openat:{folder}/*", "--deny", f"openat:{folder}/*"): b"other\n2\n",
        ("--deny", f"openat:{folder}/other"): b"secret\n0\n",
    }
    for options, expected in said.items():
        (folder / "kept/secret").write_text("secret\n")
        assert run(guest, folder, list(options), "/bin/dash", "-c", script).stdout == expected, options


def test_calls(guest: Engine, folder: Path) -> None:
    script = "import socket\ntry: socket.socket()\nexcept OSError as e: print(e.strerror)"
    assert run(guest, folder, ["--deny", "%network"], "/usr/bin/python3", "-c", script).stdout == b"Operation not permitted\n"
    assert run(guest, folder, ["--allow", "socket", "--deny", "%network"], "/usr/bin/python3", "-c", script).stdout == b""
    assert run(guest, folder, ["--deny", "execve:/usr/bin/env"], "/bin/sh", "-c", "env; echo $?").stdout == b"126\n"


def test_kill(guest: Engine, folder: Path) -> None:
    options = ["--deny", f"%file:{folder}/other=kill"]
    assert run(guest, folder, options, "cat", "other").status == -signal.SIGSYS
    said = run(guest, folder, options, "/bin/sh", "-c", "cat other; echo $?; cat kept/secret")
    assert said.stdout == f"{128 + signal.SIGSYS}\nsecret\n".encode()


def test_what_would_rename_everything(guest: Engine, folder: Path) -> None:
    """A root of its own would give files other names."""
    script = "import os\ntry: os.chroot('.')\nexcept OSError as e: print(e.strerror)"
    options = ["--deny", f"openat:{folder}/kept/*"]
    assert run(guest, folder, options, "/usr/bin/python3", "-c", script).stdout == b"Operation not permitted\n"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--deny", "opena"], "--deny opena: there is no system call 'opena': openat?"),
        (["--deny", "socket:/x"], "--deny socket:/x: socket is about no file, so there is no path to look at"),
        (["--deny", "openat:x"], "--deny openat:x: a pattern is of whole paths, such as openat:/etc/*"),
        (["--allow", "openat"], "--allow openat says nothing behind all --deny: the first that fits a call decides"),
        (
            ["--deny", "openat:/etc/*", "--allow", "openat:/etc/passwd"],
            "--allow openat:/etc/passwd says nothing behind all --deny: the first that fits a call decides",
        ),
        (["--allow", "openat=kill"], "--allow openat=kill: what is allowed does not kill"),
    ],
)
def test_bad_input(options: list[str], says: str) -> None:
    result = subprocess.run([*noahpy_command(), *options, "true"], capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (125, "", f"noahpy: {says}\n")
