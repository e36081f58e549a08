"""Main program of a worker of the engine ``dask``: a Dask worker that also answers the pilot's messages. Worker side.

Started as ``python -m pilot_quantum.engines._dask_worker`` with the driver's ``sys.path`` and a `Start`, both pickled,
on its standard input. Dask's worker lives in a thread; messages are run by the main thread, as libraries expect that
install signal handlers.
"""

from __future__ import annotations

import asyncio
import copyreg
import faulthandler
import os
import pickle
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Mapping
from queue import SimpleQueue
from typing import Any, NamedTuple

from ..worker import Functions, run_message

CHANNEL = "pilot-quantum-messages"
"""Name of the operation by which a worker opens its channel with Dask's scheduler, which lives in the driver."""

_SETTINGS = {
    "logging": {"distributed": "error"},
    "distributed.admin.tick.limit": "24h",  # do not warn of tasks that hold the interpreter's lock
    "distributed.diagnostics.nvml": False,
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,
}


class Start(NamedTuple):
    """What a worker is told on its standard input.

    Attributes
    ----------
    scheduler
        Address of Dask's scheduler.
    security
        The `distributed.Security` of the cluster.
    name
        Name of the worker, unique within the cluster.
    worker, generation
        The pilot's worker it is.
    host
        Address to listen on.
    directory
        Where Dask may put files; empty means where its own settings say.
    node
        Name of the node; empty means the host's.
    """

    scheduler: str
    security: Any
    name: str
    worker: int
    generation: int
    host: str
    directory: str
    node: str = ""


def main() -> None:
    """Answer messages until the driver hangs up."""
    os.dup2(2, 1)  # what a task prints must not get into a driver's machine-readable output
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle
    sys.path[:] = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the driver that started us
    import_dask(_SETTINGS)
    start = Start(*pickle.load(sys.stdin.buffer))  # noqa: S301 - from the driver that started us
    channel = _Channel()
    threading.Thread(target=channel.live, args=(start,), name="pilot-dask", daemon=True).start()
    functions: Functions = {}
    while True:
        channel.answer(run_message(channel.messages.get(), functions))


def import_dask(settings: Mapping[str, Any] | None = None) -> tuple[Any, Any]:
    """Import and return ``dask`` and ``distributed``, without what they do to exceptions. Both sides.

    They have tblib change how all exceptions of the process are pickled, which garbles some, such as
    UnicodeDecodeError, and Dask does it again for each exception that it sends itself. A process that has imported
    ``dask`` before is left as it is.

    Parameters
    ----------
    settings
        Set before ``distributed`` is imported, which sets up its logging at once; None means none.
    """
    before = set(copyreg.dispatch_table)
    import dask

    dask.config.set(settings or {})
    import distributed
    import distributed.comm

    for kind in set(copyreg.dispatch_table) - before:
        if issubclass(kind, BaseException):
            del copyreg.dispatch_table[kind]
    return dask, distributed


class _Channel:
    """The way to the driver, kept by Dask's event loop in a thread of its own."""

    def __init__(self) -> None:
        self.messages: SimpleQueue[bytes] = SimpleQueue()
        self._answers: asyncio.Queue[bytes] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None

    def answer(self, payload: bytes) -> None:
        """Send an answer; from the main thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._answers.put_nowait, payload)

    def live(self, start: Start) -> None:
        """Be a Dask worker until the driver hangs up, then end the process, whatever the main thread is at."""
        code = 0
        try:
            asyncio.run(self._live(start))
        except OSError:
            pass  # the driver hung up
        except BaseException:  # noqa: BLE001 - the main thread would wait for messages for ever
            traceback.print_exc()
            code = 1
        os._exit(code)  # nobody waits for atexit handlers of the task's libraries

    async def _live(self, start: Start) -> None:
        _, distributed = import_dask()
        self._loop = asyncio.get_running_loop()
        worker = distributed.Worker(
            start.scheduler,
            nthreads=1,
            name=start.name,
            security=start.security,
            host=start.host,
            local_directory=start.directory or None,
            memory_limit=0,  # the pilot's scheduler decides where tasks run, Dask must not pause a worker
            dashboard=False,
            dashboard_address=f"{start.host}:0",
        )
        async with worker:
            worker.http_server.stop()  # there is no switch for it; without routes it would serve nothing
            comm = await distributed.comm.connect(start.scheduler, **start.security.get_connection_args("worker"))
            place = {"host": start.node or socket.gethostname(), "pid": os.getpid()}
            seat = {"index": start.worker, "generation": start.generation}
            await comm.write({"op": CHANNEL, "reply": False, **seat, **place})
            writer = asyncio.create_task(self._write(comm))
            while not writer.done():
                self.messages.put(await comm.read())

    async def _write(self, comm: Any) -> None:
        while True:
            await comm.write(await self._answers.get())


if __name__ == "__main__":
    main()
