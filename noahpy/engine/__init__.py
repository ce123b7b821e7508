"""Engines: what runs the guest's instructions. Tests that need no VM have a fake CPU of their own (tests/unit/fakes.py)."""
