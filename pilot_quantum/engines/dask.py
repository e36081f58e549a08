"""Engine ``dask``: Dask workers, one a core, in a private Dask cluster whose scheduler lives in this process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import cryptography  # noqa: F401 - Security.temporary needs it: said here, when the pilot is submitted

from .._registry import check_options
from ..descriptions import PilotDescription
from ..errors import PilotFailed
from ..launchers._nodes import LocalAgent, LocalProcess
from ..launchers.base import Allocation
from ._children import Reaper, added_environment, describe_end
from ._dask_worker import CHANNEL, Start, import_dask
from .base import AbstractEngine, EngineEvents, WorkerSlot

dask, distributed = import_dask()
_GRACE_S = 5.0
_settings = threading.Lock()
"""Held while Dask's settings, which are the process's, are those of a cluster that starts."""


class DaskEngine(AbstractEngine):
    """Starts Dask workers that also answer messages, over a stream of Dask's own communication layer.

    A task submitted to Dask's scheduler takes some 10 ms, a call of a Dask actor more than 1 ms, and an actor whose
    worker died is made anew elsewhere and the call repeated, unasked. Here each worker opens one ordered stream to the
    scheduler's port, with the cluster's TLS identity, over which packed messages take 0.6 ms; its end is the end of the
    worker. Dask's scheduler lives in the driver and is free for what `client` is asked to do.
    """

    def __init__(self, description: PilotDescription, events: EngineEvents) -> None:
        super().__init__(description, events)
        check_options("engine", "dask", description.engine_options, {})
        self._workers: dict[int, _DaskWorker] = {}
        self._directory = ""
        self._host = ""
        self._reaper: Reaper | None = None
        self._cluster: Any = None
        self._client: Any = None

    def start(self, allocation: Allocation) -> None:
        """Start Dask's scheduler with a TLS identity made for it."""
        self._directory = tempfile.mkdtemp(prefix="pilot-dask-")
        _quiet.hold()
        self._reaper = Reaper(Path(self._directory))
        try:
            self._host = allocation.driver_address
            self._cluster = _start_cluster(self._directory, self._host)
        except (OSError, RuntimeError) as error:
            self.close()
            raise PilotFailed(f"Dask did not start: {error}") from error
        self._cluster.scheduler.handlers[CHANNEL] = self._serve

    def start_worker(self, slot: WorkerSlot) -> None:
        """Start a worker process; it opens its stream once it has joined the cluster."""
        start = Start(
            scheduler=self._cluster.scheduler_address,
            security=self._cluster.security,
            name=f"pilot-{slot.index}.{slot.generation}",
            worker=slot.index,
            generation=slot.generation,
            host=slot.node.address or self._host,
            directory="" if slot.node.agent else self._directory,
            node=slot.node.host if slot.node.agent else "",
        )
        self._workers[slot.index] = worker = _DaskWorker(slot, self.events, start, self._cluster.loop)
        if self._reaper is not None and worker.group is not None:
            self._reaper.watch(worker.group)

    def send(self, index: int, payload: bytes) -> None:
        """Put a message into the worker's stream."""
        self._workers[index].send(payload)

    def stop_worker(self, index: int) -> None:
        """Kill the worker's process group."""
        worker = self._workers.pop(index, None)
        if worker is not None:
            worker.kill()
            if self._reaper is not None and worker.group is not None:
                self._reaper.forget(worker.group)

    def close(self) -> None:
        """Kill all workers, end Dask's scheduler and remove the cluster's directory."""
        for index in list(self._workers):
            self.stop_worker(index)
        for part in (self._client, self._cluster):
            if part is not None:
                part.close()
        if self._directory:
            _quiet.drop()
        self._client = self._cluster = None
        self._directory = ""
        if self._reaper is not None:
            self._reaper.close()
            self._reaper = None

    def client(self) -> Any:
        """Return a `distributed.Client` of this pilot's cluster; what it runs shares the workers' cores."""
        if self._client is None and self._cluster is not None:
            self._client = distributed.Client(self._cluster, set_as_default=False)
        return self._client

    async def _serve(self, comm: Any, *, index: int, generation: int, host: str, pid: int) -> None:
        """Be the driver's end of a worker's stream; called by Dask's scheduler, in its event loop."""
        worker = self._workers.get(index)
        if worker is not None and worker.slot.generation == generation:
            await worker.converse(comm, host, pid)


