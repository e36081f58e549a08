"""Proposing, evaluating and learning on the same devices: in turn, or side by side. Driver side.

One loop serves both. With a synchronous exchange one batch is under way at a time and every device takes whatever comes
next. With an asynchronous one ``1 + staleness`` batches are, and each device either learns or evaluates (`split`). A
batch is proposed by weights that are some updates old by the time it is learnt from; what is further behind than
``staleness`` still counts for the best circuit, but is not learnt from.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from pilot_quantum import TaskDescription

from .split import Role, Split

if TYPE_CHECKING:
    from .._variational.devices import Devices
    from .learners import Call, Learner
    from .params import Generative


@final
@dataclass(slots=True, eq=False)
class Batch:
    """Proposals on their way through evaluation.

    Attributes
    ----------
    version
        Updates that the weights had seen that proposed it.
    proposals
        One circuit a row.
    keys
        Each row as bytes: equal circuits have equal keys.
    waiting
        Keys whose scores are not known yet.
    """

    version: int
    proposals: NDArray[Any]
    keys: list[bytes]
    waiting: set[bytes]


@final
@dataclass(slots=True)
class Journal:
    """What a search found, in the order in which batches were complete.

    Attributes
    ----------
    scores
        Of every proposed circuit, shape (B,) for each batch.
    at_s
        Clock when each batch was complete (`time.perf_counter`).
    best, best_score
        The circuit of the lowest score.
    evaluated
        Circuits that were computed; the other proposals had been seen before.
    staleness
        Of every batch that was to be learnt from: by how many updates it was behind.
    dropped
        Batches that were too far behind.
    """

    scores: list[NDArray[np.float64]] = field(default_factory=list)
    at_s: list[float] = field(default_factory=list)
    best: NDArray[Any] | None = None
    best_score: float = np.inf
    evaluated: int = 0
    staleness: list[int] = field(default_factory=list)
    dropped: int = 0

    def add(self, proposals: NDArray[Any], scores: NDArray[np.float64]) -> None:
        """Take down a batch."""
        self.scores.append(scores)
        self.at_s.append(time.perf_counter())
        place = int(np.argmin(scores))
        if scores[place] < self.best_score:
            self.best, self.best_score = proposals[place].copy(), float(scores[place])

    def lowest(self) -> NDArray[np.float64]:
        """Return the lowest score after every circuit."""
        found: NDArray[np.float64] = np.minimum.accumulate(np.concatenate(self.scores))
        return found


@final
class Exchange:
    """A search, from the first proposal to the last score of the budget."""

    def __init__(self, params: Generative, learner: Learner, devices: Devices) -> None:
        self._params, self._learner, self._devices = params, learner, devices
        apart = params.exchange == "asynchronous"
        self.split = Split(
            len(devices),
            params.trainers if apart else None,
            params.shards,
            apart and params.split == "measured",
            time.perf_counter(),
        )
        self._under_way = 1 + (params.staleness if apart else 0)
        self.journal = Journal()
        self._known: dict[bytes, tuple[float, Any]] = {}
        self._portions: deque[tuple[Batch, list[int]]] = deque()
        self._ready: deque[Batch] = deque()
        self._calls: deque[tuple[int, Call]] = deque()
        self._answers: list[Any] = []
        self._missing = 0
        self._phase = ""
        self._updates_left = 0
        self._proposed = self._settled = self._version = 0
        self._proposed_at: int = 0
        self._flying: dict[Role, int] = {"trainer": 0, "evaluator": 0}

    def run(self) -> Journal:
        """Search until every circuit of the budget has its score; raise what a task raised."""
        while len(self.journal.scores) < self._params.batches:
            self._begin_phase()
            self._start_tasks()
            done = self._devices.next()
            if done.error is not None:
                raise done.error
            role, label = done.label
            self._flying[role] -= 1
            self.split.busy(role, done.busy_s)
            if role == "trainer":
                self._trained(label, done.result)
            else:
                self._evaluated(label, done.result)
        return self.journal

    def drain(self) -> None:
        """Wait for what was still being learnt when the last score came in."""
        while self._devices.flying:
            self._devices.next()

    # ---------------------------------------------------------------- what comes next

    def _begin_phase(self) -> None:
        """Give the trainer something to do, if it has nothing and there is something: the scarcer side first."""
        while not self._phase:
            may_propose = self._proposed < self._params.batches and self._proposed - self._settled < self._under_way
            if self._ready and (self._portions or not may_propose) and self._proposed < self._params.batches:
                self._settle(self._ready.popleft())
            elif may_propose:
                self._proposed_at = self._version
                self._call("propose", self._learner.propose(self._proposed))
                self._proposed += 1
            else:
                return

    def _settle(self, batch: Batch) -> None:
        behind = self._version - batch.version
        self._settled += 1
        self.journal.staleness.append(behind)
        if behind >= self._under_way:
            self.journal.dropped += 1
            return
        found = [self._known[key] for key in batch.keys]
        scores = np.array([score for score, _ in found])
        self._updates_left = self._learner.remember(batch.proposals, scores, [extra for _, extra in found])
        self._forget(batch)
        self._call("learn", self._learner.learn())

    def _call(self, phase: str, calls: list[Call]) -> None:
        self._phase, self._missing = phase, len(calls)
        self._answers = [None] * len(calls)
        self._calls.extend(enumerate(calls))

    def _start_tasks(self) -> None:
        for device in self._devices.idle():
            if self._calls and self._flying["trainer"] < self.split.limit("trainer"):
                place, (kernel, args) = self._calls.popleft()
                task = TaskDescription(kernel, args, resources=self._learner.resources)
                self._flying["trainer"] += 1
                self._devices.start(device, task, label=("trainer", place))
            elif self._portions and self._flying["evaluator"] < self.split.limit("evaluator"):
                batch, rows = self._portions.popleft()
                given = self._learner.recipe, batch.proposals[rows], self._devices.circuit_s[device]
                self._flying["evaluator"] += 1
                self._devices.start(device, self._learner.evaluate, *given, label=("evaluator", (batch, rows)))

    # ---------------------------------------------------------------- what came back

    def _trained(self, place: int, answer: Any) -> None:
        self._answers[place] = answer
        self._missing -= 1
        if self._missing:
            return
        phase, self._phase = self._phase, ""
        if phase == "propose":
            self._open(np.concatenate(self._answers))
            return
        self._learner.follow(self._answers)
        self._updates_left -= 1
        if self._updates_left:
            self._call("learn", self._learner.learn())
        else:
            self._version += 1

    def _open(self, proposals: NDArray[Any]) -> None:
        """Send what is new in a batch to be evaluated, each circuit once."""
        keys = [row.tobytes() for row in proposals]
        first = {key: row for row, key in reversed(list(enumerate(keys))) if key not in self._known}
        batch = Batch(self._proposed_at, proposals, keys, set(first))
        rows, size = sorted(first.values()), self._params.portion
        self._portions.extend((batch, rows[start : start + size]) for start in range(0, len(rows), size))
        self.journal.evaluated += len(rows)
        if not rows:
            self._close(batch)

    def _evaluated(self, asked: tuple[Batch, list[int]], answer: tuple[Any, Any]) -> None:
        batch, rows = asked
        scores, extra = answer
        for place, row in enumerate(rows):
            self._known[batch.keys[row]] = float(scores[place]), None if extra is None else extra[place]
            batch.waiting.discard(batch.keys[row])
        if not batch.waiting:
            self._close(batch)

    def _close(self, batch: Batch) -> None:
        self.journal.add(batch.proposals, np.array([self._known[key][0] for key in batch.keys]))
        self._ready.append(batch)
        self.split.batch_ended(time.perf_counter())

    def _forget(self, batch: Batch) -> None:
        if not self._learner.repeats:
            for key in batch.keys:
                self._known.pop(key, None)


def at_random(params: Generative, learner: Learner, devices: Devices, rng: np.random.Generator) -> Journal:
    """Evaluate as many circuits as the search did, drawn blindly; no device's time is emulated."""
    journal, waiting = Journal(), deque(range(params.batches))
    found: dict[int, tuple[NDArray[Any], NDArray[np.float64]]] = {}
    while waiting or devices.flying:
        for device in devices.idle():
            if waiting:
                proposals = learner.random(rng, params.batch)
                devices.start(
                    device, learner.evaluate, learner.recipe, proposals, 0.0, label=(waiting.popleft(), proposals)
                )
        done = devices.next()
        if done.error is not None:
            raise done.error
        number, proposals = done.label
        found[number] = proposals, done.result[0]
    for _, (proposals, scores) in sorted(found.items()):
        journal.add(proposals, scores)
    journal.evaluated = params.batches * params.batch
    return journal
