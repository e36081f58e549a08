"""Gate matrices and the two reference simulators, against Qiskit's definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit.quantum_info import Operator, Pauli, Statevector

from miniapps._circuits import CircuitSpec
from miniapps._circuits.dense import blocks, expectation, probabilities, statevector
from miniapps._circuits.families import build
from miniapps._circuits.gates import GATES, Circuit, Gate, matrix
from miniapps._circuits.mps import TooEntangled, run
from miniapps._circuits.qiskit_io import to_qiskit

QUBITS = 5


@st.composite
def gates(draw: st.DrawFn, largest: int = 3) -> Gate:
    name = draw(st.sampled_from(sorted(name for name, (k, _) in GATES.items() if k <= largest)))
    k, n_params = GATES[name]
    qubits = draw(st.permutations(range(QUBITS)))[:k]
    return name, tuple(qubits), tuple(draw(st.floats(-7, 7)) for _ in range(n_params))


def circuits(largest: int = 3) -> st.SearchStrategy[Circuit]:
    return st.lists(gates(largest), max_size=25).map(lambda listed: Circuit(QUBITS, tuple(listed)))


paulis = st.text("IXYZ", min_size=QUBITS, max_size=QUBITS)


@pytest.mark.parametrize("name", sorted(GATES))
def test_every_gate_is_qiskit_s(name: str) -> None:
    k, n_params = GATES[name]
    params = tuple(0.3 + 0.5 * i for i in range(n_params))
    circuit = Circuit(k, ((name, tuple(range(k)), params),))
    np.testing.assert_allclose(matrix(name, params), Operator(to_qiskit(circuit)).data, atol=1e-15)


@given(circuits(), paulis)
def test_dense_simulation_agrees_with_qiskit(circuit: Circuit, pauli: str) -> None:
    state, reference = statevector(circuit), Statevector(to_qiskit(circuit))
    np.testing.assert_allclose(state, reference.data, atol=1e-12)
    assert expectation(state, pauli) == pytest.approx(reference.expectation_value(Pauli(pauli)).real, abs=1e-12)


@given(circuits(), st.integers(3, QUBITS))
def test_fusing_keeps_the_circuit(circuit: Circuit, width: int) -> None:
    fused = blocks(circuit.gates, width)
    assert all(len(block.qubits) <= width for block in fused)
    assert sorted(gate for block in fused for gate in block.gates) == sorted(circuit.gates)
    reordered = Circuit(QUBITS, tuple(gate for block in fused for gate in block.gates))
    np.testing.assert_allclose(Statevector(to_qiskit(reordered)), Statevector(to_qiskit(circuit)), atol=1e-12)


@given(circuits(), st.permutations(range(QUBITS)), st.integers(1, QUBITS))
def test_probabilities_of_some_qubits_in_any_order(circuit: Circuit, order: list[int], kept: int) -> None:
    measured = tuple(order[:kept])
    reference = Statevector(to_qiskit(circuit)).probabilities(list(measured))
    np.testing.assert_allclose(probabilities(statevector(circuit), measured), reference, atol=1e-12)


@given(circuits(largest=2), paulis)
def test_the_matrix_product_state_agrees_with_the_dense_one(circuit: Circuit, pauli: str) -> None:
    assert run(circuit).expectation(pauli) == pytest.approx(expectation(statevector(circuit), pauli), abs=1e-10)


@pytest.mark.parametrize(
    ("n_qubits", "reps", "value"),
    [(36, 1, -0.09195910), (34, 1, -0.08342955), (36, 2, -0.11686612), (34, 2, -0.11577964)],
)
def test_wide_circuits_have_the_known_values(n_qubits: int, reps: int, value: float) -> None:
    line = run(build(CircuitSpec("efficient_su2", n_qubits, reps, angle=0.4)))
    assert line.expectation("Z" + "I" * (n_qubits - 1)) == pytest.approx(value, abs=1e-8)


def test_what_is_too_entangled_is_refused_and_not_approximated() -> None:
    with pytest.raises(TooEntangled, match="larger than 8"):
        run(build(CircuitSpec("random", 10, 10, seed=1)), max_bond=8)
    with pytest.raises(TooEntangled, match="3 qubits"):
        run(Circuit(3, (("ccx", (0, 1, 2), ()),)))
