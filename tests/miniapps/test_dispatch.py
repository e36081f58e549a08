"""The mini-app dispatch: every task comes back once, whatever the way, and a check that notices when it does not."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import miniapps
from miniapps import Measurement
from miniapps.dispatch.flow import Answer, digest
from miniapps.dispatch.kernels import anew, noop, sleep
from miniapps.dispatch.params import Dispatch
from pilot_quantum import PilotDescription, PilotManager

APP = miniapps.load("dispatch")


@pytest.fixture(scope="module", params=["inline", "processes", "ray"])
def manager(request: pytest.FixtureRequest) -> Iterator[PilotManager]:
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(name="p", engine=request.param, cores_per_node=2)).wait(90)
        yield manager


def _run(manager: PilotManager, params: Dispatch) -> tuple[Measurement, set[str]]:
    with manager.runtime(pilots=["p"], time_limit_s=60) as runtime:
        measurement = APP.run(params, runtime)
    return measurement, set(runtime.stages_s)


_WAYS = list(product(["noop", "sleep"], ["one_by_one", "many"], ["results", "as_completed"], ["known", "new"]))


def _values(measurement: Measurement) -> dict[str, float]:
    return {name: metric.value for name, metric in measurement.metrics.items() if metric.value is not None}


@pytest.mark.parametrize("way", _WAYS, ids="-".join)
def test_every_way_brings_every_task_back(manager: PilotManager, way: tuple[str, ...]) -> None:
    axes: dict[str, Any] = dict(zip(("task", "submit", "collect", "function"), way, strict=True))
    n = 500 if axes["task"] == "noop" else 20
    params = Dispatch(n_tasks=n, **axes)
    measurement, stages = _run(manager, params)
    verdict = APP.check(params, measurement)
    assert (verdict.verdict, verdict.value) == ("pass", 0.0), verdict.detail
    assert measurement.digest == digest(list(range(n)))
    assert stages == {"submit", "collect"}
    metrics = _values(measurement)
    assert metrics["tasks"] == n
    assert 1 <= metrics["messages"] <= n
    assert 0 < metrics["driver_bytes_per_task"] < 1024
    assert metrics["throughput"] == pytest.approx(n / metrics["time_to_value_s"])


def test_round_trips_are_one_message_each(manager: PilotManager) -> None:
    params = Dispatch(n_tasks=30, measure="round_trip")
    measurement, stages = _run(manager, params)
    metrics = _values(measurement)
    assert APP.check(params, measurement).verdict == "pass"
    assert metrics["messages"] == 30
    assert 0 < metrics["round_trip_p50_s"] <= metrics["round_trip_p99_s"] <= metrics["time_to_value_s"]
    assert stages == {"round_trips"}


def _answered(results: list[Any], handed_out: list[Any] | None = None) -> Measurement:
    return Measurement(Answer(results, results if handed_out is None else handed_out), {})


@pytest.mark.parametrize(
    ("results", "handed_out", "wrong"),
    [
        ([0, 1, 2, 4], None, 2.0),  # another's index, hence one missing
        ([0, 1, 2], None, 2.0),  # one lost: of the results, and of those handed out
        ([0, 2, 1, 3], None, 2.0),  # two swapped, though the sum is right
        ([0, 1, 2, 3], [0, 1, 2, 2], 2.0),  # one twice, one never
        ([0, 1, 2, 3], [0, 1, 2, 3, 3], 1.0),  # one twice
        ([(0, 0), (1, -9), (2, 0), (3, 1)], None, 2.0),  # two processes that did not end well
    ],
)
def test_the_check_notices_what_is_wrong(results: list[Any], handed_out: list[Any] | None, wrong: float) -> None:
    verdict = APP.check(Dispatch(n_tasks=4), _answered(results, handed_out))
    assert (verdict.verdict, verdict.value) == ("fail", wrong)


@given(st.permutations(range(8)))
def test_any_order_of_collection_passes_and_any_other_order_of_results_fails(order: list[int]) -> None:
    params, straight = Dispatch(n_tasks=8, collect="as_completed"), list(range(8))
    assert APP.check(params, _answered(straight, order)).verdict == "pass"
    assert APP.check(params, _answered(order, straight)).verdict == ("pass" if order == straight else "fail")


def test_the_digest_tells_exit_codes_apart() -> None:
    assert digest([(0, 0), (1, 0)]) == digest([0, 1]) != digest([(0, 0), (1, 1)])


def test_sleep_is_a_process_and_says_how_it_ended(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sleep(7) == (7, 0)
    for text, code in (("exit 3", 3), ("kill -9 $$", -9)):
        program = tmp_path / f"program{code}"
        program.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
        program.chmod(0o755)
        monkeypatch.setattr("miniapps.dispatch.kernels.SLEEP", os.fspath(program))
        assert sleep(7) == (7, code)


def test_a_new_function_is_unknown_to_a_worker() -> None:
    first, second = anew(noop), anew(noop)
    assert len({noop, first, second}) == 3
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(first)
    with pytest.raises(TypeError, match="no Python function"):
        anew(abs)


@pytest.mark.parametrize("wrong", [{"submit": "many"}, {"collect": "as_completed"}])
def test_a_round_trip_has_one_task_at_a_time(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="one task at a time"):
        Dispatch(measure="round_trip", **wrong)


@pytest.mark.parametrize(("params", "tasks"), [({}, 8192), ({"n_tasks": 10}, 20), ({"measure": "round_trip"}, 4096)])
def test_the_estimate_counts_what_is_submitted_and_spawned(params: dict[str, Any], tasks: int) -> None:
    noops, processes = Dispatch(**params), Dispatch(task="sleep", **params)
    assert APP.estimate(noops).tasks == APP.estimate(processes).tasks == tasks
    assert APP.estimate(noops).extra["processes"] == 0
    assert APP.estimate(processes).extra["processes"] == processes.n_tasks


def test_the_estimate_is_what_runs(manager: PilotManager) -> None:
    params = Dispatch(n_tasks=100)
    with manager.runtime(pilots=["p"]) as runtime:
        APP.run(params, runtime)
    assert len(runtime.traces()) == APP.estimate(params).tasks
