"""Random bytes: getrandom(2)."""

from __future__ import annotations

from .flags import FlagSet

# getrandom(2)
GRND_NONBLOCK = 0x1
GRND_RANDOM = 0x2
GRND_INSECURE = 0x4


class RandomFlags(FlagSet):
    """getrandom(2)'s `flags`."""

    names = "GRND_*"
