"""noahpy: runs unmodified Linux programs in a virtual machine that holds no kernel."""

__version__ = "0.1.0"
