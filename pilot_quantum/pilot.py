"""The pilot: resources that are held, the workers on them, and what is free.

The public face is `Pilot`; what begins with an underscore belongs to the scheduler, which shares this package.
"""

from __future__ import annotations

import math
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from . import engines, launchers
from ._ending import give_back
from ._nodes import needs_of, on_roomy_nodes
from .descriptions import PilotDescription, Resources
from .devices import close_hub, no_device, open_hub, start_hub
from .errors import PilotFailed
from .launchers.base import Allocation
from .runtime import PilotView
from .states import PilotState

if TYPE_CHECKING:
    from ._lanes import Lane
    from ._message import Message
    from .devices.hub import DeviceHub
    from .devices.task_device import DeviceTicket
    from .task import Task

PREFETCH_S = 0.03
"""A worker gets its next message early if the one it works on is expected to take no longer than this."""


class Worker:
    """One worker of a pilot, as the scheduler sees it.

    Attributes
    ----------
    index, generation
        Its place, and how often that place was filled anew.
    inflight
        Messages sent and not answered, the one it works on first.
    known
        Functions it has, by number.
    shared
        Shared values it has, by number; False for those it can drop.
    started, ready
        Whether its process was started, and whether it has reported in.
    retired
        Whether its place was given up by a resize.
    """

    __slots__ = (
        "generation",
        "host",
        "index",
        "inflight",
        "known",
        "pid",
        "pilot",
        "ready",
        "resources",
        "retired",
        "shared",
        "started",
    )

    def __init__(self, pilot: Pilot, index: int) -> None:
        self.pilot = pilot
        self.index = index
        self.generation = 0
        self.inflight: deque[Message] = deque()
        self.known: set[int] = set()
        self.shared: dict[int, bool] = {}
        self.ready = False
        self.retired = False
        self.started = False
        self.host: str | None = None
        self.pid = 0
        self.resources: Resources | None = None

    @property
    def expected_end_s(self) -> float:
        """Monotonic time at which it is expected to have answered all its messages."""
        return self.inflight[0].bound_s + sum(message.estimate_s for message in self.inflight)


class PilotControl(Protocol):
    """What a pilot asks of its manager."""

    def release(self, pilot: Pilot) -> None:
        """End a pilot now."""
        ...

    def drain(self, pilot: Pilot) -> None:
        """End a pilot when nothing runs on it."""
        ...

    def resize(self, pilot: Pilot, allocation: Allocation) -> None:
        """Give a pilot another size."""
        ...


