"""Ends the workers of a driver that died without saying goodbye.

Runs as a plain script, outside the driver's session: reads ``+PGID`` and ``-PGID`` lines, and on end of file kills the
process groups still listed and removes the directories given as arguments. A thread inside a worker could not do this,
because a simulator may hold the interpreter's lock for minutes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys


def main() -> None:
    """Keep the list until the driver's end of the pipe closes, then act on it."""
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    for directory in sys.argv[1:]:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
