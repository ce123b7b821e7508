"""A directory of known content for programs to work in, and a picture of what they leave there."""

from __future__ import annotations

import hashlib
import os
import random
import stat
import time
from pathlib import Path

DAY = 86400
BEFORE = 1_600_000_000  # every time in a fresh scratch directory; what a program sets itself is old too, what it touches is new


def build(root: Path) -> None:
    """Fill `root` with files, directories and links; the same bytes, modes and times whenever it is called."""
    root.mkdir()
    rng = random.Random(42)
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "needle", "Umlaut-äöü"]
    lines = [f"{rng.choice(words)} {rng.randrange(1000)} {rng.choice(words)}\n" for _ in range(500)]
    files = {
        "lines.txt": "".join(lines).encode(),
        "numbers": "".join(f"{rng.randrange(10**6)}\n" for _ in range(1000)).encode(),
        "table.csv": "".join(f"{i},{rng.choice(words)},{rng.random():.6f}\n" for i in range(200)).encode(),
        "left": b"a 1\nb 2\nc 3\nd 4\n",
        "right": b"b two\nc three\ne five\n",
        "random.bin": rng.randbytes(300_000),
        "zeros": bytes(100_000),
        "empty": b"",
        "no newline": b"one line",
        "dir/one": b"needle in a directory\n",
        "dir/sub/two": b"two\nneedle again\n",
        "dir/sub/deep/three": b"three\n" * 100,
        "dir/.hidden": b"hidden\n",
        "script.sh": b"#!/bin/sh\necho script\n",
    }
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o644)
    (root / "script.sh").chmod(0o755)
    (root / "dir/sub/two").chmod(0o600)
    (root / "link").symlink_to("lines.txt")
    (root / "dir/dangling").symlink_to("nowhere")
    (root / "to-dir").symlink_to("dir/sub")
    os.link(root / "left", root / "hard")
    os.mkfifo(root / "fifo", 0o640)
    with open(root / "sparse", "wb") as sparse:
        sparse.truncate(1 << 20)
        sparse.seek(1 << 19)
        sparse.write(b"island")
    for number in range(40):
        (root / f"dir/many-{number:02}").write_bytes(bytes(number))
    paths = sorted(root.rglob("*"), key=lambda path: -len(path.parts))  # children first: they touch their parents
    for number, path in enumerate([*paths, root]):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
        when = BEFORE + number % 50 * DAY
        os.utime(path, (when, when), follow_symlinks=False)


def picture(root: Path) -> dict[str, tuple[object, ...]]:
    """What lies below `root`: kind and mode, owner, links, content, and the time of change where it was set."""
    seen = {}
    for path in [root, *root.rglob("*")]:
        st = path.lstat()
        if stat.S_ISLNK(st.st_mode):
            content = os.readlink(path)
        elif stat.S_ISREG(st.st_mode):
            content = f"{st.st_size} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        else:
            content = ""
        when = "now" if abs(time.time() - st.st_mtime) < DAY else st.st_mtime_ns
        links = 0 if stat.S_ISDIR(st.st_mode) else st.st_nlink
        seen[str(path.relative_to(root))] = (stat.filemode(st.st_mode), st.st_uid, st.st_gid, links, content, when)
    return seen
