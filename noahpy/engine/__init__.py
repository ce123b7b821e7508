"""Engines: what runs the guest's instructions. `kvm` is the real one, `fake` plays back system calls for tests."""
