"""Lines of strace(1) made comparable: by thread, unfinished calls joined, what differs from run to run masked."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import NamedTuple

_LINE = re.compile(r"(\d+) +(.*)")
_UNFINISHED = " <unfinished ...>"
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)")
_MASKS = (
    (r"0x[0-9a-f]{5,16}\b", "ADDRESS"),
    (r"(?<=\bgetppid\(\) = )\d+", "PID"),
    (r"\b(tv_sec|tv_nsec|tv_usec|si_utime|si_stime)=\d+", r"\1=TIME"),
    (r'(?<=getrandom\(").*(?=")', "RANDOM"),
    (r"(?<=htons\()[3-6]\d{4}", "PORT"),
    (r"sysinfo\(.*\)(?= =)", "sysinfo(...)"),
    (r"\b(f_bfree|f_bavail|f_ffree)=\d+", r"\1=N"),
    (r" +(?== )", " "),
)


class Comparison(NamedTuple):
    equal: int
    all: int
    differences: list[str]  # as diff(1) shows them


def threads(text: str) -> list[list[str]]:
    """The lines of each thread, in the order of the threads' first lines."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        assert match, line
        tid, rest = match.groups()
        lines = found.setdefault(tid, [])
        resumed = _RESUMED.fullmatch(rest)
        if resumed:
            assert lines and lines[-1].endswith(_UNFINISHED), line
            lines[-1] = lines[-1].removesuffix(_UNFINISHED) + resumed[1]
        else:
            lines.append(rest)
    numbers = re.compile(rf"\b({'|'.join(found)})\b")
    places = {tid: f"PID{place}" for place, tid in enumerate(found)}
    return [[_masked(numbers.sub(lambda m: places[m[1]], line)) for line in lines] for lines in found.values()]


def _masked(line: str) -> str:
    for pattern, mask in _MASKS:
        line = re.sub(pattern, mask, line)
    return line


def compare(expected: str, found: str) -> Comparison:
    """Two traces of one program."""
    ours, theirs = threads(found), threads(expected)
    equal = total = 0
    differences = []
    for place in range(max(len(ours), len(theirs))):
        left, right = [lines[place] if place < len(lines) else [] for lines in (theirs, ours)]
        matcher = SequenceMatcher(None, left, right, autojunk=False)
        equal += sum(block.size for block in matcher.get_matching_blocks())
        total += max(len(left), len(right))
        for tag, i, j, k, n in matcher.get_opcodes():
            if tag != "equal":
                differences += [f"- {line}" for line in left[i:j]] + [f"+ {line}" for line in right[k:n]]
    return Comparison(equal, total, differences)