class Pilot:
    """Resources that a manager holds, or is about to.

    Made by `PilotManager.submit_pilot`. Leaving a ``with pilot:`` block releases it.

    Attributes
    ----------
    name
        Unique within the manager.
    description
        What was asked for.
    startup_s
        Seconds of each phase of the start so far: ``launcher``, ``engine``, ``first_worker``, ``workers``.
    launcher_s
        Seconds of each part of the phase ``launcher``, as far as the launcher knows parts.
    driver_host
        Host of the manager.
    """

    def __init__(
        self, name: str, description: PilotDescription, events: Callable[[Pilot], engines.EngineEvents]
    ) -> None:
        self.name = name
        self.description = description
        self.driver_host = socket.gethostname()
        self.startup_s: dict[str, float] = {}
        self._launcher = launchers.load(description.launcher)(replace(description, name=name))
        self.launcher_s = self._launcher.phases_s
        self._events = events(self)
        self._engine = engines.load(description.engine)(description, self._events)
        self._allocation = self._launcher.expected()
        self._hub = open_hub(description, lambda: self._ends_s and self._ends_s - time.monotonic())
        self._state = PilotState.PENDING
        self._error: PilotFailed | None = None
        self._changed = threading.Condition()
        self._control: PilotControl | None = None
        self._gone, self._down = threading.Event(), threading.Lock()
        self._taken_down = False
        self._submitted_s = time.monotonic()
        self._ends_s: float | None = None
        self._ended_s: float | None = None
        self._failures = 0
        self._free_cpus = self._allocation.cores
        self._free_gpus = float(self._allocation.gpus)
        self._free_memory = self._allocation.memory
        self._workers = [Worker(self, index) for index in range(self._engine.worker_count(self._allocation))]
        self._rates: dict[int, float] = {}

    def __repr__(self) -> str:
        """Return name, engine and state."""
        return f"<Pilot {self.name} {self.description.engine} {self.state}>"

    def __enter__(self) -> Pilot:
        """Return the pilot."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Release the pilot."""
        self.release()

    @property
    def state(self) -> PilotState:
        """Where the pilot is now."""
        return self._state

    @property
    def view(self) -> PilotView:
        """What the pilot holds."""
        held = self._allocation
        return PilotView(self.name, self._worker_count, held.cores, held.gpus, held.memory)

    @property
    def devices(self) -> DeviceHub | None:
        """The quantum devices of this pilot, with the reasons of their routing; None if it has none."""
        return self._hub

    def wait(self, timeout_s: float | None = None) -> Pilot:
        """Wait until every worker takes tasks, and return the pilot.

        Raises
        ------
        PilotFailed
            If the pilot ends first, with the reason.
        TimeoutError
            If that takes more than ``timeout_s`` seconds (None: no limit).
        """
        with self._changed:
            up = self._changed.wait_for(lambda: self._state.final or self._all_ready(), timeout_s)
        if not up:
            ready = sum(worker.ready for worker in self._workers)
            raise TimeoutError(f"pilot {self.name!r}: {ready} of {len(self._workers)} workers after {timeout_s} s")
        if self._state.final:
            raise self._error or PilotFailed(f"pilot {self.name!r} was released")
        return self

    def release(self) -> None:
        """Give the resources back at once; tasks that have not ended go on elsewhere, or fail if they cannot."""
        if self._control is not None:
            self._control.release(self)

    def drain(self) -> None:
        """Take nothing new, finish what is running, then release; returns at once."""
        if self._control is not None:
            self._control.drain(self)

    def resize(self, cores: int) -> None:
        """Grow or shrink to ``cores`` cores; workers that are too many finish what they have first.

        Raises
        ------
        InvalidDescription
            If the launcher cannot provide that.
        """
        allocation = self._launcher.resized(cores)
        if self._control is not None:
            self._control.resize(self, allocation)

    def client(self) -> Any:
        """Return the native client of the engine (the ``ray`` module, …), or None if it has none."""
        return self._engine.client()

    # The scheduler's side.

    def _all_ready(self) -> bool:
        return self._state is PilotState.RUNNING and all(w.ready or w.retired for w in self._workers)

    def _enter(self, state: PilotState, error: PilotFailed | None = None) -> None:
        with self._changed:
            if self._state.final:
                return
            self._state, self._error = state, error
            self._ended_s = time.monotonic() if state.final else None
            self._changed.notify_all()

    def _clock_phase(self, phase: str) -> None:
        if phase not in self.startup_s:
            self.startup_s[phase] = time.monotonic() - self._submitted_s - sum(self.startup_s.values())

    def _bring_up(self) -> Allocation:
        """Obtain the resources and start the engine; runs in a thread of its own."""
        allocation = self._launcher.acquire()
        self._clock_phase("launcher")
        self._enter(PilotState.STARTING)
        start_hub(self._hub, self._launcher)
        self._engine.start(allocation)
        self._clock_phase("engine")
        return allocation

    def _give_up(self) -> None:
        """Stop waiting for resources; runs in a thread of its own."""
        try:
            self._launcher.release()
        finally:
            self._gone.set()

    def _take_down(self) -> None:
        """Give everything back, once; runs in a thread of its own."""
        with self._down:
            if self._taken_down:
                return
            self._taken_down = True
            try:
                give_back(self.name, lambda: close_hub(self._hub), self._engine.close, self._launcher.release)
            finally:
                self._gone.set()

    def _ticket(self, lane: Lane, tasks: Sequence[Task]) -> DeviceTicket | None:
        """Return what tasks of a lane need to reach the pilot's devices; None if they ask for none."""
        request, hub = lane.spec.resources.device, self._hub
        return None if request is None or hub is None else hub.ticket(request, [(t.number, t.attempt) for t in tasks])

    @property
    def _worker_count(self) -> int:
        return sum(not worker.retired for worker in self._workers)

    @property
    def _takes_new(self) -> bool:
        return not self._state.final and self._state is not PilotState.DRAINING

    def _unfit(self, lane: Lane) -> str | None:
        """Return why this pilot can never run the tasks of a lane; None if it can."""
        if lane.spec.timeout_s is not None and not self._engine.can_stop:
            return f"its engine {self.description.engine!r} cannot stop a task that exceeds its timeout_s"
        return self._cannot(lane.spec.resources)

    def _cannot(self, resources: Resources) -> str | None:
        """Return why this pilot can never run a task with these needs; None if it can."""
        held = self._allocation
        largest = max((node.cores for node in held.living), default=0)
        times = max(1, resources.ranks)
        needs = [
            (resources.cpus, largest, "core(s) on a node"),
            (resources.cpus * times, held.cores, "core(s)"),
            (_gpus(resources) * times, held.gpus, "GPU(s)"),
            (resources.memory * times, held.memory, "bytes of memory"),
            (resources.ranks, self._worker_count, "worker(s) for ranks"),
        ]
        for needed, has, what in needs:
            if needed > has:
                return f"it has {has} {what}, the task needs {needed:g}"
        return None if resources.device is None else no_device(self._hub, resources.device)

    def _place_for(self, lane: Lane, now: float) -> tuple[Worker, ...]:
        """Return the workers, one or a gang's, that could take a message of this lane now; empty if there are none."""
        expected = lane.expected_s
        if self._ends_s is not None and expected is not None and now + expected > self._ends_s:
            return ()
        resources = lane.spec.resources
        if resources.ranks:
            return self._place_for_gang(resources)
        fits = self._fits(resources)
        if len(self._allocation.nodes) > 1 and needs_of(resources) != (1, 0, 0):
            return on_roomy_nodes(self, resources, 1) if fits else ()
        early: Worker | None = None
        for worker in self._workers:
            if not worker.ready or worker.retired:
                continue
            if not worker.inflight:
                if fits:
                    return (worker,)
            elif early is None and _takes_early(worker, lane, now):
                early = worker
        return () if early is None else (early,)

    def _place_for_gang(self, resources: Resources) -> tuple[Worker, ...]:
        if not self._fits(resources, resources.ranks):
            return ()
        return on_roomy_nodes(self, resources, resources.ranks)

    def _has_open_worker(self, now: float) -> bool:
        """Return whether some worker is idle, or soon will be."""
        return any(w.ready and not w.retired and (not w.inflight or _soon_idle(w, now)) for w in self._workers)

    def _has_room(self, resources: Resources) -> bool:
        """Return whether enough workers are idle, and enough cores, GPUs and memory free."""
        times = max(1, resources.ranks)
        idle = sum(worker.ready and not worker.retired and not worker.inflight for worker in self._workers)
        return idle >= times and self._fits(resources, times)

    def _fits(self, resources: Resources, times: int = 1) -> bool:
        return (
            resources.cpus * times <= self._free_cpus
            and _gpus(resources) * times <= self._free_gpus + 1e-9
            and resources.memory * times <= self._free_memory
        )

    def _opens_s(self, resources: Resources) -> float:
        """Return when enough cores are expected to be free for a task that does not fit now, as a monotonic time.

        0 (at once, so that nothing overtakes it) if a task of unknown run time is in the way.
        """
        needed = resources.cpus * max(1, resources.ranks) - self._free_cpus
        opens_s = 0.0
        busy = [worker for worker in self._workers if worker.inflight]
        for worker in sorted(busy, key=lambda worker: worker.expected_end_s):
            if needed <= 0:
                break
            opens_s = worker.expected_end_s
            needed -= worker.resources.cpus if worker.resources is not None else 0
        return opens_s if math.isfinite(opens_s) else 0.0

    def _occupy(self, worker: Worker, resources: Resources) -> None:
        worker.resources = resources
        self._free_cpus -= resources.cpus
        self._free_gpus -= _gpus(resources)
        self._free_memory -= resources.memory

    def _vacate(self, worker: Worker) -> None:
        if worker.resources is not None:
            self._free_cpus += worker.resources.cpus
            self._free_gpus += _gpus(worker.resources)
            self._free_memory += worker.resources.memory
            worker.resources = None


def _gpus(resources: Resources) -> float:
    return resources.gpus + resources.gpus_per_rank


def _takes_early(worker: Worker, lane: Lane, now: float) -> bool:
    if not _soon_idle(worker, now) or lane.alone or lane.again or worker.resources != lane.spec.resources:
        return False  # `again`: what may kill its worker must not take the answer of the task before it along
    if len(lane) <= len(worker.pilot._workers):  # the last tasks wait for whoever is free first
        return False
    return (lane.expected_s or PREFETCH_S) < PREFETCH_S


def _soon_idle(worker: Worker, now: float) -> bool:
    if len(worker.inflight) != 1:
        return False
    current = worker.inflight[0]
    return current.estimate_s <= PREFETCH_S and now - current.bound_s <= 2 * PREFETCH_S
