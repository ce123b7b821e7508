"""Why noahpy cannot do what it is asked."""

from __future__ import annotations

# Exit statuses of noahpy's own, as of env(1) and the shells. All others are the guest's.
FAILED, NOT_RUNNABLE, NOT_FOUND = 125, 126, 127


class CannotRun(Exception):
    """The text is the one line that the user reads, `status` what noahpy exits with."""

    def __init__(self, text: str, status: int = FAILED) -> None:
        super().__init__(text)
        self.status = status
