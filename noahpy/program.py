"""From a path to a program that can be run: the file, the interpreters it needs, and the strings it gets.

What is checked, in which order and with which errno: execve(2) and the kernel's fs/exec.c, fs/binfmt_script.c and
fs/binfmt_elf.c. Serves the start of noahpy and execve(2), which must be able to fail while the old program is still there.
"""

from __future__ import annotations

import os
from stat import S_ISDIR, S_ISREG

from linux_abi.errors import LinuxError
from linux_abi.uapi.elf import ET_EXEC, PT_INTERP
from linux_abi.uapi.errno import E2BIG, EACCES, EAGAIN, EBADF, EINVAL, EIO, ELIBBAD, ELOOP, ENOENT, ENOEXEC, ETXTBSY
from linux_abi.uapi.fcntl import AT_FDCWD, F_RDLCK, F_SETLEASE, F_SETSIG, F_UNLCK
from linux_abi.uapi.signals import SIGURG

from .elf import BadElf, Elf, read_head
from .mappings import PAGE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from linux_abi.task import Host

TASK_SIZE = 1 << 46
_SCRIPT_HEAD = 256  # bytes of a script that Linux looks at (BINPRM_BUF_SIZE)
_SCRIPT_LEVELS = 5
_BLANK = b" \t"
_PATH_MAX = 4096
_ARG_MAX = 128 << 10  # bytes of all strings and pointers together that are always allowed
_STRINGS_MAX = 6 << 20  # and the most, if a quarter of the stack's limit is not less
_STRING_MAX = 128 << 10  # of one string, NUL included (MAX_ARG_STRLEN)
_AT_EXECVE_CHECK = 0x10000
_BAD_ADDRESS = 8
_BAD_FD = -1
_PACKAGES = {b"ld-musl": "musl", b"ld-linux-x86-64": "libc6"}  # Debian's, which have the interpreter


class ExecError(LinuxError):
    """A program can't be run: the errno, and in one line why.

    `fatal`: Linux would notice when the old program is gone already, and kill the process by SIGSEGV.
    """

    def __init__(self, errno: int, explanation: str, fatal: bool = False) -> None:
        super().__init__(errno)
        self.explanation = explanation
        self.fatal = fatal

    def __str__(self) -> str:
        return self.explanation


class Image:
    """A program that can be run. Holds its open files until `close`; `commit` closes it."""

    __slots__ = ("execfn", "argv", "envp", "stack_limit", "program", "interpreter")

    def __init__(self, program: Elf, interpreter: Elf | None, argv: list[bytes], envp: list[bytes]) -> None:
        self.program = program
        self.interpreter = interpreter
        self.argv = argv  # with what #! lines put before it
        self.envp = envp
        self.execfn = b""  # as the caller named the file, a script too: AT_EXECFN
        self.stack_limit = 0

    def close(self) -> None:
        """Close the files."""
        os.close(self.program.fd)
        if self.interpreter:
            os.close(self.interpreter.fd)