class _Quiet:
    """Lets Dask's loggers speak of errors only as long as a cluster of ours lives."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("distributed")
        self._lock = threading.Lock()
        self._clusters = 0
        self._level = logging.NOTSET

    def hold(self) -> None:
        with self._lock:
            if self._clusters == 0:
                self._level = self._logger.level
                self._logger.setLevel(logging.ERROR)
                # A closed scheduler removes its directory when it is collected, and complains if that is gone.
                logging.getLogger("distributed.diskutils").setLevel(logging.CRITICAL)
            self._clusters += 1

    def drop(self) -> None:
        with self._lock:
            self._clusters -= 1
            if self._clusters == 0:
                self._logger.setLevel(self._level)


_quiet = _Quiet()


class _DaskWorker:
    """One worker: its process, and the driver's end of its stream."""

    def __init__(self, slot: WorkerSlot, events: EngineEvents, start: Start, loop: Any) -> None:
        self.slot = slot
        self._events = events
        self._loop = loop
        self._messages: asyncio.Queue[bytes] = asyncio.Queue()
        self._stopped = False
        self._ended = threading.Event()
        self._process = (slot.node.agent or LocalAgent()).start(
            [sys.executable, "-m", "pilot_quantum.engines._dask_worker"],
            environment=added_environment(slot),
            stdin=pickle.dumps(list(sys.path), 5) + pickle.dumps(tuple(start), 5),
            ended=self._has_ended,
        )

    @property
    def group(self) -> int | None:
        """Id of the worker's process group; None on other nodes."""
        return self._process.pid if isinstance(self._process, LocalProcess) else None

    def send(self, payload: bytes) -> None:
        """Queue a message, from any thread."""
        self._loop.add_callback(self._messages.put_nowait, payload)

    def kill(self) -> None:
        """End the process group; on this machine, wait until its leader is collected."""
        self._stopped = True
        self._process.kill()
        if self.group is not None:
            self._ended.wait()

    async def converse(self, comm: Any, host: str, pid: int) -> None:
        """Report the worker's answers until its stream ends; its process must end with it."""
        index, generation = self.slot.index, self.slot.generation
        writer = asyncio.create_task(self._write(comm))
        self._events.ready(index, generation, host, pid)
        try:
            while True:
                self._events.answered(index, generation, await comm.read())
        except OSError:
            pass  # the stream has ended, and the thread that watches the process will see why
        finally:
            writer.cancel()
        await asyncio.sleep(_GRACE_S)
        if not self._ended.is_set():
            self._process.kill()

    async def _write(self, comm: Any) -> None:
        with contextlib.suppress(OSError):  # a broken stream: the reader sees it too
            while True:
                await comm.write(await self._messages.get())

    def _has_ended(self, code: int | None) -> None:
        self._ended.set()
        if not self._stopped:
            self._events.lost(self.slot.index, self.slot.generation, f"the Dask worker {describe_end(code)}")


def _start_cluster(directory: str, host: str) -> Any:
    """Start a scheduler on one interface that serves TLS only, without workers and without a dashboard."""
    with (
        _settings,
        dask.config.set(
            {
                "temporary-directory": directory,
                "distributed.scheduler.http.routes": [],
                "distributed.scheduler.worker-ttl": None,  # a task may hold a worker's interpreter lock for hours
                "distributed.scheduler.allowed-failures": 0,
            }
        ),
    ):
        cluster = distributed.LocalCluster(
            n_workers=0,
            threads_per_worker=1,
            host=host,
            security=distributed.Security.temporary(),
            silence_logs=False,
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": f"{host}:0"},  # None would try port 8787 and warn
        )
    # There is no switch for the HTTP server; without routes it would serve nothing but an open port.
    server = getattr(cluster.scheduler, "http_server", None)
    if server is not None:
        cluster.loop.add_callback(server.stop)
    return cluster
