"""The peers of B.1 answer the same question, and the factors are what they are called."""

from __future__ import annotations

import numpy as np
import pytest

from harness.peers.aer_loop import Question, aer_tight_loop
from harness.peers.compare_b1 import Row, _answers, _disagreement
from miniapps.circuit_execution.aer import Simulator
from miniapps.circuit_execution.flow import ensemble
from miniapps.circuit_execution.kernels import Batch, Job, Samples, run_batch
from miniapps.circuit_execution.params import CircuitExecution


@pytest.mark.parametrize(
    ("params", "limit"),
    [
        (CircuitExecution(n_qubits=4, n_circuits=6, primitive="estimator", shots=0, observables="z_all"), 1e-12),
        (CircuitExecution(n_qubits=4, n_circuits=50, shots=500), 5.0),
    ],
    ids=["exact", "samples in standard errors"],
)
def test_the_peer_gives_the_same_answers(params: CircuitExecution, limit: float) -> None:
    circuits = ensemble(params)
    specs = [circuits.spec(i) for i in range(params.n_circuits)]
    theirs = aer_tight_loop(specs, Question(params.shots, params.paulis()))
    job = Job(circuits, params.observables or "", params.shots, Simulator())
    ours = _answers(run_batch(Batch(job, 0, params.n_circuits)))
    assert len(ours) == len(theirs) == params.n_circuits
    assert _disagreement(ours, theirs, params) < limit
    others = ours[1:] + ours[:1]
    assert params.shots or _disagreement(others, theirs, params) > limit


def test_samples_are_told_in_the_peers_words() -> None:
    samples = Samples(np.array([[0], [3], [5]], np.uint64), np.array([2, 1, 3]), np.array([2, 1]))
    assert _answers(samples) == [{"0x0": 2, "0x3": 1}, {"0x5": 3}]


def test_factors_are_ratios_of_medians() -> None:
    small = Row({}, {"ours": [8.0, 80.0, 9.0], "aer_tight_loop": [3.0, 3.0, 1.0]}, 0.0, {}).as_json(cores=2)
    assert small["factors"] == {"ours/aer_tight_loop": 3.0, "ours/(cores x aer_tight_loop)": 1.5}
    large = Row(
        {}, {"ours": [7.0], "ours_threads": [8.0], "aer_threads": [4.0], "aer_processes": [10.0]}, 0.0, {}
    ).as_json(cores=2)
    assert large["factors"]["ours/best"] == 0.8
