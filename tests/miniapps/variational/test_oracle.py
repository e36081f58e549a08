"""The circuits of the variational mini-apps: against PennyLane, against dense matrices, and in any portions."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniapps._circuits import dense
from miniapps._circuits.gates import Circuit
from miniapps._variational import MOLECULES, Problem, graph, molecule, oracle, reference
from miniapps._variational.ansatz import elementary, fused
from miniapps._variational.optimise import start
from miniapps._variational.problem import count_gates, count_shifts

MOLECULAR = [Problem(name, known.n_qubits) for name, known in MOLECULES.items()]
GRAPHS = [
    Problem("ring", 8, 1),
    Problem("ring", 8, 3, parts=3),
    Problem("regular3", 10, 2, seed=3),
    Problem("regular3", 8, 2, seed=1, warm=True),
]
SMALL = [MOLECULAR[0], MOLECULAR[1], Problem("lih", 10, parts=4), *GRAPHS]


def _name(problem: Problem) -> str:
    return f"{problem.name}-{problem.n_qubits}-{problem.layers}-{problem.parts}{'-warm' * problem.warm}"


def _somewhere(problem: Problem, seed: int = 0) -> np.ndarray:
    return start(problem, 0.4, seed)


@pytest.mark.parametrize("name", MOLECULES)
def test_the_shipped_hamiltonian_has_the_exact_energy_as_its_lowest(name: str) -> None:
    (matrix,) = molecule.matrices(name, 1)
    dense_matrix = matrix.toarray()
    np.testing.assert_allclose(dense_matrix, dense_matrix.T, atol=1e-12)
    assert np.linalg.eigvalsh(dense_matrix)[0] == pytest.approx(MOLECULES[name].exact, abs=1e-7)


@pytest.mark.parametrize("name", MOLECULES)
def test_the_start_has_the_energy_of_hartree_fock(name: str) -> None:
    stored = json.loads(resources.files("miniapps._variational").joinpath("data", f"{name}.json").read_text("utf-8"))
    problem = Problem(name, MOLECULES[name].n_qubits)
    assert oracle.value(problem, start(problem, 0.0, 0)) == pytest.approx(stored["hartree_fock"], abs=1e-7)
    assert stored["exact"] == pytest.approx(MOLECULES[name].exact, abs=1e-8)


@pytest.mark.parametrize("problem", SMALL, ids=_name)
def test_three_ways_to_a_gradient_agree(problem: Problem) -> None:
    theta = _somewhere(problem)
    adjoint, shifted = (oracle.evaluate(problem, theta, way) for way in ("adjoint", "parameter_shift"))
    np.testing.assert_allclose(adjoint, shifted, atol=1e-11)
    step, axis = 1e-5, theta.size // 2
    moved = [oracle.value(problem, theta + sign * step * np.eye(theta.size)[axis]) for sign in (1, -1)]
    assert (moved[0] - moved[1]) / (2 * step) == pytest.approx(adjoint[1 + axis], abs=1e-8)
    slopes, circuits = oracle.slopes(problem, theta, 1 % theta.size, theta.size)
    np.testing.assert_allclose(slopes, adjoint[1 + 1 % theta.size :], atol=1e-11)
    assert 0 < circuits <= oracle.n_shifts(problem) - 1


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(SMALL), st.integers(1, 60), st.integers(0, 5))
def test_portions_of_any_size_give_the_same_bits(problem: Problem, size: int, seed: int) -> None:
    theta, n = _somewhere(problem, seed), oracle.n_shifts(problem)
    parts = [oracle.shifted(problem, theta, i, min(i + size, n)) for i in range(0, n, size)]
    assert np.concatenate(parts).tobytes() == oracle.shifted(problem, theta, 0, n).tobytes()


@pytest.mark.parametrize("problem", SMALL, ids=_name)
def test_counts_are_those_of_what_is_built(problem: Problem) -> None:
    assert count_gates(problem) == len(elementary(problem).gates)
    assert count_shifts(problem) == oracle.n_shifts(problem)


@pytest.mark.parametrize("problem", GRAPHS, ids=_name)
def test_qaoa_is_that_of_independent_gates(problem: Problem) -> None:
    theta, edges = _somewhere(problem), graph.edges(problem)
    state = dense.statevector(Circuit(problem.n_qubits, tuple(reference.qaoa_gates(problem, edges, theta))))
    for circuit in (fused(problem), elementary(problem)):
        mine = circuit.states(circuit.angles(theta[:, None]))[:, 0]
        if not problem.warm:  # flipping all qubits changes nothing, so half of the amplitudes are kept
            mine = np.concatenate([mine, mine[::-1]]) / np.sqrt(2)
        assert abs(np.vdot(state, mine)) == pytest.approx(1, abs=1e-12)


def test_cuts_are_those_of_a_loop_over_edges() -> None:
    edges = graph.edges(Problem("regular3", 8, seed=5))
    assert len(edges) == 12
    cuts = graph.cuts(8, edges)
    for partition in (0, 1, 0b10110010, 255):
        assert cuts[partition] == sum((partition >> a & 1) != (partition >> b & 1) for a, b in edges)


def test_a_warm_start_begins_above_the_uniform_superposition() -> None:
    cold, warm = (Problem("regular3", 12, 1, seed=2, warm=warm) for warm in (False, True))
    still = np.zeros(2)
    assert oracle.value(cold, still) == pytest.approx(-9)  # half of the 18 edges
    assert oracle.value(warm, still) < -9


@pytest.mark.parametrize("name", ["h2", "lih", "h4"])
def test_the_circuit_is_pennylanes(name: str) -> None:
    import pennylane as qml

    problem = Problem(name, MOLECULES[name].n_qubits)
    theta, n = _somewhere(problem, 4), problem.n_qubits

    @qml.qnode(qml.device("lightning.qubit", wires=n))
    def energy(hamiltonian: qml.Hamiltonian) -> object:
        qml.BasisState(np.array([1] * MOLECULES[name].electrons + [0] * (n - MOLECULES[name].electrons)), range(n))
        for angle, (source, target) in zip(theta, molecule.excitations(name), strict=True):
            (qml.DoubleExcitation if len(source) == 2 else qml.SingleExcitation)(angle, wires=[*source, *target])
        return qml.expval(hamiltonian)

    terms = molecule.terms(name)
    words = [qml.pauli.string_to_pauli_word(pauli[::-1], {q: q for q in range(n)}) for pauli, _ in terms]
    hamiltonian = qml.Hamiltonian([coefficient for _, coefficient in terms], words)
    assert float(energy(hamiltonian)) == pytest.approx(oracle.value(problem, theta), abs=1e-10)
