"""The hosts: the only modules that know what the VMM runs on."""