def prepare(
    path: bytes,
    argv: Iterable[bytes],
    envp: Iterable[bytes],
    *,
    host: Host,
    stack_limit: int,
    execfn: bytes | None = None,
    lasting: bool = True,
) -> Image:
    """Open and check the program at `path` (as the host sees it) and all that it needs; raises LinuxError.

    `argv` and `envp` are walked once the file is open, as Linux reads them then. `stack_limit` is the soft RLIMIT_STACK in
    bytes. `execfn` is what the guest called the file, if that is not `path`; not `lasting`: that name ends with the execve.
    """
    execfn = path if execfn is None else execfn
    fd = _open(path, host)
    try:
        arguments = list(argv) or [b""]  # Linux 5.18 and later never start a program without argv[0]
        environment = list(envp)
        room = min(_STRINGS_MAX, max(stack_limit // 4, _ARG_MAX)) - 8 * (len(arguments) + len(environment))
        room -= _size([execfn, *environment])
        _check_room(arguments, room)
        script = execfn
        head = read_head(fd)
        levels = 0
        while head[:2] == b"#!":
            if not lasting:
                raise ExecError(ENOENT, "a script by a name that its interpreter cannot open")
            name, argument = _script_line(head[:_SCRIPT_HEAD])
            arguments[:1] = [name, *argument, script]
            _check_room(arguments, room)
            script, old = name, fd
            fd = _open_interpreter(name, host)
            os.close(old)
            levels += 1
            if levels > _SCRIPT_LEVELS:
                raise ExecError(ELOOP, "the #! lines of scripts name scripts more than 5 times")
            head = read_head(fd)
        try:
            program = Elf(fd, head)
        except BadElf as error:
            raise ExecError(ENOEXEC, str(error)) from None
        interpreter = _interpreter(program, host)
    except BaseException as error:
        os.close(fd)
        raise (_from_host(error) if isinstance(error, OSError) else error) from None
    image = Image(program, interpreter, arguments, environment)
    image.execfn = execfn
    image.stack_limit = stack_limit
    try:
        _check_segments(program)
        if interpreter:
            _check_segments(interpreter)
    except ExecError:
        image.close()
        raise
    return image


def _from_host(error: OSError) -> ExecError:
    number = error.errno or EIO
    return ExecError(number, os.strerror(number).lower())


def _open(path: bytes, host: Host) -> int:
    """The file at `path` open for reading, if this process may execute it."""
    try:
        mode = os.stat(path).st_mode
        if not S_ISREG(mode):
            raise ExecError(EACCES, "is a directory" if S_ISDIR(mode) else "not a regular file")
        if not os.access(path, os.X_OK, effective_ids=True):
            raise ExecError(EACCES, "no permission to execute")
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _from_host(error) from None
    if _is_written(path, fd, host):
        os.close(fd)
        raise ExecError(ETXTBSY, "is open for writing")
    return fd


def _is_written(path: bytes, fd: int, host: Host) -> bool:
    """Whether anyone has the file open for writing, as far as the host tells.

    Linux 6.14 and later do; the bad argv goes no further than that. Older ones open the file last or don't know the flag, so
    even a bad descriptor gives another errno than EBADF; they tell, for one's own files, by refusing a lease for reading.
    """
    if host.execveat(_BAD_FD, b"x\0", _BAD_ADDRESS, 0, _AT_EXECVE_CHECK) == -EBADF:
        return host.execveat(AT_FDCWD, path + b"\0", _BAD_ADDRESS, 0, _AT_EXECVE_CHECK) == -ETXTBSY
    host.fcntl(fd, F_SETSIG, SIGURG)  # ignored by default, should a writer come just now
    lease = host.fcntl(fd, F_SETLEASE, F_RDLCK)
    if lease == 0:
        host.fcntl(fd, F_SETLEASE, F_UNLCK)
    return lease == -EAGAIN


def _open_interpreter(name: bytes, host: Host) -> int:
    try:
        return _open(name or b".", host)  # Linux takes an empty name for the working directory
    except ExecError as error:
        shown = os.fsdecode(name)
        if error.errno != ENOENT:
            raise ExecError(error.errno, f"interpreter {shown}: {error.explanation}") from None
        package = next((p for start, p in _PACKAGES.items() if os.path.basename(name).startswith(start)), None)
        hint = f": install it (on Debian: apt-get install {package})" if package else ""
        raise ExecError(ENOENT, f"interpreter {shown} not found{hint}") from None


def _size(strings: list[bytes]) -> int:
    """Bytes of `strings` with their NULs; LinuxError(E2BIG) if one is too long."""
    lengths = [len(s) + 1 for s in strings]
    if lengths and max(lengths) > _STRING_MAX:
        raise ExecError(E2BIG, "an argument or environment string is longer than 128 KiB")
    return sum(lengths)


def _check_room(arguments: list[bytes], room: int) -> None:
    if _size(arguments) > room:
        raise ExecError(E2BIG, "arguments and environment are too long")


def _script_line(head: bytes) -> tuple[bytes, list[bytes]]:
    """The interpreter's name and the argument, if there is one, of a script's first line.

    A name that may be cut off by the end of `head` is refused, an argument is not.
    """
    buffer = head.ljust(_SCRIPT_HEAD, b"\0")
    line, newline, _ = buffer.partition(b"\n")
    if not newline:
        rest = buffer[2:].lstrip(_BLANK)
        if rest and len(_word(rest)) == len(rest):
            raise ExecError(ENOEXEC, "the #! line is too long")
        line = buffer[:-1] if rest else b""
    line = line[2:].strip(_BLANK)
    if not line:
        raise ExecError(ENOEXEC, "the #! line names no interpreter")
    name = _word(line)
    rest = line[len(name) :]
    if rest[:1] in (b"", b"\0"):
        return name, []
    return name, [rest.lstrip(_BLANK).split(b"\0", 1)[0]]


def _word(line: bytes) -> bytes:
    """What `line` has before its first blank or NUL."""
    return line.replace(b"\t", b" ").replace(b"\0", b" ").split(b" ", 1)[0]


def _interpreter(program: Elf, host: Host) -> Elf | None:
    """The program's PT_INTERP, opened; Linux takes the first one."""
    segment = next((s for s in program.segments if s.type == PT_INTERP), None)
    if segment is None:
        return None
    if not 2 <= segment.filesz <= _PATH_MAX:
        raise ExecError(ENOEXEC, "bad name of the interpreter")
    if segment.offset + segment.filesz >= 1 << 63:
        raise ExecError(EINVAL, "bad place of the interpreter's name")
    name = os.pread(program.fd, segment.filesz, segment.offset)
    if len(name) < segment.filesz:
        raise ExecError(EIO, "truncated: the interpreter's name is missing")
    if name[-1] != 0:
        raise ExecError(ENOEXEC, "bad name of the interpreter")
    name = name.split(b"\0", 1)[0]
    fd = _open_interpreter(name, host)
    try:
        head = read_head(fd)
        if len(head) < 64:
            raise ExecError(EIO, f"interpreter {os.fsdecode(name)}: truncated")
        return Elf(fd, head)
    except BadElf as error:
        os.close(fd)
        raise ExecError(ELIBBAD, f"interpreter {os.fsdecode(name)}: {error}") from None
    except BaseException:
        os.close(fd)
        raise


def _check_segments(elf: Elf) -> None:
    """Refuse what can't be mapped wherever it is put."""
    loads = list(elf.loads())
    if not loads:
        raise ExecError(EINVAL, "no segment to load", fatal=True)
    for s in loads:
        if s.filesz > s.memsz:
            why = "more bytes in the file than in memory"
        elif s.vaddr + s.memsz > TASK_SIZE or s.offset + s.filesz >= 1 << 63:
            why = "outside of the address space"
        elif s.filesz and (s.offset - s.vaddr) % PAGE:
            why = "offset and address differ within the page"
        else:
            continue
        raise ExecError(EINVAL, f"segment at {s.vaddr:#x}: {why}", fatal=True)
    if elf.type == ET_EXEC and elf.entry >= TASK_SIZE:
        raise ExecError(EINVAL, f"entry point {elf.entry:#x}: outside of the address space", fatal=True)
