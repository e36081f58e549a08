"""The compression circuit and its fit: exact gates, right gradients, updates that never lower the overlap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import special_ortho_group

from miniapps._circuits import dense
from miniapps._circuits.gates import matrix
from miniapps._qml import ansatz, backend, compression
from miniapps._qml.compression import Recipe
from miniapps._qml.encoding import encode
from miniapps._qml.images import ImageSource, load
from miniapps.qml_compression import published

SMALL = Recipe(n_wires=7, layers=2, sweeps=10, refinement="lbfgs", iterations=10)
TARGETS = encode(load(ImageSource(size=4), "train", 0, 3)[0])


def _gate(six: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]  # six angles to a real 4×4 matrix
    ry = [matrix("ry", (float(angle),)).real for angle in six]
    swapped = np.eye(4)[[0, 3, 2, 1]]  # CX controlled by the lower bit, which is the second wire
    return np.kron(ry[4], ry[5]) @ swapped @ np.kron(ry[2], ry[3]) @ swapped @ np.kron(ry[0], ry[1])


@given(st.integers(0, 2**31))
def test_every_so4_matrix_is_two_cx_and_six_ry_exactly(seed: int) -> None:
    gate = special_ortho_group.rvs(4, random_state=seed)
    p, q = ansatz.quaternions(gate)
    assert np.linalg.norm(p) == pytest.approx(1)
    assert np.linalg.norm(q) == pytest.approx(1)
    assert np.abs(_gate(ansatz.euler(p, q)) - gate).max() < 1e-12


@pytest.mark.parametrize("gate", [np.eye(4), -np.eye(4), np.eye(4)[[1, 0, 3, 2]], np.diag([1.0, -1, -1, 1])])
def test_gates_at_the_poles_of_euler_angles_are_exact_too(gate: np.ndarray) -> None:  # type: ignore[type-arg]  # 4×4
    assert np.linalg.det(gate) == pytest.approx(1)
    assert np.abs(_gate(ansatz.euler(*ansatz.quaternions(gate))) - gate).max() < 1e-12


def test_the_published_size_is_205_angles() -> None:
    assert ansatz.n_angles(13, 4) == 205
    assert ansatz.order(13) == (5, 6, 7, 8, 9, 10, 11, 4, 3, 2, 1, 0)


@settings(max_examples=10)
@given(st.integers(0, 2**31), st.integers(2, 6), st.integers(1, 3))
def test_angles_of_gates_prepare_the_state_of_the_gates(seed: int, n: int, layers: int) -> None:
    gates = special_ortho_group.rvs(4, size=layers * (n - 1), random_state=seed).reshape(layers, n - 1, 4, 4)
    state = np.zeros(2**n)
    state[0] = 1
    for layer in gates:
        for gate, wire in zip(layer, ansatz.order(n), strict=True):
            state = np.einsum("ab,xby->xay", gate, state.reshape(2**wire, 4, -1)).reshape(-1)
    values = ansatz.angles(*ansatz.quaternions(gates), n)
    assert len(values) == ansatz.n_angles(n, layers)
    assert np.abs(dense.statevector(ansatz.circuit(values, n, layers)) - state).max() < 1e-10


def test_openqasm_is_the_same_circuit() -> None:
    from qiskit.qasm3 import loads
    from qiskit.quantum_info import Statevector

    values = np.random.default_rng(1).uniform(-3, 3, ansatz.n_angles(4, 2))
    state = Statevector(loads(ansatz.openqasm(values, 4, 2))).data
    assert np.abs(state - dense.statevector(ansatz.circuit(values, 4, 2))).max() < 1e-12


def test_state_and_gradient_of_the_jax_circuit_are_right() -> None:
    values = np.random.default_rng(2).uniform(-3, 3, ansatz.n_angles(7, 2))
    state = np.asarray(backend.started().jit(compression.statevector(7, 2))(values))
    expected = dense.statevector(ansatz.circuit(values, 7, 2))
    assert np.abs(state - expected).max() < 1e-12
    value, gradient = compression.compiled(SMALL)["slope"](values, TARGETS[0])
    assert float(value) == pytest.approx(1 - np.vdot(TARGETS[0], expected).real ** 2, abs=1e-12)
    for place in (
        0,
        6,
        7,
        10,
        30,
        len(values) - 1,
    ):  # cost is a·cos θ + b·sin θ + c in half angles: a central difference
        ends = []
        for sign in (1, -1):
            moved = values.copy()
            moved[place] += sign * 1e-5
            ends.append(abs(np.vdot(TARGETS[0], dense.statevector(ansatz.circuit(moved, 7, 2)))) ** 2)
        assert float(gradient[place]) == pytest.approx((ends[1] - ends[0]) / 2e-5, abs=1e-8)


def test_sweeps_never_lower_the_fidelity_and_refinement_raises_it() -> None:
    target, fidelities = TARGETS[1], []
    for sweeps in (1, 2, 5, 10):
        angles, fidelity, _ = compression.compress(target, replace(SMALL, sweeps=sweeps, refinement="none"))
        state = dense.statevector(ansatz.circuit(angles, 7, 2))
        assert fidelity == pytest.approx(abs(np.vdot(target, state)) ** 2, abs=1e-11)
        fidelities.append(fidelity)
    assert fidelities == sorted(fidelities)
    for refinement in ("lbfgs", "bfgs", "sweeps"):
        _, refined, _ = compression.compress(target, replace(SMALL, refinement=refinement))  # type: ignore[arg-type]  # one of them
        assert refined > fidelities[-1]


def test_the_cost_counts_signs() -> None:
    """A state with the right moduli and wrong signs is no fit: the published cost would call it perfect."""
    signs = np.where(np.random.default_rng(0).random(2**7) < 0.5, -1, 1)
    angles, fidelity, _ = compression.compress(signs * TARGETS[0], SMALL)
    state = dense.statevector(ansatz.circuit(angles, 7, 2))
    assert fidelity == pytest.approx(abs(np.vdot(signs * TARGETS[0], state)) ** 2, abs=1e-11)
    assert np.sum(np.abs(TARGETS[0] * state)) > fidelity


def test_many_states_at_once_give_the_circuits_of_one_by_one() -> None:
    recipe = replace(SMALL, refinement="sweeps")
    many, fidelities, _, _ = compression.compress_many(TARGETS, recipe, "cpu")
    for target, angles, fidelity in zip(TARGETS, many, fidelities, strict=True):
        alone, expected, _ = compression.compress(target, recipe)
        assert fidelity == pytest.approx(expected, abs=1e-9)
        overlap = np.vdot(*(dense.statevector(ansatz.circuit(row, 7, 2)) for row in (alone, angles)))
        assert abs(overlap) == pytest.approx(1, abs=1e-9)


def test_the_published_method_sweeps_to_the_same_gates() -> None:
    recipe = replace(SMALL, sweeps=3, refinement="none")
    gates = published.swept(TARGETS[2], recipe)
    _, fidelity, _ = compression.compress(TARGETS[2], recipe)
    state = dense.statevector(ansatz.circuit(ansatz.angles(*ansatz.quaternions(gates), 7), 7, 2))
    assert abs(np.vdot(TARGETS[2], state)) ** 2 == pytest.approx(fidelity, abs=1e-8)


def test_the_published_refinement_states_the_fidelity_it_reaches() -> None:
    angles, fidelity, cost = published.compress(TARGETS[2], replace(SMALL, sweeps=1, refinement="bfgs", iterations=3))
    state = dense.statevector(ansatz.circuit(angles, 7, 2))
    assert fidelity == pytest.approx(abs(np.vdot(TARGETS[2], state)) ** 2, abs=1e-10)
    assert min(cost.sweep_s, cost.refine_s, cost.cpu_s) > 0


def test_a_gpu_that_is_not_there_is_said_so() -> None:
    platforms = {device.platform for device in backend.started().devices()}
    if "gpu" in platforms:
        assert backend.device("gpu").platform == "gpu"
        return
    with pytest.raises(backend.GpuMissing, match=r"no GPU is present on this worker: JAX .* has cpu only"):
        backend.device("gpu")
