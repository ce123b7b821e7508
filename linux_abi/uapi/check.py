"""Generates native/check_abi.c: what this package says, as static assertions against the headers that a compiler finds.

    python3 -m linux_abi.uapi.check > native/check_abi.c

The file is only compiled, never linked. What the headers are too old to know is passed over: a macro by #ifdef, the few
structs and fields that came late by the macro that came with them.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from . import errno, layout, structs, x86_64
from .layout import Struct

# Modules of no constants that a header has.
_OTHER = ("check", "errno", "flags", "layout", "structs", "structs_x86_64", "x86_64")

# linux/stat.h is the first because it leaves S_IF* out once the C library was seen.
_KERNEL_HEADERS = """
linux/stat.h asm/ioctls.h asm/poll.h asm/prctl.h asm/sigcontext.h asm/siginfo.h asm/signal.h asm/stat.h asm/statfs.h
asm/termbits.h asm/termios.h asm/ucontext.h asm/unistd.h
linux/aio_abi.h linux/auxvec.h linux/capability.h linux/close_range.h linux/elf.h linux/errno.h linux/eventpoll.h
linux/fadvise.h linux/falloc.h linux/fcntl.h linux/fiemap.h linux/filter.h linux/fs.h linux/futex.h linux/if_tun.h
linux/inotify.h linux/ioprio.h linux/ipc.h linux/kcmp.h linux/kd.h linux/landlock.h linux/limits.h linux/loop.h
linux/magic.h linux/membarrier.h linux/memfd.h linux/mman.h linux/mount.h linux/msg.h linux/nsfs.h linux/openat2.h
linux/personality.h linux/prctl.h linux/ptrace.h linux/random.h linux/resource.h linux/rseq.h linux/rtc.h
linux/sched.h linux/sched/types.h linux/seccomp.h linux/securebits.h linux/sem.h linux/shm.h linux/signal.h
linux/signalfd.h linux/sockios.h linux/sysinfo.h linux/time.h linux/timerfd.h linux/times.h linux/timex.h linux/uio.h
linux/un.h linux/utime.h linux/utsname.h linux/vt.h linux/wait.h linux/xattr.h
""".split()  # noqa: SIM905
_YOUNG_HEADERS = ("linux/close_range.h", "linux/ioprio.h", "linux/landlock.h")
# What the kernel's headers leave to the C library, whose own versions of some structs stand aside; and what needs these.
_LIBC_HEADERS = (
    "dirent.h",
    "netinet/in.h",
    "netinet/tcp.h",
    "netinet/udp.h",
    "sys/eventfd.h",
    "sys/socket.h",
    "sys/statvfs.h",
    "unistd.h",
    "linux/vm_sockets.h",
)
_LIBC_RENAMED = ("iovec", "sigset_t", "timespec", "timeval")

# Enumerators, which #ifdef does not see: the start of their names and a macro of the same header ("": always there).
_ENUMERATORS = {
    "FSCONFIG_": "FSOPEN_CLOEXEC",
    "IOCB_CMD_": "IOCB_FLAG_RESFD",
    "IOPRIO_CLASS_": "IOPRIO_CLASS_SHIFT",
    "IOPRIO_WHO_": "IOPRIO_CLASS_SHIFT",
    "KCMP_": "",
    "MEMBARRIER_CMD_": "",
    "PER_": "",
    "ADDR_": "",
    "UNAME26": "",
    "FDPIC_FUNCPTRS": "",
    "MMAP_PAGE_ZERO": "",
    "READ_IMPLIES_EXEC": "",
    "SHORT_INODE": "",
    "WHOLE_SECONDS": "",
    "STICKY_TIMEOUTS": "",
    "RSEQ_": "",
}
_MACROS = ("IOPRIO_CLASS_SHIFT",)  # that begin like enumerators
# Not the kernel's but ours, or what the headers don't have as a constant.
_NOT_CONSTANT = ("SIGRTMAX", "SIG_DFL", "SIG_IGN", "PAGE_SIZE", "NONE", "VALUE", "IN", "OUT", "INOUT")
_SCALARS = ("sigset_t",)  # structs here that are plain words in the headers

# Structs and fields that Debian 11's headers (Linux 5.10) don't have, and a macro that came with them.
_SINCE = {
    "FutexWaitv": "FUTEX_32",
    "Statx.stx_dio_mem_align": "STATX_DIOALIGN",
    "Statx.stx_dio_offset_align": "STATX_DIOALIGN",
}


def _modules() -> Iterator[ModuleType]:
    """The modules of constants."""
    package = __package__ or ""
    for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if info.name not in _OTHER:
            yield importlib.import_module(f"{package}.{info.name}")


def constants(module: ModuleType) -> dict[str, int]:
    """The module's constants that a header could have."""
    return {n: v for n, v in vars(module).items() if type(v) is int and n.isupper() and n not in _NOT_CONSTANT}


