"""The event loop: handlers in order, timers in time, no word lost."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator

import pytest

from pilot_quantum._loop import EventLoop
from tests.pilot_quantum.faults import until


class Errors(list[BaseException]):
    """What the loop has passed on."""


@pytest.fixture
def errors() -> Errors:
    return Errors()


@pytest.fixture
def loop(errors: Errors) -> Iterator[EventLoop]:
    running = EventLoop()
    running.start(lambda: True, errors.append)
    yield running
    _stop(running)


def _stop(loop: EventLoop) -> None:
    loop.post(lambda: setattr(loop, "stopped", True))
    loop.join()


def test_events_of_one_thread_keep_their_order(loop: EventLoop) -> None:
    seen: list[tuple[int, int]] = []

    def post(thread: int) -> None:
        for number in range(500):
            loop.post(seen.append, (thread, number))

    threads = [threading.Thread(target=post, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: len(seen) == 2000)
    for mine in range(4):
        assert [number for thread, number in seen if thread == mine] == list(range(500))


def test_timers_go_off_in_order_of_their_time_and_not_early(loop: EventLoop) -> None:
    seen: list[tuple[float, float]] = []
    start = time.monotonic()

    def arm() -> None:
        for seconds in (0.2, 0.05, 0.1, 0.0, 0.1):
            loop.after(seconds, lambda seconds=seconds: seen.append((seconds, time.monotonic() - start)))

    loop.post(arm)
    until(lambda: len(seen) == 5)
    assert [planned for planned, _ in seen] == [0.0, 0.05, 0.1, 0.1, 0.2]
    assert all(planned <= actual for planned, actual in seen)


def test_equal_timers_keep_their_order(loop: EventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(time, "monotonic", lambda moment=time.monotonic(): moment)  # all timers at the same moment

    def arm() -> None:
        for number in range(20):
            loop.after(0.0, seen.append, number)

    loop.post(arm)
    until(lambda: len(seen) == 20)
    assert seen == list(range(20))


@pytest.mark.parametrize("seconds", [math.inf, 1e18, 1e11, threading.TIMEOUT_MAX * 2])
def test_a_timer_may_be_for_ever(loop: EventLoop, errors: Errors, seconds: float) -> None:
    """Nothing else is armed, so that the loop waits for this one."""
    never = threading.Event()
    armed, passed = threading.Event(), threading.Event()
    loop.post(loop.after, seconds, never.set)
    loop.post(armed.set)
    assert armed.wait(10)
    time.sleep(0.05)
    loop.post(passed.set)
    assert passed.wait(10)
    assert not never.is_set()
    assert errors == []


def test_events_are_not_kept_waiting_by_a_timer(loop: EventLoop) -> None:
    late, early = threading.Event(), threading.Event()
    loop.post(loop.after, 100, late.set)
    loop.post(early.set)
    assert early.wait(10)
    assert not late.is_set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # it is raised again, on purpose
@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3), KeyboardInterrupt()], ids=repr)
def test_the_loop_never_ends_without_a_word(error: BaseException) -> None:
    errors = Errors()
    loop = EventLoop()
    loop.start(lambda: True, errors.append)

    def fail() -> None:
        raise error

    loop.post(fail)
    loop.join()
    assert errors == [error]
    assert loop.stopped


def test_calls_wait_for_their_result_wherever_they_come_from(loop: EventLoop) -> None:
    assert loop.call(lambda: threading.current_thread().name) == "pilot-scheduler"
    inner: list[object] = []
    loop.post(lambda: inner.append(loop.call(lambda: loop.here)))
    until(lambda: bool(inner))
    assert inner == [True]
    assert not loop.here


def test_calls_return_though_the_loop_has_ended(loop: EventLoop) -> None:
    _stop(loop)
    assert loop.call(lambda: 1) is None


def test_before_waiting_is_repeated_until_it_is_content() -> None:
    answers = [False, False, True]
    asked: list[bool] = []

    def before_wait() -> bool:
        asked.append(answers.pop(0) if answers else True)
        return asked[-1]

    loop = EventLoop()
    loop.start(before_wait, lambda _: None)
    until(lambda: not answers)
    assert len(asked) == 3  # and now it waits
    _stop(loop)
