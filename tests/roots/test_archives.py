"""`--root FILE` and `--root LAYOUT`: tar files, OCI layouts, what `docker save` writes; and broken and hostile ones."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.conftest import Result
from tests.roots.conftest import Noahpy

SHOW = "cat /etc/text; ls /etc; stat -c %a /tmp; ls -A /root; id -u"
SHOWN = "text\ngroup\npasswd\ntext\n1777\nfile\n0\n"


def run(noahpy: Noahpy, root: Path, script: str, *options: str) -> Result:
    return noahpy.run(["--root", root, *options, "sh", "-c", script])


def packed(tree: Path, archive: Path, *how: str) -> Path:
    subprocess.run(["tar", "-C", tree, *how, "-cf", archive, "."], check=True)
    return archive


@pytest.mark.parametrize(
    "how", ["", "-z", *(pytest.param(how, marks=pytest.mark.slow) for how in ("-J", "-j", "--format=posix"))]
)
def test_tar(how: str, noahpy: Noahpy, tree: Path, place: Path) -> None:
    archive = packed(tree, place / "tree.tar", *how.split())
    assert run(noahpy, archive, SHOW + "; echo x >/x") == Result(0, SHOWN.encode(), b"")
    assert run(noahpy, archive, "ls /x; touch /y", "--read-only").stderr.splitlines() == [
        b"ls: /x: No such file or directory", b"touch: /y: Read-only file system"
    ]  # fmt: skip
    assert sorted(os.listdir(place)) == ["tree", "tree.tar"]


def test_tar_with_an_overlay(noahpy: Noahpy, tree: Path, place: Path) -> None:
    archive = packed(tree, place / "tree.tar")
    (place / "changes").mkdir()
    (place / "changes").chmod(0o777)
    change = ["--overlay", str(place / "changes")]
    assert run(noahpy, archive, "echo x >>/etc/text; rm /etc/group", *change) == Result(0, b"", b"")
    assert run(noahpy, archive, "cat /etc/text; ls /etc", *change) == Result(0, b"text\nx\npasswd\ntext\n", b"")


def layer(*members: tuple[str, str, str]) -> bytes:
    """A tar file of (name, type, content or target)."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.mode = 0o755 if kind == "folder" else 0o644
            kinds = {"folder": tarfile.DIRTYPE, "link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "disk": tarfile.BLKTYPE}
            member.type = kinds.get(kind, tarfile.REGTYPE)
            if kind in ("link", "hard"):
                member.linkname = content
            member.size = len(content) if kind == "file" else 0
            tar.addfile(member, io.BytesIO(content.encode()))
    return stream.getvalue()


def blob(folder: Path, content: bytes) -> dict[str, object]:
    digest = hashlib.sha256(content).hexdigest()
    (folder / "blobs/sha256").mkdir(parents=True, exist_ok=True)
    (folder / "blobs/sha256" / digest).write_bytes(content)
    return {"digest": f"sha256:{digest}", "size": len(content)}


def layout(folder: Path, *layers: bytes, others: bool = True) -> Path:
    """An OCI layout, its layers compressed; with `others`, the index has another architecture's image, too."""
    kinds = "application/vnd.oci.image."
    described = [{**blob(folder, gzip.compress(one)), "mediaType": f"{kinds}layer.v1.tar+gzip"} for one in layers]
    ids = [f"sha256:{hashlib.sha256(one).hexdigest()}" for one in layers]
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ids}}
    described_config = {**blob(folder, json.dumps(config).encode()), "mediaType": f"{kinds}config.v1+json"}
    manifest = {"schemaVersion": 2, "mediaType": f"{kinds}manifest.v1+json", "config": described_config, "layers": described}
    ours = {**blob(folder, json.dumps(manifest).encode()), "mediaType": f"{kinds}manifest.v1+json"}
    platform = {"architecture": "amd64", "os": "linux"}
    other = {**ours, "digest": "sha256:" + 64 * "0", "platform": {"architecture": "arm64", "os": "linux"}}
    (folder / "index.json").write_text(
        json.dumps({"schemaVersion": 2, "manifests": [{**ours, "platform": platform}, *([other] if others else [])]})
    )
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return folder


@pytest.fixture
def layers(tree: Path, place: Path) -> list[bytes]:
    first = packed(tree, place / "first.tar").read_bytes()
    second = layer(
        ("etc/.wh.group", "file", ""), ("etc/text", "file", "second\n"),
        ("root/.wh..wh..opq", "file", ""), ("root/own", "file", ""),
        ("srv", "folder", ""), ("srv/.wh.none", "file", ""), ("etc/hard", "hard", "etc/text"),
        ("bin/who", "link", "/bin/busybox"),
    )  # fmt: skip
    return [first, second]


@pytest.fixture
def image(layers: list[bytes], place: Path) -> Path:
    return layout(place / "image", *layers)


LOOK = "cat /etc/text; ls /etc; ls -A /root /srv; stat -c %h /etc/hard; readlink /bin/who"
LOOKED = b"second\nhard\npasswd\ntext\n/root:\nown\n\n/srv:\n2\n/bin/busybox\n"


def test_layout(noahpy: Noahpy, image: Path) -> None:
    assert run(noahpy, image, LOOK) == Result(0, LOOKED, b"")


