"""Keeps the pilots: starts them, replaces their workers, resizes and ends them. Scheduler's thread only."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from ._loop import EventLoop
from ._message import Message
from ._nodes import node_of
from ._notices import Notices
from .engines import WorkerSlot
from .errors import PilotFailed, PilotQuantumError
from .launchers import Allocation
from .launchers.base import Losses
from .pilot import Pilot, Worker
from .states import PilotState

_log = logging.getLogger(__name__)

START_FAILURES = 3
"""A pilot fails when this many workers in a row died before they reported in."""
START_TIMEOUT_S = 120.0
"""A worker that has not reported in after this long counts as lost."""


class Keeper:
    """The manager's pilots.

    Parameters
    ----------
    loop
        The scheduler's event loop.
    notices
        Where changes of pilots are announced.
    lost
        Called when a worker could not be started: ``lost(pilot, index, generation, reason)``.
    ended
        Called when a pilot has ended, with the messages it had not answered and its error, if any.

    Attributes
    ----------
    pilots
        By name, in order of submission.
    version
        Grows whenever a pilot appears or goes, so that a lane's fitness is checked anew.
    """

    def __init__(
        self,
        loop: EventLoop,
        notices: Notices,
        *,
        lost: Callable[[Pilot, int, int, str], None],
        ended: Callable[[list[Message], PilotFailed | None], None],
    ) -> None:
        self.pilots: dict[str, Pilot] = {}
        self.version = 0
        self._loop = loop
        self._notices = notices
        self._lost = lost
        self._ended = ended

    def add(self, pilot: Pilot) -> None:
        """Take a pilot in and start it."""
        self.pilots[pilot.name] = pilot
        self.version += 1
        pilot._launcher.losses = Losses(
            node=lambda index, reason: self._loop.post(self.node_lost, pilot, index, reason),
            ending=lambda reason: self._loop.post(self._ending, pilot, reason),
            all=lambda reason, normal: self._loop.post(self._resources_gone, pilot, reason, normal),
        )
        threading.Thread(target=self._bring_up, args=(pilot,), name=f"start-{pilot.name}", daemon=True).start()

    def start_worker(self, worker: Worker) -> None:
        """Start a worker in its place, unless the pilot has ended or gives the place up."""
        pilot = worker.pilot
        if pilot.state.final or self._loop.stopped or worker.retired or "engine" not in pilot.startup_s:
            return
        worker.started = True
        try:
            pilot._engine.start_worker(_slot(worker))
        except Exception as error:  # noqa: BLE001 - an engine's library may raise anything; a hang would be worse
            self._loop.post(self._lost, pilot, worker.index, worker.generation, f"it could not be started: {error}")
        self._loop.after(START_TIMEOUT_S, self._check_started, worker, worker.generation)

    def remove_worker(self, worker: Worker) -> list[Message]:
        """Stop a worker; return the messages it had not answered."""
        messages = list(worker.inflight)
        worker.inflight.clear()
        worker.pilot._vacate(worker)
        worker.known.clear()
        worker.shared.clear()
        worker.ready = worker.started = False
        worker.generation += 1
        worker.pilot._engine.stop_worker(worker.index)
        return messages

    def replace_lost(self, worker: Worker, reason: str) -> None:
        """Start a lost worker again, unless its pilot's workers keep dying before they report in."""
        pilot = worker.pilot
        if pilot._allocation.nodes[node_of(pilot._allocation, worker.index)].lost:
            worker.retired = True
        elif pilot._failures >= START_FAILURES:
            self.end(pilot, PilotFailed(f"pilot {pilot.name!r}: its workers die before they report in: {reason}"))
        else:
            self.start_worker(worker)

    def worker_ready(self, pilot: Pilot, index: int, generation: int, place: tuple[str, int]) -> None:
        """Let a worker that has reported in, with its host and process id, take tasks."""
        worker = pilot._workers[index]
        if worker.generation != generation or pilot.state.final:
            return
        worker.ready = True
        worker.host, worker.pid = place
        pilot._failures = 0
        pilot._clock_phase("first_worker")
        if all(worker.ready or worker.retired for worker in pilot._workers):
            pilot._clock_phase("workers")
        first = pilot.state is PilotState.STARTING
        pilot._enter(PilotState.RUNNING if first else pilot.state)
        self.retire_if_idle(worker)
        if first:
            self._notices.tell("pilot_running", pilot=pilot.name)

    def drain(self, pilot: Pilot) -> None:
        """End a pilot as soon as nothing runs on it."""
        if pilot.state.final:
            return
        if any(worker.inflight for worker in pilot._workers):
            if pilot.state is not PilotState.DRAINING:
                pilot._enter(PilotState.DRAINING)
                self.version += 1
        else:
            self.end(pilot, None)

    def node_lost(self, pilot: Pilot, index: int, reason: str) -> None:
        """Go on without a node; end the pilot if it was the last one."""
        if pilot.state.final or "engine" not in pilot.startup_s:
            if not pilot.state.final:
                self.end(pilot, PilotFailed(f"pilot {pilot.name!r}: {reason} while the pilot started"))
            return
        held = pilot._allocation
        node = held.nodes[index]
        nodes = (*held.nodes[:index], replace(node, lost=True), *held.nodes[index + 1 :])
        pilot._allocation = replace(held, nodes=nodes)
        pilot._free_cpus -= node.cores
        pilot._free_gpus -= len(node.gpus)
        pilot._free_memory -= node.memory
        self.version += 1
        if not pilot._allocation.living:
            self.end(pilot, PilotFailed(f"pilot {pilot.name!r}: {reason}; it was the last one"))
            return
        _log.warning("pilot %r: %s; it goes on with %d node(s)", pilot.name, reason, len(pilot._allocation.living))
        self._notices.tell("node_lost", pilot=pilot.name, node=node.host, reason=reason)
        for worker in pilot._workers:
            if node_of(pilot._allocation, worker.index) == index:
                self._lost(pilot, worker.index, worker.generation, reason)

    def _ending(self, pilot: Pilot, reason: str) -> None:
        if pilot._takes_new:
            _log.warning("pilot %r takes nothing new: %s", pilot.name, reason)
            self.drain(pilot)

    def _resources_gone(self, pilot: Pilot, reason: str, normal: bool) -> None:
        if not pilot.state.final:
            _log.warning("pilot %r has ended: %s", pilot.name, reason)
            self.end(pilot, None if normal else PilotFailed(f"pilot {pilot.name!r}: {reason}"))

    def resize(self, pilot: Pilot, allocation: Allocation) -> None:
        """Grow or shrink a pilot; workers that are too many finish what they have."""
        if pilot.state.final:
            return
        pilot._free_cpus += allocation.cores - pilot._allocation.cores
        pilot._allocation = allocation
        self.version += 1
        wanted = pilot._engine.worker_count(allocation)
        for worker in pilot._workers:
            worker.retired = worker.index >= wanted
            if worker.started:
                self.retire_if_idle(worker)
            else:
                self.start_worker(worker)
        while len(pilot._workers) < wanted:
            pilot._workers.append(Worker(pilot, len(pilot._workers)))
            self.start_worker(pilot._workers[-1])

    def drop_shared(self, number: int) -> None:
        """Note that no task needs a shared value any more; each worker is told with its next message."""
        for pilot in self.pilots.values():
            for worker in pilot._workers:
                if number in worker.shared:
                    worker.shared[number] = False

    def retire_if_idle(self, worker: Worker) -> None:
        """Stop a worker whose place was given up, once it has nothing to do."""
        if worker.retired and not worker.inflight and worker.ready:
            self.remove_worker(worker)

    def end(self, pilot: Pilot, error: PilotFailed | None) -> None:
        """End a pilot: stop its workers, give the resources back, hand its tasks on."""
        if pilot.state.final:
            return
        messages = [message for worker in pilot._workers for message in self.remove_worker(worker)]
        up = "engine" in pilot.startup_s
        pilot._enter(PilotState.FAILED if error else PilotState.DONE, error)
        self.version += 1
        if up:
            threading.Thread(target=pilot._take_down, name=f"end-{pilot.name}", daemon=True).start()
        elif "launcher" not in pilot.startup_s:  # it may wait in a queue for hours
            threading.Thread(target=pilot._give_up, name=f"end-{pilot.name}", daemon=True).start()
        # otherwise its engine is just starting, and the thread that starts it takes it down
        self._notices.tell("pilot_ended", pilot=pilot.name, error=error)
        self._ended(messages, error)

    def end_all(self) -> None:
        """End all pilots and wait until their resources are back."""
        for pilot in self.pilots.values():
            with contextlib.suppress(OSError):
                self.end(pilot, None)
        for pilot in self.pilots.values():
            pilot._gone.wait()

    def _bring_up(self, pilot: Pilot) -> None:
        try:
            allocation = pilot._bring_up()
        except Exception as error:  # noqa: BLE001 - an engine's library may raise anything; a hang would be worse
            text = str(error) if isinstance(error, PilotQuantumError) else f"{type(error).__name__}: {error}"
            failure = PilotFailed(f"pilot {pilot.name!r} could not start: {text}")
            failure.__cause__ = error
            self._loop.post(self.end, pilot, failure)
            pilot._take_down()
        else:
            self._loop.post(self._engine_up, pilot, allocation)
            if pilot.state.final:  # released while it was starting
                pilot._take_down()

    def _engine_up(self, pilot: Pilot, allocation: Allocation) -> None:
        if pilot.state.final:
            return
        _take_up(pilot, allocation)
        limits_s = [limit for limit in (pilot.description.walltime_s, allocation.ends_in_s) if limit is not None]
        if limits_s:
            pilot._ends_s = time.monotonic() + min(limits_s)
            self._loop.after(min(limits_s), self.end, pilot, None)
        for worker in pilot._workers:
            if not worker.started:
                self.start_worker(worker)

    def _check_started(self, worker: Worker, generation: int) -> None:
        if worker.generation == generation and not worker.ready:
            reason = f"it did not report in within {START_TIMEOUT_S:g} s"
            self._lost(worker.pilot, worker.index, generation, reason)


def _slot(worker: Worker) -> WorkerSlot:
    """Return the place of a worker: workers fill nodes in order and share the GPUs of a node in turn."""
    held = worker.pilot._allocation
    nodes, number = held.nodes, node_of(held, worker.index)
    node = nodes[number]
    place = worker.index - sum(before.cores for before in nodes[:number])
    gpus = (node.gpus[place % len(node.gpus)],) if node.gpus else ()
    return WorkerSlot(worker.index, worker.generation, node, gpus, worker.pilot.name)


def _take_up(pilot: Pilot, allocation: Allocation) -> None:
    """Replace what was expected of a pilot by what it holds."""
    before = pilot._allocation
    pilot._allocation = allocation
    pilot._free_cpus += allocation.cores - before.cores
    pilot._free_gpus += allocation.gpus - before.gpus
    pilot._free_memory += allocation.memory - before.memory
