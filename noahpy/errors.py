"""Why noahpy cannot do what it is asked."""

from __future__ import annotations

# Exit statuses of noahpy's own, as of env(1) and the shells. All others are the guest's.
FAILED, NOT_RUNNABLE, NOT_FOUND = 125, 126, 127


class CannotRun(Exception):
    """`why` is the one line that the user reads, or what becomes it; `status` what noahpy exits with."""

    def __init__(self, why: object, status: int = FAILED) -> None:
        super().__init__(why)
        self.why = why
        self.status = status
