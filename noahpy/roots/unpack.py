"""Archives as trees: what they hold is unpacked into an empty folder.

A child does it whose root directory is that folder, with the archive as an open file; so whatever a member's name or a link
says, nothing is written elsewhere. Devices are left out (the tree has its own /dev), and owners that have no number in it.
"""

from __future__ import annotations

import lzma
import os
import tarfile
import zlib
from stat import S_ISREG

from .images import Broken, is_layout, layers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"  # OCI image-spec, layer.md: "Whiteouts"
_BLOCK = 1 << 20
_AS_IT_IS: Any = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}


def is_archive(path: str) -> bool:
    """Whether --root names an archive, and not a tree."""
    return S_ISREG(os.stat(path).st_mode) or is_layout(path)


def into(tree: int, archive: str) -> None:
    """Unpack an archive into the empty folder `tree`, a descriptor. Broken: it can't be, and the folder is of no use."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        _unpack(tree, archive, tell)
    os.close(tell)
    with open(told, "rb") as stream:
        failed = stream.read()
    if os.waitpid(child, 0)[1] and not failed:
        failed = b"the process that unpacked it has died"
    if failed:
        raise Broken(failed.decode())


def _unpack(tree: int, archive: str, tell: int) -> NoReturn:
    try:
        streams = layers(archive)
        os.fchdir(tree)
        os.chroot(".")
        os.umask(0)
        for stream in streams:
            with tarfile.open(fileobj=stream) as tar:
                _extract(tar)
                while tar.fileobj.read(_BLOCK):  # for its checksum
                    pass
    except Broken as error:
        why = str(error)
    except (tarfile.TarError, EOFError, KeyError, zlib.error, lzma.LZMAError) as error:
        why = f"a broken archive: {str(error).splitlines()[0].rstrip(':') if str(error) else 'it ends too early'}"
    except OSError as error:
        why = error.strerror or f"a broken archive: {error}"
        why = f"{os.fsdecode(error.filename)}: {why}" if error.filename else why
    except BaseException as error:
        why = f"{type(error).__name__}: {error}"
    else:
        os._exit(0)
    os.write(tell, why.encode())
    os._exit(1)


def _extract(tar: tarfile.TarFile) -> None:
    """Unpack one layer over what is there."""
    folders = {}
    for member in tar:
        path = os.path.normpath(f"/{member.name}").replace("//", "/")
        folder, name = os.path.split(path)
        if name == _OPAQUE:
            for old in os.listdir(folder):
                _remove(os.path.join(folder, old))
        elif name.startswith(_WHITEOUT):
            gone = name.removeprefix(_WHITEOUT)
            if gone in ("", ".", ".."):
                raise Broken(f"a broken archive: {path} is no whiteout")
            _remove(os.path.join(folder, gone))
        elif not (member.ischr() or member.isblk()):
            member.name = path
            if member.islnk():
                member.linkname = os.path.normpath(f"/{member.linkname}").replace("//", "/")
            if not (member.isdir() and os.path.isdir(path)):
                _remove(path)
                tar.extract(member, "/", set_attrs=False, **_AS_IT_IS)
            _own(path, member)
            if member.isdir():
                folders[path] = member
    for path, member in folders.items():  # when there is nothing more to come into them
        if os.path.isdir(path):
            os.chmod(path, member.mode & 0o7777)
            os.utime(path, (member.mtime, member.mtime))


def _own(path: str, member: tarfile.TarInfo) -> None:
    """Owner, mode and times of what a member has become."""
    if member.islnk():
        return
    try:
        os.lchown(path, member.uid, member.gid)
    except OSError:  # a number that this user has not been lent
        pass
    if not (member.issym() or member.isdir()):
        os.chmod(path, member.mode & 0o7777)
    if not member.isdir():
        os.utime(path, (member.mtime, member.mtime), follow_symlinks=False)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        for name in os.listdir(path):
            _remove(os.path.join(path, name))
        os.rmdir(path)
    elif os.path.lexists(path):
        os.unlink(path)
