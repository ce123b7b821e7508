"""Where the software engine's CPU is: the library of Unicorn, which comes with the package of that name.

The package itself is not imported: it loads the library through ctypes, and the C part needs no more than its path.
"""

from __future__ import annotations

import os
import sys

from ..doctor import Problem
from ..errors import CannotRun

_LIBRARY = "unicorn/lib/libunicorn.so.2"


def library() -> str:
    """The library's path; CannotRun where it is not installed."""
    for folder in sys.path:
        path = os.path.join(folder or ".", _LIBRARY)
        if os.path.exists(path):
            return path
    raise CannotRun(
        Problem("no-unicorn", "the simulated CPU needs the Python package unicorn", "python -m pip install unicorn")
    )
