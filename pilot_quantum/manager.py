"""The pilot manager: the scheduler above all pilots (layer L3 of the paper), and the door to it."""

from __future__ import annotations

import gc
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from concurrent.futures import ALL_COMPLETED, wait
from concurrent.futures import as_completed as stock_as_completed
from contextlib import contextmanager, nullcontext
from typing import Any

from ._dependencies import parents_of, submit_child
from ._events import PilotEvents
from ._executor import ManagerExecutor
from ._functions import FunctionTable
from ._lanes import Lane, LaneSpec, all_small, pack_call
from ._scheduler import Scheduler
from ._scope import RuntimeScope
from ._shared import Shared
from .descriptions import ONE_CPU, PilotDescription, Resources, TaskDescription
from .errors import InvalidDescription, ManagerClosed, UnsatisfiableRequest
from .launchers import Allocation
from .pilot import Pilot
from .policies import LeastLoaded, Policy
from .task import Task
from .worker import SMALL, dumps

_PLAIN = LaneSpec()
_CACHED_LANES = 4096


class PilotManager:
    """Holds pilots and binds tasks to them late: a task goes to whichever pilot has a free place for it.

    Leaving the ``with`` block cancels what has not ended and releases every pilot.

    Parameters
    ----------
    policy
        How to choose when several pilots could take a task; None means `LeastLoaded`.

    Examples
    --------
    >>> with PilotManager() as manager:
    ...     pilot = manager.submit_pilot(PilotDescription(engine="processes", cores_per_node=2))
    ...     tasks = manager.submit_tasks(abs, range(-3, 0))
    ...     [task.result() for task in tasks]
    [3, 2, 1]
    """

    def __init__(self, policy: Policy | None = None) -> None:
        self._scheduler = Scheduler(policy or LeastLoaded())
        self._lanes: dict[Any, Lane] = {}
        self._specs: dict[tuple[tuple[str, ...] | None, Resources], LaneSpec] = {}
        self._functions = FunctionTable()
        self._numbers = itertools.count()
        self._pilot_numbers = itertools.count()
        self._names: set[str] = set()
        self._naming = threading.Lock()
        self._closed = False

    def __enter__(self) -> PilotManager:
        """Return the manager."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the manager."""
        self.close()

    def close(self) -> None:
        """Cancel all tasks that have not ended and release every pilot; harmless when called twice."""
        self._closed = True
        self._scheduler.close()

    # Pilots.

    def submit_pilot(self, description: PilotDescription) -> Pilot:
        """Ask for a pilot; it starts in the background and takes tasks as soon as its first worker is up.

        Raises
        ------
        InvalidDescription
            If the pilot can never start: unknown engine or option, more than the machine has, name taken.
        ManagerClosed
            If the manager was closed.
        """
        self._check_open()
        with self._naming:
            name = description.name or self._next_name()
            if name in self._names:
                raise InvalidDescription(f"pilot name = {name!r}: already taken by a pilot of this manager")
            pilot = Pilot(name, description, lambda pilot: PilotEvents(self._scheduler, pilot))
            self._names.add(name)
        pilot._control = _Control(self._scheduler)
        self._scheduler.call(self._scheduler.keeper.add, pilot)
        return pilot

    def pilots(self) -> tuple[Pilot, ...]:
        """Return all pilots of this manager, ended ones included, in order of submission."""
        return tuple(self._scheduler.keeper.pilots.values())

    def _next_name(self) -> str:
        return next(name for number in self._pilot_numbers if (name := f"pilot-{number}") not in self._names)

    # Tasks.

    def submit_task(
        self,
        task: TaskDescription | Callable[..., Any],
        *args: Any,
        pilot: str | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> Task:
        """Submit ``task(*args, **kwargs)``, or a `TaskDescription`.

        Parameters
        ----------
        task
            A function, or a description (which holds its own arguments, so none may be given here).
        pilot
            A pilot name, several names (the manager chooses among them), or None for any pilot.

        Raises
        ------
        UnsatisfiableRequest
            If no pilot of this manager can ever run it.
        InvalidDescription
            If a description comes with arguments, or names no known pilot.
        ManagerClosed
            If the manager was closed.
        """
        if isinstance(task, TaskDescription):
            if args or kwargs or pilot is not None:
                raise InvalidDescription("a TaskDescription holds its own arguments and pilot: give none beside it")
            lane, function = self._described(task), task.function
            args, kwargs, after = task.args, dict(task.kwargs), task.after
        else:
            lane, function, after = self._lane(task, self._spec(pilot)), task, ()
        call: Any = args
        if lane.carried or kwargs or after or not all_small(args):
            parents = parents_of(args, kwargs, after)
            if lane.carried:
                args = (function, *args)
            if parents:
                number = next(self._numbers)
                return submit_child(self._scheduler, lane, number, args=args, kwargs=kwargs, parents=parents)
            call = pack_call(args, kwargs)
        new = Task(lane, next(self._numbers), call, time.monotonic())
        lane.queue.append(new)
        self._scheduler.enqueue(lane)
        return new

    def _spec(self, pilot: str | Sequence[str] | None, resources: Resources = ONE_CPU) -> LaneSpec:
        """Return the spec of tasks that differ from plain ones only in pilot and resources; made once for each."""
        if pilot is None and resources is ONE_CPU:
            return _PLAIN
        key = (_group(pilot), resources)
        known = self._specs.get(key)
        if known is None:
            if len(self._specs) >= _CACHED_LANES:
                self._specs.clear()
            known = self._specs[key] = LaneSpec(resources, key[0])
        return known

    def submit_tasks(
        self,
        function: Callable[..., Any],
        items: Iterable[Any],
        *,
        resources: Resources = ONE_CPU,
        pilot: str | Sequence[str] | None = None,
    ) -> list[Task]:
        """Submit ``function(item)`` for every item and return the tasks in order; errors as in `submit_task`."""
        lane = self._lane(function, self._spec(pilot, resources))
        carried = (function,) if lane.carried else ()
        clock, numbers, small = time.monotonic, self._numbers, frozenset() if carried else SMALL
        tasks: list[Task] = []
        ready: list[Task] = []
        with _collector_at_rest() if isinstance(items, Sized) else nullcontext():
            for item in items:
                if type(item) in small:
                    task = Task(lane, next(numbers), (item,), clock())
                elif isinstance(item, Task):
                    task = submit_child(
                        self._scheduler, lane, next(numbers), args=(*carried, item), kwargs={}, parents=(item,)
                    )
                    tasks.append(task)
                    continue
                else:
                    task = Task(lane, next(numbers), pack_call((*carried, item), {}), clock())
                tasks.append(task)
                ready.append(task)
        lane.queue.extend(ready)
        if ready:
            self._scheduler.enqueue(lane)
        return tasks

    def _described(self, task: TaskDescription) -> Lane:
        spec = LaneSpec(
            resources=task.resources,
            pilots=_group(task.pilot),
            priority=task.priority,
            timeout_s=task.timeout_s,
            estimate_s=task.estimate_s,
            retries=task.retries,
            name=task.name,
        )
        return self._lane(task.function, spec)

    def _lane(self, function: Callable[..., Any], spec: LaneSpec) -> Lane:
        known, carried = self._functions.find(function)
        key = known if spec is _PLAIN else (known, spec)
        lane = self._lanes.get(key)
        if lane is None:
            if len(self._lanes) >= _CACHED_LANES:  # a lane that is dropped here still works for tasks it holds
                self._lanes.clear()
            lane = self._lanes.setdefault(key, Lane(known, spec, carried=carried))
        if self._closed or lane.checked != self._scheduler.keeper.version:
            self._check(lane)
        return lane

    def _check(self, lane: Lane) -> None:
        self._check_open()
        version = self._scheduler.keeper.version
        problem = self._scheduler.problem(lane)
        if problem is not None:
            raise UnsatisfiableRequest(f"no pilot can ever run {lane.function.name!r}: {problem}")
        lane.checked = version

    def _check_open(self) -> None:
        if self._closed:
            raise ManagerClosed("this PilotManager was closed")
        if self._scheduler.failure is not None:
            raise ManagerClosed("this PilotManager has failed") from self._scheduler.failure

    def share(self, value: Any) -> Shared:
        """Return a handle to a value that many tasks need; as an argument it is sent to each worker only once.

        Tasks receive the value itself, the same object for all tasks of a worker: treat it as read-only.
        """
        return Shared(dumps(value), lambda number: self._scheduler.post(self._scheduler.keeper.drop_shared, number))

    # Waiting.

    def wait(self, tasks: Iterable[Task], timeout_s: float | None = None) -> tuple[set[Task], set[Task]]:
        """Wait for tasks; return those that have ended and those that have not after ``timeout_s`` seconds."""
        done, not_done = wait(tasks, timeout_s, ALL_COMPLETED)
        return done, not_done  # type: ignore[return-value]  # typeshed widens Task to Future

    def as_completed(self, tasks: Iterable[Task], timeout_s: float | None = None) -> Iterator[Task]:
        """Yield tasks as they end; raises TimeoutError when ``timeout_s`` seconds have passed."""
        return stock_as_completed(tasks, timeout_s)  # type: ignore[return-value, arg-type]  # typeshed has no subclasses

    def cancel(self, task: Task) -> bool:
        """Cancel a task, a running one by stopping its worker; return whether it is cancelled.

        Other tasks of that worker start again elsewhere. On the engine ``inline`` a running task cannot be stopped.
        """
        if task.done() or task.cancel():
            return task.cancelled()
        return bool(self._scheduler.call(self._scheduler.cancel, task))

    # Notices.

    def on(self, event: str, callback: Callable[..., None]) -> Callable[[], None]:
        """Have ``callback(**facts)`` called, in a thread of its own, whenever an event happens.

        Parameters
        ----------
        event
            ``"pilot_running"`` (pilot), ``"pilot_ended"`` (pilot, error), ``"worker_lost"`` (pilot, worker, reason),
            or any name that the application uses with `tell`, for example ``"converged"``.

        Returns
        -------
        Callable
            Call it to end the subscription.
        """
        return self._scheduler.notices.on(event, callback)

    def tell(self, event: str, **facts: Any) -> None:
        """Give a notice to whoever listens with `on`; returns at once."""
        self._scheduler.notices.tell(event, **facts)

    # Other faces.

    def executor(self, pilot: str | Sequence[str] | None = None) -> ManagerExecutor:
        """Return a `concurrent.futures.Executor` over this manager; its ``shutdown`` leaves the pilots alone."""
        return ManagerExecutor(self, pilot)

    def runtime(self, pilots: Sequence[str] | None = None, time_limit_s: float | None = None) -> RuntimeScope:
        """Return the view of this manager that a mini-app's ``run`` gets; use it as a context manager.

        Parameters
        ----------
        pilots
            Names of the pilots it may use; None means all, also those that come later.
        time_limit_s
            After this many seconds, waiting for tasks raises `RunTimeLimit`; None means no limit.
        """
        return RuntimeScope(self, pilots, time_limit_s)


class _Control:
    """Carries a pilot's own wishes into the scheduler's thread and waits until they are done."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def release(self, pilot: Pilot) -> None:
        self._do(self._scheduler.keeper.end, pilot, None)
        if not self._scheduler.here:
            pilot._gone.wait()

    def drain(self, pilot: Pilot) -> None:
        self._do(self._scheduler.keeper.drain, pilot)

    def resize(self, pilot: Pilot, allocation: Allocation) -> None:
        self._do(self._scheduler.keeper.resize, pilot, allocation)

    def _do(self, action: Callable[..., None], *args: Any) -> None:
        if self._scheduler.here:  # a done-callback must not wait for the thread it runs in
            self._scheduler.post(action, *args)
        else:
            self._scheduler.call(action, *args)


def _group(pilot: str | Sequence[str] | None) -> tuple[str, ...] | None:
    if pilot is None:
        return None
    names = (pilot,) if isinstance(pilot, str) else tuple(pilot)
    if not names:
        raise InvalidDescription("pilot = []: name at least one pilot, or None for any")
    return names


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Hold the cyclic garbage collector back while many tasks are made.

    It would run each time the number of objects has grown by a quarter, look at every task again and find nothing to
    free: a million tasks paid a quarter of their time for that.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
