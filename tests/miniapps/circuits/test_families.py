"""Recipes and the circuits built from them."""

from __future__ import annotations

import pickle
from math import cos, pi, sin

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miniapps._circuits import FAMILIES, CircuitSpec, Ensemble, circuit_seed, gate_count
from miniapps._circuits.dense import expectation, probabilities, statevector
from miniapps._circuits.families import build, circuit_generator, sample_generator
from miniapps._circuits.gates import GATES

specs = st.builds(
    CircuitSpec,
    family=st.sampled_from(sorted(FAMILIES)),
    n_qubits=st.integers(2, 6),
    layers=st.integers(1, 3),
    seed=st.integers(0, 2**63 - 1),
    angle=st.none() | st.floats(-10, 10),
)


@given(specs)
def test_a_recipe_always_gives_the_same_gates(spec: CircuitSpec) -> None:
    assert build(spec) == build(pickle.loads(pickle.dumps(spec)))


@given(specs)
def test_gates_are_counted_without_building(spec: CircuitSpec) -> None:
    circuit = build(spec)
    assert len(circuit.gates) == gate_count(spec)
    for name, qubits, params in circuit.gates:
        assert GATES[name] == (len(qubits), len(params))
        assert len(set(qubits)) == len(qubits)
        assert set(qubits) <= set(range(spec.n_qubits))


@given(specs)
def test_the_declared_bond_bounds_the_entanglement(spec: CircuitSpec) -> None:
    state = statevector(build(spec))
    bound = 2 ** FAMILIES[spec.family].bond_bits(spec.n_qubits, spec.layers)
    for cut in range(1, spec.n_qubits):
        singular = np.linalg.svd(state.reshape(-1, 2**cut), compute_uv=False)
        assert np.count_nonzero(singular > 1e-10) <= bound


@pytest.mark.parametrize("n", [1, 2, 5])
def test_ghz_is_the_ghz_state(n: int) -> None:
    expected = np.zeros(2**n)
    expected[[0, -1]] = 2**-0.5
    np.testing.assert_allclose(statevector(build(CircuitSpec("ghz", n))), expected, atol=1e-15)


def test_qft_is_the_discrete_fourier_transform_of_a_product_state() -> None:
    spec = CircuitSpec("qft", 5, seed=11)
    state = np.ones(1)
    for angle in pi * circuit_generator(spec.seed).random(5):
        state = np.kron([cos(angle / 2), sin(angle / 2)], state)
    np.testing.assert_allclose(statevector(build(spec)), np.fft.ifft(state, norm="ortho"), atol=1e-14)


def test_qaoa_on_a_ring_has_the_known_cost() -> None:
    """Wang, Hadfield, Jiang and Rieffel (2018), eq. 15 at degree 2 without triangles: ⟨ZZ⟩ = sin 2β·sin γ·cos γ."""
    state = statevector(build(CircuitSpec("qaoa_ring", 6, 1, angle=0.4)))
    for edge in ("IIIIZZ", "IIIZZI", "ZIIIIZ"):
        assert expectation(state, edge) == pytest.approx(sin(0.8) * sin(0.4) * cos(0.4), abs=1e-12)


def test_random_circuits_have_haar_random_qubits() -> None:
    """After one layer each unpaired qubit is uniform on the sphere: ⟨Z⟩ has mean 0 and variance 1/3."""
    values = [expectation(statevector(build(CircuitSpec("random", 1, 1, seed=s))), "Z") for s in range(2000)]
    assert abs(np.mean(values)) < 0.06
    assert abs(np.var(values) - 1 / 3) < 0.03


def test_random_pairings_are_uniform() -> None:
    pairs = [build(CircuitSpec("random", 4, 1, seed=s)).gates[2][1] for s in range(1200)]
    seen = np.unique(np.sort(np.array(pairs), axis=1), axis=0, return_counts=True)[1]
    assert len(seen) == 6
    assert (abs(seen - 200) < 70).all()


def test_deep_random_circuits_reach_the_porter_thomas_distribution() -> None:
    """Scrambled states have Σp² close to 2/(2ⁿ+1)."""
    purity = np.mean(
        [np.sum(probabilities(statevector(build(CircuitSpec("random", 6, 12, seed=s)))) ** 2) for s in range(50)]
    )
    assert abs(purity * (2**6 + 1) / 2 - 1) < 0.1


@given(st.integers(0, 2**63 - 1))
def test_circuits_of_an_ensemble_have_different_seeds(seed: int) -> None:
    seeds = [circuit_seed(seed, index) for index in range(1000)]
    assert len(set(seeds)) == 1000
    assert all(0 <= s < 2**63 for s in seeds)
    assert seeds[7] == Ensemble("ghz", 3, seed=seed).spec(7).seed


def test_samples_are_drawn_from_another_stream_than_gates() -> None:
    assert not np.array_equal(circuit_generator(5).random(4), sample_generator(5).random(4))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            CircuitSpec("grid", 3),
            "family = 'grid': choose one of random, ghz, qft, efficient_su2, strongly_entangling, qaoa_ring, file",
        ),
        (CircuitSpec("qaoa_ring", 1, 1), "n_qubits = 1: qaoa_ring needs 2 or more"),
    ],
)
def test_an_impossible_recipe_is_refused_with_the_reason(spec: CircuitSpec, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(spec)


def test_strongly_entangling_is_pennylane_s_template() -> None:
    qml = pytest.importorskip("pennylane")
    spec = CircuitSpec("strongly_entangling", 5, 3, seed=8)
    weights = 2 * pi * circuit_generator(8).random((3, 5, 3))
    operation = qml.StronglyEntanglingLayers(weights, wires=range(5))
    expected = qml.matrix(operation, wire_order=range(4, -1, -1))[:, 0]
    overlap = np.vdot(statevector(build(spec)), expected)
    assert abs(overlap) == pytest.approx(1, abs=1e-12)  # up to the global phase of Rot
