"""Debian's source and binary packages, by the system's own apt, its configuration and its keys; kept in a folder.

Nothing of the system is changed: lists, cache and the list of sources of these calls are private (apt.conf(5)).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from ..errors import CannotRun

_DISTRIBUTIONS = ("Debian", "Ubuntu")  # their archives have the sources; other vendors' entries only slow apt down


def source(package: str, cache: Path) -> Path:
    """The unpacked source package, patched as Debian builds it."""
    folder = cache / "source" / package
    if not folder.exists():
        _need("apt-get", "apt")
        _need("dpkg-source", "dpkg-dev")
        partial = _fresh(folder)
        _apt(cache, "apt-get", "update")
        _fetch_source(package, cache, partial)
        next(path for path in partial.iterdir() if path.is_dir()).rename(folder)
        shutil.rmtree(partial)
    return folder


def binary(package: str, path: str, cache: Path) -> Path:
    """The file `path` of a binary package that is not installed."""
    folder = cache / "binary" / package
    if not folder.exists():
        _need("apt-get", "apt")
        partial = _fresh(folder)
        _apt(cache, "apt-get", "update")  # a fresh system has no lists of its own
        _apt(cache, "apt-get", "download", package, cwd=partial)
        for archive in partial.glob("*.deb"):
            _run(["dpkg-deb", "-x", str(archive), str(partial)])
        partial.rename(folder)
    return folder / path


def _fetch_source(package: str, cache: Path, folder: Path) -> None:
    """The newest version, or another: a mirror may list one that it has no files of."""
    listing = _apt(cache, "apt-cache", "showsrc", "--only-source", package)
    versions = re.findall(r"^Version: (.*)", listing, re.MULTILINE)
    wanted = [package, *(f"{package}={version}" for version in versions)]
    for name in wanted:
        try:
            _apt(cache, "apt-get", "source", "--only-source", name, cwd=folder)
            return
        except CannotRun:
            if name == wanted[-1]:
                raise


def _fresh(folder: Path) -> Path:
    """An empty folder beside `folder`, which what is complete is moved out of."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    return partial


def _apt(cache: Path, program: str, *arguments: str, cwd: Path | None = None) -> str:
    private = cache / "apt"
    for name in ("sources", "lists/partial", "archives/partial"):
        (private / name).mkdir(parents=True, exist_ok=True)
    for number, (name, text) in enumerate(_source_entries()):
        (private / "sources" / f"{number}-{name}").write_text(text)
    options = {
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": private / "sources",
        "Dir::State::Lists": private / "lists",
        "Dir::Cache": private,
        "APT::Sandbox::User": "root",  # apt's own user can't enter a home directory
        "Acquire::Languages": "none",
    }
    settings = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return _run([program, "-qq", *settings, *arguments], cwd=cwd)


def _source_entries() -> list[tuple[str, str]]:
    """The system's files of sources that have its distribution's archives, with the source packages beside the binary ones."""
    listing = _run(["apt-get", "indextargets", "--format", "$(SOURCESENTRY)\t$(ORIGIN)", "Created-By: Packages"])
    rows = [line.rpartition(":")[0::2] for line in listing.splitlines()]
    files = {name for name, rest in rows if rest.partition("\t")[2] in _DISTRIBUTIONS} or {name for name, _ in rows}
    if not files:
        raise CannotRun("apt has no sources of packages")
    return [(os.path.basename(name), with_source_entries(Path(name).read_text())) for name in sorted(files)]


def with_source_entries(text: str) -> str:
    """A sources.list(5) file, of either format, that names the source packages of all archives, too."""
    text = re.sub(r"^deb-src\s.*\n?", "", text, flags=re.MULTILINE)
    text = re.sub(r"^Types:.*", "Types: deb deb-src", text, flags=re.MULTILINE | re.IGNORECASE)
    return re.sub(r"^deb(\s.*)", r"deb\1\ndeb-src\1", text, flags=re.MULTILINE)


def _need(program: str, package: str) -> None:
    if not shutil.which(program):
        raise CannotRun(f"{program} is missing, which fetches the suite: apt-get install {package}")


def _run(command: list[str], cwd: Path | None = None) -> str:
    """What `command` prints; CannotRun with the last line of its complaint if it fails."""
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, errors="replace", check=False)
    if result.returncode:
        why = [line for line in result.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise CannotRun(f"{command[0]}: {why[-1]}")
    return result.stdout
