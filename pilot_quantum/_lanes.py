"""Lanes: the manager's waiting tasks, those that are alike in one queue.

Two tasks are alike if they have the same function and the same needs. Choosing among lanes instead of tasks makes a
binding decision cost the same for ten tasks as for a million, and a message always holds tasks of one lane.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ._functions import TaskFunction
from ._shared import capture
from .descriptions import DEFAULT_RETRIES, ONE_CPU, Resources, Retries
from .task import Task
from .worker import SMALL, dumps

TARGET_S = 0.015
"""Work a message aims for, in seconds: long against a dispatch, short against a person."""
FLOOR_S = 0.001
"""Least work worth a message of its own when the queue gets short."""
HAND_BACK_S = 0.05
"""After this long a worker returns the tasks of a message that it has not started."""
MAX_TASKS = 4096
"""Most tasks in one message."""
GROWTH = 8
"""A message holds at most this many times the tasks of its function observed so far."""
_SHORT = 256
"""Texts and bytes up to this length travel with a message's other scalars, longer ones in a pickle of their own."""
MAX_BYTES = 100_000
"""Most bytes of arguments in one message: above this, copying costs more than packing saves."""


class Place(NamedTuple):
    """What decides where a task can start: lanes that agree in it compete for the same places."""

    resources: Resources
    pilots: tuple[str, ...] | None
    alone: bool


@dataclass(frozen=True, slots=True)
class LaneSpec:
    """What the tasks of a lane have in common besides their function; fields as in `TaskDescription`.

    Attributes
    ----------
    place
        What it needs of a worker.
    """

    resources: Resources = ONE_CPU
    pilots: tuple[str, ...] | None = None
    priority: int = 0
    timeout_s: float | None = None
    estimate_s: float | None = None
    retries: Retries = DEFAULT_RETRIES
    name: str = ""
    place: Place = field(init=False, repr=False, compare=False)
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        key = (self.resources, self.pilots, self.priority, self.timeout_s, self.estimate_s, self.retries, self.name)
        object.__setattr__(self, "_hash", hash(key))
        alone = self.timeout_s is not None or self.resources.ranks > 0 or self.resources.device is not None
        object.__setattr__(self, "place", Place(self.resources, self.pilots, alone))

    def __hash__(self) -> int:
        return self._hash  # computed once: every submission looks its lane up


class Lane:
    """A queue of alike tasks. Any thread appends; only the scheduler's thread takes.

    Attributes
    ----------
    queue
        Tasks that have not been tried, oldest first.
    again
        Tasks to be tried again, alone in their message, before the others.
    carried
        Whether the callable travels with each call.
    active
        Whether the scheduler knows that the lane has tasks.
    kept
        Pilot that is kept free for the lane's wide tasks; None if there is none.
    checked
        Version of the manager's set of pilots for which the lane was found satisfiable.
    """

    __slots__ = ("active", "again", "carried", "checked", "function", "kept", "queue", "spec")

    def __init__(self, function: TaskFunction, spec: LaneSpec, *, carried: bool = False) -> None:
        self.function = function
        self.carried = carried
        self.spec = spec
        self.queue: deque[Task] = deque()
        self.again: deque[Task] = deque()
        self.active = False
        self.kept: str | None = None
        self.checked = -1

    def __len__(self) -> int:
        return len(self.queue) + len(self.again)

    @property
    def order(self) -> tuple[int, int]:
        """Sort key among lanes: higher priority first, then the oldest head."""
        head = self.again[0] if self.again else self.queue[0]
        return -self.spec.priority, head.number

    @property
    def expected_s(self) -> float | None:
        """Expected run time of one task, in seconds: as given, else as learned; None if nothing is known."""
        return self.function.mean_s if self.spec.estimate_s is None else self.spec.estimate_s

    @property
    def alone(self) -> bool:
        """Whether each task needs a message, and an idle worker, of its own."""
        return self.spec.place.alone

    @property
    def wide(self) -> bool:
        """Whether a task needs more than a free worker."""
        needs = self.spec.resources
        return needs.cpus > 1 or needs.ranks > 1 or needs.gpus > 0 or needs.memory > 0

    def pop_all(self) -> list[Task]:
        """Take out all tasks, also those that are being appended meanwhile."""
        tasks: list[Task] = []
        for waiting in (self.again, self.queue):
            while waiting:
                tasks.append(waiting.popleft())
        return tasks

    def take(self, workers: int) -> tuple[list[Task], float]:
        """Take the tasks of the next message and their expected run time, in seconds (infinite if unknown).

        Parameters
        ----------
        workers
            Workers that share this lane's tasks: the fewer tasks are left for each, the smaller the message.
        """
        expected = self.expected_s
        if self.again:
            return [self.again.popleft()], math.inf if expected is None else expected
        if self.alone or expected is None:
            return [self.queue.popleft()], math.inf if expected is None else expected
        count = self._message_size(expected, workers)
        tasks: list[Task] = []
        size = 0
        while len(tasks) < count and self.queue:
            call = self.queue[0].call
            size += 0 if type(call) is tuple or call is None else len(call)
            if tasks and size > MAX_BYTES:
                break
            tasks.append(self.queue.popleft())
        return tasks, expected * len(tasks)

    def _message_size(self, expected_s: float, workers: int) -> int:
        mean = max(expected_s, 1e-7)
        share = max(1, len(self.queue) // (2 * workers))
        wanted = min(TARGET_S / mean, max(share, FLOOR_S / mean))
        return max(1, min(int(wanted), MAX_TASKS, GROWTH * max(1, self.function.seen)))


def all_small(args: tuple[Any, ...]) -> bool:
    """Return whether all arguments are small immutable values, which need no capture."""
    for value in args:  # noqa: SIM110 - all() takes four times as long, once for each submitted task
        if type(value) not in SMALL:
            return False
    return True


def pack_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Capture arguments now, so that later changes by the caller do not reach the task."""
    if not kwargs and all(type(value) in SMALL or _is_short(value) for value in args):
        return args
    return capture(dumps, (args, kwargs))


def _is_short(value: object) -> bool:
    return (type(value) is str or type(value) is bytes) and len(value) <= _SHORT
