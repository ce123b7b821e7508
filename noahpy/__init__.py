"""noahpy: runs unmodified Linux programs in a virtual machine that holds no kernel.

From Python: `noahpy.VM().run(["ls", "-l"])`; see docs/hooks.md.
"""

__version__ = "0.1.0"
__all__ = ["DEVNULL", "PIPE", "STDOUT", "VM", "Call", "CannotRun", "Errno", "Event", "Program", "Task", "vm"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .errors import CannotRun
    from .hooks.call import Call, Errno, Event, Task
    from .hooks.vm import DEVNULL, PIPE, STDOUT, VM, Program, vm


def __getattr__(name: str) -> object:
    """What the command `noahpy` does without is imported when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'noahpy' has no attribute {name!r}")
    from .errors import CannotRun
    from .hooks import call, vm

    return {"CannotRun": CannotRun, **vars(call), **vars(vm)}[name]
