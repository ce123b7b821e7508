"""Hooks: Python in charge of a program's system calls (docs/hooks.md). Not imported unless asked for.

`vm.py` is what users see, `call.py` what hooks see; `controller.py` calls them, `guest.py` is the other end, `wire.py` what the
two say to each other.
"""
