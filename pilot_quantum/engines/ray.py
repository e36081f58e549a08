"""Engine ``ray``: long-lived Ray actors, one a core, in a private Ray cluster whose head is on this machine."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .._registry import check_options
from ..descriptions import PilotDescription
from ..errors import PilotFailed
from ..launchers.base import Allocation
from ._children import Reaper, kill_group
from ._ray_nodes import RayNodes, kill_far_group
from ._ray_token import import_ray
from .base import AbstractEngine, EngineEvents, WorkerSlot, numerical_environment, worker_environment

ray = import_ray()

_log = logging.getLogger(__name__)


class RayEngine(AbstractEngine):
    """Runs one actor a core.

    A Ray task costs about a millisecond, a call of a living actor that carries a packed message a few microseconds a
    task. A driver has one Ray cluster at a time: pilots of one driver share it, and a cluster that the user has
    connected to before is used and left alone. Nodes of other machines join it; actors are placed on the node of their
    slot.

    Option: ``join_timeout_s`` (seconds until all nodes must have joined, by default 120).
    """

    def __init__(self, description: PilotDescription, events: EngineEvents) -> None:
        super().__init__(description, events)
        check_options("engine", "ray", description.engine_options, {"join_timeout_s": float})
        self._nodes = RayNodes(float(description.engine_options.get("join_timeout_s", 120.0)))
        self._actors: dict[int, tuple[WorkerSlot, Any, _InOrder]] = {}
        self._held = False
        self._places: dict[int, int] = {}
        self._groups: dict[int, int] = {}
        self._reaper: Reaper | None = None

    def start(self, allocation: Allocation) -> None:
        """Start the private cluster, or join the one this driver has; bring nodes of other machines into it."""
        _cluster.acquire(allocation)
        self._held = True
        self._reaper = Reaper()
        self._nodes.start(allocation)

    def start_worker(self, slot: WorkerSlot) -> None:
        """Create an actor and ask it where it is."""
        environment = worker_environment(slot)
        where = self._nodes.strategy(slot.node)
        options = {"num_cpus": 0, "max_concurrency": 1, **({} if where is None else {"scheduling_strategy": where})}
        name = slot.node.host if slot.node.agent else ""
        actor = _actor_class().options(**options).remote(list(sys.path), environment, name)
        index, generation = slot.index, slot.generation
        self._actors[index] = (slot, actor, _InOrder(lambda answer: self._answered(index, generation, answer)))

        def ready(answer: Any) -> None:
            if isinstance(answer, tuple):
                host, pid = answer
                if slot.node.agent is None and host == socket.gethostname():
                    self._watch(index, pid)
                self._places[index] = pid
                self.events.ready(index, generation, host, pid)
            else:
                self.events.lost(index, generation, f"the Ray actor did not start: {_first_line(answer)}")

        _on_completed(actor.place.remote(), ready)

    def send(self, index: int, payload: bytes) -> None:
        """Call the actor; its answer, or its death, arrives as an event."""
        _, actor, answers = self._actors[index]
        number = answers.expect()
        reference = actor.run.remote(payload)

        def answered(answer: Any, reference: Any = reference) -> None:  # noqa: ARG001 - Ray frees what nobody refers to
            answers.take(number, answer)

        _on_completed(reference, answered)

    def stop_worker(self, index: int) -> None:
        """Kill the actor's process, and on this host whatever its tasks have started."""
        slot, actor, _ = self._actors.pop(index, (None, None, None))
        if actor is not None and ray.is_initialized():
            ray.kill(actor)
        pid = self._places.pop(index, None)
        if slot is not None and slot.node.agent is not None and pid is not None:
            kill_far_group(slot.node.agent, pid)
        group = self._groups.pop(index, None)
        if group is not None and self._reaper is not None:
            kill_group(group)
            self._reaper.forget(group)

    def _answered(self, index: int, generation: int, answer: Any) -> None:
        if isinstance(answer, bytes):
            self.events.answered(index, generation, answer)
        else:
            self.events.lost(index, generation, f"the Ray actor died: {_first_line(answer)}")

    def _watch(self, index: int, group: int) -> None:
        self._groups[index] = group
        if self._reaper is not None:
            self._reaper.watch(group)

    def close(self) -> None:
        """Kill all actors; the last pilot of a private cluster ends it."""
        for index in list(self._actors):
            self.stop_worker(index)
        self._nodes.close()
        if self._held:
            self._held = False
            _cluster.release()
        if self._reaper is not None:
            self._reaper.close()
            self._reaper = None

    def client(self) -> Any:
        """Return the ``ray`` module, connected to the cluster of this pilot."""
        return ray


class _InOrder:
    """Hands on the answers of one actor in the order of its messages; under load Ray reports some too early."""

    def __init__(self, hand_on: Callable[[Any], None]) -> None:
        self._hand_on = hand_on
        self._lock = threading.Lock()
        self._expected = 0
        self._due = 0
        self._early: dict[int, Any] = {}

    def expect(self) -> int:
        """Return the number of the next message."""
        self._expected += 1
        return self._expected - 1

    def take(self, number: int, answer: Any) -> None:
        """Take an answer; hand it on, and those that waited for it, once all before it are here."""
        with self._lock:
            self._early[number] = answer
            while self._due in self._early:
                self._hand_on(self._early.pop(self._due))
                self._due += 1


