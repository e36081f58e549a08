"""Late binding: which waiting tasks go to which worker, and when.

Tasks stay in their lanes until a worker has a free place. Only the scheduler's thread binds; any thread may append to a
lane and call `Binder.enqueue`.
"""

from __future__ import annotations

import heapq
import logging
import pickle
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ._gang import Gang, ranks_on
from ._groups import Groups
from ._lanes import HAND_BACK_S, Lane
from ._message import Message
from ._reasons import circumstances, with_history, without_choice
from ._shared import SharingCall
from .pilot import Pilot, Worker
from .policies import Backfill, PilotLoad, Policy
from .states import PilotState
from .task import Task, claim
from .worker import Ranks

_log = logging.getLogger(__name__)

KNOWN_FUNCTIONS = 1024
"""A worker forgets all its functions when it would have to keep more."""


class _Place(NamedTuple):
    workers: tuple[Worker, ...]
    reason: str


class Binder:
    """The lanes that have tasks, and the rule by which messages leave them.

    Parameters
    ----------
    policy
        Chooses among pilots.
    pilots
        The manager's pilots by name; kept up to date by the scheduler.
    wake
        Makes the scheduler call `dispatch` soon.
    sent
        Called after each message is sent.

    Attributes
    ----------
    lanes
        Lanes that have tasks.
    delayed
        Tasks that wait for the time of their next attempt.
    """

    def __init__(
        self,
        policy: Policy,
        pilots: dict[str, Pilot],
        *,
        wake: Callable[[], None],
        sent: Callable[[Worker, Message, Lane], None],
    ) -> None:
        self.lanes = Groups()
        self.delayed: set[Task] = set()
        self._policy = policy if isinstance(policy, Backfill) else Backfill(policy)
        self._pilots = pilots
        self._wake = wake
        self._sent = sent
        self._activated: deque[Lane] = deque()
        self._decisions = 0

    def enqueue(self, lane: Lane) -> None:
        """Note that tasks were appended to a lane; from any thread."""
        if not lane.active:
            lane.active = True
            self._activated.append(lane)
            self._wake()

    def dispatch(self) -> bool:
        """Send messages until no absorbed lane has a task that any pilot could take now.

        Returns
        -------
        bool
            Whether the scheduler may wait for the next event: False if tasks came in meanwhile.
        """
        reserved: dict[str, float] = {}
        aside: list[Lane] = []
        heads = [
            (lane.order, at, group) for at, group in enumerate(self.lanes.all()) if (lane := group.first()) is not None
        ]
        heapq.heapify(heads)
        while heads and self._any_open():
            _, at, group = heads[0]
            lane = group.first()
            if lane is not None and not self._serve(lane, reserved):
                if not self._idle_place(lane):
                    heapq.heappop(heads)
                    continue
                group.set_aside(lane)  # something about this lane's own function: the others may do better
                aside.append(lane)
            lane = group.first()
            if lane is None:
                heapq.heappop(heads)
            else:
                heapq.heapreplace(heads, (lane.order, at, group))
        for lane in aside:
            self.lanes.add(lane)
        return not self._activated

    def _any_open(self) -> bool:
        """Return whether any worker could take any task now; usually none can, and no lane needs to be looked at."""
        now = time.monotonic()
        return any(p._has_open_worker(now) for p in self._pilots.values() if p.state is PilotState.RUNNING)

    def _serve(self, lane: Lane, reserved: dict[str, float]) -> bool:
        """Send one message of a lane; return False if it finds no place."""
        try:
            place = self._choose(lane, reserved)
        except Exception as error:  # noqa: BLE001 - a policy is user code; only the tasks it was asked about may suffer
            _log.exception("the policy failed")
            for task in self.empty(lane):
                task.fail(error)
            return True
        if place is None:
            self._reserve(lane, reserved)
            return False
        self._send(lane, place)
        if len(lane):
            self.lanes.add(lane)
        else:
            self.deactivate(lane)
        return True

    def _idle_place(self, lane: Lane) -> bool:
        """Return whether some pilot has room for the lane's tasks, though it was not taken."""
        needs = lane.spec.resources
        return any(pilot._has_room(needs) for pilot in self._candidates(lane))

    def give_back(self, tasks: Iterable[Task]) -> None:
        """Queue tasks again, before all others, that were dispatched and have not run."""
        for task in reversed(dict.fromkeys(tasks)):  # the ranks of a gang bring their task several times
            task.requeue()
            if not task.done():
                task.lane.queue.appendleft(task)
                self._changed(task.lane)

    def delay(self, task: Task) -> None:
        """Keep a task that waits for its next attempt; it can be cancelled meanwhile."""
        task.requeue()
        self.delayed.add(task)

    def try_again(self, task: Task) -> None:
        """Queue a delayed task for another attempt, alone in its message."""
        if task in self.delayed:
            self.delayed.remove(task)
            if not task.done():
                task.lane.again.append(task)
                self._changed(task.lane)

    def absorb(self) -> list[Lane]:
        """Take newly activated lanes into `lanes` and return them."""
        new = []
        while self._activated:
            lane = self._activated.popleft()
            if lane in self.lanes:
                continue
            if len(lane):
                self.lanes.add(lane)
                new.append(lane)
            else:
                self._rest(lane)
        return new

    def deactivate(self, lane: Lane) -> None:
        """Drop a lane that has run empty."""
        self.lanes.drop(lane)
        self._rest(lane)

    def empty(self, lane: Lane) -> list[Task]:
        """Take all tasks out of a lane and drop it."""
        tasks = lane.pop_all()
        self.deactivate(lane)
        return tasks

    def _changed(self, lane: Lane) -> None:
        if lane in self.lanes:
            self.lanes.add(lane)
        else:
            self.enqueue(lane)

    def _rest(self, lane: Lane) -> None:
        lane.active = False
        if len(lane):  # another thread appended before it could see that the lane is no longer active
            self.enqueue(lane)

    def _choose(self, lane: Lane, reserved: dict[str, float]) -> _Place | None:
        now = time.monotonic()
        places: dict[str, tuple[Worker, ...]] = {}
        candidates = self._candidates(lane)
        for pilot in candidates:
            kept_until = reserved.get(pilot.name)
            if kept_until is not None and not self._policy.overtakes(lane.expected_s, kept_until - now):
                continue  # an older task waits for this pilot
            workers = pilot._place_for(lane, now)
            if workers:
                places[pilot.name] = workers
        if not places:
            return None
        self._decisions += 1
        if len(places) == 1:
            name, reason = next(iter(places)), without_choice(lane, candidates)
        else:
            loads = [_load(self._pilots[name], lane) for name in places]
            name, reason = self._policy.choose(lane.spec.resources, loads, self._decisions)
        workers = places[name]
        return _Place(workers, circumstances(reason, lane, workers, overtakes=name in reserved))

    def _candidates(self, lane: Lane) -> list[Pilot]:
        """Return the running pilots that this lane allows and that are large enough for its tasks."""
        wanted = lane.spec.pilots
        return [
            pilot
            for name, pilot in self._pilots.items()
            if pilot.state is PilotState.RUNNING and (wanted is None or name in wanted) and not pilot._unfit(lane)
        ]

    def _reserve(self, lane: Lane, reserved: dict[str, float]) -> None:
        """Keep a pilot for a task that needs more than one core, lest smaller ones overtake it for ever.

        Which younger tasks may still run there is the rule of `Backfill`, by default EASY.
        """
        if not lane.wide:
            return
        free = [pilot for pilot in self._candidates(lane) if pilot.name not in reserved]
        if free:
            opens = {pilot.name: pilot._opens_s(lane.spec.resources) for pilot in free}
            first = min(opens, key=lambda name: opens[name])
            reserved[first] = opens[first]
            lane.kept = first

    def _send(self, lane: Lane, place: _Place) -> None:
        pilot = place.workers[0].pilot
        tasks, estimate_s = lane.take(len(pilot._workers))
        tasks = claim(tasks)
        if not tasks:  # all were cancelled while they waited
            return
        now = time.monotonic()
        reason = with_history(place.reason, tasks[0])
        lane.kept = None
        messages = [Message(tasks, w, estimate_s=estimate_s, reason=reason, now=now) for w in place.workers]
        for worker, message in zip(place.workers, messages, strict=True):
            if not worker.inflight:
                pilot._occupy(worker, lane.spec.resources)
            worker.inflight.append(message)
            message.sent_s = now
        if lane.spec.resources.ranks:
            members = list(zip(place.workers, messages, strict=True))
            self._send_gang(pilot, lane, Gang(tasks[0], members))
        else:
            worker = place.workers[0]
            _post(pilot, worker, _payload(worker, lane, tasks))
        self._sent(place.workers[0], messages[0], lane)

    def _send_gang(self, pilot: Pilot, lane: Lane, gang: Gang) -> None:
        workers = tuple(worker for worker, _ in gang.members)
        gang.task.put_in(gang.members[0][1], 0)  # the trace of a gang is that of its rank 0
        ranks = ranks_on(workers, lane.spec.timeout_s)
        fresh = pilot._engine.fresh_ranks
        known = [Worker(pilot, worker.index) for worker in workers] if fresh else workers  # which know nothing
        payloads = [_payload(worker, lane, [gang.task], rank) for worker, rank in zip(known, ranks, strict=True)]
        pilot._engine.send_gang([(w.index, payload) for w, payload in zip(workers, payloads, strict=True)])


