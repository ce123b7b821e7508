"""Engines: what runs the guest's instructions. Tests that need no VM have a fake one (tests/unit/fake_engine.py)."""
