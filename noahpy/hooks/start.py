"""How noahpy is started by the API: with a socket to the hooks."""

from __future__ import annotations

import os
import sys

from .. import image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main(hooks: int) -> NoReturn:
    """Run the guest; where that can't be, the hooks' process is told why."""
    image.use()
    from .. import cli
    from ..errors import CannotRun
    from . import wire

    try:
        sys.exit(cli.obey(sys.argv[1:], hooks=hooks))
    except CannotRun as error:
        os.write(hooks, wire.refusal(error))
        sys.exit(error.status)
