"""Dispatch on the driver's side: submit, collect, time, and see that every task came back once."""

from __future__ import annotations

import sys
import time
import tracemalloc
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from statistics import quantiles
from typing import TYPE_CHECKING, Any, Final

from .._app import Features, Measurement, Metric, Verdict
from .kernels import anew, noop, sleep

if TYPE_CHECKING:
    from pilot_quantum import Runtime, Task

    from .params import Dispatch

_KERNELS: Final[dict[str, Callable[[int], Any]]] = {"noop": noop, "sleep": sleep}
_PROBE: Final = 4096
"""Tasks that are submitted after the timed part, to weigh them; always no-ops, since the function is shared."""
_CHILD_BYTES: Final = 2**20
"""Resident set of ``/bin/sleep``, rounded up."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes
    ----------
    results
        Of each task, in the order of submission.
    handed_out
        Results in the order in which they were collected.
    """

    results: list[Any]
    handed_out: list[Any]


def run(params: Dispatch, runtime: Runtime) -> Measurement:
    """Run the tasks.

    Stages: ``submit`` and ``collect``, or ``round_trips``; what a task occupies is found afterwards, untimed.
    """
    function = _KERNELS[params.task]
    if params.function == "new":
        function = anew(function)
    if params.measure == "round_trip":
        return _round_trips(params, runtime, function)
    return _throughput(params, runtime, function)


def _throughput(params: Dispatch, runtime: Runtime, function: Callable[[int], Any]) -> Measurement:
    start_s = time.perf_counter()
    with runtime.stage("submit"):
        tasks = _submitted(params, runtime, function)
    submitted_s = time.perf_counter()
    with runtime.stage("collect"):
        handed_out = _collected(params, runtime, tasks)
    elapsed_s = time.perf_counter() - start_s
    messages = _messages(tasks)
    answer = Answer([task.result() for task in tasks], handed_out)
    del tasks
    memory = _bytes_per_task(min(params.n_tasks, _PROBE), runtime)
    metrics = {
        **_common(params, elapsed_s, messages),
        "submit_per_task_s": Metric((submitted_s - start_s) / params.n_tasks, "s", "lower"),
        "driver_bytes_per_task": Metric(memory, "bytes", "lower"),
    }
    return Measurement(answer, metrics, digest(answer.results))


def _submitted(params: Dispatch, runtime: Runtime, function: Callable[[int], Any]) -> list[Task]:
    if params.submit == "many":
        return runtime.submit_many(function, range(params.n_tasks))
    submit = runtime.submit
    return [submit(function, index) for index in range(params.n_tasks)]


def _collected(params: Dispatch, runtime: Runtime, tasks: list[Task]) -> list[Any]:
    if params.collect == "as_completed":
        return [task.result() for task in runtime.as_completed(tasks)]
    return runtime.gather(tasks)


def _round_trips(params: Dispatch, runtime: Runtime, function: Callable[[int], Any]) -> Measurement:
    clock, submit = time.perf_counter, runtime.submit
    tasks, results, trips_s = [], [], []
    with runtime.stage("round_trips"):
        start_s = clock()
        for index in range(params.n_tasks):
            before_s = clock()
            task = submit(function, index)
            results.append(task.result())
            trips_s.append(clock() - before_s)
            tasks.append(task)
        elapsed_s = clock() - start_s
    metrics = {
        **_common(params, elapsed_s, _messages(tasks)),
        "round_trip_p50_s": Metric(_percentile(trips_s, 50), "s", "lower"),
        "round_trip_p99_s": Metric(_percentile(trips_s, 99), "s", "lower"),
    }
    return Measurement(Answer(results, results), metrics, digest(results))


def _messages(tasks: list[Task]) -> int:
    """Return how many messages the tasks travelled in."""
    return round(sum(1 / task.trace().message_tasks for task in tasks))


def _common(params: Dispatch, elapsed_s: float, messages: int) -> dict[str, Metric]:
    return {
        "time_to_value_s": Metric(elapsed_s, "s", "lower"),
        "throughput": Metric(params.n_tasks / elapsed_s, "tasks/s", "higher"),
        "tasks": Metric(params.n_tasks, "tasks"),
        "messages": Metric(messages, "messages"),
    }


def _percentile(samples: list[float], percent: int) -> float:
    """Return a percentile, interpolated between neighbours; of one sample, that sample."""
    return quantiles(samples, n=100, method="inclusive")[percent - 1] if len(samples) > 1 else samples[0]


def _bytes_per_task(count: int, runtime: Runtime) -> float:
    """Return what a submitted task occupies in this process, by submitting some more and weighing them."""
    with _traced():
        before = tracemalloc.get_traced_memory()[0]
        tasks = runtime.submit_many(noop, range(count))
        occupied = tracemalloc.get_traced_memory()[0] - before
    runtime.gather(tasks)
    return occupied / count


@contextmanager
def _traced() -> Iterator[None]:
    mine = not tracemalloc.is_tracing()
    if mine:
        tracemalloc.start()
    try:
        yield
    finally:
        if mine:
            tracemalloc.stop()


def digest(results: list[Any]) -> str:
    """Return the SHA-256 of all results in the order of the tasks, as little-endian 64-bit numbers."""
    numbers = array("q", [number for result in results for number in _parts(result)])
    if sys.byteorder == "big":
        numbers.byteswap()
    return sha256(numbers.tobytes()).hexdigest()


def _parts(result: Any) -> tuple[int, int]:
    """Return a result as (index, exit code)."""
    index, code = result if isinstance(result, tuple) else (result, 0)
    return index, code


def check(params: Dispatch, measurement: Measurement) -> Verdict:
    """See that every task returned its own index, that each was handed out once, and that every process ended well."""
    n = params.n_tasks
    pairs = [_parts(result) for result in measurement.answer.results]
    foreign = sum(index != place for place, (index, _) in enumerate(pairs))
    failed = sum(code != 0 for _, code in pairs)
    handed_out = [index for index, _ in map(_parts, measurement.answer.handed_out)]
    missing = n - len(set(handed_out) & set(range(n)))
    repeated = len(handed_out) - len(set(handed_out))
    wrong = abs(n - len(pairs)) + foreign + failed + missing + repeated
    detail = (
        f"{len(pairs):,} of {n:,} tasks came back: {foreign} with another's index, {failed} with an exit code; "
        f"{missing} never handed out, {repeated} more than once; sum {sum(handed_out)} against {n * (n - 1) // 2}"
    )
    return Verdict("fail" if wrong else "pass", "its own index from every task, once", float(wrong), 0.0, 0.0, detail)


def estimate(params: Dispatch) -> Features:
    """Count what the case costs."""
    spawns = params.n_tasks if params.task == "sleep" else 0
    probe = min(params.n_tasks, _PROBE) if params.measure == "throughput" else 0
    return Features(
        tasks=params.n_tasks + probe,
        memory_per_task=_CHILD_BYTES if spawns else 0,
        extra={"processes": spawns, "round_trips": params.n_tasks if params.measure == "round_trip" else 0},
    )
