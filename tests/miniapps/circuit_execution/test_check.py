"""The check passes what is right, fails what is wrong, and says what it cannot know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from miniapps import Measurement, Verdict
from miniapps.circuit_execution import APP, aer
from miniapps.circuit_execution.check import check
from miniapps.circuit_execution.flow import digest, ensemble
from miniapps.circuit_execution.kernels import Batch, Job, Samples, Values, run_batch
from miniapps.circuit_execution.params import CircuitExecution

Answer = Samples | Values


def _params(**values: Any) -> CircuitExecution:
    return CircuitExecution(**{"n_circuits": 4, "n_qubits": 5, "check_fraction": 1.0, **values})


def _answer(params: CircuitExecution) -> Answer:
    simulator = aer.Simulator(params.method, params.precision)
    job = Job(ensemble(params), params.observables or "", params.shots, simulator)
    return run_batch(Batch(job, 0, params.n_circuits))


def _verdict(params: CircuitExecution, answer: Answer) -> Verdict:
    return check(params, Measurement(answer, {}, digest(answer)))


EXACT = {"primitive": "estimator", "shots": 0, "observables": "z_all"}
SHOTS = {"primitive": "estimator", "shots": 2000, "observables": "z_all"}

CASES = [
    {},
    {"family": "ghz", "shots": 7},
    {"family": "qft", "n_qubits": 8, "shots": 100},
    {"precision": "single"},
    {"family": "efficient_su2", "n_qubits": 30, "method": "matrix_product_state", "shots": 200},
    {"family": "ghz", "n_qubits": 70, "method": "stabilizer", "shots": 100},
    EXACT,
    SHOTS,
    {**EXACT, "precision": "single", "method": "density_matrix"},
    {**EXACT, "method": "matrix_product_state", "family": "qaoa_ring", "n_qubits": 40},
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_right_answers_pass(case: dict[str, Any]) -> None:
    params = _params(**case)
    verdict = _verdict(params, _answer(params))
    assert verdict.verdict == "pass", verdict
    assert verdict.value is not None
    assert abs(verdict.value - verdict.expected) <= verdict.tolerance


def _other_circuits(params: CircuitExecution, _answer_: Answer) -> Answer:
    return _answer(params.model_copy(update={"seed": params.seed + 1}))


def _out_of_order(_params_: CircuitExecution, answer: Answer) -> Answer:
    """Collect in the order of completion instead of the order of the circuits."""
    if isinstance(answer, Values):
        return Values(answer.values[::-1].copy())
    ends = np.cumsum(answer.sizes)[:-1]
    parts = [np.split(array, ends)[::-1] for array in (answer.outcomes, answer.counts)]
    return Samples(np.concatenate(parts[0]), np.concatenate(parts[1]), answer.sizes[::-1].copy())


def _reversed_bits(params: CircuitExecution, answer: Answer) -> Answer:
    assert isinstance(answer, Samples)
    n = params.n_qubits
    flipped = [int(f"{outcome:0{n}b}"[::-1], 2) for outcome in answer.outcomes[:, 0].tolist()]
    return replace(answer, outcomes=np.array(flipped, dtype=np.uint64)[:, None])


def _uniform(params: CircuitExecution, answer: Answer) -> Answer:
    assert isinstance(answer, Samples)
    rng = np.random.default_rng(1)
    drawn = [np.unique(rng.integers(2**params.n_qubits, size=params.shots), return_counts=True) for _ in answer.sizes]
    outcomes = np.concatenate([found for found, _ in drawn]).astype(np.uint64)[:, None]
    return Samples(outcomes, np.concatenate([c for _, c in drawn]), np.array([len(c) for _, c in drawn]))


def _slightly_off(params: CircuitExecution, answer: Answer) -> Answer:
    assert isinstance(answer, Values)
    values = answer.values.copy()
    values[2, 3] += 3e-9 if params.shots == 0 else 0.3
    return Values(values)


def _not_a_number(_params_: CircuitExecution, answer: Answer) -> Answer:
    assert isinstance(answer, Values)
    return Values(np.where(np.arange(5) == 1, np.nan, answer.values))


def _one_circuit_missing(_params_: CircuitExecution, answer: Answer) -> Answer:
    if isinstance(answer, Values):
        return Values(answer.values[:-1])
    last = int(answer.sizes[-1])
    return Samples(answer.outcomes[:-last], answer.counts[:-last], answer.sizes[:-1])


def _one_shot_missing(_params_: CircuitExecution, answer: Answer) -> Answer:
    assert isinstance(answer, Samples)
    return replace(answer, counts=answer.counts - (np.arange(len(answer.counts)) == 0))


@pytest.mark.parametrize(
    ("case", "spoil"),
    [
        ({}, _other_circuits),
        ({}, _out_of_order),
        ({}, _reversed_bits),
        ({}, _uniform),
        ({}, _one_circuit_missing),
        ({}, _one_shot_missing),
        ({"family": "ghz"}, _uniform),
        (EXACT, _other_circuits),
        (EXACT, _out_of_order),
        (EXACT, _slightly_off),
        (EXACT, _not_a_number),
        (EXACT, _one_circuit_missing),
        (SHOTS, _other_circuits),
        (SHOTS, _slightly_off),
        ({"family": "efficient_su2", "n_qubits": 30, "method": "matrix_product_state"}, _other_circuits),
    ],
)
def test_wrong_answers_fail(case: dict[str, Any], spoil: Callable[[CircuitExecution, Answer], Answer]) -> None:
    params = _params(**case)
    answer = _answer(params)
    assert _verdict(params, answer).verdict == "pass"
    wrong = spoil(params, answer)
    assert check(params, Measurement(wrong, {}, digest(answer))).verdict == "fail"  # whatever the digest claims


def test_samples_of_a_slightly_different_state_fail() -> None:
    """All angles 0.06 off, at a million shots."""
    right = _params(family="efficient_su2", angle=0.7, shots=1_000_000, n_circuits=1)
    off = right.model_copy(update={"angle": 0.76})
    assert _verdict(right, _answer(right)).verdict == "pass"
    assert _verdict(right, _answer(off)).verdict == "fail"


@pytest.mark.parametrize("case", [{"shots": 150}, {"primitive": "estimator", "shots": 150, "observables": "z_all"}])
def test_false_alarms_are_rarer_than_stated(case: dict[str, Any]) -> None:
    """At a stated rate of 10 %: at most 10 of 100 right answers fail (the seeds are fixed)."""
    base = _params(n_circuits=1, n_qubits=3, depth=3, false_alarm_rate=0.1, **case)
    verdicts = [_verdict(p, _answer(p)).verdict for p in (base.model_copy(update={"seed": s}) for s in range(100))]
    assert verdicts.count("fail") <= 10


def test_what_has_no_reference_is_unchecked_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "circuit.qasm"
    path.write_text('OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; h q[0]; measure q->c; reset q[0];')
    params = CircuitExecution(family="file", path=str(path), n_circuits=2, shots=20)
    verdict = _verdict(params, _answer(params))
    assert verdict.verdict == "unchecked"
    assert "holds reset" in verdict.detail


def test_a_wide_and_deep_circuit_is_unchecked_and_not_waited_for() -> None:
    params = _params(n_qubits=26, depth=8, primitive="estimator", shots=0)
    verdict = _verdict(params, Values(np.zeros((4, 1))))
    assert verdict.verdict == "unchecked"
    assert "matrices larger than 64" in verdict.detail


def test_nothing_is_checked_when_nothing_is_asked() -> None:
    params = _params(check_fraction=0.0)
    assert _verdict(params, _answer(params)) == Verdict("unchecked", detail="check_fraction = 0")


def test_the_label_leads_to_the_functions() -> None:
    params = APP.params(n_circuits=2, n_qubits=2)
    answer = _answer(params)  # type: ignore[arg-type]  # the label's model is this one
    assert APP.check(params, Measurement(answer, {}, digest(answer))).verdict == "pass"
