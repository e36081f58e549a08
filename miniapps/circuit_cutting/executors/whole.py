"""``full`` and ``mps``: the circuit as it is, on Aer's state vector or matrix-product state.

With shots, every Pauli string is measured alone, so often: the number of +1 is drawn from its exact distribution.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Literal

import numpy as np

from ..kernels import WholeWork, run_whole
from ..sampling import Estimate
from ..variants import Sampler
from . import Job, Portion, Problem

_GATE_AMPLITUDE_S: Final = 1e-9
_MPS_BYTES: Final = 2**28


Method = Literal["statevector", "matrix_product_state"]


def full(problem: Problem) -> Job:
    """Return the circuit as one portion, for the state vector."""
    return _job(problem, "statevector")


def mps(problem: Problem) -> Job:
    """Return the circuit as one portion, for the matrix-product state."""
    return _job(problem, "matrix_product_state")


def _job(problem: Problem, method: Method) -> Job:
    settings, circuit = problem.settings, problem.circuit
    sampler = Sampler(settings.precision, settings.device, settings.threads)
    paulis = tuple(pauli for _, pauli in problem.observable)
    dense = method == "statevector"
    size = (8 if settings.precision == "single" else 16) * 2**circuit.n_qubits if dense else _MPS_BYTES
    cost = _GATE_AMPLITUDE_S * len(circuit.gates) * 2.0 ** min(circuit.n_qubits, 1000)
    portion = Portion(WholeWork(circuit, paulis, method, sampler), cost, size)
    return Job(run_whole, [portion], partial(_finish, problem))


def _finish(problem: Problem, answers: Mapping[Any, Any]) -> Estimate:
    """Add up the terms; with shots, draw first."""
    exact = np.clip(answers[0,], -1, 1)
    factors = np.array([factor for factor, _ in problem.observable])
    shots = problem.settings.shots
    if shots == 0:
        return Estimate(float(factors @ answers[0,]), 0.0)
    ups = np.random.default_rng(problem.settings.seed).binomial(shots, (1 + exact) / 2)
    chance = (ups + 1) / (shots + 2)
    error = float((factors**2 * 4 * chance * (1 - chance) / shots).sum() ** 0.5)
    return Estimate(float(factors @ (2 * ups / shots - 1)), error, shots * len(factors))