def _guard(macro: str, lines: list[str]) -> list[str]:
    return [f"#ifdef {macro}", *lines, "#endif"] if macro else lines


def _constant(name: str, value: int) -> list[str]:
    guard = name
    if name not in _MACROS:
        guard = next((macro for start, macro in _ENUMERATORS.items() if name.startswith(start)), name)
    return _guard(guard, [f"SAME({name}, {value & (1 << 64) - 1:#x}ull);"])


def all_structs() -> dict[str, type[Struct]]:
    """The structs that a header has."""
    return {
        name: value
        for name, value in vars(structs).items()
        if isinstance(value, type) and issubclass(value, Struct) and value is not Struct and value.c_name_
    }


def _struct(name: str, struct: type[Struct]) -> list[str]:
    lines = [f"SIZE({struct.c_name_}, {struct.size});"]
    for field, offset in struct.offsets.items():
        if field[0] == "_" or struct.c_name_ in _SCALARS:
            continue
        size = layout.kind_of(struct._rows[field], struct).size
        line = f"FIELD({struct.c_name_}, {field.rstrip('_')}, {offset}, {size});"
        lines += _guard(_SINCE.get(f"{name}.{field}", ""), [line])
    return _guard(_SINCE.get(name, ""), lines)


def source() -> str:
    """The whole of native/check_abi.c."""
    lines = [
        "/* Generated by linux_abi/uapi/check.py (make gen). Compiling it compares linux_abi/uapi with the headers. */",
        "/* clang-format off */",
        "#ifndef _GNU_SOURCE",
        "#define _GNU_SOURCE",
        "#endif",
        "#include <stddef.h>",
    ]
    for header in _KERNEL_HEADERS:
        include = f"#include <{header}>"
        lines += [f"#if __has_include(<{header}>)", include, "#endif"] if header in _YOUNG_HEADERS else [include]
    lines += [f"#define {name} libc_{name}" for name in _LIBC_RENAMED]
    lines += ["struct timespec;", *(f"#include <{header}>" for header in _LIBC_HEADERS)]
    lines += [f"#undef {name}" for name in _LIBC_RENAMED]
    lines += [
        "",
        '#define SAME(name, value) _Static_assert((unsigned long long)(name) == (value), #name " is " #value)',
        '#define SIZE(type, size) _Static_assert(sizeof(type) == (size), "sizeof " #type " is " #size)',
        "#define FIELD(type, field, offset, size) \\",
        "    _Static_assert(offsetof(type, field) == (offset) && sizeof(((type *)0)->field) == (size), \\",
        '                   #type "." #field " is at " #offset ", size " #size)',
    ]
    for module in [errno, *_modules()]:
        lines += ["", f"/* {module.__name__.rpartition('.')[2]} */"]
        for name, value in constants(module).items():
            if not (module is errno and name.startswith("ERESTART") and value >= 512):
                lines += _constant(name, value)
    lines += ["", "/* system calls */"]
    for name, number in x86_64.NUMBERS.items():
        lines += _constant(f"__NR_{name}", number)
    lines += ["", "/* structs */"]
    for name, struct in all_structs().items():
        lines += _struct(name, struct)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(source(), end="")
