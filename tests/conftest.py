"""What tests share: the engines on which a program runs, and the compiler for guest programs."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".cache"
sys.path.append(str(ROOT))  # for `from tests... import`; behind the installed noahpy

# Programs inherit what is ignored and blocked here: by pytest-xdist's workers (SIGINT), by nohup, by who started the tests.
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE, signal.SIGXFSZ}:
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, [])

# Set for a sanitized noahpy (make asan): the sanitizer's library is for noahpy, not for pytest's children and not for guests.
PRELOAD = os.environ.pop("LD_PRELOAD", None)
UNSET_PRELOAD = ["--unset", "LD_PRELOAD"] if PRELOAD else []
OPTIONS = {"kvm": ["--engine=kvm"], "kvm-nofast": ["--engine=kvm", "--no-fast"], "sim": ["--engine=sim"]}
# On a slow machine (tests/lab): how much longer than usual a program may take.
PATIENCE = float(os.environ.get("NOAHPY_PATIENCE", "1"))


class Result(NamedTuple):
    """How a program ended: `status` is its exit status or minus the signal that killed it."""

    status: int
    stdout: bytes
    stderr: bytes


class Engine:
    """A way to run a program."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_native = name == "native"
        self.command = [] if self.is_native else [*noahpy_command(), *UNSET_PRELOAD, *OPTIONS[name]]

    def run(
        self,
        argv: list[str | os.PathLike[str]],
        *,
        stdin: bytes = b"",
        env: dict[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        timeout: float = 60,
    ) -> Result:
        """Run `argv`; what outlives `timeout` seconds is killed with all that it started, and the test fails."""
        with self.start(argv, env=env, cwd=cwd) as process:
            stdout, stderr = process.communicate(stdin, timeout * PATIENCE)
        return Result(process.returncode, stdout, stderr)

    @contextmanager
    def start(
        self,
        argv: list[str | os.PathLike[str]],
        *,
        env: dict[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """`argv` while it runs, with pipes; if what is done with it fails, it is killed with all that it started."""
        command = [*self.command, *argv]
        with subprocess.Popen(
            command, stdin=-1, stdout=-1, stderr=-1, env=self.environment(env), cwd=cwd, start_new_session=True
        ) as process:
            try:
                yield process
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise

    def environment(self, env: dict[str, str] | None = None) -> dict[str, str]:
        """The environment to start `command` with when the program's own is to be `env` (default: the tests' own)."""
        env = dict(os.environ) if env is None else env
        return env if self.is_native or PRELOAD is None else {**env, "LD_PRELOAD": PRELOAD}


def noahpy_command() -> list[str]:
    """The noahpy that belongs to the interpreter that runs the tests."""
    script = Path(sys.executable).with_name("noahpy")
    return [str(script)] if script.exists() else [sys.executable, "-m", "noahpy"]


@cache
def _missing(engine: str) -> str:
    """Why there is no such engine here; nothing if there is."""
    result = subprocess.run([*Engine(engine).command, "true"], env=Engine(engine).environment(), capture_output=True, text=True)
    return f"no {engine}: {result.stdout}{result.stderr}" if result.returncode else ""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the tests ran on."""
    if why := _missing("kvm"):
        terminalreporter.section("not on KVM", sep="!", red=True)
        terminalreporter.line(why.strip())
    terminalreporter.line(f"engines: {', '.join(name for name in ('kvm', 'sim') if not _missing(name)) or 'none'}")


def _need(engine: str) -> None:
    """Skips where there is no such engine, or fails if NOAHPY_REQUIRE names it."""
    if why := _missing(engine):
        if engine in os.environ.get("NOAHPY_REQUIRE", "").split(","):
            pytest.fail(why, pytrace=False)
        pytest.skip(why)


@pytest.fixture(scope="session")
def kvm() -> None:
    """Needs a working KVM."""
    _need("kvm")


@pytest.fixture(scope="session")
def sim() -> None:
    """Needs the simulated CPU."""
    _need("sim")


@pytest.fixture(params=["native", *OPTIONS])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each way to run a program in turn."""
    if request.param != "native":
        request.getfixturevalue(request.param.partition("-")[0])
    return Engine(request.param)


FIRST = "sim" if _missing("kvm") else "kvm"


@pytest.fixture(params=[pytest.param(name, marks=[] if name == FIRST else pytest.mark.slow) for name in OPTIONS])
def guest(request: pytest.FixtureRequest) -> Engine:
    """What is compared with `native`."""
    request.getfixturevalue(request.param.partition("-")[0])
    return Engine(request.param)


@pytest.fixture(scope="session")
def native() -> Engine:
    """The host itself, to compare with."""
    return Engine("native")


@pytest.fixture(scope="session")
def compile_c() -> Callable[..., Path]:
    """`compile_c(source, *flags, cc="gcc")`: the program made of one C file, kept as long as nothing of it changes."""

    def compile_c(source: Path, *flags: str, cc: str = "gcc") -> Path:
        compiler = shutil.which(cc)
        assert compiler, f"no {cc}: make test installs what tests need"
        command = [compiler, "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", str(source), *flags]
        inputs = [source, *sorted(source.parent.glob("*.h"))]
        content = b"\0".join([*(path.read_bytes() for path in inputs), *map(str.encode, command)])
        folder = CACHE / "guest"
        program = folder / f"{source.stem}-{hashlib.sha256(content).hexdigest()[:16]}"
        if not program.exists():
            folder.mkdir(parents=True, exist_ok=True)
            partial = program.with_suffix(f".{os.getpid()}")
            subprocess.run([*command, "-o", str(partial)], check=True)
            with suppress(FileExistsError):  # another worker's, which may already run
                program.hardlink_to(partial)
            partial.unlink()
        return program

    return compile_c
