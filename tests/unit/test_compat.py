"""The compatibility suites' runner: what it takes from a suite's output, what it calls a difference, what it leaves behind."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import pytest

from noahpy.compat import busybox, command, coreutils, debian, python
from noahpy.compat.compare import Way, compare
from noahpy.compat.execute import become_reaper, execute
from noahpy.compat.report import Report, known_failures
from noahpy.compat.suite import FAIL, PASS, SKIPPED, TIMEOUT, Case, Suite, Unit, base_environment
from noahpy.errors import CannotRun

NATIVE = Way("native", [], 20)
OTHER = Way("other", ["env", "OTHER=1"], 20)  # a way to run that tests can tell from the native one

PRINTED = """\
======================
echo -ne '' | true
PASS: first
======================
echo -ne '' | false
FAIL: second
--- expected
+++ actual
======================
SKIPPED: third
UNTESTED: fourth
PASS: first
the end
"""


def unit(script: str, parse=busybox.parse) -> Unit:
    return Unit("x.tests", "x", ["sh", "-c", script], lambda work: work, base_environment, parse)


@pytest.fixture(autouse=True)
def no_vm(monkeypatch):
    monkeypatch.setattr(command, "noahpy", lambda: ["env"])


def compared(unit, work):
    native = execute(unit, NATIVE.prefix, work, NATIVE.timeout)
    return compare(unit, native, [NATIVE, OTHER], work)


def test_parse_splits_the_output_by_case():
    cases = busybox.parse(PRINTED, 1)
    assert {name: case.status for name, case in cases.items()} == {
        "first": PASS,
        "second": FAIL,
        "third": SKIPPED,
        "fourth": "UNTESTED",
        "first #2": PASS,
        "(exit)": FAIL,
    }
    assert cases["second"].output.splitlines()[1:] == ["echo -ne '' | false", "--- expected", "+++ actual"]
    assert cases["(exit)"].output == "the end\nstatus 1"


def test_parse_keeps_the_diff_of_a_last_failure():
    assert busybox.parse("FAIL: only\n-a\n+b\n", 1)["only"] == Case(FAIL, "\n-a\n+b")


def test_same_in_both_ways(tmp_path):
    row = compared(unit("echo PASS: a; echo FAIL: b; exit 1"), tmp_path / "work")
    assert not row.differences
    assert not row.unstable


@pytest.mark.parametrize(
    ("script", "case", "native", "here"),
    [
        ('[ "$OTHER" ] && echo FAIL: a || echo PASS: a; true', "a", PASS, FAIL),
        ('[ "$OTHER" ] && echo PASS: a || echo FAIL: a', "a", FAIL, PASS),
        ('[ "$OTHER" ] || echo PASS: a; true', "a", PASS, "MISSING"),
        ('[ "$OTHER" ] && echo PASS: a; true', "a", "MISSING", PASS),
        ('echo "seen $OTHER"; echo PASS: a', "a", PASS, PASS),
        ('[ "$OTHER" ] && kill -SEGV $$; true', "(exit)", PASS, FAIL),
    ],
)
def test_difference(tmp_path, script, case, native, here):
    (difference,) = compared(unit(script), tmp_path / "work").differences
    assert (difference.case, difference.native, difference.here) == (case, native, here)
    assert difference.key == f"x.tests: {case}"


def test_output_that_differs_natively_too_is_not_compared(tmp_path):
    row = compared(unit("echo $$; echo PASS: pid; echo $OTHER; echo PASS: own"), tmp_path / "work")
    assert row.unstable == ["pid"]
    assert [d.case for d in row.differences] == ["own"]


def test_unstable_output_excuses_no_other_outcome(tmp_path):
    script = 'echo $$; [ "$OTHER" ] && echo FAIL: pid || echo PASS: pid; true'
    (difference,) = compared(unit(script), tmp_path / "work").differences
    assert (difference.native, difference.here) == (PASS, FAIL)


def reaping(work: Path, results) -> None:
    """What a worker of the pool does, in a process of its own: it kills all its children."""
    become_reaper()
    outcome = execute(
        unit("echo PASS: a; setsid sleep 1000 & echo $! >../pid; (sleep 1000 &) ; exec sleep 1000"), [], work, 0.5
    )
    results.put((outcome.cases["(time)"].status, outcome.cases["a"].status, work.exists()))


def test_time_limit_leaves_nothing(tmp_path):
    context = get_context("fork")
    results = context.SimpleQueue()
    worker = context.Process(target=reaping, args=(tmp_path / "work", results))
    worker.start()
    worker.join(20)
    assert results.get() == (TIMEOUT, PASS, False)
    assert not os.path.exists(f"/proc/{(tmp_path / 'pid').read_text().strip()}")
    left = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True, check=True).stdout
    assert f"{worker.pid} sleep" not in left


def test_a_folder_without_permissions_is_removed(tmp_path):
    execute(unit("mkdir -p a/b; chmod 0 a"), [], tmp_path / "work", 20)
    assert list(tmp_path.iterdir()) == []


def report(tmp_path: Path, script: str, known: dict[str, str]) -> Report:
    found = Report("suite", "subject", ["other"], known)
    found.rows.append(compared(unit(script), tmp_path / "work"))
    return found


DIFFERS = '[ "$OTHER" ] && echo FAIL: a || echo PASS: a; true'


def test_report_of_a_difference(tmp_path):
    found = report(tmp_path, DIFFERS, {})
    assert not found.ok
    assert "--- x.tests: a\nnative: PASS, other: FAIL" in found.problems()
    assert "1/2" in found.table()
    assert found.verdict().endswith("\n2 pass natively, 1 of these other (50.00 %)\n")
    found.write(tmp_path / "made/report.json")
    content = json.loads((tmp_path / "made/report.json").read_text())
    assert content["ok"] is False
    assert content["differences"][0]["case"] == "a"
    assert content["units"][0]["cases"]["native"]["a"] == PASS


def test_known_failure(tmp_path):
    assert report(tmp_path, DIFFERS, {"x.tests: a": "why"}).ok
    passing = report(tmp_path, "echo PASS: a", {"x.tests: a": "why"})
    assert not passing.ok
    assert passing.unexpected_passes == ["x.tests: a"]
    assert "why" in passing.problems()
    assert report(tmp_path, "echo PASS: a", {"y.tests: not run": "why"}).ok
    assert report(tmp_path, "echo SKIPPED: a", {"x.tests: a": "why"}).ok


def test_a_case_that_fails_sometimes(tmp_path):
    known = {"x.tests: a": "sometimes the reader is first"}
    assert report(tmp_path, DIFFERS, known).ok
    assert report(tmp_path, "echo PASS: a", known).ok


def test_a_case_that_prints_something_else_sometimes(tmp_path):
    known = {"x.tests: a": "sometimes prints what else there is"}
    assert report(tmp_path, "echo $OTHER; echo PASS: a", known).ok
    assert report(tmp_path, "echo PASS: a", known).ok
    assert not report(tmp_path, DIFFERS, known).ok


def test_known_failures_need_a_reason(tmp_path):
    listed = tmp_path / "expect.txt"
    listed.write_text("# a comment\n\nx.tests: a # b  # the reason\n")
    assert known_failures(listed) == {"x.tests: a # b": "the reason"}
    listed.write_text("x.tests: a\n")
    with pytest.raises(CannotRun, match=r"expect\.txt:1"):
        known_failures(listed)


def test_sources_of_either_format():
    one_line = (
        "# deb\ndeb [arch=amd64] https://mirror.example/debian stable main\ndeb-src https://mirror.example/debian stable main\n"
    )
    entry = "[arch=amd64] https://mirror.example/debian stable main"
    assert debian.with_source_entries(one_line) == f"# deb\ndeb {entry}\ndeb-src {entry}\n"
    stanza = "Types: deb deb-src\nURIs: https://mirror.example/debian\nSuites: stable\nComponents: main\nSigned-By: /key.gpg\n"
    assert debian.with_source_entries(stanza) == stanza
    assert debian.with_source_entries(stanza.replace("deb deb-src", "deb")) == stanza


def test_a_source_that_the_archive_lists_and_lacks_gives_way_to_another(tmp_path, monkeypatch):
    def apt(_, program, *arguments, cwd=None):
        if program == "apt-cache":
            return "Package: p\nVersion: 2\nStandards-Version: 4\n\nPackage: p\nVersion: 1\n"
        if arguments[-1] in ("p", "p=2", "gone", "gone=2", "gone=1"):
            raise CannotRun("404")
        if cwd:
            (cwd / "p-1").mkdir()
        return ""

    monkeypatch.setattr(debian, "_apt", apt)
    assert debian.source("p", tmp_path).is_dir()
    with pytest.raises(CannotRun, match="404"):
        debian.source("gone", tmp_path)


def test_coreutils_outcomes():
    statuses = [coreutils.parse("", code)["result"].status for code in (0, 77, 1, 99, -15)]
    assert statuses == [PASS, SKIPPED, FAIL, FAIL, FAIL]


def test_what_dash_says_of_a_killed_child_is_not_compared():
    assert coreutils.parse("a\nTerminated\nb\nTerminated\n", 0) == coreutils.parse("a\nb\n", 0)
    assert coreutils.parse("Terminated: a\n", 0) != coreutils.parse("", 0)


def test_python_outcomes():
    passed = '<testcase name="a" status="run"/><testcase name="b"><skipped>no ttys</skipped></testcase>'
    failed = '<testcase name="c"/><testcase name="c"><failure type="x">trace</failure></testcase>'
    cases = python.parse(f'progress\n<testsuites tests="4"><testsuite>{passed}{failed}</testsuite></testsuites>', 2)
    assert cases == {
        "a": Case(PASS, ""),
        "b": Case(SKIPPED, "no ttys"),
        "c": Case(FAIL, "trace"),
        "(exit)": Case(FAIL, "\nstatus 2"),
    }
    assert python.parse("test_x ... died", -11) == {"(exit)": Case(FAIL, "test_x ... died\nstatus -11")}


def test_limits_are_those_of_c():
    printed = dict(line.split("=") for line in coreutils.limits().splitlines())
    assert printed["INT_MAX"] == "2147483647"
    assert printed["INT_OFLOW"] == "2147483648"
    assert printed["LONG_UFLOW"] == "-9223372036854775809"
    assert printed["UINTMAX_OFLOW"] == "18446744073709551616"
    assert "ULONG_MIN" not in printed


def test_no_test_of_that_name(monkeypatch, tmp_path):
    monkeypatch.setitem(command.SUITES, "busybox", lambda *_: Suite("busybox", "x", [unit("true")]))
    with pytest.raises(CannotRun, match="no test of busybox is called nothing"):
        command.main(["busybox", "--cache", str(tmp_path), "--tests", "nothing"])


def test_what_cannot_run_is_said_before_anything_is_fetched(monkeypatch, tmp_path):
    monkeypatch.setattr(command, "noahpy", lambda: ["sh", "-c", "echo 'noahpy: the reason' >&2; exit 125"])
    with pytest.raises(CannotRun, match=r"^the reason$"):
        command.main(["busybox", "--cache", str(tmp_path)])


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["bash", "--jobs", "0"], ["bash", "--program", "/nonexistent"]])
def test_bad_arguments(arguments):
    with pytest.raises(CannotRun, match="--help"):
        command.main(arguments)


def test_a_folder_in_use(tmp_path):
    held = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(CannotRun, match="another noahpy compat"):
        command.main(["busybox", "--cache", str(tmp_path)])
    os.close(held)


def test_a_pool_of_workers(tmp_path):
    code = """
