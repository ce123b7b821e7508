"""The start image: modules come from it, and never as they no longer are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

SCRIPT = """
from noahpy import image
image.use()
import linux_abi.errors, noahpy.errors, linux_abi.uapi
for module in linux_abi, linux_abi.errors, noahpy.errors, linux_abi.uapi:
    print(module.__name__, type(module.__spec__.loader).__name__, module.__file__)
"""


@pytest.fixture
def tree(tmp_path):
    """A copy of the sources."""
    for package in ("noahpy", "linux_abi"):
        ignore = shutil.ignore_patterns("__pycache__", "*.so")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignore)
    return tmp_path


@pytest.fixture
def run(tree):
    """Run Python code with the copy."""

    def run(code=SCRIPT, *, fails=False):
        # -I: the tests' own noahpy stays out of it.
        command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tree)!r})\n{code}"]
        result = subprocess.run(command, capture_output=True, text=True)
        assert bool(result.returncode) == fails, result.stderr
        return result.stderr if fails else result.stdout

    return run


USE = "from noahpy import image; image.use()\n"


def loaders(output):
    return {line.split()[1] for line in output.splitlines()}


def image_of(tree):
    return next(path for path in (tree / "noahpy/__pycache__").iterdir() if path.name.startswith("start."))


def test_modules_come_from_the_image_that_the_first_start_makes(tree, run):
    first = run()
    stamp = image_of(tree).stat().st_mtime_ns
    assert run() == first
    assert image_of(tree).stat().st_mtime_ns == stamp
    assert loaders(first) == {"_Finder"}
    assert f"linux_abi.errors _Finder {tree}/linux_abi/errors.py" in first


def test_a_changed_source_is_seen(tree, run):
    run()
    source = tree / "noahpy/errors.py"
    source.write_text(source.read_text() + "\nprint('changed')\n")
    assert "changed" in run()
    assert loaders(run(SCRIPT + "print('x _Finder')").replace("changed\n", "")) == {"_Finder"}


def test_a_new_source_is_seen(tree, run):
    run()
    (tree / "linux_abi/new.py").write_text("x = 1")
    assert run(USE + "import linux_abi.new as m; print(type(m.__spec__.loader).__name__)") == "_Finder\n"


def test_a_source_that_went_is_gone(tree, run):
    (tree / "linux_abi/new.py").write_text("x = 1")
    run()
    (tree / "linux_abi/new.py").unlink()
    assert "No module named 'linux_abi.new'" in run(USE + "import linux_abi.new", fails=True)


@pytest.mark.parametrize("content", [b"", b"\0", b"junk", b"i\1\0\0\0"])
def test_a_damaged_image_is_replaced(tree, run, content):
    run()
    image_of(tree).write_bytes(content)
    assert loaders(run()) == {"_Finder"}
    assert len(image_of(tree).read_bytes()) > 1000


def test_without_a_place_for_it_modules_are_imported_as_ever(tree, run):
    (tree / "noahpy/__pycache__").write_text("a file")
    assert loaders(run()) == {"SourceFileLoader"}


@pytest.mark.usefixtures("kvm")
def test_without_one_a_guest_goes_where_no_module_can_be_read(compile_c, tmp_path):
    program = compile_c(ROOT / "tests/guest/chroot.c")
    command = [sys.executable, "-O", "-m", "noahpy", program]  # -O: the image is of code without
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_source_in_the_middle_of_being_written_does_no_harm(tree, run):
    (tree / "linux_abi/half.py").write_text("def")
    assert loaders(run()) == {"SourceFileLoader"}
    assert sorted(path.name for path in (tree / "noahpy/__pycache__").iterdir() if path.name.startswith("start.")) == []


def test_a_traceback_shows_the_source(tree, run):
    (tree / "linux_abi/bad.py").write_text("def f():\n    raise OSError  # this line\n")
    for _ in range(2):
        assert "raise OSError  # this line" in run(USE + "from linux_abi.bad import f; f()", fails=True)


def test_a_package_in_the_image_still_finds_what_is_not(tree, run):
    assert os.path.exists(tree / "noahpy/engine")
    assert run(USE + "import noahpy.engine as e; print(e.__path__)") == f"['{tree}/noahpy/engine']\n"
