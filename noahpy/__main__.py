"""`python -m noahpy`: the noahpy command under a chosen interpreter."""

import sys

from .cli import main

main(sys.argv[1:])
