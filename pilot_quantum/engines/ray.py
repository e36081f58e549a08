"""Engine ``ray``: long-lived Ray actors, one a core, in a private Ray cluster whose head is on this machine."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

import psutil

from .._registry import check_options
from ..descriptions import PilotDescription
from ..errors import PilotFailed
from ..launchers.base import Allocation
from ._children import Reaper, kill_group
from ._ray_cluster import cluster, first_line
from ._ray_nodes import RayNodes, kill_far_group
from ._ray_token import import_ray
from .base import AbstractEngine, EngineEvents, WorkerSlot, worker_environment

ray = import_ray()


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
        self._gone: set[int] = set()

    def start(self, allocation: Allocation) -> None:
        """Start the private cluster, or join the one this driver has; bring nodes of other machines into it."""
        cluster.acquire(allocation, self)
        self._held = True
        self._reaper = Reaper()
        self._nodes.start(allocation)

    def start_worker(self, slot: WorkerSlot) -> None:
        """Create an actor and ask it where it is."""
        if cluster.died is not None:
            raise PilotFailed(cluster.died)
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
                self.events.lost(index, generation, f"the Ray actor did not start: {first_line(answer)}")

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
        if actor is not None and ray.is_initialized() and cluster.died is None:  # else it would wait for ever
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
            self.events.lost(index, generation, f"the Ray actor died: {first_line(answer)}")

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
            cluster.release(self)
        if self._reaper is not None:
            self._reaper.close()
            self._reaper = None

    def lose_all(self, reason: str) -> None:
        """Report every worker as lost; from the cluster's thread."""
        for index, (slot, _, _) in list(self._actors.items()):
            self.events.lost(index, slot.generation, reason)

    def look_after_actors(self) -> None:
        """Report actors whose process is gone; from the cluster's thread, now and then.

        Ray goes by a connection that closes, which a child of the actor can hold open. It gets one round to report
        first: it knows the reason.
        """
        for index, pid in list(self._places.items()):
            slot = self._actors[index][0] if index in self._actors else None
            if slot is None or slot.node.agent is not None or _runs(pid):
                continue
            if pid in self._gone:
                self.events.lost(index, slot.generation, "the process of the Ray actor is gone")
            self._gone.add(pid)

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


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


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
