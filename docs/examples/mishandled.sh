# Every failure that a program mishandles: each of its calls that write fails in a run of its own, as on a full disk.
#
#     $ cat backup.sh
#     #!/bin/sh
#     umask 077
#     gzip -n <notes >backup
#     sha256sum backup >sum
#     rm notes
#     $ echo text >notes; chmod +x backup.sh; sh mishandled.sh ./backup.sh
#     2 calls, each failed with ENOSPC in a run of its own: 2 lost data
#     ...
#
# The script ends as rm does: it says that all is well, and there is neither a backup nor the notes.
exec noahpy -q --inject-each=write:error=ENOSPC "$@"
