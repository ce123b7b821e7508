"""Builds noahpy._native in cffi's API mode, out of api.h (fed verbatim) and all C and assembly beside this file."""

from __future__ import annotations

import os
from pathlib import Path

from cffi import FFI
from setuptools.command.build_ext import build_ext

NATIVE = Path(os.path.relpath(Path(__file__).parent))
NOT_LINKED = {"check_abi.c"}  # static assertions only: `make gen-check` compiles them

# What C calls in Python.
CALLBACKS = 'extern "Python" void serve_thread(struct vcpu *);'

PREAMBLE = """
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "api.h"
#pragma GCC diagnostic ignored "-Wunused-parameter" /* in what cffi generates below */
"""


class BuildNative(build_ext):
    """setuptools' build_ext with the one extension that noahpy has (named in pyproject.toml)."""

    def finalize_options(self) -> None:
        """Generate cffi's C file and describe the extension."""
        sources = [path for pattern in ("*.c", "*.S") for path in sorted(NATIVE.glob(pattern)) if path.name not in NOT_LINKED]
        others = [*sorted(NATIVE.glob("*.h")), NATIVE / "build.py"]
        ffi = FFI()
        ffi.cdef((NATIVE / "api.h").read_text())
        ffi.cdef(CALLBACKS)
        ffi.set_source(
            "noahpy._native",
            PREAMBLE,
            sources=[str(path) for path in sources],
            depends=[str(path) for path in others],
            include_dirs=[str(NATIVE)],
            extra_compile_args=["-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-fvisibility=hidden"],
            py_limited_api=True,
        )
        generated = self.get_finalized_command("build").build_temp
        self.distribution.ext_modules[:] = [ffi.distutils_extension(generated, verbose=False)]
        super().finalize_options()

    def build_extensions(self) -> None:
        """Compile; assembly goes through the same compiler driver."""
        self.compiler.src_extensions.append(".S")
        super().build_extensions()
