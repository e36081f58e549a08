"""Simulator ``aer``: Qiskit Aer; values only. Worker side.

State vector, matrix-product state ("tensor_network") and stabilizer state. The packages on PyPI are built without MPI,
so a state vector lies in one process; ranks share the observables of the other methods. Aer has no gradient.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator

from .._circuits.gates import Circuit
from .._circuits.qiskit_io import to_qiskit
from .kernels import Job, Missing, Share, shared_terms
from .session import Place

_METHODS = {"statevector": "statevector", "tensor_network": "matrix_product_state", "stabilizer": "stabilizer"}


def compute(job: Job, circuit: Circuit, place: Place) -> Share:
    """Compute values; see `kernels.Share`."""
    simulator = _simulator(job)
    start = time.perf_counter()
    places = shared_terms(job, place)
    made = to_qiskit(circuit)
    for index in places:
        operator = SparsePauliOp([job.terms[index].pauli])
        made.save_expectation_value(operator, list(range(circuit.n_qubits)), label=str(index))
    phases = {"build": time.perf_counter() - start}
    seconds, values = [], np.full(len(job.terms), np.nan)
    for _ in range(job.evaluations):
        began = time.perf_counter()
        result = simulator.run(made, shots=1).result()
        seconds.append(time.perf_counter() - began)
        if not result.success:
            raise Missing(f"simulator 'aer' refused: {result.status}")
        for index in places:
            values[index] = float(np.real(result.data()[str(index)]))
    return Share(values, None, seconds, phases)


def _simulator(job: Job) -> Any:
    options: dict[str, Any] = {
        "method": _METHODS[job.method],
        "device": "GPU" if job.gpu else "CPU",
        "max_parallel_threads": job.threads,
        "enable_truncation": False,  # up to 0.18 truncation returns wrong values of few qubits (qiskit-aer issue 2442)
        "precision": "double" if job.double else "single",
    }
    if job.gpu and "GPU" not in AerSimulator().available_devices():
        raise Missing("gpu = true: this Aer is built for CPUs; install qiskit-aer-gpu on a machine with an NVIDIA GPU")
    return AerSimulator(**options)
