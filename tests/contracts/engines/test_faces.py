"""The ways to wait and to submit: futures, asyncio, the executor, the runtime of a mini-app; on every engine."""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from typing import Any

import pytest

from pilot_quantum import (
    InvalidDescription,
    PilotManager,
    PilotState,
    RunTimeLimit,
    Task,
    TaskDescription,
    TaskState,
    UnsatisfiableRequest,
)
from tests.contracts.engines import tasks as work
from tests.contracts.engines.conftest import Fresh, Gate, describe, until

pytestmark = pytest.mark.timeout(300)

WAIT_S = 60.0
ALONE: dict[str, Any] = {"cores_per_node": 1}


# Futures.


def test_as_completed_yields_every_task_once_as_they_end(pair: PilotManager, gate: Gate) -> None:
    held = pair.submit_task(work.hold, gate.path, -1)
    gate.wait_for()
    tasks = [held, *pair.submit_tasks(work.echo, range(30))]
    seen: list[Task] = []
    for task in pair.as_completed([*tasks, held], WAIT_S):
        seen.append(task)
        if len(seen) == 30:
            gate.open()
    assert seen[-1] is held
    assert len(seen) == 31
    assert set(seen) == set(tasks)


def test_waiting_in_vain_tells_what_is_left(pair: PilotManager, gate: Gate) -> None:
    held = pair.submit_task(work.hold, gate.path)
    gate.wait_for()
    quick = pair.submit_task(work.echo, 1)
    quick.result(WAIT_S)
    assert pair.wait([held, quick], 0.1) == ({quick}, {held})
    ended = pair.as_completed([held, quick], 0.1)
    assert next(ended) is quick
    with pytest.raises(TimeoutError):
        next(ended)
    with pytest.raises(TimeoutError):
        held.result(0.05)
    gate.open()


def test_nothing_to_wait_for_is_no_wait(manager: PilotManager) -> None:
    assert manager.wait([]) == (set(), set())
    assert list(manager.as_completed([])) == []
    assert manager.submit_tasks(work.echo, []) == []


def test_the_standard_library_waits_for_tasks(manager: PilotManager) -> None:
    tasks = manager.submit_tasks(work.echo, range(20))
    own = concurrent.futures.Future[Any]()
    own.set_result(1)
    mixed: list[concurrent.futures.Future[Any]] = [*tasks, own]
    assert set(concurrent.futures.as_completed(mixed, WAIT_S)) == {*tasks, own}
    done, _ = concurrent.futures.wait(tasks, WAIT_S, concurrent.futures.FIRST_COMPLETED)
    assert done


def test_a_callback_is_called_once_whether_the_task_has_ended_or_not(manager: PilotManager, gate: Gate) -> None:
    called: list[object] = []
    task = manager.submit_task(work.hold, gate.path)
    task.add_done_callback(called.append)
    gate.open()
    task.result(WAIT_S)
    until(lambda: called == [task])
    task.add_done_callback(called.append)
    assert called == [task, task]


# Coroutines.


def test_coroutines_await_tasks(manager: PilotManager) -> None:
    async def main() -> list[object]:
        tasks = manager.submit_tasks(work.add, range(10))
        values: list[object] = [await task for task in tasks]
        values += await asyncio.gather(*(asyncio.wrap_future(task) for task in manager.submit_tasks(work.echo, "ab")))
        with pytest.raises(work.Ask):
            await manager.submit_task(work.fail)
        return values

    assert asyncio.run(main()) == [*range(10), "a", "b"]


def test_giving_up_in_a_coroutine_cancels_a_queued_task(single: PilotManager, gate: Gate) -> None:
    single.submit_task(work.hold, gate.path)
    gate.wait_for()
    task = single.submit_task(work.echo, 1)

    async def main() -> None:
        async with asyncio.timeout(0.1):
            await task

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert task.cancelled()
    gate.open()


# The executor.


def test_the_executor_submits_and_maps(manager: PilotManager) -> None:
    with manager.executor() as executor:
        future = executor.submit(work.add, 1, right=2)
        assert list(executor.map(work.add, range(10), range(10, 20), chunksize=3)) == list(range(10, 30, 2))
        assert future.result(WAIT_S) == 3
        assert isinstance(executor, concurrent.futures.Executor)
    with pytest.raises(RuntimeError, match="shutdown"):
        executor.submit(work.echo, 1)
    assert manager.submit_task(work.echo, 1).result(WAIT_S) == 1  # the pilots are still there


