"""What Linux promises to a program, and how the promise is kept.

Imports nothing of `noahpy` or `native`: registers, guest memory and the host's calls arrive through the small
protocols in `task.py`, so everything here can be used and tested without a VM.
"""
