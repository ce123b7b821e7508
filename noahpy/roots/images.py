"""Images of containers: which layers make a tree (OCI image-spec; docker save's format, v1 and later).

An image is a folder (`skopeo copy ... oci:DIR`) or a tar file (`docker save`, `skopeo copy ... oci-archive:FILE`).
"""

from __future__ import annotations

import bz2  # noqa: F401  tarfile loads it, and the next two, when it needs them
import gzip  # noqa: F401
import hashlib
import json
import lzma  # noqa: F401
import os
import re
import tarfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO, Any

    Store = Callable[[str], IO[bytes]]  # opens a file of the image

_PART = re.compile(r"(\./)?(blobs(/.*)?|oci-layout|(index|manifest|[0-9a-f]{64})\.json|repositories|[0-9a-f]{64}(/.*|\.tar)?)?")
_DIGEST = re.compile(r"(sha256|sha384|sha512):([0-9a-f]{64,128})")
_ZSTD = b"\x28\xb5\x2f\xfd"
_BLOCK = 1 << 20


class Broken(Exception):
    """The archive can't be unpacked: one line why."""


def is_layout(path: str) -> bool:
    """Whether a folder is an OCI layout."""
    return os.path.exists(os.path.join(path, "oci-layout"))


def layers(archive: str) -> list[IO[bytes]]:
    """The tar files, compressed or not, that make the tree, the lowest first. Broken, OSError: there are none.

    They can be read when the archive is out of reach.
    """
    if os.path.isdir(archive):
        return _of_image(lambda name: open(os.path.join(archive, name), "rb"))
    stream = open(archive, "rb")  # noqa: SIM115  the layers are read from it
    try:
        tar = tarfile.open(fileobj=stream)  # noqa: SIM115
        is_image = all(_PART.fullmatch(member.name) for member in tar) and bool(tar.getmembers())
    except tarfile.ReadError:
        stream.seek(0)
        if stream.read(len(_ZSTD)) == _ZSTD:
            raise Broken("it is compressed by zstd, which this Python does not read: unzstd it first") from None
        raise
    if is_image:
        return _of_image(lambda name: _member(tar, name))
    stream.seek(0)
    return [stream]


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    try:
        stream = tar.extractfile(name)
    except KeyError:
        stream = None
    if stream is None:
        raise FileNotFoundError(2, os.strerror(2), name)
    return stream


def _of_image(store: Store) -> list[IO[bytes]]:
    try:
        try:
            index = _parsed(store("index.json"))
        except FileNotFoundError:
            return [store(name) for name in _only(_parsed(store("manifest.json")))["Layers"]]
        while "layers" not in index:
            choices = index["manifests"]
            ours = [one for one in choices if one.get("platform", {}).get("architecture") == "amd64"]
            index = _parsed(_blob(store, _only(ours or choices)["digest"]))
        return [_blob(store, layer["digest"]) for layer in index["layers"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Broken(f"a broken image: {type(error).__name__}: {error}") from None


def _parsed(stream: IO[bytes]) -> Any:
    with stream:
        return json.load(stream)


def _only(images: list[Any]) -> Any:
    if len(images) != 1:
        raise Broken(f"it holds {len(images)} images: one is needed (skopeo copy oci:DIR:NAME oci:NEW)")
    return images[0]


def _blob(store: Store, digest: str) -> IO[bytes]:
    """The blob of a digest, which it has."""
    match = _DIGEST.fullmatch(digest)
    if not match:
        raise Broken(f"a broken image: '{digest}' is no digest")
    algorithm, expected = match.groups()
    stream = store(f"blobs/{algorithm}/{expected}")
    actual = hashlib.new(algorithm)
    while block := stream.read(_BLOCK):
        actual.update(block)
    if actual.hexdigest() != expected:
        raise Broken(f"a broken image: blob {digest[:19]}... is not what its name says")
    stream.seek(0)
    return stream
