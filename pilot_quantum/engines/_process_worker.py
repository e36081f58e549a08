"""Main program of a worker of the engine ``processes``. Worker side.

Started as ``python -m pilot_quantum.engines._process_worker FD`` with one end of a socket pair, or on another node as
``python -m pilot_quantum.engines._process_worker call``, with a pickled `Call` on its standard input. It never imports
the driver's ``__main__``, so scripts need no ``if __name__ == "__main__"`` guard.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import signal
import socket
import sys
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from .._door import call
from ..worker import Functions, run_message


class Call(NamedTuple):
    """Where a worker of another node finds the driver.

    Attributes
    ----------
    address, key, name
        Of the driver's door, and whom to ask for there.
    host
        Name of the worker's node.
    """

    address: str
    key: bytes
    name: str
    host: str


def main() -> None:
    """Answer messages until the driver hangs up."""
    os.dup2(2, 1)  # what a task prints must not get into a driver's machine-readable output
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle
    functions: Functions = {}
    try:
        connection, host = _connected(sys.argv[1])
        os.register_at_fork(after_in_child=connection.close)  # a process that a task forks must not hold the line open
        sys.path[:] = pickle.loads(connection.recv_bytes())  # noqa: S301 - from the driver that started us
        connection.send_bytes(pickle.dumps((host, os.getpid()), 5))
        while True:
            connection.send_bytes(run_message(connection.recv_bytes(), functions))
    except (EOFError, ConnectionError):
        os._exit(0)  # the driver hung up: nobody waits for atexit handlers of the task's libraries


def _connected(how: str) -> tuple[Connection[Any, Any], str]:
    """Return the line to the driver, and the name of this node."""
    if how == "call":
        told = Call(*pickle.load(sys.stdin.buffer))  # noqa: S301 - from the driver that started us
        return call(told.address, told.key, told.name, os.getpid()), told.host
    os.set_inheritable(int(how), False)  # a program that a task starts must not hold the line open
    return Connection(int(how)), socket.gethostname()


if __name__ == "__main__":
    main()
