"""The laws: their formulas by hand, and the registry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qdreamer import MissingFeature, laws
from qdreamer.models import qpu_duration

BATCH = {"tasks": 10, "workers": 4, "cpus_per_task": 2, "memory_per_task": 1024, "gates": 500, "shots": 1000}


def test_batch_time_counts_what_the_busiest_slot_does() -> None:
    # 2 slots, 5 rounds: half of all gates and shots, and two cores share the passes over 64 amplitudes.
    row = laws.load("batch_time").row(BATCH)
    assert row.tolist() == [1, 5, 5, 250, 250 * 64 / 2, 500]


def test_batch_time_of_fewer_tasks_than_workers_is_one_round() -> None:
    row = laws.load("batch_time").row({**BATCH, "tasks": 2, "workers": 64})
    assert row.tolist() == [1, 1, 1, 250, 250 * 64 / 2, 500]


def test_batch_time_divides_the_circuits_of_few_tasks_over_the_slots() -> None:
    row = laws.load("batch_time").row({**BATCH, "tasks": 1, "circuits": 100, "gate_amplitudes": 8000})
    assert row.tolist() == [1, 1, 50, 250, 8000 / 2 / 2, 500]


@given(tasks=st.integers(1, 10_000), workers=st.integers(1, 512))
def test_a_worker_more_never_makes_a_batch_longer(tasks: int, workers: int) -> None:
    law = laws.load("batch_time")
    fewer, more = (law.row({**BATCH, "tasks": tasks, "workers": w, "cpus_per_task": 1}) for w in (workers, workers + 1))
    assert (more <= fewer).all()


def test_a_missing_feature_is_named_with_those_that_are_there() -> None:
    with pytest.raises(MissingFeature, match=r"needs gates, shots; given: cpus_per_task, memory_per_task"):
        laws.load("batch_time").row({k: v for k, v in BATCH.items() if k not in ("gates", "shots")})


def test_an_unknown_law_is_answered_with_the_installed_ones() -> None:
    with pytest.raises(laws.UnknownLaw, match=r"no law 'batch'; installed: amplitude, batch_time, branching"):
        laws.load("batch")


def test_qpu_duration_is_the_published_formula() -> None:
    # 1,024 circuits on 256 QPUs: mean circuit × 4 + 2 s (§7.2.1).
    eagle = qpu_duration.EAGLE
    one = eagle.job_s + 4096 * (eagle.repetition_s + eagle.readout_s + 20 * eagle.layer_s)
    predicted = qpu_duration.model().predict({"circuits": 1024, "qpus": 256, "shots": 4096, "depth": 20})
    assert predicted.value == pytest.approx(4 * one + 2.0)
    assert predicted.low < predicted.value < predicted.high


@given(shots=st.integers(1, 100_000), depth=st.integers(1, 100))
def test_qpu_duration_holds_the_vendors_quick_formula(shots: int, depth: int) -> None:
    predicted = qpu_duration.model().predict({"circuits": 1, "qpus": 1, "shots": shots, "depth": depth})
    assert predicted.low <= 2.0 + (2.0 + 0.00035 * shots) <= predicted.high + 1e-9


def test_state_vector_divides_all_bytes_over_the_shards() -> None:
    row = laws.load("state_vector").row({"shards": 4, "memory_bytes": 800, "sent_bytes": 60})
    assert row.tolist() == [1, 200, 15]