class _Cluster:
    """The Ray cluster of this driver process, shared by its pilots.

    Ray asks the kernel to kill its servers when the *thread* that started them ends, so the cluster lives in a thread
    of its own from ``ray.init`` to ``ray.shutdown``.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._ended = threading.Event()
        self._error: BaseException | None = None

    def acquire(self, allocation: Allocation) -> None:
        with self._lock:
            if not ray.is_initialized():
                self._started.clear()
                self._ended.clear()
                self._error = None
                self._thread = threading.Thread(target=self._live, args=(allocation,), name="pilot-ray", daemon=True)
                self._thread.start()
                self._started.wait()
            if self._error is not None:
                raise PilotFailed(f"Ray did not start: {_first_line(self._error)}") from self._error
            self._users += 1

    def release(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._thread is not None:
                self._ended.set()
                self._thread.join()
                self._thread = None

    def _live(self, allocation: Allocation) -> None:
        # Ray puts Unix sockets into this directory, whose paths may have at most 107 characters.
        directory = tempfile.mkdtemp(prefix="pq-", dir=_short_directory())
        try:
            _start_ray(allocation, directory)
            self._started.set()
            self._ended.wait()
            ray.shutdown()
        except Exception as error:  # noqa: BLE001 - raised again by the thread that waits for the start
            self._error = error
        finally:
            self._started.set()
            shutil.rmtree(directory, ignore_errors=True)


def _start_ray(allocation: Allocation, directory: str) -> None:
    """Start Ray, a second time if the first fails: on a busy machine its fixed limit of 30 s can be too short."""
    try:
        _init_ray(allocation, str(Path(directory, "r")))  # Ray opens its own directory to everybody
    except Exception as error:  # noqa: BLE001 - Ray raises bare exceptions here
        _log.warning("Ray did not start, trying once more: %s", _first_line(error))
        ray.shutdown()
        _init_ray(allocation, str(Path(directory, "s")))


def _init_ray(allocation: Allocation, directory: str) -> None:
    if os.environ.get("RAY_AUTH_MODE") != "token":
        _log.warning("Ray was imported before its engine: this cluster has no token, any local user can reach it")
    environment = {
        **numerical_environment(),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    far = any(node.agent is not None for node in allocation.nodes)
    here = {"num_cpus": allocation.cores, "num_gpus": allocation.gpus}
    head_only = {"num_cpus": 0, "num_gpus": 0, "_node_ip_address": allocation.driver_address}
    _keep_notes_off_stdout()
    with _environment(environment):
        ray.init(
            address="local",
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=directory,
            **(head_only if far else here),
        )


_cluster = _Cluster()


def _keep_notes_off_stdout() -> None:
    """Send raylet's notes on dead workers, which we report ourselves, to the log: Ray prints them to stdout."""
    module = sys.modules.get("ray._private.worker")
    original = getattr(module, "print_to_stdstream", None)
    if original is None or getattr(original, "keeps_notes", False):
        return

    @functools.wraps(original)
    def quietly(data: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        if data.get("pid") == "raylet":
            _log.debug("raylet: %s", data.get("lines"))
        else:
            original(data, *args, **kwargs)

    quietly.keeps_notes = True  # type: ignore[attr-defined]  # a mark on a function
    module.print_to_stdstream = quietly  # type: ignore[union-attr]  # it was found in this module


def _short_directory() -> str | None:
    candidate = Path(tempfile.gettempdir())
    return None if len(str(candidate)) < 40 else "/tmp"  # noqa: S108 - mkdtemp below it is private (0700)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


def _actor_class() -> Any:
    """Return the actor class, made here so that it travels by value and sets the worker's path before it imports us."""

    class PilotWorker:
        def __init__(self, path: list[str], environment: dict[str, str], node: str) -> None:
            import os
            import sys

            os.setpgid(0, 0)  # so that it can be stopped together with what its tasks start
            os.environ.update(environment)
            sys.path[:] = path
            from pilot_quantum.worker import run_message

            self._node = node
            self._functions: dict[int, Callable[..., Any]] = {}
            self._run = run_message

        def place(self) -> tuple[str, int]:
            import os
            import socket

            return self._node or socket.gethostname(), os.getpid()

        def run(self, payload: bytes) -> bytes:
            return self._run(payload, self._functions)

    return ray.remote(PilotWorker)


def _on_completed(reference: Any, callback: Callable[[Any], None]) -> None:
    """Call ``callback`` with the value, or the exception, of an object reference, from a thread of Ray's."""
    register = getattr(reference, "_on_completed", None)
    if register is not None:
        register(callback)
        return
    threading.Thread(target=_wait_for, args=(reference, callback), daemon=True).start()


def _wait_for(reference: Any, callback: Callable[[Any], None]) -> None:
    try:
        value = ray.get(reference)
    except ray.exceptions.RayError as error:
        value = error
    callback(value)


def _first_line(error: object) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
