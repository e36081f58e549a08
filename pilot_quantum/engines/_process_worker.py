"""Main program of a worker of the engine ``processes``. Worker side.

Started as ``python -m pilot_quantum.engines._process_worker FD`` with one end of a socket pair. It never imports the
driver's ``__main__``, so scripts need no ``if __name__ == "__main__"`` guard.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import signal
import socket
import sys
from multiprocessing.connection import Connection

from ..worker import Functions, run_message


def main() -> None:
    """Answer messages until the driver hangs up."""
    os.dup2(2, 1)  # what a task prints must not get into a driver's machine-readable output
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)  # a program that a task starts must not hold the line open,
    connection = Connection(descriptor)
    os.register_at_fork(after_in_child=connection.close)  # nor a process that it forks
    functions: Functions = {}
    try:
        sys.path[:] = pickle.loads(connection.recv_bytes())  # noqa: S301 - from the driver that started us
        connection.send_bytes(pickle.dumps((socket.gethostname(), os.getpid()), 5))
        while True:
            connection.send_bytes(run_message(connection.recv_bytes(), functions))
    except (EOFError, ConnectionError):
        os._exit(0)  # the driver hung up: nobody waits for atexit handlers of the task's libraries


if __name__ == "__main__":
    main()
