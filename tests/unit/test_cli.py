"""The command line: what is parsed, what is said, with which status; no guest runs."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import types

import pytest

from linux_abi import callset
from linux_abi.errors import LinuxError
from noahpy import cli, manual
from noahpy.compat.command import SUITES
from noahpy.errors import CannotRun
from noahpy.inject import fault
from tests.conftest import ROOT


class Started(Exception):
    """run.start() was called: `args` are its arguments."""


@pytest.fixture
def started(monkeypatch):
    """`started(*args)` is what run.start() gets for a command line."""
    monkeypatch.setattr(cli, "environment", lambda: [b"PATH=/usr/bin:/bin", b"A=1", b"B=2", b"AB=3"])

    def start(*args):
        raise Started(*args)

    run = types.SimpleNamespace(start=start)
    monkeypatch.setitem(sys.modules, "noahpy.run", run)
    monkeypatch.setattr("noahpy.run", run, raising=False)

    def started(*args):
        with pytest.raises(Started) as caught:
            cli.obey(list(args))
        return caught.value.args

    started.run = run
    return started


@pytest.fixture
def fails(capfd):
    """`fails(*args)` is the status and the only line of a command line that fails."""

    def fails(*args):
        with pytest.raises(SystemExit) as caught:
            cli.main(list(args))
        out, err = capfd.readouterr()
        assert out == ""
        assert err.endswith("\n")
        assert err.count("\n") == 1
        return caught.value.code, err.rstrip("\n")

    return fails


def test_all_after_program_is_the_guests(started):
    program, argv, _, options = started("/bin/x", "--no-fast", "-E", "--help", "doctor")
    assert (program, argv) == (b"/bin/x", [b"/bin/x", b"--no-fast", b"-E", b"--help", b"doctor"])
    assert (options.fast, options.aslr) == (True, True)


def test_options(started):
    *_, options = started("--no-fast", "--no-aslr", "/bin/x")
    assert (options.fast, options.aslr) == (False, False)
    assert started("-a", "name", "/bin/x", "y")[:2] == (b"/bin/x", [b"name", b"y"])
    assert started("--argv0=", "/bin/x")[1] == [b""]


@pytest.mark.parametrize(
    ("args", "envp"),
    [
        ([], [b"A=1", b"B=2", b"AB=3"]),
        (["-E", "A=new"], [b"B=2", b"AB=3", b"A=new"]),
        (["-EC=x=y"], [b"A=1", b"B=2", b"AB=3", b"C=x=y"]),
        (["--env=C="], [b"A=1", b"B=2", b"AB=3", b"C="]),
        (["-U", "A"], [b"B=2", b"AB=3"]),
        (["--unset=A", "-E", "A=2", "--unset", "AB"], [b"B=2", b"A=2"]),
    ],
)
def test_environment_options(started, args, envp):
    assert started(*args, "/x")[2] == [b"PATH=/usr/bin:/bin", *envp]


def test_two_dashes_end_the_options(started):
    assert started("--", "/bin/x", "--", "y")[1] == [b"/bin/x", b"--", b"y"]
    assert started("--no-fast", "--", "./doctor")[0] == b"./doctor"


def test_a_program_named_like_a_command(started, tmp_path):
    (tmp_path / "doctor").touch(mode=0o755)
    path = f"PATH={tmp_path}"
    assert started("-E", path, "doctor")[0] == os.fsencode(tmp_path / "doctor")


def test_undecodable_arguments_arrive_as_they_were(started):
    word = os.fsdecode(b"\xff\n")
    assert started("/x", word)[1] == [b"/x", b"\xff\n"]


def test_path_is_searched_as_by_execvp(tmp_path, monkeypatch):
    for name in ("none", "plain", "folder/program", "first", "second"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "plain/program").touch(mode=0o644)
    (tmp_path / "first/program").touch(mode=0o755)
    (tmp_path / "second/program").touch(mode=0o755)

    def find(*folders):
        return cli.find(b"program", [b"X=1", b"PATH=" + b":".join(os.fsencode(tmp_path / f) if f else b"" for f in folders)])

    assert find("none", "plain", "folder", "first", "second") == os.fsencode(tmp_path / "first/program")
    monkeypatch.chdir(tmp_path / "second")
    assert find("none", "") == b"./program"
    with pytest.raises(CannotRun, match=r"plain/program is not executable") as caught:
        find("none", "plain")
    assert caught.value.status == 126
    with pytest.raises(CannotRun, match=r"^program: not found in PATH$") as caught:
        find("none", "folder")
    assert caught.value.status == 127
    assert cli.find(b"sh", []) == b"/bin/sh"
    assert cli.find(b"./nowhere", [b"PATH=/bin"]) == b"./nowhere"
    with pytest.raises(CannotRun):
        cli.find(b"", [b"PATH=/bin"])


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ([], "which program?"),
        (["--no-fast"], "which program?"),
        (["--foo", "x"], "unknown option --foo"),
        (["--no-fast=1", "x"], "unknown option --no-fast=1"),
        (["--strce", "x"], "unknown option --strce: --strace?"),
        (["--noaslr", "x"], "unknown option --noaslr: --no-aslr?"),
        (["-x"], "unknown option -x"),
        (["-hx"], "unknown option -x"),
        (["-E"], "-E needs VAR=VALUE"),
        (["-E", "A", "x"], "--env needs VAR=VALUE, not 'A'"),
        (["--env==1", "x"], "--env needs VAR=VALUE, not '=1'"),
        (["--argv0"], "--argv0 needs NAME"),
        (["completion"], "completion needs the shell: bash, zsh or fish"),
        (["completion", "tcsh"], "completion needs the shell: bash, zsh or fish"),
        (["doctor", "--xml"], "doctor knows only --json, not '--xml'"),
    ],
)
def test_usage_errors(fails, args, says):
    assert fails(*args) == (125, f"noahpy: {says}; see noahpy --help")


def test_programs_that_are_not_there(fails):
    assert fails("no-such-program") == (127, "noahpy: no-such-program: not found in PATH")


def test_messages_are_one_line_whatever_is_in_them(fails):
    assert fails("a\nb\x1b[31m") == (127, "noahpy: a\\nb\\x1b[31m: not found in PATH")
    assert fails(os.fsdecode(b"\xff")) == (127, "noahpy: \\udcff: not found in PATH")


@pytest.mark.parametrize(
    ("number", "explanation", "status", "says"),
    [
        (errno.ENOENT, "", 127, "No such file or directory"),
        (errno.ENOENT, "its interpreter /lib/ld.so does not exist", 127, "its interpreter /lib/ld.so does not exist"),
        (errno.ENOEXEC, "not an ELF file", 126, "not an ELF file"),
        (errno.EACCES, "", 126, "Permission denied"),
    ],
)
def test_what_the_loader_refuses(started, fails, number, explanation, status, says):
    error = LinuxError(number)
    if explanation:
        error.explanation = explanation

    def start(*_):
        raise error

    started.run.start = start
    assert fails("./x") == (status, f"noahpy: ./x: {says}")


def test_a_defect_shows_one_line_and_where_to_look(started, fails, monkeypatch):
    def start(*_):
        raise KeyError("x")

    started.run.start = start
    monkeypatch.delenv("NOAHPY_DEBUG", raising=False)
    assert fails("./x") == (125, "noahpy: internal error: KeyError: 'x' (NOAHPY_DEBUG=1 shows where)")
    monkeypatch.setenv("NOAHPY_DEBUG", "1")
    with pytest.raises(KeyError):
        cli.main(["./x"])


def test_manual_page_names_everything():
    page = manual.page()
    assert (ROOT / "docs/noahpy.1").read_text() == page  # `make gen` writes it
    told = page.replace("\\-", "-")
    assert all(form in told for row in cli.ALL_OPTIONS for form in row)
    assert all(word in told for row in cli.COMMANDS for word in row)
    assert all(f"%{name}" in told for name in callset.CLASSES)
    assert all(f"{word}=" in told for word in fault._READERS)


def test_help_fits_a_screen_and_names_everything(capsys):
    for args in (["-h"], ["--help"], *(["help", page] for page in cli.PAGES)):
        with pytest.raises(SystemExit) as caught:
            cli.main(args)
        assert caught.value.code == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) < 24
        assert max(map(len, lines)) < 80
        text = "\n".join(lines)
        assert all(form in text for row in cli.PAGES.get(args[-1], cli.OPTIONS) for form in row[:3])
        assert args[0] == "help" or all(name in text for name, _, _ in cli.COMMANDS)


def test_a_native_part_that_is_not_built(fails, monkeypatch):
    monkeypatch.setitem(sys.modules, "noahpy._native", None)
    for name in ("noahpy.run", "noahpy.engine.kvm"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.delattr("noahpy.run", raising=False)
    status, said = fails("./x")
    assert status == 125
    assert "native part does not load" in said
    assert "make build" in said


COMMAND = [sys.executable, "-m", "noahpy"]


def test_version():
    result = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("noahpy ")
    assert result.stderr == ""


def test_a_reader_that_leaves_is_no_error():
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end) as stdout:
        result = subprocess.run([*COMMAND, "completion", "bash"], stdout=stdout, stderr=subprocess.PIPE)
    assert (result.returncode, result.stderr) == (-13, b"")


def test_a_closed_stderr_leaves_the_status():
    result = subprocess.run(["sh", "-c", 'exec "$@" 2>&-', "sh", *COMMAND, "--foo"], stdout=subprocess.PIPE)
    assert (result.returncode, result.stdout) == (125, b"")


@pytest.mark.parametrize("env", [{}, {"LC_ALL": "C", "X": "1"}, {"A": ""}])
def test_the_environment_is_the_original_one(env):
    """Python itself would add LC_CTYPE."""
    code = "from noahpy import cli; import sys; sys.stdout.buffer.write(repr(cli.environment()).encode())"
    result = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
    assert result.stdout.decode() == repr([f"{name}={value}".encode() for name, value in env.items()])


def test_a_guests_python_variables_do_not_change_noahpy(tmp_path):
    """isolate() starts Python anew without them, and the guest still gets them."""
    script = tmp_path / "noahpy"
    script.write_text(
        f"#!{sys.executable}\nimport sys\nfrom noahpy import cli\ncli.isolate()\n"
        "print(sys.flags.ignore_environment, sys.flags.verbose, sys.argv[1:], sorted(cli.environment()))\n"
    )
    script.chmod(0o755)
    env = {"PYTHONVERBOSE": "1", "X": "1"}
    result = subprocess.run([script, "a", "b c"], env=env, capture_output=True, text=True, check=True)
    assert result.stdout == "1 0 ['a', 'b c'] [b'PYTHONVERBOSE=1', b'X=1']\n"
    env = {"PYTHONUNBUFFERED": "1"}
    result = subprocess.run([script], env=env, capture_output=True, text=True, check=True)
    assert result.stdout == "0 0 [] [b'PYTHONUNBUFFERED=1']\n"


@pytest.mark.parametrize(
    ("words", "offers"),
    [
        (["--no"], {"--no-aslr", "--no-fast", "--no-network"}),
        (["doctor", ""], {"--json"}),
        (["completion", ""], {"bash", "zsh", "fish"}),
        (["compat", ""], set(SUITES)),
        (["-a", "x", "--no-f"], {"--no-fast"}),
        (["doct"], {"doctor"}),
        (["ls", "pypr"], {"pyproject.toml"}),
        (["--", "doct"], set()),
    ],
)
def test_bash_completion(words, offers, tmp_path):
    (tmp_path / "pyproject.toml").touch()
    script = subprocess.run([*COMMAND, "completion", "bash"], capture_output=True, text=True, check=True).stdout
    # Outside of a completion compopt complains; nothing else may.
    test = f"compopt() {{ :; }}\n{script}\nCOMP_WORDS=(noahpy \"$@\"); COMP_CWORD=$#; _noahpy; printf '%s\\n' "
    test += '"${COMPREPLY[@]}"'
    env = {"PATH": "/nowhere"}
    result = subprocess.run(["/bin/bash", "-c", test, "bash", *words], capture_output=True, text=True, env=env, cwd=tmp_path)
    assert result.stderr == ""
    assert set(result.stdout.split()) == offers
