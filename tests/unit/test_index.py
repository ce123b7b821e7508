"""The generated index says what the declarations say."""

from __future__ import annotations

from pathlib import Path

from linux_abi import indexer
from linux_abi.index import WHERE
from linux_abi.syscall import CALLS, Table
from linux_abi.syscalls import MODULES, declare_all


def test_it_is_what_make_gen_would_write() -> None:
    assert Path(indexer.__file__).with_name("index.py").read_text() == indexer.index()


def test_every_module_declares_and_every_call_is_found() -> None:
    declare_all()
    assert set(WHERE.values()) == set(MODULES)
    lazy = Table(lazy=True).declared
    assert {call.number for call in CALLS.values()} == set(WHERE)
    for call in CALLS.values():
        assert lazy.get(call.number) is call
    assert lazy.get(1000) is None
