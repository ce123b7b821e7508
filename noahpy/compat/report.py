"""What a comparison found: the table by applet, the differences, the JSON, and how known failures are told from new ones."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import CannotRun
from .compare import NATIVE, Difference, Row
from .suite import FAIL, PASS

_SEPARATOR = "  # "
_SOMETIMES = "sometimes "  # begins the reason of a case whose outcome is a matter of who is first
_PRINTS = _SOMETIMES + "prints "  # of one of which only the output is


@dataclass
class Report:
    """The rows of a whole run, and what is known of failures: `UNIT: CASE` -> reason."""

    suite: str
    subject: str
    ways: list[str]
    known: dict[str, str]
    rows: list[Row] = field(default_factory=list)

    @property
    def differences(self) -> list[Difference]:
        """Those that no reason is known for."""
        return [d for row in self.rows for d in row.differences if not self.knows(d)]

    def knows(self, difference: Difference) -> bool:
        """Whether a reason for it is known."""
        reason = self.known.get(difference.key)
        return reason is not None and (difference.native == difference.here or not reason.startswith(_PRINTS))

    @property
    def unexpected_passes(self) -> list[str]:
        """Known failures whose case passes natively and did so here, and not only sometimes."""
        always = {key for key, reason in self.known.items() if not reason.startswith(_SOMETIMES)}
        failing = {d.key for row in self.rows for d in row.differences}
        unstable = {f"{row.unit}: {case}" for row in self.rows for case in row.unstable}
        passing = {f"{row.unit}: {name}" for row, name in self._pass_natively()}
        return sorted((passing - failing - unstable) & always)

    def _pass_natively(self) -> list[tuple[Row, str]]:
        return [(row, name) for row in self.rows for name in row.outcomes[NATIVE].cases if _passes(row, NATIVE, name)]

    @property
    def ok(self) -> bool:
        """Whether all went as natively or as known."""
        return not self.differences and not self.unexpected_passes

    def table(self) -> str:
        """A line an applet: native outcomes, how many are the same in each way, seconds."""
        heads = [self.suite, "pass", "fail", "other", *(word for way in self.ways for word in (way, "s")), "native s"]
        groups = list(dict.fromkeys(row.group for row in self.rows))
        lines = [self._line(name, [row for row in self.rows if row.group == name]) for name in groups]
        lines.append(self._line("all", self.rows))
        widths = [max(len(line[i]) for line in [heads, *lines]) for i in range(len(heads))]
        rule = ["-" * width for width in widths]
        return "".join(_aligned(line, widths) for line in [heads, rule, *lines[:-1], rule, lines[-1]])

    def _line(self, name: str, rows: list[Row]) -> list[str]:
        native = Counter(case.status for row in rows for case in row.outcomes[NATIVE].cases.values())
        total = native.total()
        words = [name, *(str(native[status]) for status in (PASS, FAIL)), str(total - native[PASS] - native[FAIL])]
        for way in self.ways:
            differing = sum(d.way == way for row in rows for d in row.differences)
            words += [f"{total - differing}/{total}", self._seconds(rows, way)]
        return [*words, self._seconds(rows, NATIVE)]

    @staticmethod
    def _seconds(rows: list[Row], way: str) -> str:
        return f"{sum(row.outcomes[way].seconds for row in rows):.1f}"

    def problems(self) -> str:
        """Each difference with its diff."""
        parts = [f"--- {d.key}\n{d.diff}\n" for d in self.differences]
        parts += [f"--- {key}\ngoes as natively, but is listed: {self.known[key]}\n" for key in self.unexpected_passes]
        return "".join(parts)

    def verdict(self) -> str:
        """A line of what differs, and one of how many of the cases that pass natively pass."""
        cases = sum(len(row.outcomes[NATIVE].cases) for row in self.rows)
        known = sum(self.knows(d) for row in self.rows for d in row.differences)
        unstable = sum(len(row.unstable) for row in self.rows)
        return (
            f"{cases} cases of {len(self.rows)} tests: {len(self.differences)} differ from native, {known} known to,"
            f" {len(self.unexpected_passes)} known to but did not, {unstable} differ between two native runs\n"
            f"{len(self._pass_natively())} pass natively, {', '.join(map(self._share, self.ways))}\n"
        )

    def _share(self, way: str) -> str:
        natively = self._pass_natively()
        here = sum(_passes(row, way, name) for row, name in natively)
        return f"{here} of these {way} ({100 * here / max(1, len(natively)):.2f} %)"

    def write(self, path: Path) -> None:
        """The whole as JSON; what a case printed is in the differences alone."""
        path.parent.mkdir(parents=True, exist_ok=True)
        units = [
            {
                "unit": row.unit,
                "group": row.group,
                "unstable": row.unstable,
                "seconds": {way: round(outcome.seconds, 3) for way, outcome in row.outcomes.items()},
                "cases": {
                    way: {name: case.status for name, case in outcome.cases.items()} for way, outcome in row.outcomes.items()
                },
            }
            for row in self.rows
        ]
        content = {
            "suite": self.suite,
            "subject": self.subject,
            "ok": self.ok,
            "differences": [{**asdict(d), "known": self.known.get(d.key)} for row in self.rows for d in row.differences],
            "unexpected_passes": self.unexpected_passes,
            "units": units,
        }
        path.write_text(json.dumps(content, indent=1) + "\n")


def _passes(row: Row, way: str, name: str) -> bool:
    cases = row.outcomes[way].cases
    return name in cases and cases[name].status == PASS


def _aligned(words: list[str], widths: list[int]) -> str:
    padded = [f"{word:>{width}}" for word, width in zip(words[1:], widths[1:], strict=True)]
    return "  ".join([f"{words[0]:<{widths[0]}}", *padded]) + "\n"


def known_failures(path: Path) -> dict[str, str]:
    """A file of lines `UNIT: CASE  # REASON`, blank lines and lines that begin with #: reasons by `UNIT: CASE`."""
    known = {}
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise CannotRun(f"{path}: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            key, separator, reason = line.rpartition(_SEPARATOR)
            if not (separator and reason.strip()):
                raise CannotRun(f"{path}:{number}: a known failure needs its reason behind '{_SEPARATOR.strip()}'")
            known[key.strip()] = reason.strip()
    return known
