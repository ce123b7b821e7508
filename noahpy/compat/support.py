"""The small C programs by which the shells' suites show arguments and environment."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from ..errors import CannotRun


def compile_support(sources: list[Path], folder: Path, *includes: Path) -> None:
    """Compile each of `sources` to a program in `folder`, unless it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        program = folder / source.stem
        if program.exists() and program.stat().st_mtime >= source.stat().st_mtime:
            continue
        command = [_compiler(), "-w", *(f"-I{path}" for path in includes), "-o", str(program), str(source)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise CannotRun(f"{source}: {result.stderr.strip().splitlines()[-1]}")


def _compiler() -> str:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        raise CannotRun("a C compiler is missing, for this suite's helper programs: apt-get install gcc libc6-dev")
    return compiler
