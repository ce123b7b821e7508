r"""The files that a command really reads, with all that it starts.

    $ cat build.sh
    #!/bin/sh
    sort words | uniq -c >count
    rm -f words.old
    $ printf 'b\na\nb\n' >words; chmod +x build.sh; python3 files_read.py ./build.sh
    ...
    /usr/bin/sort
    ...
    /usr/bin/uniq
    ...
    ./words
    $ cat count
          1 a
          2 b

A build's true inputs: what its make file should name, what a container has to hold. They are told on stderr, those below this
directory last.
"""

import os
import sys

import noahpy
from linux_abi.uapi.fcntl import O_ACCMODE, O_WRONLY

vm = noahpy.VM("-q")
files = set()


@vm.on("open", "openat", "creat", after=True)
def opened(call):
    """A file that was opened, and not for writing alone."""
    if call.result >= 0 and "flags" in call.args and call["flags"] & O_ACCMODE != O_WRONLY:
        files.add(call.task.path(call.result))


@vm.event("exec")
def executed(event):
    """A program that begins."""
    files.add(event.task.program)


status = vm.run(sys.argv[1:]).returncode
here = os.getcwd() + "/"
for path in sorted(files, key=lambda path: (path.startswith(here), path)):
    print(path.replace(here, "./"), file=sys.stderr)
sys.exit(status)