def test_the_executor_passes_keywords_of_any_name(manager: PilotManager) -> None:
    with manager.executor() as executor:
        assert executor.submit(work.many, pilot=1, task=2, fn=3).result(WAIT_S) == (
            (),
            {"pilot": 1, "task": 2, "fn": 3},
        )


def test_the_executor_keeps_to_its_pilots(pair: PilotManager) -> None:
    with pair.executor("b") as executor:
        futures = [executor.submit(work.echo, n) for n in range(10)]
        futures += [executor.submit(work.many, n=n) for n in range(3)]
    assert {future.trace().pilot for future in futures} == {"b"}


def test_leaving_the_executor_waits(manager: PilotManager) -> None:
    with manager.executor() as executor:
        futures = [executor.submit(work.nap, 0.02) for _ in range(10)]
    assert all(future.done() for future in futures)


def test_shutdown_can_cancel_and_need_not_wait(single: PilotManager, gate: Gate) -> None:
    executor = single.executor()
    running = executor.submit(work.hold, gate.path, 1)
    gate.wait_for()
    queued = [executor.submit(work.echo, n) for n in range(5)]
    executor.shutdown(wait=False, cancel_futures=True)
    assert all(future.cancelled() for future in queued)
    assert not running.done()
    gate.open()
    executor.shutdown()
    assert running.result(WAIT_S) == 1


def test_map_raises_what_a_call_raised_in_its_place(manager: PilotManager) -> None:
    with manager.executor() as executor:
        results = executor.map(work.fail_if_odd, [0, 2, 3, 4])
        assert [next(results), next(results)] == [0, 2]
        with pytest.raises(work.Ask):
            next(results)


def test_map_gives_up_when_told(manager: PilotManager, gate: Gate) -> None:
    with manager.executor() as executor:
        results = executor.map(work.hold, [gate.path] * 2, timeout=0.2)
        with pytest.raises(TimeoutError):
            next(results)
        gate.open()


def test_asyncio_runs_in_the_executor(manager: PilotManager) -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        with manager.executor() as executor:
            return sum(await asyncio.gather(*(loop.run_in_executor(executor, work.add, n, 1) for n in range(10))))

    assert asyncio.run(main()) == 55


# The runtime of a mini-app.


def test_a_runtime_submits_gathers_and_remembers(manager: PilotManager) -> None:
    with manager.runtime() as runtime:
        with runtime.stage("first"):
            one = runtime.submit(work.add, 1, right=2)
            many = runtime.submit_many(work.echo, range(10))
        with runtime.stage("first"):
            described = runtime.submit(TaskDescription(work.add, (5,)))
        with runtime.stage("second"):
            assert runtime.gather([one, *many, described], WAIT_S) == [3, *range(10), 5]
        assert set(runtime.as_completed(many, WAIT_S)) == set(many)
        assert [view.name for view in runtime.pilots()] == ["main"]
    assert list(runtime.stages_s) == ["first", "second"]
    assert all(seconds >= 0 for seconds in runtime.stages_s.values())
    traces = runtime.traces()
    assert [trace.task for trace in traces] == [task.number for task in (one, *many, described)]
    assert {trace.state for trace in traces} == {TaskState.DONE}


def test_a_stage_is_timed_even_if_it_fails(manager: PilotManager) -> None:
    with manager.runtime() as runtime:
        with pytest.raises(ValueError, match="x"), runtime.stage("broken"):
            raise ValueError("x")
        assert list(runtime.stages_s) == ["broken"]


def test_gather_raises_the_first_failure_and_cancels_the_rest(single: PilotManager, gate: Gate) -> None:
    with single.runtime() as runtime:
        failing = runtime.submit(work.fail)
        rest = [runtime.submit(work.hold, gate.path) for _ in range(5)]
        with pytest.raises(work.Ask):
            runtime.gather([failing, *rest], WAIT_S)
        assert all(task.cancelled() for task in rest[1:])
        gate.open()


def test_a_task_s_own_timeout_error_is_not_the_limit(manager: PilotManager) -> None:
    with manager.runtime(time_limit_s=1000) as runtime, pytest.raises(TimeoutError, match="mine") as caught:
        runtime.gather([runtime.submit(work.fail_with, TimeoutError("mine"))])
    assert not isinstance(caught.value, RunTimeLimit)