import sys
from noahpy.compat import command
from noahpy.compat.suite import Suite, Unit, base_environment
from noahpy.compat.busybox import parse
def unit(name):
    return Unit(name, name, ["sh", "-c", f"echo PASS: {name}"], lambda work: work, base_environment, parse)
units = [unit(name) for name in "abcde"]
command.SUITES["busybox"] = lambda *_: Suite("busybox", "x", units)
command.noahpy = lambda: ["sh", "-c", 'while [ "${1#-}" != "$1" ]; do shift; done; exec "$@"', "sh"]  # takes any options
sys.exit(command.main(["busybox", "--both", "--jobs", "2", "--cache", sys.argv[1]]))
"""
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert "10 cases of 5 tests: 0 differ" in result.stdout
    assert json.loads((tmp_path / "busybox.json").read_text())["ok"] is True


def test_sigterm_ends_what_was_started(tmp_path):
    code = """
import sys
from noahpy.compat import command
from noahpy.compat.suite import Suite, Unit, base_environment
from noahpy.compat.busybox import parse
script = f"echo $$ >{sys.argv[1]}/pid; sleep 1000"
unit = Unit("a.tests", "a", ["sh", "-c", script], lambda work: work, base_environment, parse)
command.SUITES["busybox"] = lambda *_: Suite("busybox", "x", [unit])
command.noahpy = lambda: ["env"]
command.main(["busybox", "--cache", sys.argv[1]])
"""
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.PIPE)
    pid = tmp_path / "pid"
    while not (pid.exists() and pid.read_text().strip()):
        time.sleep(0.01)
        assert process.poll() is None
    process.terminate()
    process.communicate(timeout=20)
    assert not os.path.exists(f"/proc/{pid.read_text().strip()}")
