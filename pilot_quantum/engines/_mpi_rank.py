"""Main program of one rank of a gang on the engine ``mpi``. Worker side.

Started by the MPI launcher as ``python -m pilot_quantum.engines._mpi_rank``. Where the driver is, and the key it asks
for, come in environment variables: other users can read command lines.
"""

from __future__ import annotations

import faulthandler
import io
import os
import pickle
import signal
import socket
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from .._door import call
from ..errors import UnsatisfiableRequest
from ..worker import Ranks, run_message
from ._mpi_launch import launcher_rank

ADDRESS = "PILOT_QUANTUM_MPI_ADDRESS"
KEY = "PILOT_QUANTUM_MPI_KEY"
GANG = "PILOT_QUANTUM_MPI_GANG"
STARTED = b""
"""What a rank says when MPI is up and its function is about to be called."""


def main() -> None:
    """Report in, run the one message there is, answer it and end."""
    os.dup2(2, 1)  # what a task prints must not get into a driver's machine-readable output
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle
    address, key, gang = os.environ.pop(ADDRESS), bytes.fromhex(os.environ.pop(KEY)), os.environ.pop(GANG)
    rank = launcher_rank(os.environ)
    rank = _world().rank if rank is None else rank
    try:
        with call(address, key, gang, (rank, socket.gethostname(), os.getpid(), os.getpgrp())) as connection:
            _take_part(connection)
    except (EOFError, ConnectionError):
        os._exit(1)  # the driver hung up: nobody waits for atexit handlers of the task's libraries
    # Returning lets mpi4py finalise MPI, and MPICH take leave of its launcher, which else takes this for a crash.


def _take_part(connection: Connection[Any, Any]) -> None:
    path, environment, payload = pickle.loads(connection.recv_bytes())  # noqa: S301 - from the driver
    sys.path[:] = path
    os.environ.update(environment)

    def join(function: Callable[..., Any], ranks: Ranks) -> Ranks:
        if not getattr(function, "starts_mpi", False):
            ranks = ranks._replace(communicator=_world_of(ranks))
        connection.send_bytes(STARTED)
        return ranks

    connection.send_bytes(run_message(payload, {}, join=join))


def _world() -> Any:
    from mpi4py import MPI  # calls MPI_Init

    return MPI.COMM_WORLD


def _world_of(ranks: Ranks) -> Any:
    """Return the communicator of all ranks of the gang; raises UnsatisfiableRequest if MPI knows no such gang."""
    world = _world()
    if (world.rank, world.size) != (ranks.rank, ranks.size):
        from mpi4py import MPI

        library = MPI.Get_library_version().splitlines()[0].strip()
        raise UnsatisfiableRequest(
            f"the launcher started this process as rank {ranks.rank} of {ranks.size}, but MPI knows it as rank "
            f"{world.rank} of {world.size}: the launcher and the MPI library of mpi4py ({library}) do not belong "
            "together; name the launcher of that library in engine_options.mpiexec"
        )
    return world


if __name__ == "__main__":
    main()
