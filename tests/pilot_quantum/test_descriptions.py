"""Descriptions refuse nonsense at the door: the message names the value, the rule and the choices."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot_quantum import (
    DeviceRequest,
    InvalidDescription,
    PilotDescription,
    PilotManager,
    Resources,
    Retries,
    TaskDescription,
)

WRONG: list[tuple[Any, dict[str, Any], str]] = [
    (Resources, {"cpus": 0}, "cpus = 0"),
    (Resources, {"cpus": 1.5}, "cpus = 1.5"),
    (Resources, {"cpus": "2"}, "cpus = '2'"),
    (Resources, {"cpus": True}, "cpus = True"),
    (Resources, {"gpus": -0.5}, "gpus = -0.5"),
    (Resources, {"gpus": float("nan")}, "gpus = nan"),
    (Resources, {"memory": -1}, "memory = -1"),
    (Resources, {"memory": "4 GiB"}, "memory = '4 GiB'"),
    (Resources, {"ranks": -1}, "ranks = -1"),
    (Resources, {"gpus_per_rank": 1}, "gpus_per_rank = 1"),
    (DeviceRequest, {"min_qubits": -1}, "min_qubits = -1"),
    (DeviceRequest, {"shots": 0.5}, "shots = 0.5"),
    (Retries, {"lost_worker": -1}, "lost_worker = -1"),
    (Retries, {"exceptions": 1}, "on = ()"),
    (Retries, {"exceptions": 1, "on": ("ValueError",)}, "on = ('ValueError',)"),
    (Retries, {"exceptions": 1, "on": (ValueError("x"),)}, "on = (ValueError"),
    (Retries, {"backoff_s": -1.0}, "backoff_s = -1.0"),
    (Retries, {"backoff_s": None}, "backoff_s = None"),
    (TaskDescription, {"function": "abs"}, "function = 'abs'"),
    (TaskDescription, {"function": abs, "args": "xy"}, "args = 'xy'"),
    (TaskDescription, {"function": abs, "kwargs": [1]}, "kwargs = [1]"),
    (TaskDescription, {"function": abs, "resources": {"cpus": 2}}, "resources = {'cpus': 2}"),
    (TaskDescription, {"function": abs, "priority": "high"}, "priority = 'high'"),
    (TaskDescription, {"function": abs, "name": 3}, "name = 3"),
    (TaskDescription, {"function": abs, "timeout_s": 0}, "timeout_s = 0"),
    (TaskDescription, {"function": abs, "timeout_s": "1"}, "timeout_s = '1'"),
    (TaskDescription, {"function": abs, "timeout_s": float("nan")}, "timeout_s = nan"),
    (TaskDescription, {"function": abs, "estimate_s": -1}, "estimate_s = -1"),
    (TaskDescription, {"function": abs, "retries": 3}, "retries = 3"),
    (TaskDescription, {"function": abs, "after": (3,)}, "after"),
    (TaskDescription, {"function": abs, "after": 3}, "after = 3"),
    (TaskDescription, {"function": abs, "pilot": 3}, "pilot = 3"),
    (TaskDescription, {"function": abs, "pilot": [3]}, "pilot"),
    (PilotDescription, {"name": None}, "name = None"),
    (PilotDescription, {"engine": None}, "engine = None"),
    (PilotDescription, {"nodes": 0}, "nodes = 0"),
    (PilotDescription, {"cores_per_node": 0}, "cores_per_node = 0"),
    (PilotDescription, {"cores_per_node": 2.5}, "cores_per_node = 2.5"),
    (PilotDescription, {"gpus_per_node": -1}, "gpus_per_node = -1"),
    (PilotDescription, {"memory_per_node": 0}, "memory_per_node = 0"),
    (PilotDescription, {"walltime_s": -5}, "walltime_s = -5"),
    (PilotDescription, {"walltime_s": "1h"}, "walltime_s = '1h'"),
    (PilotDescription, {"engine_options": ["x"]}, "engine_options = ['x']"),
]


@pytest.mark.parametrize(("kind", "fields", "said"), WRONG, ids=[said for _, _, said in WRONG])
def test_nonsense_is_refused_with_value_and_rule(kind: Any, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidDescription) as caught:
        kind(**fields)
    message = str(caught.value)
    assert said in message
    assert "must" in message or "needs" in message or "name" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"engine": "no such"}, ("engine = 'no such'", "inline", "processes")),
        ({"launcher": "no such"}, ("launcher = 'no such'", "local")),
        ({"engine": "inline", "cores_per_node": 100_000}, ("cores_per_node = 100000", "oversubscribe")),
        ({"engine": "inline", "nodes": 3}, ("nodes = 3", "local")),
        ({"engine": "inline", "gpus_per_node": 64}, ("gpus_per_node = 64",)),
        ({"engine": "inline", "memory_per_node": 2**60}, (f"memory_per_node = {2**60}",)),
        ({"engine": "inline", "engine_options": {"speed": 1}}, ("'speed'", "inline")),
        ({"engine": "inline", "launcher_options": {"oversubscribed": True}}, ("'oversubscribed'", "oversubscribe")),
        ({"engine": "inline", "launcher_options": {"oversubscribe": "yes"}}, ("oversubscribe = 'yes'", "bool")),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_pilot_that_can_never_start_is_refused_with_the_choices(
    fields: dict[str, Any], said: tuple[str, ...]
) -> None:
    with PilotManager() as manager:
        with pytest.raises(InvalidDescription) as caught:
            manager.submit_pilot(PilotDescription(**fields))
        assert [part for part in said if part not in str(caught.value)] == []
        assert manager.pilots() == ()


def test_a_description_comes_with_its_own_arguments() -> None:
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(engine="inline"))
        submits: list[Callable[[], object]] = [
            lambda: manager.submit_task(TaskDescription(abs, (1,)), 2),
            lambda: manager.submit_task(TaskDescription(abs, (1,)), pilot="pilot-0"),
            lambda: manager.submit_task(TaskDescription(abs, (1,)), x=1),
            lambda: manager.runtime().submit(TaskDescription(abs, (1,)), 2),
        ]
        for submit in submits:
            with pytest.raises(InvalidDescription, match="arguments"):
                submit()
        with pytest.raises(InvalidDescription, match=r"pilot = \[\]"):
            manager.submit_task(abs, 1, pilot=[])


def test_numbers_of_numpy_are_numbers() -> None:
    two: Any = np.int64(2)
    half: Any = np.float32(0.5)
    assert Resources(cpus=two, gpus=half, memory=two).cpus == 2
    assert PilotDescription(cores_per_node=two, walltime_s=half).cores_per_node == 2


def test_arguments_may_be_a_list() -> None:
    assert TaskDescription(pow, [2, 3]).args == (2, 3)  # type: ignore[arg-type]  # as users write it


_resources = st.builds(
    Resources,
    cpus=st.integers(1, 128),
    gpus=st.floats(0, 8),
    memory=st.integers(0, 2**40),
    device=st.none() | st.builds(DeviceRequest, name=st.none() | st.text(), min_qubits=st.integers(0, 100)),
)
_retries = st.builds(
    Retries, lost_worker=st.integers(0, 9), exceptions=st.integers(0, 9), on=st.just((OSError, KeyError))
)


@given(resources=_resources, retries=_retries, priority=st.integers(-100, 100))
def test_descriptions_are_values(resources: Resources, retries: Retries, priority: int) -> None:
    one, other = (
        TaskDescription(abs, (1,), {"x": 1}, resources=resources, retries=retries, priority=priority) for _ in range(2)
    )
    assert one == other
    assert hash(one.resources) == hash(other.resources)
    assert hash(one.retries) == hash(other.retries)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.priority = 3  # type: ignore[misc]  # the point


@pytest.mark.parametrize(
    "description",
    [PilotDescription(), PilotDescription(engine_options={"a": 1}), TaskDescription(abs, (1,)), Resources(), Retries()],
    ids=lambda description: type(description).__name__,
)
def test_descriptions_can_be_copied_pickled_and_taken_apart(description: Any) -> None:
    assert copy.deepcopy(description) == description
    assert pickle.loads(pickle.dumps(description)) == description
    assert dataclasses.asdict(description)
    assert dataclasses.replace(description) == description
