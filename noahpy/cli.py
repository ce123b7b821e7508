"""The command line: what noahpy is told, and how it says that it cannot do it."""

from __future__ import annotations

import os
import sys
from errno import EACCES, ENOENT

from linux_abi.errors import LinuxError

from .errors import FAILED, NOT_FOUND, NOT_RUNNABLE, CannotRun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn

    from .cpu import Cpu
    from .instrument import Instrument
    from .roots.policy import Policy
    from .roots.rules import Rule
    from .strace.options import Options as StraceOptions

# Short form, long form, its value's name, what it does.
OPTIONS = (
    ("-E", "--env", "VAR=VALUE", "set VAR in PROGRAM's environment"),
    ("-U", "--unset", "VAR", "remove VAR from PROGRAM's environment"),
    ("-a", "--argv0", "NAME", "what PROGRAM finds as its own name"),
    ("", "--engine", "NAME", "kvm: a VM, sim: a simulated CPU, auto: what there is"),
    ("-q", "--quiet", "", "do not say that the CPU is simulated"),
    ("", "--cpu", "MODEL", "x86-64-v1 to -v4 or host, then ,+FEATURE, ,-FEATURE"),
    ("-o", "--output", "FILE", "where what is traced or measured goes"),
    ("", "--no-aslr", "", "put PROGRAM at the same addresses in every run"),
    ("", "--no-fast", "", "serve every system call in Python, none in C"),
    ("", "--exitless", "WHEN", "auto, always, never: let a free CPU serve short calls"),
    ("-h", "--help", "", "print this and exit"),
    ("-V", "--version", "", "print the version and exit"),
)
# The same, each with a page of help of its own.
TRACING = (
    ("", "--strace", "[=json]", "tell system calls as strace(1) does, or as JSON"),
    ("-c", "--count", "", "count calls, time and exits; -o FILE: as JSON"),
    ("-e", "--only", "WHAT", "trace=SET: these calls; status=SET: of such an end"),
    ("-z", "--successful-only", "", "only calls that succeed"),
    ("-s", "--string-limit", "N", "show N bytes of strings and buffers, not 32"),
    ("-y", "--decode-fds", "", "say where descriptors lead"),
    ("-t", "--absolute-timestamps", "", "begin lines with the time; -tt: with microseconds"),
    ("-r", "--relative-timestamps", "", "begin lines with the time since the last one"),
    ("-T", "--syscall-times", "", "end lines with the seconds that the call took"),
)
MEASURING = (
    ("", "--count-instructions", "", "say at the end how many each process executed"),
    ("", "--trace", "blocks", "write each block of code that is executed"),
    ("", "--coverage", "FORM", "lcov, drcov: write what lines or blocks are executed"),
)
ROOTS = (
    ("", "--root", "TREE", "PROGRAM's root: folder, tar file or OCI layout"),
    ("", "--bind", "SRC:DST[:ro]", "show SRC of this machine as DST in the tree"),
    ("", "--overlay", "DIR", "keep changes of the tree in DIR, or in memory"),
    ("", "--user", "USER[:GROUP]", "run PROGRAM as this user of the tree"),
    ("", "--hostname", "NAME", "what PROGRAM finds as the machine's name"),
    ("", "--read-only", "", "let nothing in the tree be changed"),
    ("", "--no-network", "", "no network but a loopback of PROGRAM's own"),
    ("", "--memory", "SIZE", "512M, 2G: the most that all processes use together"),
    ("", "--cpus", "N", "1.5: how many CPUs' time they use together"),
    ("", "--processes", "N", "how many of them there are at a time"),
    ("", "--deny", "CALLS[:PATH]", "EPERM for CALLS [on PATH, with *]; =kill: SIGSYS"),
    ("", "--allow", "CALLS[:PATH]", "but not for these; the first that fits decides"),
)
HOOKS = (
    ("", "--script", "FILE", "Python whose hooks see and change system calls"),
    ("", "--inject", "SET:WHAT", "as strace: error=ENOSPC, signal=..., when=3+2, ..."),
    ("", "--inject-each", "SET", "fail each call once, tell what PROGRAM mishandles"),
)
PAGES = {"tracing": TRACING, "measuring": MEASURING, "roots": ROOTS, "hooks": HOOKS}
ALL_OPTIONS = (*OPTIONS, *TRACING, *MEASURING, *ROOTS, *HOOKS)
# What an option's value may be, where that is one of a few words. A value in brackets may be left out.
CHOICES = {
    "--engine": ("kvm", "sim", "auto"),
    "--exitless": ("auto", "always", "never"),
    "--trace": ("blocks",),
    "--coverage": ("lcov", "drcov"),
    "--strace": ("json",),
}
# Name, possible first arguments, what it does.
COMMANDS = (
    ("doctor", "[--json]", "say whether programs can run here"),
    ("processes", "", "list who runs in noahpy"),
    ("completion", "bash|zsh|fish", "print the shell's completion"),
    ("report", "FILE [PICTURE]", "draw what --count -o FILE has written"),
    ("help", "|".join(PAGES), "more options: to watch, to limit"),
    ("compat", "busybox|coreutils|bash|python", "run the tests of others"),
)
# noahpy's own, descriptors: the tree's mount namespace, a socket to hooks.
_OWN = {"--inside": "inside", "--hooks": "hooks"}
_OWN_ROWS = [("", name, "FD", "") for name in _OWN]
_HARMLESS = {"PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "PYTHONIOENCODING", "PYTHONSTARTUP", "PYTHONUNBUFFERED", "PYTHONUTF8"}
_DEFAULT_PATH = b"/bin:/usr/bin"  # of execvp(3) where PATH is not set


def isolate() -> None:
    """Start noahpy anew if PYTHON... variables that are meant for a guest have changed this interpreter."""
    names = {name for name in os.environ if name.startswith("PYTHON")}
    if names - _HARMLESS and not sys.flags.ignore_environment:
        pairs = [entry.split(b"=", 1) for entry in environment() if b"=" in entry]
        os.execve(sys.executable, [sys.executable, "-E", *sys.argv], dict(pairs))


# Options that are kept as they are given, and those that say one thing: the attributes of Options.
_KEPT = {
    "--argv0": "argv0",
    "--engine": "engine",
    "--exitless": "exitless",
    "--coverage": "coverage",
    "--output": "output",
    "--script": "script",
    "--inject-each": "each",
}
_ONCE = ("--script", "--inject-each")  # of the others the last one counts
_SAID = {
    "--count-instructions": ("counts", True),
    "--trace": ("trace", True),
    "--quiet": ("quiet", True),
    "--no-aslr": ("aslr", False),
    "--no-fast": ("fast", False),
}


class Options:
    """How the guest is run."""

    def __init__(self) -> None:
        self.envp = environment()
        self.argv0: str | None = None
        self.aslr = True
        self.engine = "auto"
        self.exitless = "auto"
        self.fast = True
        self.cpu: Cpu | None = None
        self.quiet = False
        self.counts = False  # these need the simulated CPU (noahpy/measure)
        self.trace = False
        self.coverage = ""
        self.output = ""
        self._out = -1  # the file of that name, once it is open
        self.tracing: list[tuple[str, str]] = []  # those of TRACING that were given
        self.strace: StraceOptions | None = None  # what they mean
        self.script = ""
        self.each = ""  # the calls of --inject-each
        self.hooks = -1  # a socket to the process that has the hooks
        self.instruments: list[Instrument] = []
        self.rules: list[Rule] = []
        self.policy: Policy | None = None  # a tree of its own, limits (noahpy/roots)
        self.inside = -1

    def set(self, option: str, value: str) -> None:
        """Take over an option. CannotRun: its value is none."""
        if value and value not in CHOICES.get(option, (value,)):
            raise _usage(f"{option} is {', '.join(CHOICES[option])}, not '{value}'")
        if option in _ONCE and getattr(self, _KEPT[option]):
            raise _usage(f"{option} is given twice")
        if option in _KEPT:
            setattr(self, _KEPT[option], value)
        elif option in _SAID:
            setattr(self, *_SAID[option])
        elif option == "--env":
            name, equals, _ = value.partition("=")
            if not (name and equals):
                raise _usage(f"--env needs VAR=VALUE, not '{value}'")
            self.envp = [*_without(self.envp, name), os.fsencode(value)]
        elif option == "--unset":
            self.envp = _without(self.envp, value)
        elif option == "--cpu":
            from .cpu import Cpu

            self.cpu = Cpu(value)
        elif option in [row[1] for row in TRACING]:
            self.tracing.append((option, value))
        elif option == "--inject":
            from .inject import injection

            self.instruments.append(injection.asked(value))
        elif option in ("--allow", "--deny"):
            from .roots.rules import Rule

            self.rules.append(Rule(option, value))
        elif option in _OWN:
            setattr(self, _OWN[option], int(value))
        else:
            from .roots.policy import Policy

            self.policy = self.policy or Policy()
            self.policy.set(option, value)

    def out(self) -> int:
        """The file of -o, emptied, or stderr."""
        if self._out < 0:
            from .clerk import output

            self._out = output(self.output)
        return self._out

    def measures(self) -> bool:
        """Whether it is to be told what the program executes."""
        return bool(self.counts or self.trace or self.coverage)

    def check(self) -> None:
        """CannotRun where they contradict each other."""
        if self.each and self.script:
            raise _usage("--inject-each has hooks of its own, and takes no --script")
        if self.trace and self.coverage:
            raise _usage("--trace and --coverage would write to one file")
        if self.coverage and not self.output:
            raise _usage("--coverage needs -o FILE")
        if self.output and not self.measures() and not self.tracing:
            raise _usage("-o FILE needs --strace, --count, --trace, --coverage or --count-instructions")
        if self.policy and self.measures():
            raise _usage("--count-instructions, --trace and --coverage know no trees: leave out --root and the like")
        if not self.tracing:
            return
        if not {"--strace", "--count"} & {option for option, _ in self.tracing}:
            raise _usage(f"{self.tracing[0][0]} needs --strace or --count")
        if self.measures():
            raise _usage("--strace or --count and --trace, --coverage or --count-instructions would write to one place")
        from .strace.options import Options as StraceOptions

        self.strace = StraceOptions(self.tracing, to_file=bool(self.output))


def main(args: list[str]) -> NoReturn:
    """Do what `args` (without noahpy's own name) say. Ends in SystemExit, or in the guest's own end."""
    try:
        status = obey(args)
    except CannotRun as error:
        status = _complain(str(error), error.status)
    except KeyboardInterrupt:
        _die_of_interrupt()
    except Exception as error:  # a user never sees a traceback that was not asked for
        if os.environ.get("NOAHPY_DEBUG"):
            raise
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        status = _complain(f"internal error: {what} (NOAHPY_DEBUG=1 shows where)", FAILED)
    sys.exit(status)


def obey(args: list[str], instruments: Iterable[Instrument] = (), hooks: int = -1) -> int:
    """Do what `args` say: the exit status, where that is not the guest's. CannotRun: it can't be done."""
    if args and args[0] in [name for name, _, _ in COMMANDS]:
        _restore_sigpipe()
        return _command(args[0], args[1:])
    given, words = parse(args)
    options = Options()
    options.instruments += instruments
    options.hooks = hooks
    for option, value in given:
        if option in ("--help", "--version"):
            _restore_sigpipe()
            sys.stdout.write(help_text() if option == "--help" else version_text())
            return 0
        options.set(option, value)
    if not words:
        raise _usage("which program?")
    options.check()
    if options.rules:
        from .roots.rules import Rules

        options.instruments.append(Rules(options.rules))
    if options.each:
        from .inject import each

        others = [f"{name}={value}" if value else name for name, value in given if name != "--inject-each"]
        return each.main(options.each, others, words)
    if options.script and options.hooks < 0:
        from .hooks import script

        options.hooks = script.begin(options.script)
    if options.hooks >= 0 and (options.inside >= 0 or not options.policy):
        from .hooks.guest import Watch

        options.instruments.append(Watch(options.hooks))
    if options.policy:
        _enter(options.policy, options)
    argv = [os.fsencode(word) for word in words]
    program = find(argv[0], options.envp)
    if options.argv0 is not None:
        argv[0] = os.fsencode(options.argv0)
    return _run(program, argv, options.envp, options)


def _enter(policy: Policy, options: Options) -> None:
    """Go on in the tree; the noahpy that was called does not, but waits for the one that it starts there."""
    from . import image, roots

    if options.inside < 0:
        passed = []
        if options.hooks >= 0:
            os.set_inheritable(options.hooks, True)
            passed.append(f"--hooks={options.hooks}")
        roots.confine(policy, passed)
    from . import run  # noqa: F401  with all that it imports, while the files are in reach
    from .engine import kvm

    if not image.used():
        image.import_all()
    if options.strace:
        options.out()
    kvm.open_engine(options.engine, quiet=options.quiet)
    roots.join(options.inside, policy)


def _run(program: bytes, argv: list[bytes], envp: list[bytes], options: Options) -> NoReturn:
    try:
        from . import run

        if options.measures():
            from . import measure

            measure.begin(options)
        if options.strace:
            from . import strace

            strace.begin(options.strace, options.out(), program, argv, envp)
        run.start(program, argv, envp, options)
    except LinuxError as error:
        why = getattr(error, "explanation", None) or os.strerror(error.errno)
        status = NOT_FOUND if error.errno == ENOENT else NOT_RUNNABLE
        raise CannotRun(f"{os.fsdecode(program)}: {why}", status) from error
    except ImportError as error:
        if "_native" not in str(error):
            raise
        raise CannotRun(f"its native part does not load: {error}; in the sources: make build") from error


def _command(name: str, args: list[str]) -> int:
    if name == "processes":
        if args:
            raise _usage("processes takes no arguments")
        from . import tree

        return tree.main()
    if name == "doctor":
        if args not in ([], ["--json"]):
            raise _usage(f"doctor knows only --json, not '{' '.join(args)}'")
        from . import doctor

        return doctor.main(as_json=bool(args))
    if name == "report":
        if len(args) not in (1, 2):
            raise _usage("report needs the FILE of --count -o FILE, and perhaps a PICTURE.svg or .png to draw")
        from .strace import report

        return report.main(args[0], args[1] if len(args) > 1 else "")
    if name == "help":
        if len(args) != 1 or args[0] not in PAGES:
            raise _usage(f"help is about {', '.join(PAGES)}")
        sys.stdout.write("".join(_rows(PAGES[args[0]])))
        return 0
    if name == "compat":
        from .compat import command

        return command.main(args)
    from . import completion

    if len(args) != 1 or args[0] not in completion.SHELLS:
        raise _usage("completion needs the shell: bash, zsh or fish")
    sys.stdout.write(completion.script(args[0]))
    return 0


def parse(args: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Split into the options before PROGRAM, as (long form, value), and PROGRAM with its arguments."""
    given = []
    words = list(args)
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        if word == "--":
            break
        if word.startswith("--"):
            flag, attached, value = word.partition("=")
        else:
            flag, value = word[:2], word[2:]
            attached = value
        option = next((row for row in (*ALL_OPTIONS, *_OWN_ROWS) if flag in row[:2]), None)
        if option and attached and not option[2] and not word.startswith("--"):  # -qtT
            words.insert(0, f"-{value}")
            attached = value = ""
        if option is None or (attached and not option[2]):
            from linux_abi.callset import nearest

            raise _usage(f"unknown option {word}{nearest(flag, [name for _, name, _, _ in ALL_OPTIONS], 0.8)}")
        if option[2] and not attached and option[2][0] != "[":
            if not words:
                raise _usage(f"{flag} needs {option[2]}")
            value = words.pop(0)
        given.append((option[1], value))
    return given, words


def find(program: bytes, envp: list[bytes]) -> bytes:
    """The file that execvp(3) would execute for `program` with PATH as in `envp`."""
    if b"/" in program:
        return program
    found = None
    path = next((entry[5:] for entry in envp if entry.startswith(b"PATH=")), _DEFAULT_PATH)
    for folder in path.split(b":"):
        candidate = folder + b"/" + program if folder else b"./" + program
        if program and os.path.isfile(candidate):
            if os.access(candidate, os.X_OK):
                return candidate
            found = found or candidate
    name = os.fsdecode(program)
    if found:
        raise CannotRun(f"{name}: {os.fsdecode(found)} is not executable: {os.strerror(EACCES)}", NOT_RUNNABLE)
    raise CannotRun(f"{name}: not found in PATH", NOT_FOUND)


def environment() -> list[bytes]:
    """The environment that noahpy was started with.

    Python's own may be changed: in the C locale, Python sets LC_CTYPE (PEP 538).
    """
    try:
        with open("/proc/self/environ", "rb", buffering=0) as file:
            block = file.readall()
    except OSError:
        return [name + b"=" + value for name, value in os.environb.items()]
    return block.removesuffix(b"\0").split(b"\0") if block else []


def help_text() -> str:
    """What --help prints: at most 24 lines of 79 columns."""
    commands = [f"  {f'noahpy {name} {args}':37} {what}\n" for name, args, what in COMMANDS]
    return (
        "usage: noahpy [options] [--] PROGRAM [ARGS...]\n"
        "Runs a Linux program in a virtual machine that holds no kernel.\n"
        "\n"
        f"{''.join(_rows(OPTIONS))}"
        f"{''.join(commands)}"
        "\n"
        "Ends as PROGRAM does, or by 125 noahpy failed, 126 not runnable, 127 not found.\n"
    )


def _rows(options: tuple[tuple[str, str, str, str], ...]) -> list[str]:
    forms = [f"{name}{value}" if value[:1] == "[" else f"{name} {value}".strip() for _, name, value, _ in options]
    width = max(map(len, forms))
    rows = zip(options, forms, strict=True)
    return [f"  {short + ',' if short else '   '} {form:{width}} {what}\n" for (short, _, _, what), form in rows]


def version_text() -> str:
    """What --version prints."""
    from . import __version__

    return f"noahpy {__version__}\n"


def _without(envp: list[bytes], name: str) -> list[bytes]:
    prefix = os.fsencode(name) + b"="
    return [entry for entry in envp if not entry.startswith(prefix)]


def _usage(text: str) -> CannotRun:
    return CannotRun(f"{text}; see noahpy --help")


def _complain(text: str, status: int) -> int:
    """One line on stderr, whatever is in it."""
    line = text if text.isprintable() else text.encode("unicode_escape").decode()
    try:
        os.write(2, f"noahpy: {line}\n".encode())
    except OSError:  # stderr is closed: the status has to do
        pass
    return status


def _restore_sigpipe() -> None:
    """Let `noahpy --help | head` end as other programs do; Python ignores SIGPIPE."""
    import _signal  # type: ignore[import-not-found]  # not signal, which imports enum

    _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)


def _die_of_interrupt() -> NoReturn:
    import _signal

    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    os.kill(os.getpid(), _signal.SIGINT)
    os._exit(128 + _signal.SIGINT)  # the signal is blocked
