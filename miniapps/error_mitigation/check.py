"""Whether the value is right: against the circuit without noise, and the noise itself against Aer's. Driver side."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .._app import Verdict
from .._circuits import dense
from .._circuits.gates import Circuit
from .program import Noise, Program
from .variants import base

if TYPE_CHECKING:
    from .._app import Measurement
    from .flow import Mitigated
    from .params import ErrorMitigation

EXACT: Final = 1e-9
"""Largest error of what has no shots."""
_WIDEST_BY_AER: Final = 7
_NODES: Final = 48
_ONE: Final = ("h", "x", "y", "z", "rx", "ry", "rz")
_TWO: Final = ("cx", "rzz")


@lru_cache(maxsize=64)
def exact(params: ErrorMitigation) -> float:
    """Return the value without noise, from our dense state vector."""
    program = base(params)
    return dense.expectation(dense.statevector(Circuit(params.n_qubits, program.gates)), params.pauli())


def check(params: ErrorMitigation, measurement: Measurement) -> Verdict:
    """Compare the noisy value with Aer's noise simulation, and the mitigated one with the exact value."""
    found: Mitigated = measurement.answer
    sigmas = NormalDist().inv_cdf(1 - params.false_alarm_rate / 4)
    if params.device == "simulator" and params.n_qubits <= _WIDEST_BY_AER:
        noisy, limit = by_aer(base(params), params.noise()), sigmas * found.raw.error + EXACT
        if abs(found.raw.value - noisy) > limit:
            detail = "the noisy value differs from Aer's density matrix with the same noise"
            return Verdict("fail", "Aer's noise simulation", found.raw.value, noisy, limit, detail)
    ideal, oracle = expected(params)
    before, after = abs(found.raw.value - ideal), abs(found.value.value - ideal)
    limit = sigmas * found.value.error + EXACT
    if params.uses("readout"):  # the state of ones that calibrates it is prepared by gates with errors
        limit += len(params.measured()) * params.error_1q
    if params.technique == "none":
        limit = before + EXACT
    elif params.least_gain is not None and not (params.uses("pec") or params.technique == "readout"):
        limit = max(limit, before / params.least_gain)
    elif params.device == "pilot":
        limit = max(limit, before + sigmas * (found.raw.error + found.value.error))
    detail = f"error {before:.2e} without mitigation, {after:.2e} with it; standard error {found.value.error:.1e}"
    return Verdict("pass" if after <= limit else "fail", oracle, found.value.value, ideal, limit, detail)


def expected(params: ErrorMitigation) -> tuple[float, str]:
    """Return what the technique should find, and where that comes from.

    Mitigation of the read-out alone leaves the errors of the gates, which Aer tells where the noise is known.
    """
    if params.technique == "readout" and params.device == "simulator" and params.n_qubits <= _WIDEST_BY_AER:
        without = replace(params.noise(), read_1_for_0=0.0, read_0_for_1=0.0)
        return by_aer(base(params), without), "Aer's noise simulation with a perfect read-out"
    return exact(params), "dense state vector without noise"


@lru_cache(maxsize=64)
def by_aer(program: Program, noise: Noise) -> float:
    """Return the parity of the measured qubits by Aer's density matrix and noise model.

    A common detuning is a rotation of every qubit in every moment, averaged over more nodes than the kernel has.
    """
    from qiskit_aer import AerSimulator

    nodes, weights = np.zeros(1), np.ones(1)
    if noise.detuning:
        nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    simulator = AerSimulator(method="density_matrix", noise_model=_model(noise), max_parallel_threads=1)
    circuits = [_circuit(program, noise.detuning * node) for node in nodes]
    data = simulator.run(circuits, shots=1).result()
    m = len(program.measured)
    chances = np.array([data.data(number)["probabilities"] for number in range(len(nodes))])
    one = np.array([[1 - noise.read_1_for_0, noise.read_0_for_1], [noise.read_1_for_0, 1 - noise.read_0_for_1]])
    values = np.array([1.0])
    for _ in range(m):
        values = np.kron(values, np.array([1.0, -1.0]) @ one)
    return float(weights @ (chances @ values) / weights.sum())


def _model(noise: Noise) -> Any:
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    model = NoiseModel()
    for k, names in ((1, _ONE), (2, _TWO)):
        if noise.depolarizing(k):
            model.add_all_qubit_quantum_error(depolarizing_error(noise.depolarizing(k), k), list(names))
    return model


def _circuit(program: Program, angle: float) -> Any:
    from qiskit import QuantumCircuit

    made = QuantumCircuit(program.n_qubits)
    for moment in program.moments:
        for name, qubits, params in moment:
            getattr(made, name)(*params, *qubits)
        for qubit in range(program.n_qubits) if angle else ():
            made.p(angle, qubit)  # a phase has no noise here, where RZ is a gate
    made.save_probabilities(list(program.measured))
    return made
