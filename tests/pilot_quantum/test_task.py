"""The future's state machine: every task ends exactly once, whoever meets whom on the way."""

from __future__ import annotations

import concurrent.futures
import pickle
import random
import threading
from collections import Counter
from concurrent.futures import CancelledError

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pilot_quantum import Task, TaskState, TaskTimeout
from pilot_quantum._functions import TaskFunction
from pilot_quantum._lanes import Lane, LaneSpec
from pilot_quantum.task import claim, finish
from tests.pilot_quantum.faults import square

LANE = Lane(TaskFunction(square, "square"), LaneSpec())


def _task(number: int = 0) -> Task:
    return Task(LANE, number, (1,), 0.0)


class Life(RuleBasedStateMachine):
    """One task, driven through all transitions in any order, with and without somebody waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.task = _task()
        self.expected = TaskState.QUEUED
        self.value: object = None
        self.called = 0
        self.listeners = 0

    @rule()
    def listen(self) -> None:
        self.listeners += 1
        self.task.add_done_callback(lambda _: setattr(self, "called", self.called + 1))

    @rule()
    def cancel(self) -> None:
        won = self.task.cancel()
        assert won is (self.expected in (TaskState.QUEUED, TaskState.CANCELLED))
        if won:
            self.expected = TaskState.CANCELLED

    @rule()
    def bind(self) -> None:
        if self.expected is TaskState.QUEUED:
            assert claim([self.task]) == [self.task]
            self.expected = TaskState.DISPATCHED
        elif self.expected is TaskState.CANCELLED:
            assert claim([self.task]) == []

    @precondition(lambda self: self.expected is TaskState.DISPATCHED)
    @rule(value=st.none() | st.integers())
    def succeed(self, value: object) -> None:
        finish([self.task], [value], {})
        self.expected, self.value = TaskState.DONE, value

    @precondition(lambda self: self.expected is TaskState.DISPATCHED)
    @rule()
    def raises(self) -> None:
        finish([self.task], [None], {0: ValueError("x")})
        self.expected = TaskState.FAILED

    @rule()
    def fail(self) -> None:
        self.task.fail(TaskTimeout("x"))
        if not self.expected.final:
            self.expected = TaskState.TIMEOUT

    @rule()
    def stop(self) -> None:
        self.task.cancel_running()
        if not self.expected.final:
            self.expected = TaskState.CANCELLED

    @rule()
    def give_back(self) -> None:
        self.task.requeue()
        if self.expected is TaskState.DISPATCHED:
            self.expected = TaskState.QUEUED

    @invariant()
    def is_what_it_should_be(self) -> None:
        task = self.task
        assert task.state is self.expected
        assert task.done() is self.expected.final
        assert task.cancelled() is (self.expected is TaskState.CANCELLED)
        assert task.running() is (self.expected is TaskState.DISPATCHED)
        assert self.called == (self.listeners if self.expected.final else 0)

    @invariant()
    def waiters_are_told(self) -> None:
        done, _ = concurrent.futures.wait([self.task], 0)
        assert (self.task in done) is self.expected.final

    @invariant()
    def outcome_fits(self) -> None:
        if self.expected is TaskState.DONE:
            assert self.task.result(0) == self.value
            assert self.task.exception(0) is None
        elif self.expected is TaskState.CANCELLED:
            with pytest.raises(CancelledError):
                self.task.result(0)
        elif self.expected.final:
            assert isinstance(self.task.exception(0), ValueError | TaskTimeout)
        else:
            with pytest.raises(TimeoutError):
                self.task.result(0)


class QuietLife(Life):
    """The same, without anybody who waits: no condition is ever made."""

    listen = None  # type: ignore[assignment]  # this rule is left out
    waiters_are_told = None  # type: ignore[assignment]  # waiting makes a condition
    outcome_fits = None  # type: ignore[assignment]  # so does asking


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=15)
TestQuietLife = QuietLife.TestCase
TestQuietLife.settings = settings(max_examples=60, stateful_step_count=15)


@pytest.mark.parametrize("seed", range(4))
def test_concurrent_ends_agree(seed: int) -> None:
    """One thread binds and finishes, others cancel, wait and listen: one outcome each, told once to everybody."""
    chance = random.Random(seed)
    tasks = [_task(number) for number in range(300)]
    called: list[object] = []
    cancelled: list[set[int]] = [set(), set()]

    def scheduler() -> None:
        for start in range(0, 300, 10):
            mine = claim(tasks[start : start + 10])
            if chance.random() < 0.3:
                for task in mine:
                    task.requeue()
                mine = claim(mine)
            errors: dict[int, BaseException] = {0: ValueError()} if mine and chance.random() < 0.2 else {}
            finish(mine, [task.number for task in mine], errors)

    def canceller(won: set[int], order: list[Task]) -> None:
        won.update(task.number for task in order if task.cancel())

    def listener(order: list[Task]) -> None:
        for task in order:
            task.add_done_callback(called.append)

    orders = [chance.sample(tasks, len(tasks)) for _ in range(3)]
    threads = [threading.Thread(target=scheduler), threading.Thread(target=listener, args=(orders[0],))]
    threads += [threading.Thread(target=canceller, args=pair) for pair in zip(cancelled, orders[1:], strict=True)]
    chance.shuffle(threads)
    for thread in threads:
        thread.start()
    done, left = concurrent.futures.wait(tasks, 60)
    for thread in threads:
        thread.join(60)
    assert left == set()
    assert done == set(tasks)
    assert Counter(called) == Counter(tasks)
    for task in tasks:
        if task.cancelled():
            assert task.number in cancelled[0] | cancelled[1]
        else:
            assert task.number not in cancelled[0] | cancelled[1]
            assert task.exception(0) is not None or task.result(0) == task.number


def test_a_task_says_who_it_is_and_does_not_travel() -> None:
    task = _task(7)
    assert repr(task) == "<Task 7 square queued>"
    with pytest.raises(TypeError, match="argument"):
        pickle.dumps(task)


def test_a_callback_s_failure_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    task = _task()
    seen: list[Task] = []

    def quit_now(_: object) -> None:
        raise SystemExit(3)

    task.add_done_callback(quit_now)
    task.add_done_callback(seen.append)  # type: ignore[arg-type]  # typeshed: a Future
    claim([task])
    finish([task], [1], {})
    assert seen == [task]
    assert "callback" in caplog.text
