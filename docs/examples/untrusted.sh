# A program that nobody vouches for: it sees this machine's files but cannot change them, has no network, cannot read what
# is under /etc/ssl, and what it makes in /mnt lands in `out`.
#
#     $ cat nosy.py
#     import os, socket
#     open("/mnt/result", "w").write("42\n")
#     for attempt in (
#         lambda: open("/usr/bin/trojan", "w"),
#         lambda: os.remove("/etc/passwd"),
#         lambda: open("/etc/ssl/openssl.cnf"),
#         lambda: socket.create_connection(("192.0.2.1", 80)),
#     ):
#         try:
#             attempt()
#         except OSError as error:
#             print(error.strerror)
#     $ mkdir out; sh untrusted.sh python3 nosy.py; cat out/result
#     Read-only file system
#     Read-only file system
#     Operation not permitted
#     Network is unreachable
#     42
exec noahpy -q --read-only --no-network --bind out:/mnt --deny '%file:/etc/ssl/*' "$@"
