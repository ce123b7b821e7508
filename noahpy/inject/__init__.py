"""Faults put into a program's system calls (docs/hooks.md): not imported unless asked for.

`fault.py` reads what is asked for, in strace(1)'s words; `injection.py` does it, in the guest's processes; `each.py` fails each
call in turn over many runs.
"""
