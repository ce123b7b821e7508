"""The code of all modules in one file, so that a start reads one file instead of finding, opening and checking eighty.

The file lies beside Python's own compiled ones. It is made at the first start and again when a source is not as it was;
where it can't be written, modules are imported as ever. This one never comes from it, and does without __future__.
"""

import gc
import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType

    Stamps = dict[str, tuple[int, int]]  # path of a source or a folder of sources -> when it changed (ns), size
    Modules = dict[str, tuple[str, bool, bytes]]  # name -> path, whether it is a package, code
    Entries = dict[int, bytes]  # system call -> code (linux_abi.syscall.Syscall.compile)

_HERE = os.path.dirname(os.path.abspath(__file__))
_FOLDERS = (_HERE, os.path.join(os.path.dirname(_HERE), "linux_abi"))
_SELDOM = ("__pycache__", "compat", "hooks", "inject", "measure", "roots", "show", "strace")  # not part of a start
_entries: "Entries" = {}
PATH = os.path.join(_HERE, "__pycache__", f"start.{sys.implementation.cache_tag}")


def use() -> None:
    """Import what noahpy consists of from the image, from now on."""
    gc.disable()  # until the guest runs: the start leaves no garbage
    if sys.flags.optimize:
        return
    found = _read()
    if found:
        sys.meta_path.insert(0, _Finder(found[0]))
        _entries.update(found[1])
    else:
        _make()


def used() -> bool:
    """Whether every module of noahpy's is in memory, to be imported whatever becomes of the file system."""
    return any(isinstance(finder, _Finder) for finder in sys.meta_path)


def import_all() -> None:
    """Import every module that a guest may need, while the files are in reach: for where there is no image."""
    from importlib import import_module

    for path in _sources():
        if path.endswith(".py") and not path.endswith("__main__.py"):
            import_module(_name(path)[0])


def entry(number: int) -> "CodeType | None":
    """The code of a system call's entry, for linux_abi.syscall.Table."""
    code = _entries.get(number)
    return marshal.loads(code) if code else None  # noqa: S302  our own


class _Finder:
    """Finds and loads modules (importlib.abc.MetaPathFinder, Loader)."""

    def __init__(self, modules: "Modules") -> None:
        self.modules = modules

    def find_spec(self, name: str, path: object = None, target: object = None) -> "ModuleSpec | None":
        found = self.modules.get(name)
        if found is None:
            return None
        spec: ModuleSpec = type(__spec__)(name, self, origin=found[0], is_package=found[1])  # type: ignore[arg-type]
        if found[1]:
            spec.submodule_search_locations = [os.path.dirname(found[0])]
        return spec

    def create_module(self, spec: "ModuleSpec") -> None:
        return None

    def exec_module(self, module: "ModuleType") -> None:
        path, _, code = self.modules[module.__name__]
        module.__file__ = path
        exec(marshal.loads(code), module.__dict__)  # noqa: S102, S302  our own


def _read() -> "tuple[Modules, Entries] | None":
    try:
        with open(PATH, "rb") as file:
            version, stamps, modules, entries = marshal.loads(file.read())  # noqa: S302  trusted as Python's own .pyc beside it
        valid = version == sys.version and all(_stamp(path) == stamp for path, stamp in stamps.items())
    except (OSError, EOFError, ValueError, TypeError):
        return None
    return (modules, entries) if valid else None


def _make() -> None:
    partial = f"{PATH}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(PATH), exist_ok=True)
        file = open(partial, "wb")  # noqa: SIM115  first of all: without a place for it an image is not worth the work
    except OSError:
        return
    try:
        with file:
            stamps, modules = _compile()
            sys.meta_path.insert(0, _Finder(modules))
            _entries.update(_compile_entries())
            marshal.dump((sys.version, stamps, modules, _entries), file)
        os.replace(partial, PATH)
    except (OSError, SyntaxError):  # no space; a source that is just being written
        os.unlink(partial)


def _compile() -> "tuple[Stamps, Modules]":
    stamps: Stamps = {}
    modules: Modules = {}
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # that would change folders
    try:
        for path in _sources():
            stamps[path] = _stamp(path)
            if path.endswith(".py"):
                name, is_package = _name(path)
                modules[name] = path, is_package, marshal.dumps(_code(path))
    finally:
        sys.dont_write_bytecode = before
    return stamps, modules


def _name(path: str) -> tuple[str, bool]:
    """A source's module, and whether that is a package."""
    file_name = os.path.relpath(path, os.path.dirname(_HERE))[:-3].replace("/", ".")
    name = file_name.removesuffix(".__init__")
    return name, name != file_name


def _code(path: str) -> "CodeType":
    """A module's code, without what costs a start: docstrings, and the import of __future__ (which is a file to be read)."""
    import __future__

    import ast

    with open(path, "rb") as file:
        tree = ast.parse(file.read())
    tree.body = [node for node in tree.body if not (isinstance(node, ast.ImportFrom) and node.module == "__future__")]
    code: CodeType = compile(tree, path, "exec", __future__.annotations.compiler_flag, dont_inherit=True, optimize=2)
    return code


def _compile_entries() -> "Entries":
    from linux_abi.syscall import CALLS
    from linux_abi.syscalls import declare_all

    declare_all()
    return {call.number: marshal.dumps(call.compile()) for call in CALLS.values()}


def _sources() -> list[str]:
    """The sources and their folders; a folder changes when a source comes or goes."""
    found = []
    for top in _FOLDERS:
        for folder, subfolders, files in os.walk(top):
            subfolders[:] = [name for name in subfolders if name not in _SELDOM]
            found += [folder, *(os.path.join(folder, name) for name in files if name.endswith(".py"))]
    return found


def _stamp(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_mtime_ns, status.st_size
