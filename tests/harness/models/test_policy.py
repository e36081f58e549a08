"""The model-driven policy: earliest predicted completion, within memory and faithfulness, in the real manager too."""

from __future__ import annotations

import time
from math import inf

import pytest

from harness.policy import Forecast, ModelPolicy, policy
from pilot_quantum import PilotDescription, PilotLoad, PilotManager, Resources
from qdreamer import Gpu, Qpu
from qdreamer import Resources as Machine
from qdreamer.defaults import typed_in
from qdreamer.demand import uncut
from tests.qdreamer.test_recommend import dense

ONE = Resources(memory=2**30)


def load(name: str, *, idle: int = 1, rate: float | None = None, backlog_s: float = 0.0) -> PilotLoad:
    return PilotLoad(name, 2, idle, rate, backlog_s)


def test_the_earliest_predicted_completion_wins() -> None:
    chooser = ModelPolicy({"slow": Forecast(3.0), "fast": Forecast(1.0)})
    assert chooser.choose(ONE, [load("slow"), load("fast")], 0) == ("fast", "predicted to end in 1 s")
    busy = load("fast", idle=0, backlog_s=5.0)
    assert chooser.choose(ONE, [load("slow"), busy], 1).pilot == "slow"


def test_what_is_observed_replaces_what_was_predicted() -> None:
    chooser = ModelPolicy({"a": Forecast(1.0), "b": Forecast(2.0)})
    seen = [load("a", rate=0.2), load("b")]  # two workers do 0.2 tasks/s: 10 s each
    assert chooser.choose(ONE, seen, 0).pilot == "b"


def test_pilots_that_cannot_hold_the_task_are_left_out() -> None:
    chooser = ModelPolicy({"small": Forecast(1.0, memory=2**20), "large": Forecast(9.0, memory=2**34)})
    choice = chooser.choose(ONE, [load("small"), load("large")], 0)
    assert choice.pilot == "large"
    assert "1 unfit or unfaithful" in choice.reason


def test_noisy_devices_are_left_out_where_answers_must_be_good() -> None:
    forecasts = {"qpu": Forecast(1.0, error=0.2), "simulator": Forecast(5.0)}
    pilots = [load("qpu"), load("simulator")]
    assert ModelPolicy(forecasts).choose(ONE, pilots, 0).pilot == "qpu"
    assert ModelPolicy(forecasts, largest_error=0.05).choose(ONE, pilots, 0).pilot == "simulator"
    assert ModelPolicy(forecasts, largest_error=0.05).choose(ONE, pilots[:1], 0).pilot == "qpu"


def test_an_unknown_pilot_comes_last_until_it_is_observed() -> None:
    chooser = ModelPolicy({"known": Forecast(100.0)})
    assert chooser.choose(ONE, [load("new"), load("known")], 0).pilot == "known"
    assert chooser.choose(ONE, [load("new", rate=10.0), load("known")], 0).pilot == "new"
    assert chooser.choose(ONE, [load("new", backlog_s=inf)], 0).reason.startswith("nothing is predicted")


def test_forecasts_come_from_the_cost_model() -> None:
    job = uncut("full", dense(26, 10), shots=0).jobs[0]
    machines = {
        "cpus": Machine("cpus", cores=4, memory=64 * 2**30),
        "gpus": Machine("gpus", cores=4, memory=64 * 2**30, gpus=(Gpu("g", 40 * 2**30),)),
        "qpus": Machine("qpus", cores=1, memory=2**30, qpus=(Qpu("q", 127),)),
    }
    made = policy(typed_in(), job, machines)
    assert made.forecasts["gpus"].seconds < made.forecasts["cpus"].seconds
    assert made.forecasts["cpus"].memory == pytest.approx(16 * 2**30, rel=0.05)
    assert made.choose(ONE, [load("cpus"), load("gpus")], 0).pilot == "gpus"


def steps(seconds: float) -> float:
    """Worker side: stand for work of known length."""
    time.sleep(seconds)
    return seconds


def test_the_manager_follows_it_and_keeps_its_reasons() -> None:
    chooser = ModelPolicy({"near": Forecast(0.001), "far": Forecast(50.0)})
    with PilotManager(policy=chooser) as manager:
        for name in ("far", "near"):
            manager.submit_pilot(PilotDescription(name=name, engine="inline")).wait()
        tasks = [manager.submit_task(steps, 0.001) for _ in range(3)]
        assert [task.result() for task in tasks] == [0.001] * 3
        traces = [task.trace() for task in tasks]
    assert traces[0].pilot == "near"
    assert "predicted to end in" in (traces[0].reason or "")
