"""Simulator ``stim``: stabilizer states of Clifford circuits; values only, ranks share the observables. Worker side."""

from __future__ import annotations

import time
from math import pi
from typing import Final

import numpy as np
import stim

from .._circuits.gates import Circuit, Gate
from .kernels import Job, Missing, Share, shared_terms
from .session import Place

_NAMES: Final = {
    "id": "I",
    "x": "X",
    "y": "Y",
    "z": "Z",
    "h": "H",
    "s": "S",
    "sdg": "S_DAG",
    "sx": "SQRT_X",
    "sxdg": "SQRT_X_DAG",
    "cx": "CX",
    "cy": "CY",
    "cz": "CZ",
    "swap": "SWAP",
}
_QUARTERS: Final = {
    "rz": ("I", "S", "Z", "S_DAG"),
    "p": ("I", "S", "Z", "S_DAG"),
    "rx": ("I", "SQRT_X", "X", "SQRT_X_DAG"),
    "ry": ("I", "SQRT_Y", "Y", "SQRT_Y_DAG"),
}


def compute(job: Job, circuit: Circuit, place: Place) -> Share:
    """Compute values; see `kernels.Share`.

    Raises
    ------
    Missing
        If a gate is not a Clifford gate.
    """
    start = time.perf_counter()
    made = stim.Circuit()
    for gate in circuit.gates:
        made.append(_name(gate), gate[1])
    phases = {"build": time.perf_counter() - start}
    places = shared_terms(job, place)
    seconds, values = [], np.full(len(job.terms), np.nan)
    for _ in range(job.evaluations):
        began = time.perf_counter()
        tableau = stim.TableauSimulator()
        tableau.set_num_qubits(circuit.n_qubits)
        tableau.do_circuit(made)
        for index in places:
            string = stim.PauliString(job.terms[index].pauli[::-1])
            values[index] = tableau.peek_observable_expectation(string)
        seconds.append(time.perf_counter() - began)
    return Share(values, None, seconds, phases)


def _name(gate: Gate) -> str:
    name, _, params = gate
    if name in _NAMES:
        return _NAMES[name]
    quarters = params[0] / (pi / 2) if name in _QUARTERS else 0.5
    if abs(quarters - round(quarters)) > 1e-12:
        raise Missing(f"method 'stabilizer': {name}{params} is not a Clifford gate; choose method 'statevector'")
    return _QUARTERS[name][round(quarters) % 4]
