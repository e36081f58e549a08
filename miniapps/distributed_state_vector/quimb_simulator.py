"""Simulator ``quimb``: a matrix-product state; values only, ranks share the observables. Worker side."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import quimb.tensor as qtn

from .._circuits.gates import Circuit, matrix
from .kernels import Job, Share, shared_terms
from .session import Place

_CUTOFF = {True: 1e-14, False: 1e-9}


def compute(job: Job, circuit: Circuit, place: Place) -> Share:
    """Compute values; see `kernels.Share`."""
    places = shared_terms(job, place)
    dtype = "complex128" if job.double else "complex64"
    seconds, values = [], np.full(len(job.terms), np.nan)
    for _ in range(job.evaluations):
        began = time.perf_counter()
        state = _state(circuit, dtype, cutoff=_CUTOFF[job.double])
        for index in places:
            values[index] = _value(state, job.terms[index].support)
        seconds.append(time.perf_counter() - began)
    return Share(values, None, seconds)


def _state(circuit: Circuit, dtype: str, *, cutoff: float) -> Any:
    made = qtn.CircuitMPS(circuit.n_qubits, cutoff=cutoff, dtype=dtype)
    for name, qubits, params in circuit.gates:
        # The first qubit of our matrices is the lowest bit, of quimb's the highest.
        made.apply_gate_raw(matrix(name, params).astype(dtype), tuple(reversed(qubits)))
    return made


def _value(state: Any, support: dict[int, str]) -> float:
    if not support:
        return 1.0
    letters = {"X": [[0, 1], [1, 0]], "Y": [[0, -1j], [1j, 0]], "Z": [[1, 0], [0, -1]]}
    operator = np.array([[1.0]])
    for letter in support.values():
        operator = np.kron(operator, np.array(letters[letter]))
    return float(np.real(state.local_expectation(operator, tuple(support))))
