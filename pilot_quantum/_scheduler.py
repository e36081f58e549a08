"""The scheduler: what happens when a worker reports in, answers or dies, and when a pilot starts or ends.

Only the thread of its event loop touches workers, capacities and lanes (except that any thread may append to a lane),
so there are no locks but the one inside a task.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from ._answers import Decoded, decode
from ._binder import Binder
from ._gang import Gang
from ._lanes import Lane
from ._loop import EventLoop
from ._losses import tasks_of_lost
from ._message import Message
from .engines import WorkerSlot
from .errors import ManagerClosed, PilotFailed, PilotQuantumError, TaskTimeout, UnsatisfiableRequest
from .pilot import Pilot, Worker
from .policies import Policy
from .states import PilotState
from .task import Task, finish

_log = logging.getLogger(__name__)

START_FAILURES = 3
"""A pilot fails when this many workers in a row died before they reported in."""
START_TIMEOUT_S = 120.0
"""A worker that has not reported in after this long counts as lost."""


class Scheduler:
    """Brings tasks to workers and their answers back.

    Attributes
    ----------
    pilots
        By name, in order of submission.
    version
        Grows whenever a pilot appears or goes, so that a lane's fitness is checked anew.
    """

    def __init__(self, policy: Policy) -> None:
        self.pilots: dict[str, Pilot] = {}
        self.version = 0
        self._loop = EventLoop()
        self._binder = Binder(policy, self.pilots, wake=self._wake, sent=self._sent)
        self._loop.start(self._binder.dispatch, self._abort)

    # Calls from any thread.

    def post(self, handler: Callable[..., None], *args: Any) -> None:
        """Have the scheduler's thread call ``handler(*args)``."""
        self._loop.post(handler, *args)

    def enqueue(self, lane: Lane) -> None:
        """Tell the scheduler that tasks were appended to a lane."""
        self._binder.enqueue(lane)
        if lane.checked != self.version:  # a pilot came or went since the lane was found satisfiable
            self._loop.post(self._fail_orphans, None)

    def problem(self, lane: Lane) -> str | None:
        """Return why no pilot, present or starting, can ever run this lane's tasks; None if one can."""
        reasons = []
        living = [pilot for pilot in list(self.pilots.values()) if pilot._takes_new]
        for pilot in living:
            if lane.spec.pilots is None or pilot.name in lane.spec.pilots:
                reason = pilot._unfit(lane)
                if reason is None:
                    return None
                reasons.append(f"{pilot.name!r}: {reason}")
        if reasons:
            return "; ".join(reasons)
        names = ", ".join(repr(pilot.name) for pilot in living)
        wanted = "any pilot" if lane.spec.pilots is None else "pilot " + " or ".join(map(repr, lane.spec.pilots))
        return f"it asks for {wanted}; this manager has {names or 'no pilot that takes tasks'}"

    def close(self) -> None:
        """End all pilots, cancel all tasks and stop the thread; harmless when called twice."""
        if not self._loop.stopped:
            self._loop.post(self._close)
        self._loop.join()

    def _wake(self) -> None:
        self._loop.post(_nothing)

    def _sent(self, worker: Worker, message: Message, lane: Lane) -> None:
        if lane.spec.timeout_s is not None:
            self._loop.after(lane.spec.timeout_s, self._timed_out, worker, message, lane.spec.timeout_s)

    # Answers.

    def message_answered(self, pilot: Pilot, index: int, generation: int, payload: bytes) -> None:
        worker = pilot._workers[index]
        if worker.generation != generation or not worker.inflight:
            return  # from a worker that was given up
        message = worker.inflight.popleft()
        if not worker.inflight:
            pilot._vacate(worker)
        answer = decode(payload)
        if message.gang is not None:
            self._rank_answered(message.gang, message, answer)
            return
        tasks = message.tasks
        message.answered(answer.times, cpu_s=answer.cpu_s, peak_rss=answer.peak_rss, now=time.monotonic())
        lane = tasks[0].lane
        seconds = answer.times[-1] - answer.times[0]
        lane.function.learn(message.size, seconds)
        pilot._rates[lane.function.number] = message.size / max(seconds, 1e-7) * len(pilot._workers)
        if message.size < len(tasks):
            self._binder.give_back(tasks[message.size :])
            tasks = tasks[: message.size]
        self._binder.dispatch()  # the worker first, then those who wait for results
        again = self._again_after_error(tasks, answer.errors) if answer.errors else ()
        if again:
            kept = [position for position in range(len(tasks)) if position not in again]
            errors = {at: answer.errors[position] for at, position in enumerate(kept) if position in answer.errors}
            finish([tasks[p] for p in kept], [answer.values[p] for p in kept], errors)
        else:
            finish(tasks, answer.values, answer.errors)
        if pilot.state is PilotState.DRAINING:
            self.end_pilot(pilot, drain=True)

    def _rank_answered(self, gang: Gang, message: Message, answer: Decoded) -> None:
        message.answered(answer.times, cpu_s=answer.cpu_s, peak_rss=answer.peak_rss, now=time.monotonic())
        error = gang.add(message, answer)
        task, values = gang.task, gang.values
        if error is not None:
            self._stop_gang(gang)
            if not self._again_after_error([task], {0: error}):
                finish([task], [None], {0: error})
        elif values is not None:
            task.lane.function.learn(1, answer.times[-1] - answer.times[0])
            finish([task], [values], {})
        if message.pilot in self.pilots and self.pilots[message.pilot].state is PilotState.DRAINING:
            self.end_pilot(self.pilots[message.pilot], drain=True)

    def _stop_gang(self, gang: Gang) -> None:
        """Stop the workers of all ranks that have not answered: they may wait for one that is gone."""
        for worker, message in gang.members:
            if message in worker.inflight:
                self._remove(worker)
                self._start_worker(worker)

    def _again_after_error(self, tasks: list[Task], errors: dict[int, BaseException]) -> set[int]:
        """Schedule another attempt for tasks whose exception is worth one; return their positions."""
        positions = set()
        for position, error in errors.items():
            task = tasks[position]
            rule = task.lane.spec.retries
            if rule.exceptions and task.attempt <= rule.exceptions and isinstance(error, rule.on):
                positions.add(position)
                self._loop.after(rule.backoff_s * 2 ** (task.attempt - 1), self._binder.try_again, task)
                task.attempt += 1
        return positions

    # Ends that are not answers.

    def worker_lost(self, pilot: Pilot, index: int, generation: int, reason: str) -> None:
        worker = pilot._workers[index]
        if worker.generation != generation or pilot.state.final:
            return
        if not worker.ready:
            pilot._failures += 1
        messages = self._remove(worker)
        where = f"worker {index} of pilot {pilot.name!r}"
        _log.warning("%s was lost: %s", where, reason)
        if messages and messages[0].gang is not None:
            gang = messages[0].gang
            where += f" (rank {gang.rank_of(messages[0])} of {len(gang.members)})"
            self._stop_gang(gang)
        charged, innocent = tasks_of_lost(messages, f"{where} was lost while it ran the task: {reason}")
        self._binder.give_back(innocent)
        for task, delay_s in charged:
            self._loop.after(delay_s, self._binder.try_again, task)
        if pilot._failures >= START_FAILURES:
            self._end_pilot(
                pilot, PilotFailed(f"pilot {pilot.name!r}: its workers die before they report in: {reason}")
            )
        else:
            self._start_worker(worker)

    def _remove(self, worker: Worker) -> list[Message]:
        """Stop a worker; return the messages it had not answered."""
        messages = list(worker.inflight)
        worker.inflight.clear()
        worker.pilot._vacate(worker)
        worker.known.clear()
        worker.ready = False
        worker.generation += 1
        worker.pilot._engine.stop_worker(worker.index)
        return messages

    def _timed_out(self, worker: Worker, message: Message, timeout_s: float) -> None:
        task = message.gang.task if message.gang is not None else message.tasks[0] if message.tasks else None
        if task is None or task.done() or task.message is not message:
            return
        self._stop_running(worker, message, task)
        task.fail(
            TaskTimeout(f"task {task.number} ({task.name}) ran longer than timeout_s = {timeout_s:g} and was stopped")
        )

    def _stop_running(self, worker: Worker, message: Message, task: Task) -> None:
        """Stop the worker, or the workers, that run a task, and give back every other task they had."""
        if message.gang is not None:
            self._stop_gang(message.gang)
            return
        for other in reversed(self._remove(worker)):
            self._binder.give_back(mate for mate in other.tasks if mate is not task)
        self._start_worker(worker)

    def cancel(self, task: Task, answer: queue.SimpleQueue[bool]) -> None:
        """Cancel a dispatched task by stopping its worker; say through ``answer`` whether it is cancelled."""
        message = task.message
        if task.done() or message is None:
            answer.put(task.cancel())
            return
        pilot = self.pilots[message.pilot]
        worker = pilot._workers[message.worker]
        if message.gang is None and (message not in worker.inflight or not pilot._engine.can_stop):
            answer.put(task.cancelled())
            return
        self._stop_running(worker, message, task)
        task.cancel_running()
        answer.put(True)

    # Pilots.

    def add_pilot(self, pilot: Pilot) -> None:
        """Take a pilot in and start it."""
        self.pilots[pilot.name] = pilot
        self.version += 1
        threading.Thread(target=self._bring_up, args=(pilot,), name=f"start-{pilot.name}", daemon=True).start()

    def _bring_up(self, pilot: Pilot) -> None:
        try:
            allocation = pilot._bring_up()
        except PilotQuantumError as error:
            self._loop.post(self._end_pilot, pilot, PilotFailed(f"pilot {pilot.name!r}: {error}"))
        except OSError as error:
            self._loop.post(self._end_pilot, pilot, PilotFailed(f"pilot {pilot.name!r} could not start: {error}"))
        else:
            self._loop.post(self._engine_up, pilot, allocation)

    def _engine_up(self, pilot: Pilot, allocation: Any) -> None:
        if pilot.state.final:  # released while it was starting
            pilot._take_down()
            return
        pilot._allocation = allocation
        if pilot.description.walltime_s is not None:
            pilot._ends_s = time.monotonic() + pilot.description.walltime_s
            self._loop.after(pilot.description.walltime_s, self._end_pilot, pilot, None)
        for worker in pilot._workers:
            self._start_worker(worker)

    def _start_worker(self, worker: Worker) -> None:
        pilot = worker.pilot
        if pilot.state.final or self._loop.stopped:
            return
        node, gpus = _node_of(pilot, worker.index)
        try:
            pilot._engine.start_worker(WorkerSlot(worker.index, worker.generation, node, gpus))
        except OSError as error:
            self._loop.post(
                self.worker_lost, pilot, worker.index, worker.generation, f"it could not be started: {error}"
            )
        self._loop.after(START_TIMEOUT_S, self._check_started, worker, worker.generation)

    def _check_started(self, worker: Worker, generation: int) -> None:
        if worker.generation == generation and not worker.ready:
            self.worker_lost(
                worker.pilot, worker.index, generation, f"it did not report in within {START_TIMEOUT_S:g} s"
            )

    def worker_ready(self, pilot: Pilot, index: int, generation: int, host: str, pid: int) -> None:
        worker = pilot._workers[index]
        if worker.generation != generation or pilot.state.final:
            return
        worker.ready, worker.host, worker.pid = True, host, pid
        pilot._failures = 0
        pilot._clock_phase("first_worker")
        if all(worker.ready for worker in pilot._workers):
            pilot._clock_phase("workers")
        pilot._enter(pilot.state if pilot.state is PilotState.DRAINING else PilotState.RUNNING)

    def end_pilot(self, pilot: Pilot, *, drain: bool) -> None:
        """Release a pilot now, or after what it runs has ended."""
        if pilot.state.final:
            return
        if drain and any(worker.inflight for worker in pilot._workers):
            pilot._enter(PilotState.DRAINING)
            self.version += 1
            return
        self._end_pilot(pilot, None)

    def _end_pilot(self, pilot: Pilot, error: PilotFailed | None) -> None:
        if pilot.state.final:
            return
        messages = [message for worker in pilot._workers for message in self._remove(worker)]
        starting = pilot.state in (PilotState.PENDING, PilotState.STARTING) and not pilot.startup_s.get("engine")
        pilot._enter(PilotState.FAILED if error else PilotState.DONE, error)
        self.version += 1
        if not starting:
            pilot._take_down()
        for message in messages:
            self._binder.give_back(message.tasks)
        self._fail_orphans(error)

    def _fail_orphans(self, error: PilotFailed | None) -> None:
        """End waiting tasks that no remaining pilot can run, rather than let them wait for ever."""
        self._binder.absorb()
        for lane in list(self._binder.lanes):
            reason = self.problem(lane)
            if reason is None:
                continue
            for task in [*lane.again, *lane.queue]:
                failure = UnsatisfiableRequest(f"task {task.number} ({task.name}) can no longer run: {reason}")
                failure.__cause__ = error
                task.fail(failure)
            lane.again.clear()
            lane.queue.clear()
            self._binder.deactivate(lane)

    def _close(self) -> None:
        self._loop.stopped = True
        running = [m for p in self.pilots.values() for w in p._workers for m in w.inflight]
        self._binder.absorb()
        for lane in self._binder.lanes:
            for task in [*lane.again, *lane.queue]:
                task.cancel()
        for pilot in self.pilots.values():
            if not pilot.state.final:
                pilot._enter(PilotState.DONE)
                with contextlib.suppress(OSError):
                    pilot._take_down()
        for message in running:
            for task in message.tasks:
                task.cancel_running()

    def _abort(self, error: Exception) -> None:
        _log.error("the scheduler failed; all tasks end with its error", exc_info=error)
        self._binder.absorb()
        failure = ManagerClosed(f"the scheduler failed: {error!r}")
        failure.__cause__ = error
        tasks = [t for lane in self._binder.lanes for t in [*lane.again, *lane.queue]]
        tasks += [t for p in self.pilots.values() for w in p._workers for m in w.inflight for t in m.tasks]
        for task in tasks:
            task.fail(failure)


def _nothing() -> None:
    """Do nothing, but make the loop come round."""


def _node_of(pilot: Pilot, index: int) -> tuple[Any, tuple[int, ...]]:
    """Return the node of a worker and the GPU it may see: workers fill nodes in order and share GPUs in turn."""
    place = index
    for node in pilot._allocation.nodes:
        if place < node.cores:
            return node, (node.gpus[place % len(node.gpus)],) if node.gpus else ()
        place -= node.cores
    raise PilotQuantumError(f"worker {index} has no place in {pilot._allocation}")
