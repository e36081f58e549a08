"""What is written down about each task, on every engine."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from pilot_quantum import PilotManager, TaskDescription, TaskState, TaskTrace, summarize
from tests.contracts.engines import tasks as work
from tests.contracts.engines.conftest import Fresh, Gate

pytestmark = pytest.mark.timeout(300)

WAIT_S = 60.0
MIB = 2**20


def _times(trace: TaskTrace) -> list[float]:
    times = [
        trace.submitted_s,
        trace.bound_s,
        trace.dispatched_s,
        trace.started_s,
        trace.ended_s,
        trace.returned_s,
    ]
    assert None not in times
    return times  # type: ignore[return-value]  # checked one line above


def test_every_field_is_there_and_times_are_in_order(manager: PilotManager) -> None:
    tasks = [*manager.submit_tasks(work.echo, range(300)), manager.submit_task(work.nap, 0.05)]
    tasks.append(manager.submit_task(TaskDescription(work.add, (tasks[0], 1), name="labelled")))
    manager.wait(tasks, WAIT_S)
    for task in tasks:
        trace = task.trace()
        assert _times(trace) == sorted(_times(trace))
        assert trace.host == trace.driver_host == socket.gethostname()
        assert (trace.task, trace.state, trace.pilot, trace.attempt) == (task.number, TaskState.DONE, "main", 1)
        assert trace.worker in range(2)
        assert trace.reason
        assert trace.message_tasks >= 1
        assert trace.run_s == trace.ended_s - trace.started_s  # type: ignore[operator]  # checked by _times
        assert trace.wait_s == trace.started_s - trace.submitted_s  # type: ignore[operator]  # checked by _times
        assert None not in (trace.cpu_s, trace.peak_rss)
        assert json.loads(json.dumps(trace.as_dict()))["name"] == trace.name
    assert [tasks[0].trace().name, tasks[-1].trace().name] == ["echo", "labelled"]
    assert tasks[0].trace() == tasks[0].trace()


def test_tasks_of_one_worker_do_not_overlap(manager: PilotManager) -> None:
    tasks = [*manager.submit_tasks(work.echo, range(500)), *manager.submit_tasks(work.nap, [0.002] * 50)]
    manager.wait(tasks, WAIT_S)
    by_worker: dict[int | None, list[tuple[float, float]]] = {}
    for task in tasks:
        trace = task.trace()
        by_worker.setdefault(trace.worker, []).append((trace.started_s or 0, trace.ended_s or 0))
    for runs in by_worker.values():
        runs.sort()
        assert all(first[1] <= second[0] for first, second in pairwise(runs))


def test_run_time_and_cpu_time_are_told_apart(manager: PilotManager) -> None:
    busy, idle = manager.submit_task(work.burn, 0.3), manager.submit_task(work.nap, 0.3)
    manager.wait([busy, idle], WAIT_S)
    busy_trace, idle_trace = busy.trace(), idle.trace()
    assert busy_trace.cpu_s is not None
    assert idle_trace.cpu_s is not None
    assert busy_trace.run_s is not None
    assert idle_trace.run_s is not None
    assert 0.29 <= busy_trace.cpu_s <= 1.1 * busy_trace.run_s + 0.1
    assert idle_trace.run_s >= 0.3
    assert idle_trace.cpu_s < 0.15


def test_cpu_time_of_a_message_is_shared_among_its_tasks(single: PilotManager) -> None:
    single.wait(single.submit_tasks(work.burn, [0.001] * 100), WAIT_S)
    tasks = single.submit_tasks(work.burn, [0.0005, 0.004] * 40)
    single.wait(tasks, WAIT_S)
    traces = [task.trace() for task in tasks]
    assert max(trace.message_tasks for trace in traces) > 1
    shares = [sum(trace.cpu_s or 0 for trace in traces[kind::2]) for kind in (0, 1)]
    assert sum(shares) >= 0.9 * 40 * 0.0045
    assert shares[0] < shares[1]


def test_the_largest_resident_set_is_seen(fresh: Fresh) -> None:
    fresh.pilot(cores_per_node=1)
    before = fresh.manager.submit_task(work.echo, 1)
    before.result(WAIT_S)
    task = fresh.manager.submit_task(work.fill, 300)
    task.result(WAIT_S)
    small, large = before.trace().peak_rss, task.trace().peak_rss
    assert small is not None
    assert large is not None
    assert small > 5 * MIB
    assert large >= 300 * MIB
    assert large - small < 1200 * MIB


def test_a_trace_grows_with_its_task(single: PilotManager, gate: Gate) -> None:
    task = single.submit_task(work.hold, gate.path)
    queued = single.submit_task(work.hold, gate.path)
    gate.wait_for()
    running = task.trace()
    assert (running.state, running.pilot, running.started_s) == (TaskState.DISPATCHED, "single", None)
    assert queued.trace().state == TaskState.QUEUED
    assert queued.trace().bound_s is None
    queued.cancel()
    assert queued.trace().state == TaskState.CANCELLED
    gate.open()
    task.result(WAIT_S)
    assert task.trace().started_s is not None
    assert task.trace().state == TaskState.DONE


def test_a_failed_task_has_its_times_too(manager: PilotManager) -> None:
    task = manager.submit_task(work.fail)
    task.exception(WAIT_S)
    trace = task.trace()
    assert trace.state == TaskState.FAILED
    assert _times(trace) == sorted(_times(trace))


def test_times_of_two_hosts_are_not_subtracted(manager: PilotManager) -> None:
    task = manager.submit_task(work.echo, 1)
    task.result(WAIT_S)
    assert replace(task.trace(), host="elsewhere").wait_s is None


def test_the_summary_counts(manager: PilotManager, tmp_path: Path) -> None:
    tasks = [*manager.submit_tasks(work.fail_if_odd, range(40)), manager.submit_task(work.nap, 0.02)]
    for task in tasks:
        task.exception(WAIT_S)
    summary = summarize(task.trace() for task in tasks)
    assert summary["tasks"] == 41
    assert summary["attempts"] == 41
    assert summary["states"] == {"done": 21, "failed": 20}
    assert summary["pilots"] == {"main": 41}
    assert sum(summary["workers"].values()) == 41
    assert 2 <= summary["messages"] <= 41
    assert summary["run_s_sum"] >= 0.02
    assert summary["peak_rss_max"] > MIB
    assert json.dumps(summary)


def test_messages_are_whole(manager: PilotManager) -> None:
    """The share of a message that each task reports adds up to a number of messages."""
    tasks = manager.submit_tasks(work.echo, range(2000))
    manager.wait(tasks, WAIT_S)
    assert summarize(task.trace() for task in tasks)["messages"] == pytest.approx(
        len({(trace.worker, trace.dispatched_s) for trace in (task.trace() for task in tasks)}), abs=0.01
    )


def test_workers_know_their_place(manager: PilotManager, engine: str) -> None:
    if engine == "inline":
        pytest.skip("the driver's environment is left alone")
    names = ("PILOT_QUANTUM_PILOT", "PILOT_QUANTUM_WORKER", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    task = manager.submit_task(lambda: [os.environ.get(name) for name in names])
    assert task.result(WAIT_S) == ["main", str(task.trace().worker), "1", "1"]
