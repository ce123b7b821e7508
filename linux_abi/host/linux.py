"""Linux as the host: its system calls are the guest's own, so most of what a guest asks for is one call."""

from __future__ import annotations

import os

from ..errors import LinuxError
from ..uapi.x86_64 import NUMBERS
from . import own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..task import Word

_M64 = (1 << 64) - 1


class LinuxHost:
    """Makes system calls.

    `words[n](number, ...)` is the native call with n arguments; the last, `words[-1]`, takes six. Unsigned 64-bit words in,
    OverflowError or TypeError for others; result or negative errno out. `address_of(buffer)` is where bytes or a bytearray
    are. `now` makes the calls that are made in any case (linux_abi.task.Host).
    """

    def __init__(
        self,
        words: Sequence[Callable[..., int]],
        address_of: Callable[[bytes | bytearray], int],
        now: LinuxHost | None = None,
    ) -> None:
        self.words = words
        self._six = words[-1]
        self.address_of = address_of
        self.now = now or self
        self._vmm_path = b""
        self.resident_at_start: tuple[int, int] | None = self._resident()

    def call(self, number: int, a: Word = 0, b: Word = 0, c: Word = 0, d: Word = 0, e: Word = 0, f: Word = 0) -> int:
        """The call's result or negative errno; buffers are passed by address, integers modulo 2**64."""
        try:
            return self._six(number, a, b, c, d, e, f)
        except (OverflowError, TypeError):  # and nothing was called yet
            words = [w & _M64 if isinstance(w, int) else self.address_of(w) for w in (a, b, c, d, e, f)]
            return self._six(number, *words)

    @staticmethod
    def _resident() -> tuple[int, int]:
        """Resident pages of this process, and how many of them files back (proc_pid_statm(5)); (0, 0) without a /proc."""
        try:
            fd = own.opener("self/statm", os.O_RDONLY)
        except OSError:
            return 0, 0
        fields = os.read(fd, 100).split()
        os.close(fd)
        return int(fields[1]), int(fields[2])

    def __getattr__(self, name: str) -> Callable[..., int]:
        """The call of that name; made at the first use."""
        if name not in NUMBERS:
            raise AttributeError(f"Linux has no system call {name}")
        number, call = NUMBERS[name], self.call

        def named(*args: int | bytes | bytearray) -> int:
            return call(number, *args)

        setattr(self, name, named)
        return named

    # What follows never blocks and, unlike `call`, is done even when a caught signal waits: it finishes what was begun.

    def on_block_device(self, fd: int) -> bool:
        """Whether a descriptor's file is on a file system that has a device: its number then has a major part."""
        try:
            return os.major(os.fstat(fd).st_dev) != 0
        except OSError:
            return False

    def path_of(self, fd: int) -> bytes:
        """The path by which a descriptor's file is known (proc_pid_fd(5)); empty if it can't be told."""
        try:
            return own.target(f"self/fd/{fd}")
        except OSError:
            return b""

    def vmm_path(self) -> bytes:
        """The executable that the host believes to run."""
        if not self._vmm_path:
            self._vmm_path = own.target("self/exe")
        return self._vmm_path

    def close_now(self, fd: int) -> None:
        """Close a descriptor that the guest has not seen yet."""
        os.close(fd)

    def read_whole(self, fd: int) -> bytes:
        """What is left to read of a procfs file."""
        parts = []
        try:
            while part := os.read(fd, 1 << 16):
                parts.append(part)
        except OSError as error:
            raise LinuxError(error.errno or 0) from None
        return b"".join(parts)

    def replace_content(self, fd: int, content: bytes) -> None:
        """Let the descriptor be one of a read-only file of this content; close-on-exec stays as it is."""
        name = os.path.basename(self.path_of(fd))
        try:
            writable = os.memfd_create(os.fsdecode(name), os.MFD_CLOEXEC)
            try:
                os.write(writable, content)
                os.fchmod(writable, 0o444)
                readable = own.opener(f"self/fd/{writable}", os.O_RDONLY)
            finally:
                os.close(writable)
            os.dup2(readable, fd, inheritable=os.get_inheritable(fd))
            os.close(readable)
        except OSError as error:
            raise LinuxError(error.errno or 0) from None