def test_the_time_limit_ends_every_wait(single: PilotManager, gate: Gate) -> None:
    with single.runtime(time_limit_s=0.3) as runtime:
        held = [runtime.submit(work.hold, gate.path) for _ in range(3)]
        with pytest.raises(RunTimeLimit, match=r"0\.3"):
            list(runtime.as_completed(held))
        with pytest.raises(RunTimeLimit):
            list(runtime.as_completed(held, 100))
        with pytest.raises(RunTimeLimit):
            runtime.gather(held)
        gate.open()


def test_a_wait_of_its_own_can_be_shorter(single: PilotManager, gate: Gate) -> None:
    with single.runtime(time_limit_s=1000) as runtime:
        held = runtime.submit(work.hold, gate.path)
        for wait in (lambda: list(runtime.as_completed([held], 0.1)), lambda: runtime.gather([held], 0.1)):
            with pytest.raises(TimeoutError) as caught:
                wait()
            assert not isinstance(caught.value, RunTimeLimit)
        gate.open()


def test_leaving_the_runtime_cancels_what_is_left(single: PilotManager, gate: Gate, can_stop: bool) -> None:
    with single.runtime() as runtime:
        running = runtime.submit(work.hold, gate.path)
        gate.wait_for()
        queued = runtime.submit_many(work.echo, range(20))
        child = runtime.submit(work.echo, queued[0])
    assert all(task.cancelled() for task in queued)
    assert child.done()
    assert running.cancelled() is can_stop
    gate.open()
    assert single.submit_task(work.echo, 4).result(WAIT_S) == 4


def test_a_runtime_keeps_to_its_pilots(pair: PilotManager) -> None:
    with pair.runtime(pilots=["a"]) as runtime:
        tasks = [*runtime.submit_many(work.echo, range(10)), runtime.submit(work.echo, 1)]
        tasks.append(runtime.submit(TaskDescription(work.echo, (1,))))
        runtime.gather(tasks, WAIT_S)
        assert [view.name for view in runtime.pilots()] == ["a"]
        with pytest.raises(InvalidDescription, match="'b'"):
            runtime.release("b")
    assert {task.trace().pilot for task in tasks} == {"a"}


def test_pilots_that_a_run_adds_end_with_it(fresh: Fresh) -> None:
    mine = fresh.pilot("mine", **ALONE)
    with fresh.manager.runtime(pilots=["mine"]) as runtime:
        view = runtime.request_pilot(describe(fresh.engine, name="extra", **ALONE))
        again = runtime.request_pilot(describe(fresh.engine, name="again", **ALONE))
        assert runtime.gather([runtime.submit(TaskDescription(work.echo, (1,), pilot="extra"))], 60) == [1]
        runtime.release(view)
        assert again.name in [view.name for view in runtime.pilots()]
        with pytest.raises(UnsatisfiableRequest):
            runtime.submit(TaskDescription(work.echo, (1,), pilot="extra"))
    assert mine.state is PilotState.RUNNING
    assert {pilot.name for pilot in fresh.manager.pilots() if not pilot.state.final} == {"mine"}


def test_notices_reach_those_who_listen(fresh: Fresh) -> None:
    heard: list[tuple[str, object]] = []
    stop = fresh.manager.on("converged", lambda **facts: heard.append(("converged", facts["value"])))
    fresh.manager.on("pilot_ended", lambda pilot, error: heard.append(("ended", pilot)))
    pilot = fresh.pilot("p", **ALONE)
    fresh.manager.tell("converged", value=1)
    fresh.manager.tell("nobody listens", value=2)
    until(lambda: len(heard) == 1)
    stop()
    fresh.manager.tell("converged", value=3)
    pilot.release()
    until(lambda: ("ended", "p") in heard)
    assert heard == [("converged", 1), ("ended", "p")]


def test_time_passes_only_where_it_should(manager: PilotManager) -> None:
    """A runtime with a limit does not stop the manager's other work."""
    task = manager.submit_task(work.nap, 0.4)
    with manager.runtime(time_limit_s=0.1) as runtime:
        time.sleep(0.15)
        assert runtime.gather([]) == []
    assert task.result(WAIT_S) > 0
