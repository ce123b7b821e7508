"""Futexes: futex(2), futex_waitv(2), set_robust_list(2)."""

from __future__ import annotations

from .flags import FlagSet

# futex(2)
FUTEX_WAIT = 0
FUTEX_WAKE = 1
FUTEX_FD = 2
FUTEX_REQUEUE = 3
FUTEX_CMP_REQUEUE = 4
FUTEX_WAKE_OP = 5
FUTEX_LOCK_PI = 6
FUTEX_UNLOCK_PI = 7
FUTEX_TRYLOCK_PI = 8
FUTEX_WAIT_BITSET = 9
FUTEX_WAKE_BITSET = 10
FUTEX_WAIT_REQUEUE_PI = 11
FUTEX_CMP_REQUEUE_PI = 12
FUTEX_LOCK_PI2 = 13
FUTEX_PRIVATE_FLAG = 128
FUTEX_CLOCK_REALTIME = 256
FUTEX_CMD_MASK = -385
FUTEX_32 = 2
FUTEX_WAITV_MAX = 128
FUTEX_WAITERS = 0x80000000
FUTEX_OWNER_DIED = 0x40000000
FUTEX_TID_MASK = 0x3FFFFFFF
FUTEX_BITSET_MATCH_ANY = 0xFFFFFFFF
FUTEX_OP_SET = 0
FUTEX_OP_ADD = 1
FUTEX_OP_OR = 2
FUTEX_OP_ANDN = 3
FUTEX_OP_XOR = 4
FUTEX_OP_OPARG_SHIFT = 8
FUTEX_OP_CMP_EQ = 0
FUTEX_OP_CMP_NE = 1
FUTEX_OP_CMP_LT = 2
FUTEX_OP_CMP_LE = 3
FUTEX_OP_CMP_GT = 4
FUTEX_OP_CMP_GE = 5


class FutexOperation(FlagSet):
    """futex(2)'s `futex_op`."""

    names = (
        "FUTEX_WAIT FUTEX_WAKE FUTEX_FD FUTEX_REQUEUE FUTEX_CMP_* FUTEX_WAKE_* FUTEX_LOCK_PI* FUTEX_UNLOCK_PI "
        "FUTEX_TRYLOCK_PI FUTEX_WAIT_BITSET FUTEX_WAIT_REQUEUE_PI FUTEX_PRIVATE_FLAG FUTEX_CLOCK_REALTIME"
    )
    fields = (0x7F,)

    @classmethod
    def show(cls, value: int) -> str:
        """As the headers' own names for private futexes: FUTEX_WAIT_PRIVATE."""
        operation, _, flags = super().show(value & ~FUTEX_PRIVATE_FLAG).partition("|")
        return f"{operation}{'_PRIVATE' if value & FUTEX_PRIVATE_FLAG else ''}{flags and f'|{flags}'}"
