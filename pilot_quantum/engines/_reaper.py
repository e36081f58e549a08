"""Ends the workers of a driver that died without saying goodbye.

Runs as a plain script, outside the driver's session: reads ``+PGID`` and ``-PGID`` lines, with ``-PID``
in place of PGID for a single process; when the driver is gone, or takes leave with a line ``.``, kills what is still
listed and removes directories. A thread inside a worker
could not do this, because a simulator may hold the interpreter's lock for minutes. Arguments: the driver's process id,
then the directories.

The end of the pipe alone does not tell that the driver is gone: a child that it has forked holds the pipe open.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import time

LOOK_S = 1.0
"""How often it looks whether the driver is still its parent."""
DYING_S = 2.0
"""How long it takes at most to remove a directory."""


def main() -> None:
    """Keep the list until the driver is gone, then act on it."""
    driver, directories = int(sys.argv[1]), sys.argv[2:]
    groups: set[int] = set()
    os.set_blocking(0, False)
    rest, gone = b"", False
    while not gone:
        gone = os.getppid() != driver  # before the last look at the pipe, so that nothing in it is missed
        if not gone and not select.select([0], [], [], LOOK_S)[0]:
            continue
        with contextlib.suppress(BlockingIOError):
            while data := os.read(0, 1 << 16):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    if line == b".":
                        gone = True
                    else:
                        (groups.add if line[:1] == b"+" else groups.discard)(int(line[1:]))
            gone = True
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(-group, signal.SIGKILL)
    until = time.monotonic() + DYING_S
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)
        while os.path.lexists(directory) and time.monotonic() < until:  # somebody who was dying put a last file there
            time.sleep(0.01)
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
