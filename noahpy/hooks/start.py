"""How noahpy is started by the API: the number of a socket to the hooks, then the command line."""

from __future__ import annotations

import sys

from .. import image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run the guest; where that can't be, the hooks' process is told why."""
    image.use()
    from .. import cli
    from ..errors import CannotRun
    from .guest import Watch

    watch = Watch(int(sys.argv[1]))
    try:
        sys.exit(cli.obey(sys.argv[2:], [watch]))
    except CannotRun as error:
        watch.refuse(error)
        sys.exit(error.status)