def _post(pilot: Pilot, worker: Worker, payload: bytes) -> None:
    try:
        pilot._engine.send(worker.index, payload)
    except Exception as error:  # noqa: BLE001 - an engine's library may raise anything; a hang would be worse
        pilot._events.lost(worker.index, worker.generation, f"a message could not be sent: {error}")


def _payload(worker: Worker, lane: Lane, tasks: list[Task], ranks: Ranks | None = None) -> bytes:
    number = lane.function.number
    new: list[tuple[int, bytes]] = []
    forget = len(worker.known) >= KNOWN_FUNCTIONS
    if forget:
        worker.known.clear()
    if number not in worker.known:
        worker.known.add(number)
        new.append((number, lane.function.blob))
    calls = [task.call for task in tasks]
    shared = None
    if any(type(call) is SharingCall for call in calls):
        shared = _shared(worker, calls)
        calls = [bytes(call) if type(call) is SharingCall else call for call in calls]
    ticket = worker.pilot._ticket(lane, tasks)
    return pickle.dumps((forget, new, shared, number, calls, HAND_BACK_S, ranks, ticket), 5)


def _shared(worker: Worker, calls: list[Any]) -> tuple[dict[int, bytes], list[int]]:
    """Return the shared values that a worker lacks for these calls, and the numbers of those it can drop."""
    handles = [handle for call in calls if type(call) is SharingCall for handle in call.handles]
    new = {handle.number: handle.blob for handle in handles if handle.number not in worker.shared}
    dropped = [number for number, needed in worker.shared.items() if not needed]
    for number in dropped:
        del worker.shared[number]
    worker.shared.update(dict.fromkeys(new, True))
    return new, dropped


def _load(pilot: Pilot, lane: Lane) -> PilotLoad:
    workers = [worker for worker in pilot._workers if worker.ready]
    idle = sum(not worker.inflight for worker in workers)
    backlog = sum(message.estimate_s for worker in workers for message in worker.inflight) / len(workers)
    return PilotLoad(pilot.name, len(workers), idle, pilot._rates.get(lane.function.number), backlog)
