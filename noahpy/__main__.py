"""`python -m noahpy`: the noahpy command under a chosen interpreter."""

import sys

from . import image

image.use()

from .cli import main  # noqa: E402  out of the image

main(sys.argv[1:])
