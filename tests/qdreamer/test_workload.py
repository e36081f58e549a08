"""The workload analyzer: counts by hand, and bounds that hold for real states."""

from __future__ import annotations

from math import pi
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniapps._circuits.dense import statevector
from miniapps._circuits.gates import Circuit
from qdreamer import BadCircuit, Observable, analyze, analyze_gates
from qdreamer.bonds import LARGEST_BITS, Gate, estimate
from qdreamer.workload import gates_of, light_cone, read

LADDER: list[Gate] = [("h", (0,), ()), ("cx", (0, 1), ()), ("cx", (1, 2), ()), ("rz", (2,), (0.3,)), ("x", (3,), ())]


def test_a_small_circuit_is_counted_as_by_hand() -> None:
    found = analyze_gates(4, LADDER, Observable.z(1, 4))
    assert (found.n_qubits, found.depth, found.gates, found.two_qubit_gates) == (4, 4, 5, 2)
    assert found.kinds == {"h": 1, "cx": 2, "rz": 1, "x": 1}
    assert found.edges == {(0, 1): 1, (1, 2): 1}
    assert found.components == 2
    assert found.clifford_share == pytest.approx(4 / 5)
    assert (found.cone.qubits, found.cone.gates) == ({0, 1, 2}, 3)
    assert (found.bonds.bits, found.bonds.updates) == (1, 2)


def test_what_is_not_asked_for_is_outside_the_light_cone() -> None:
    assert light_cone(LADDER, [3]).gates == 1
    assert light_cone(LADDER, [0]).qubits == {0, 1}
    assert light_cone(LADDER, [2]).gates == 4


@pytest.mark.parametrize(
    ("name", "angle", "clifford"), [("rz", pi / 2, 1), ("rz", 0.1, 0), ("cp", pi / 2, 0), ("cp", pi, 1)]
)
def test_rotations_by_quarter_turns_are_clifford_gates(name: str, angle: float, clifford: int) -> None:
    qubits = (0, 1) if name == "cp" else (0,)
    assert analyze_gates(2, [(name, qubits, (angle,))]).clifford_share == clifford


GATES = st.lists(
    st.tuples(st.sampled_from(["cx", "cz", "swap", "rzz", "cp"]), st.permutations(range(6)), st.floats(0.1, 3.0)),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(GATES)
def test_no_state_needs_larger_bonds_than_estimated(drawn: list[tuple[str, list[int], float]]) -> None:
    gates: list[Gate] = [("u", (q,), (0.7 + q, 0.3 * q, 1.1)) for q in range(6)]
    for name, order, angle in drawn:
        gates.append((name, (order[0], order[1]), (angle,) if name in ("rzz", "cp") else ()))
        gates.append(("u", (order[0],), (angle, 0.2, 0.5)))
    state = statevector(Circuit(6, tuple(gates)))
    # Only the final order of the sites matters for the largest bond; the chain keeps swapped qubits where they are.
    bits = max(np.log2(np.linalg.matrix_rank(state.reshape(2 ** (6 - cut), 2**cut), tol=1e-9)) for cut in range(1, 6))
    bound = estimate(6, gates).bits
    assert bound <= 3
    if all(abs(order[0] - order[1]) == 1 for _, order, _ in drawn):
        assert bits <= bound + 1e-9


def test_a_deep_wide_circuit_is_beyond_every_machine() -> None:
    rng = np.random.default_rng(1)
    gates: list[Gate] = [("cx", (int(a), int(b)), ()) for a, b in (rng.permutation(80)[:2] for _ in range(3000))]
    assert estimate(80, gates).bits == LARGEST_BITS
    assert estimate(80, gates).svd == float("inf")


def test_a_ghz_chain_stays_narrow_at_any_width() -> None:
    found = estimate(500, [("cx", (q, q + 1), ()) for q in range(499)])
    assert (found.bits, found.updates) == (1, 499)


def _qasm(tmp_path: Path, text: str, name: str = "c.qasm") -> Path:
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_openqasm_2_and_3_and_qpy_give_the_same_workload(tmp_path: Path) -> None:
    from qiskit import qpy

    two = read(
        _qasm(tmp_path, 'OPENQASM 2.0;include "qelib1.inc";qreg q[2];creg c[2];h q[0];cx q[0],q[1];measure q->c;')
    )
    three = read(_qasm(tmp_path, 'OPENQASM 3.0;include "stdgates.inc";qubit[2] q;h q[0];cx q[0],q[1];', "c.qasm3"))
    with (tmp_path / "c.qpy").open("wb") as file:
        qpy.dump(three, file)
    again = read(tmp_path / "c.qpy")
    expected = (("h", (0,), ()), ("cx", (0, 1), ()))
    assert [gates_of(circuit) for circuit in (two, three, again)] == [expected] * 3
    assert analyze(two).gates == 2


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("c.txt", "", "suffix must be one of .qasm"),
        ("c.qasm", "OPENQASM 2.0; nonsense", "c.qasm: "),
        (None, None, "no such file"),
    ],
)
def test_a_file_that_is_no_circuit_is_refused(tmp_path: Path, name: str | None, text: str | None, message: str) -> None:
    path = tmp_path / "missing.qasm" if name is None else _qasm(tmp_path, text or "", name)
    with pytest.raises(BadCircuit, match=message):
        read(path)


def test_circuits_that_are_more_than_gates_are_refused() -> None:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

    dynamic: Any = QuantumCircuit(1, 1)
    dynamic.reset(0)
    open_: Any = QuantumCircuit(1)
    open_.rx(Parameter("t"), 0)
    with pytest.raises(BadCircuit, match="'reset' is no gate"):
        analyze(dynamic)
    with pytest.raises(BadCircuit, match="unbound parameters: t"):
        analyze(open_)


@pytest.mark.parametrize("terms", [{}, {"ZZ": 1.0, "Z": 1.0}, {"AB": 1.0}])
def test_a_wrong_observable_is_refused(terms: dict[str, float]) -> None:
    with pytest.raises(BadCircuit):
        Observable(terms)


def test_an_observable_of_another_width_is_refused() -> None:
    with pytest.raises(BadCircuit, match="acts on 3 qubits, the circuit has 4"):
        analyze_gates(4, LADDER, Observable.z(0, 3))
