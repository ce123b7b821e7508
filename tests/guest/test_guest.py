"""Guest programs: each says by itself what is wrong; all engines must be as content with it as Linux is."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.guest.conftest import VARIANTS

if TYPE_CHECKING:
    from tests.conftest import Engine, Result

HERE = Path(__file__).parent

SPECIAL = {"death", "entry_state", "int80"}
# What depends on how the program was linked and loaded is tried in every way, the rest in one.
EVERY_VARIANT = {"auxv", "big_bss", "brk", "code", "hide", "segment_bases", "vdso", "vector_state"}
PROGRAMS = [
    (path.stem, variant)
    for path in sorted(HERE.glob("*.c"))
    if path.stem not in SPECIAL
    for variant in (VARIANTS if path.stem in EVERY_VARIANT else ["dynamic"])
]

SEGV, BUS, ILL, FPE, TRAP = signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP
DEATHS = {
    SEGV: """
        null_load null_store null_call kernel_load kernel_call beyond_user_space non_canonical_load non_canonical_call
        non_canonical_vector non_canonical_avx non_canonical_avx_high non_canonical_jump stack_overflow small_stack
        store_to_text store_to_constant call_data call_stack unaligned_sse
        store_after_protect load_after_protect load_after_unmap load_after_move load_after_shrink load_after_brk
        store_after_map_over call_after_protect off_the_end syscall_at_the_end instruction_across_the_end
        halt interrupt_gate interrupt_page_fault interrupt_double_fault clear_interrupts set_interrupts
        move_to_cr0 move_to_cr3 move_from_cr4 move_to_dr7 write_msr read_msr load_gdt load_idt load_task swap_gs
        invalidate_page write_back_caches sysret out_port out_port_dx in_port bad_selector bad_far_return
        bad_interrupt_return stack_null handler_ignored
    """,
    BUS: """
        load_past_file store_past_file call_past_file call_past_file_of_data load_truncated unaligned_with_ac
        stack_non_canonical stack_non_canonical_vector stack_non_canonical_index
    """,
    ILL: "undefined undefined_opcode undefined_with_operand lock_prefix",
    FPE: "divide_by_zero divide_overflow float_trap x87_trap",
    TRAP: "breakpoint single_step icebp",
    signal.SIGABRT: "abort",
    signal.SIGKILL: "raise_kill",
    signal.SIGTERM: "raise_terminate",
    signal.SIGRTMIN + 3: "raise_real_time",
    signal.SIGPIPE: "broken_pipe",
    signal.SIGXFSZ: "file_too_large",
}

# What Unicorn's CPU does not do.
SIM_LACKS = {
    "faults_exact": "no alignment checks, no exceptions of SSE",
    "unaligned_sse": "no alignment checks",
    "unaligned_with_ac": "no alignment checks",
    "float_trap": "no exceptions of SSE",
    "stack_non_canonical": "#GP where a CPU has #SS",
    "stack_non_canonical_vector": "#GP where a CPU has #SS",
    "stack_non_canonical_index": "#GP where a CPU has #SS",
    "non_canonical_avx": "no AVX",
    "non_canonical_avx_high": "no AVX",
    "ports": "what IN does, and the rest of its block, is not undone",
    "code_shared": "code that is written at another address stays what it was",
}


@pytest.fixture(autouse=True)
def _lacks(request: pytest.FixtureRequest) -> None:
    """Expects what is in SIM_LACKS to fail there."""
    parameters = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    name = parameters.get("name")
    if name in SIM_LACKS and parameters.get("engine") == "sim":
        request.applymarker(pytest.mark.xfail(strict=True, reason=SIM_LACKS[name]))


def check_end(result: Result, status: int) -> None:
    """The program printed nothing and ended like this."""
    assert (result.stdout + result.stderr).decode(errors="replace") == ""
    assert result.status == status


@pytest.mark.parametrize(("name", "variant"), PROGRAMS)
def test_program(name: str, variant: str, engine: Engine, build: Callable[[str, str], Path], tmp_path: Path) -> None:
    check_end(engine.run([build(name, variant)], cwd=tmp_path), 0)


# What makes short calls, and what comes between them.
DENSE = """
    answers credentials dense_calls descriptors dirfd_calls fork_again futex_busy getdents interrupted_loops locks masks
    open_flags pipe read_write restart seek setxid signal_storm sockets thread_after
"""


@pytest.mark.parametrize("name", DENSE.split())
def test_exitless(name: str, guest: Engine, build: Callable[[str, str], Path], tmp_path: Path) -> None:
    check_end(guest.run(["-q", "--exitless=always", build(name, "dynamic")], cwd=tmp_path), 0)


# A program that starts another in a child, and one in its own place: it is execve(2) that loads the program then.
BY_SHELL = {"in_a_child": '"$@"; exit $?', "in_place": 'exec "$@"'}


@pytest.mark.parametrize("way", BY_SHELL)
@pytest.mark.parametrize(("name", "variant"), [p for p in PROGRAMS if p[0] in EVERY_VARIANT])
def test_executed_program(
    name: str, variant: str, way: str, engine: Engine, build: Callable[[str, str], Path], tmp_path: Path
) -> None:
    check_end(engine.run(["/bin/sh", "-c", BY_SHELL[way], "sh", build(name, variant)], cwd=tmp_path), 0)


@pytest.mark.parametrize(("name", "number"), [(name, number) for number, names in DEATHS.items() for name in names.split()])
def test_death(name: str, number: int, engine: Engine, build: Callable[[str, str], Path], tmp_path: Path) -> None:
    check_end(engine.run([build("death", "dynamic"), name], cwd=tmp_path), -number)


def test_every_death_is_expected(build: Callable[[str, str], Path]) -> None:
    listed = subprocess.run([build("death", "dynamic")], capture_output=True, text=True).stdout.split()
    assert sorted(listed) == sorted(name for names in DEATHS.values() for name in names.split())


@pytest.mark.parametrize("start", [[], *(["/bin/sh", "-c", script, "sh"] for script in BY_SHELL.values())])
def test_entry_state(start: list[str], engine: Engine, compile_c: Callable[..., Path]) -> None:
    program = compile_c(HERE / "entry_state.c", "-nostdlib", "-static", "-fno-stack-protector")
    assert engine.run([*start, program, "x", ""]).status == 0


def test_32_bit_calls(engine: Engine, build: Callable[[str, str], Path], tmp_path: Path) -> None:
    """A guest finds a kernel without 32-bit emulation (ia32_emulation=off), where int $0x80 is a fault."""
    check_end(engine.run([build("int80", "dynamic")], cwd=tmp_path), 0 if engine.is_native else -SEGV)


def test_near_the_hard_limit(engine: Engine, native: Engine, build: Callable[[str, str], Path], tmp_path: Path) -> None:
    """Where the host allows few descriptors, noahpy's own lie among the guest's numbers, and make way."""
    limited = ["bash", "-c", 'ulimit -Sn 1024; ulimit -Hn 4096; exec "$@"', "bash", *engine.command]
    result = native.run([*limited, build("descriptor_limit", "dynamic")], cwd=tmp_path, env=engine.environment())
    check_end(result, 0)


@pytest.mark.parametrize("variant", ["dynamic", "static-pie"])
def test_no_two_runs_are_alike(variant: str, engine: Engine, build: Callable[[str, str], Path]) -> None:
    """AT_RANDOM, and the addresses of code, stack, heap and mappings."""
    one, other = (engine.run([build("auxv", variant), "print"]).stdout.split() for _ in range(2))
    assert len(one) == 5
    assert all(a != b for a, b in zip(one, other, strict=True))
