"""`python -m noahpy`: the noahpy command under a chosen interpreter."""

import sys

from . import image

image.use()

from .cli import main

main(sys.argv[1:])
