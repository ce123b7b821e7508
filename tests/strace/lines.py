"""Lines of strace(1) made comparable: by thread, unfinished calls joined, what differs from run to run masked."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import NamedTuple

_LINE = re.compile(r"(\d+) +(.*)")
_UNFINISHED = " <unfinished ...>"
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)")
_MASKS = (
    (r" +(?== )", " "),
    (r"0x[0-9a-f]{5,16}\b", "ADDRESS"),
    (r"\bu64=\d{10,}\b", "u64=ADDRESS"),  # half of it is not the program's doing
    (r"(?<=getppid\(\) = )\d+", "PID"),
    (r"\b(tv_sec|tv_nsec|tv_usec|si_utime|si_stime)=\d+", r"\1=TIME"),
    (r'(?<=getrandom\(").*(?=")', "RANDOM"),
    (r"(?<=htons\()[3-6]\d{4}", "PORT"),
    (r"sysinfo\(.*\)(?= =)", "sysinfo(...)"),
    (r"\b(f_bfree|f_bavail|f_ffree)=\d+", r"\1=N"),
)


class Comparison(NamedTuple):
    equal: int
    all: int
    differences: list[str]  # as diff(1) shows them


def threads(text: str) -> dict[str, list[str]]:
    """The lines of each thread, by number, in the order of the threads' first lines."""
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
    return found


def _masked(line: str, tids: set[str]) -> str:
    line = re.sub(rf"\b({'|'.join(tids)})\b", "PID", line)  # of either run: one may be a length in the other
    for pattern, mask in _MASKS:
        line = re.sub(pattern, mask, line)
    return line


def compare(expected: str, found: str, without: str = "(?!)") -> Comparison:
    """Two traces of one program, but for lines that fit the regular expression `without`."""
    traces = threads(expected), threads(found)
    tids = {tid for trace in traces for tid in trace}
    all_lines = [[[_masked(line, tids) for line in lines] for lines in trace.values()] for trace in traces]
    theirs, ours = [[[line for line in lines if not re.fullmatch(without, line)] for lines in trace] for trace in all_lines]
    equal = total = 0
    differences = []
    while theirs or ours:  # a thread is paired with the one most like it: which comes first is chance
        left = theirs.pop(0) if theirs else []
        matchers = [SequenceMatcher(None, left, right, autojunk=False) for right in ours or [[]]]
        matcher = max(matchers, key=SequenceMatcher.ratio)
        if ours:
            ours.pop(matchers.index(matcher))
        equal += sum(block.size for block in matcher.get_matching_blocks())
        total += max(len(left), len(matcher.b))
        for tag, i, j, k, n in matcher.get_opcodes():
            if tag != "equal":
                differences += [f"- {line}" for line in left[i:j]] + [f"+ {line}" for line in matcher.b[k:n]]
    return Comparison(equal, total, differences)
