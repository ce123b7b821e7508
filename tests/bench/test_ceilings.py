"""Instructions of the VMM in user space for a call that C finishes: a figure that no other work of the machine changes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from linux_abi.index import PLAIN
from tests.conftest import ROOT

HERE = Path(__file__).parent
NATIVE = ROOT / "native"
NOT_LINKED = "check_abi.c", "fork_python.c"
FEW, MANY = 10, 110
COLLECTED = "--toggle-collect=fast_finish", "--toggle-collect=sigframe_deliver"
# A quarter above what GCC 12 made of it. openat is with its close, mmap with its munmap,
# rt_sigreturn with the signal's delivery.
CEILINGS = {
    "getppid": 220, "read": 345, "write": 345, "pread64": 370, "lseek": 335, "fstat": 320, "newfstatat": 605, "openat": 895,
    "fcntl": 345, "futex": 425, "poll": 330, "rt_sigprocmask": 140, "mprotect": 1720, "mmap": 3025,
    "rt_sigreturn": 3380,
}  # fmt: skip


@pytest.fixture(scope="session")
def calls(compile_c: Callable[..., Path]) -> Path:
    """calls.c with all of native/."""
    sources = [str(p) for pattern in ("*.c", "*.S") for p in sorted(NATIVE.glob(pattern)) if p.name not in NOT_LINKED]
    flags = ("-D_GNU_SOURCE", "-O2", f"-I{NATIVE}", *sources, "-pthread", "-ldl", f"-DOF={_newest(sources)}")
    return compile_c(HERE / "calls.c", *flags)


def _newest(sources: list[str]) -> int:
    """So that what is kept is made anew when a file changes."""
    return max(os.stat(path).st_mtime_ns for path in [*sources, *map(str, NATIVE.glob("*.h"))])


def _instructions(program: Path, name: str, times: int, out: Path) -> int:
    """Inside what finishes an exit."""
    table = "".join(f"{number} {int(opens)} {' '.join(map(str, kinds))}\n" for number, (kinds, opens) in PLAIN.items())
    tool = ["valgrind", "--tool=callgrind", *COLLECTED, f"--callgrind-out-file={out}"]
    subprocess.run([*tool, program, name, str(times)], input=table, text=True, check=True, capture_output=True)
    return int(next(line.split()[1] for line in out.read_text().splitlines() if line.startswith("totals:")))


@pytest.mark.parametrize("name", CEILINGS)
def test_instructions(name: str, calls: Path, tmp_path: Path) -> None:
    few, many = (_instructions(calls, name, times, tmp_path / str(times)) for times in (FEW, MANY))
    each = (many - few) / (MANY - FEW)
    print(f"{name}: {each:.0f} instructions")
    assert CEILINGS[name] / 4 < each <= CEILINGS[name]