@pytest.mark.parametrize("kind", ["oci", "oci-archive", "docker-archive"])
def test_images_by_skopeo(kind: str, noahpy: Noahpy, layers: list[bytes], place: Path) -> None:
    """As skopeo copies them, and as `docker save` would write them."""
    image, copy = layout(place / "image", *layers, others=False), place / "copy"
    command = [
        "skopeo",
        "--insecure-policy",
        "--tmpdir",
        str(place),
        "copy",
        "--quiet",
        f"oci:{image}",
        f"{kind}:{copy}:name:latest",
    ]
    subprocess.run(command, check=True)
    assert run(noahpy, copy, LOOK) == Result(0, LOOKED, b"")


# ---- Hostile and broken ones ----


def appended(tree: Path, archive: Path, *members: tuple[str, str, str]) -> Path:
    """The tree as a tar file that goes on with hostile members."""
    stream = packed(tree, archive).read_bytes()
    end = next(at for at in range(len(stream) - 512, 0, -512) if stream[at : at + 512].strip(b"\0")) + 512
    archive.write_bytes(stream[: -(-end // 512) * 512] + layer(*members))
    return archive


def test_nothing_is_written_outside(noahpy: Noahpy, tree: Path, place: Path) -> None:
    outside = place / "outside"
    outside.mkdir()
    outside.chmod(0o777)
    (outside / "kept").write_text("kept\n")
    up = "../" * 20
    hostile = [
        (f"{up}{outside}/up", "file", "x"), (f"{outside}/absolute", "file", "x"), ("link", "link", str(outside)),
        ("link/through", "file", "x"), ("above", "link", up + str(outside).lstrip("/")), ("above/again", "file", "x"),
        (f"{up}{outside}/.wh.kept", "file", ""), ("disk", "disk", ""),
    ]  # fmt: skip
    archive = appended(tree, place / "hostile.tar", *hostile)
    said = run(noahpy, archive, f"ls {outside}; ls /disk /etc/text")
    assert said == Result(1, b"absolute\nagain\nthrough\nup\n/etc/text\n", b"ls: /disk: No such file or directory\n")
    archive = appended(tree, place / "hostile.tar", ("hard", "hard", f"{up}{outside}/kept"))
    says = f"noahpy: --root {archive}: a broken archive: \"linkname '{outside}/kept' not found\"\n"
    assert run(noahpy, archive, "true") == Result(125, b"", says.encode())
    archive = appended(tree, place / "hostile.tar", ("etc/.wh...", "file", ""))
    says = f"noahpy: --root {archive}: a broken archive: /etc/.wh... is no whiteout\n"
    assert run(noahpy, archive, "true") == Result(125, b"", says.encode())
    archive = appended(tree, place / "hostile.tar", ("proc", "link", str(outside)))
    says = "noahpy: there is no /proc in the tree, and it can't be made: File exists\n"
    assert run(noahpy, archive, "true") == Result(125, b"", says.encode())
    assert os.listdir(outside) == ["kept"]


def broken(place: Path, image: Path) -> dict[str, tuple[Path, str]]:
    """What is broken, and a part of what is said of it."""
    whole = gzip.compress(packed(image.parent / "tree", place / "whole.tar").read_bytes())
    files = {
        "empty": (b"", "a broken archive"),
        "text": (b"this is no archive\n" * 1000, "a broken archive: file could not be opened successfully\n"),
        "cut": (whole[: len(whole) // 2], "a broken archive"),
        "changed": (whole[:3000] + bytes(64) + whole[3064:], "a broken archive"),
        "zstd": (b"\x28\xb5\x2f\xfd" + bytes(100), "compressed by zstd"),
        "no image": (layer(("manifest.json", "file", "{}")), "it holds 0 images"),
        "no JSON": (layer(("index.json", "file", "nonsense")), "a broken image"),
        "no layer": (layer(("manifest.json", "file", '[{"Layers": ["blobs/sha256/none"]}]')), "No such file or directory"),
        "a way out": (layer(("manifest.json", "file", '[{"Layers": ["../../etc/passwd"]}]')), "No such file or directory"),
        "two images": (layer(("manifest.json", "file", '[{"Layers": []}, {"Layers": []}]')), "it holds 2 images"),
    }
    found = {}
    for name, (content, says) in files.items():
        (place / name).write_bytes(content)
        found[name] = place / name, says
    return found


def test_broken_ones(noahpy: Noahpy, image: Path, place: Path) -> None:
    for name, (archive, says) in broken(place, image).items():
        result = run(noahpy, archive, "true")
        assert (result.status, result.stdout, result.stderr.count(b"\n")) == (125, b"", 1), (name, result)
        assert result.stderr.startswith(f"noahpy: --root {archive}: ".encode()) and says.encode() in result.stderr, (
            name,
            result,
        )


def test_a_blob_that_is_not_what_its_name_says(noahpy: Noahpy, image: Path) -> None:
    largest = max((image / "blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-1] + b"x")
    says = f"noahpy: --root {image}: a broken image: blob sha256:{largest.name[:12]}... is not what its name says\n"
    assert run(noahpy, image, "true") == Result(125, b"", says.encode())
