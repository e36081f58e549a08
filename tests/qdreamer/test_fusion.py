"""Passes after gate fusion, against what Aer itself reports."""

from __future__ import annotations

from typing import Any

import pytest
import qiskit_aer.library  # noqa: F401 - adds the save instructions to QuantumCircuit
from qiskit_aer import AerSimulator

from miniapps._circuits.qiskit_io import to_qiskit
from miniapps.circuit_cutting.circuits import circuit_of
from miniapps.circuit_cutting.params import CircuitCutting
from qdreamer.bonds import Gate
from qdreamer.fusion import passes

PRICES = {1: 1.0, 2: 1.0, 3: 1.1, 4: 3.0, 5: 1.8**4}


@pytest.mark.parametrize(
    "values",
    [
        {"family": "random", "depth": 4},
        {"family": "efficient_su2", "reps": 2},
        {"family": "qft"},
        {"family": "clustered", "depth": 5},
        {"family": "qaoa_ring", "reps": 2},
        {"family": "ghz"},
    ],
    ids=lambda values: values["family"],
)
def test_passes_are_those_of_aer(values: dict[str, Any]) -> None:
    circuit = circuit_of(CircuitCutting(**values, n_qubits=15, seed=7))
    made = to_qiskit(circuit)
    made.save_probabilities([0])
    backend = AerSimulator(method="statevector", fusion_verbose=True, enable_truncation=False)
    result = backend.run(made, shots=1).result()
    kept = result.results[0].metadata["fusion"]["output_ops"][:-1]
    found = sum(1.0 if op["name"] == "diagonal" else PRICES[len(op["qubits"])] for op in kept)
    assert passes(15, circuit.gates) == pytest.approx(found, rel=0.2)


def test_small_circuits_are_not_fused_and_wide_ones_not_counted() -> None:
    gates: list[Gate] = [("u", (q % 2,), (0.1, 0.2, 0.3)) for q in range(30)]
    assert passes(9, gates) == passes(80, gates) == 30
    assert passes(14, gates) == 1
