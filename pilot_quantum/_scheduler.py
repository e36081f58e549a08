"""The scheduler: what happens to tasks when a worker answers or dies, and when somebody cancels or closes.

Only the thread of its event loop touches workers, capacities and lanes (except that any thread may append to a lane),
so there are no locks but the one inside a task.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from ._answers import Decoded, decode
from ._binder import Binder
from ._gang import Gang
from ._keeper import Keeper
from ._lanes import Lane
from ._loop import EventLoop
from ._losses import tasks_of_lost
from ._message import Message
from ._notices import Notices
from ._watchdog import Overuse, find_overuse
from .errors import ManagerClosed, MemoryExceeded, PilotFailed, PilotQuantumError, TaskTimeout, UnsatisfiableRequest
from .pilot import Pilot, Worker
from .policies import Policy
from .states import PilotState
from .task import Task, finish

_log = logging.getLogger(__name__)

WATCH_S = 0.5
"""How often the memory of workers is looked at while tasks run."""


class Scheduler:
    """Brings tasks to workers and their answers back.

    Attributes
    ----------
    keeper
        The pilots.
    notices
        What applications are told.
    waiting
        Tasks whose parents have not ended.
    failure
        What ended the thread before its time; None normally.
    """

    def __init__(self, policy: Policy) -> None:
        self.notices = Notices()
        self._loop = EventLoop()
        self.keeper = Keeper(self._loop, self.notices, lost=self.worker_lost, ended=self._pilot_ended)
        self._binder = Binder(policy, self.keeper.pilots, wake=self._wake, sent=self._sent)
        self.waiting: set[Any] = set()
        self.failure: BaseException | None = None
        self._last_error: PilotFailed | None = None
        self._watching = False
        self._checked = 0
        self._loop.start(self._before_wait, self._abort)

    # Calls from any thread.

    def post(self, handler: Callable[..., None], *args: Any) -> None:
        """Have the scheduler's thread call ``handler(*args)``."""
        self._loop.post(handler, *args)

    def call(self, handler: Callable[..., Any], *args: Any) -> Any:
        """Have the scheduler's thread call ``handler(*args)`` and return the result; None if it has ended."""
        return self._loop.call(handler, *args)

    @property
    def here(self) -> bool:
        """Whether the caller runs in the scheduler's thread, as a done-callback does."""
        return self._loop.here

    def enqueue(self, lane: Lane) -> None:
        """Tell the scheduler that tasks were appended to a lane."""
        self._binder.enqueue(lane)
        if self._loop.stopped:  # closed while the caller was submitting
            for task in lane.pop_all():
                task.cancel()

    def check_open(self, child: Task) -> None:
        """Cancel a task that came to wait for its parents while the manager was being closed."""
        if self._loop.stopped:
            child.cancel()

    def problem(self, lane: Lane) -> str | None:
        """Return why no pilot, present or starting, can ever run this lane's tasks; None if one can."""
        reasons = []
        living = [pilot for pilot in list(self.keeper.pilots.values()) if pilot._takes_new]
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
        failed = [str(p._error) for p in list(self.keeper.pilots.values()) if p._error is not None]
        return "; ".join([f"it asks for {wanted}; this manager has {names or 'no pilot that takes tasks'}", *failed])

    def close(self) -> None:
        """End all pilots, cancel all tasks and stop the thread; harmless when called twice."""
        if not self._loop.stopped:
            self._loop.post(self._close)
        self._loop.join()

    def _before_wait(self) -> bool:
        """Do what follows from all events so far; return whether the next one may be waited for."""
        new = self._binder.absorb()
        if self._checked != self.keeper.version:  # a pilot came or went
            self._checked = self.keeper.version
            self._fail_orphans(list(self._binder.lanes))
        elif any(lane.checked != self._checked for lane in new):
            self._fail_orphans(new)
        idle = self._binder.dispatch()
        for pilot in [pilot for pilot in self.keeper.pilots.values() if pilot.state is PilotState.DRAINING]:
            self.keeper.drain(pilot)
        return idle and self._checked == self.keeper.version

    def _wake(self) -> None:
        self._loop.post(_nothing)

    def _sent(self, worker: Worker, message: Message, lane: Lane) -> None:
        if lane.spec.timeout_s is not None:
            self._loop.after(lane.spec.timeout_s, self._timed_out, worker, message, lane.spec.timeout_s)
        if not self._watching:
            self._watching = True
            self._loop.after(WATCH_S, self._watch_memory)

    # Answers.

    def message_answered(self, pilot: Pilot, index: int, generation: int, payload: bytes) -> None:
        """Take in what a worker answered to its oldest message."""
        worker = pilot._workers[index]
        if worker.generation != generation or not worker.inflight:
            return  # from a worker that was given up
        message = worker.inflight.popleft()
        if not worker.inflight:
            pilot._vacate(worker)
        answer = decode(payload)
        tasks = message.tasks
        if len(answer.times) > 2 * len(tasks):
            raise PilotQuantumError(f"{pilot!r}: an answer to {len(answer.times) // 2} tasks, {len(tasks)} were sent")
        message.answered(answer.times, cpu_s=answer.cpu_s, peak_rss=answer.peak_rss, now=time.monotonic())
        if message.gang is not None:
            self._rank_answered(message.gang, message, answer)
        else:
            self._tasks_answered(pilot, message, tasks, answer)
        self.keeper.retire_if_idle(worker)

    def _tasks_answered(self, pilot: Pilot, message: Message, tasks: list[Task], answer: Decoded) -> None:
        function = tasks[0].lane.function
        seconds = answer.times[-1] - answer.times[0]
        function.learn(message.size, seconds)
        pilot._rates[function.number] = message.size / max(seconds, 1e-7) * len(pilot._workers)
        if message.size < len(tasks):
            self._binder.give_back(tasks[message.size :])
            tasks = tasks[: message.size]
        self._binder.dispatch()  # the worker first, then those who wait for results
        self._finish(tasks, answer.values, answer.errors)

    def _rank_answered(self, gang: Gang, message: Message, answer: Decoded) -> None:
        error = gang.add(message, answer)
        values = gang.values
        if error is not None:
            self._stop_gang(gang)
            self._finish([gang.task], [None], {0: error})
        elif values is not None:
            gang.task.lane.function.learn(1, answer.times[-1] - answer.times[0])
            self._finish([gang.task], [values], {})

    def _finish(self, tasks: list[Task], values: list[Any], errors: dict[int, BaseException]) -> None:
        again = {position for position, error in errors.items() if self._try_after(tasks[position], error)}
        if again:
            kept = [position for position in range(len(tasks)) if position not in again]
            errors = {at: errors[position] for at, position in enumerate(kept) if position in errors}
            tasks, values = [tasks[position] for position in kept], [values[position] for position in kept]
        finish(tasks, values, errors)

    def _try_after(self, task: Task, error: BaseException) -> bool:
        """Schedule another attempt if the exception is worth one; return whether it is."""
        rule = task.lane.spec.retries
        if not rule.exceptions or task.attempt > rule.exceptions or not isinstance(error, rule.on):
            return False
        self._binder.delay(task)
        self._loop.after(rule.backoff_s * 2 ** (task.attempt - 1), self._binder.try_again, task)
        task.next_attempt("failed", type(error).__name__)
        return True

    # Ends that are not answers.

    def worker_lost(self, pilot: Pilot, index: int, generation: int, reason: str) -> None:
        """Replace a worker that is gone, and try its tasks again."""
        worker = pilot._workers[index]
        if worker.generation != generation or pilot.state.final:
            return
        if not worker.ready:
            pilot._failures += 1
        messages = self.keeper.remove_worker(worker)
        where = f"worker {index} of pilot {pilot.name!r}"
        if messages and messages[0].gang is not None:
            gang = messages[0].gang
            where += f" (rank {gang.rank_of(messages[0])} of {len(gang.members)})"
            self._stop_gang(gang)
        _log.warning("%s was lost: %s", where, reason)
        self.notices.tell("worker_lost", pilot=pilot.name, worker=index, reason=reason)
        charged, innocent = tasks_of_lost(messages, f"{where} was lost while it ran the task: {reason}")
        self._binder.give_back(innocent)
        for task, delay_s in charged:
            self._binder.delay(task)
            self._loop.after(delay_s, self._binder.try_again, task)
        self.keeper.replace_lost(worker, reason)

    def _stop_gang(self, gang: Gang) -> None:
        """Stop the workers of all ranks that have not answered: they may wait for one that is gone."""
        for worker, message in gang.members:
            if message in worker.inflight:
                self.keeper.remove_worker(worker)
                self.keeper.start_worker(worker)

    def _stop_running(self, worker: Worker, message: Message, task: Task) -> None:
        """Stop the worker, or the workers, that run a task, and give back every other task they had."""
        if message.gang is not None:
            self._stop_gang(message.gang)
            return
        for other in reversed(self.keeper.remove_worker(worker)):
            self._binder.give_back(mate for mate in other.tasks if mate is not task)
        self.keeper.start_worker(worker)

    def _timed_out(self, worker: Worker, message: Message, timeout_s: float) -> None:
        task = message.gang.task if message.gang is not None else message.tasks[0] if message.tasks else None
        if task is None or task.done() or task.message is not message:
            return
        self._stop_running(worker, message, task)
        text = f"task {task.number} ({task.name}) ran longer than timeout_s = {timeout_s:g} and was stopped"
        task.fail(TaskTimeout(text))

    def cancel(self, task: Task) -> bool:
        """Cancel a dispatched task by stopping its worker; return whether it is cancelled."""
        message = task.message
        if task.done() or message is None or task.cancel():
            return task.cancelled()
        pilot = self.keeper.pilots[message.pilot]
        worker = pilot._workers[message.worker]
        if not pilot._engine.can_stop or (message.gang is None and message not in worker.inflight):
            return task.cancelled()
        self._stop_running(worker, message, task)
        task.cancel_running()
        return True

    def _watch_memory(self) -> None:
        running = [pilot for pilot in self.keeper.pilots.values() if any(w.inflight for w in pilot._workers)]
        for pilot in running:
            overuse = find_overuse(pilot)
            if overuse is not None:
                self._stop_hog(pilot, overuse)
        self._watching = bool(running)
        if running:
            self._loop.after(WATCH_S, self._watch_memory)

    def _stop_hog(self, pilot: Pilot, overuse: Overuse) -> None:
        worker = pilot._workers[overuse.worker]
        message = worker.inflight[0]
        if message.gang is None and len(message.tasks) > 1:  # which of them it is shows when they run alone
            self.worker_lost(pilot, worker.index, worker.generation, str(overuse))
            return
        task = message.tasks[0]
        self._stop_running(worker, message, task)
        task.fail(MemoryExceeded(f"task {task.number} ({task.name}) was stopped: {overuse}"))

    # Ends of pilots and of everything.

    def _pilot_ended(self, messages: list[Message], error: PilotFailed | None) -> None:
        self._binder.give_back(task for message in messages for task in message.tasks)
        if error is not None:
            self._last_error = error

    def _fail_orphans(self, lanes: list[Lane]) -> None:
        """End waiting tasks that no remaining pilot can run, rather than let them wait for ever."""
        for lane in lanes:
            reason = self.problem(lane)
            if reason is None:
                lane.checked = self._checked
            elif lane in self._binder.lanes:
                self._fail(self._binder.empty(lane), reason)
        for task in list(self._binder.delayed):
            reason = self.problem(task.lane)
            if reason is not None:
                self._binder.delayed.remove(task)
                self._fail([task], reason)

    def _fail(self, tasks: list[Task], reason: str) -> None:
        for task in tasks:
            failure = UnsatisfiableRequest(f"task {task.number} ({task.name}) can no longer run: {reason}")
            failure.__cause__ = self._last_error
            task.fail(failure)

    def _close(self) -> None:
        self._loop.stopped = True
        for child in sorted(self.waiting, key=lambda task: -task.number):  # children before their parents
            child.cancel()
        dispatched, queued = self._take_all()
        for task in queued:
            task.cancel()
        self.keeper.end_all()
        for task in dispatched:
            task.cancel_running()
        self.notices.close()

    def _abort(self, error: BaseException) -> None:
        _log.error("the scheduler failed; all tasks end with its error", exc_info=error)
        self.failure = error
        self.keeper.version += 1  # so that whoever submits next is refused
        failure = ManagerClosed(f"the scheduler failed: {error!r}")
        failure.__cause__ = error
        for task in [*(task for tasks in self._take_all() for task in tasks), *self.waiting]:
            task.fail(failure)
        for pilot in self.keeper.pilots.values():
            pilot._enter(PilotState.FAILED, PilotFailed(str(failure)))
            pilot._take_down()

    def _take_all(self) -> tuple[list[Task], list[Task]]:
        """Take every task out of the books; return those that were dispatched and those that were not."""
        messages = [m for pilot in self.keeper.pilots.values() for w in pilot._workers for m in w.inflight]
        for pilot in self.keeper.pilots.values():
            for worker in pilot._workers:
                worker.inflight.clear()
        self._binder.absorb()
        queued = [task for lane in self._binder.lanes for task in self._binder.empty(lane)]
        queued += self._binder.delayed
        return [task for message in messages for task in message.tasks], queued


def _nothing() -> None:
    """Do nothing, but make the loop come round."""
