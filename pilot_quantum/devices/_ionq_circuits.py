"""Circuits in IonQ's JSON, simulated: what the local service computes.

Conventions of the published format: angles in radians, ``rz(θ) = exp(−iθZ/2)``, ``xx(θ) = exp(−iθXX/2)``; keys of a
result are decimal outcomes, qubit 0 the lowest bit.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Final

_PLAIN: Final = {
    "h": "h",
    "x": "x",
    "y": "y",
    "z": "z",
    "s": "s",
    "si": "sdg",
    "t": "t",
    "ti": "tdg",
    "v": "sx",
    "vi": "sxdg",
    "not": "x",
}
_ROTATIONS: Final = {"rx": "rx", "ry": "ry", "rz": "rz", "p": "p"}
_PAIRS: Final = {"xx": "rxx", "yy": "ryy", "zz": "rzz"}
QUBITS_MOST: Final = 29


class BadCircuit(ValueError):
    """A gate or a qubit that the format does not know; the message is the service's."""


def build(gates: Sequence[dict[str, Any]], qubits: int) -> Any:
    """Return a gate list as a ``QuantumCircuit`` without measurements."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(qubits)
    for gate in gates:
        targets = [int(q) for q in gate.get("targets", [gate["target"]] if "target" in gate else [])]
        controls = [int(q) for q in gate.get("controls", [gate["control"]] if "control" in gate else [])]
        if not targets or any(q < 0 or q >= qubits for q in (*targets, *controls)):
            raise BadCircuit(f"gate {gate.get('gate')!r} names qubits outside of 0 to {qubits - 1}")
        operation = _operation(gate, len(targets))
        if controls:
            operation = operation.control(len(controls))
        wide = operation.num_qubits - len(controls)
        for group in [targets] if wide == len(targets) else [[target] for target in targets]:
            circuit.append(operation, [*controls, *group])
    return circuit


def _operation(gate: dict[str, Any], targets: int) -> Any:
    from qiskit.circuit import library

    name = str(gate.get("gate"))
    classes = library.get_standard_gate_name_mapping()
    if name == "cnot":
        return classes["x"]
    if name == "swap" and targets == 2:
        return classes["swap"]
    if name in _PLAIN:
        return classes[_PLAIN[name]]
    angle = gate.get("rotation")
    known = {**_ROTATIONS, **_PAIRS}.get(name)
    if known is None or not isinstance(angle, (int, float)):
        raise BadCircuit(f"gate {name!r} is not supported")
    return type(classes[known])(float(angle))


def probabilities(circuit: Any) -> dict[int, float]:
    """Return the probability of each outcome that has one."""
    try:
        from qiskit_aer import AerSimulator
    except ImportError:
        from qiskit.quantum_info import Statevector

        table = Statevector(circuit).probabilities()
    else:
        from qiskit import transpile

        whole = circuit.copy()
        whole.save_probabilities()
        simulator = AerSimulator(method="statevector", max_parallel_threads=1)
        table = (
            simulator.run(transpile(whole, simulator, optimization_level=0), shots=1).result().data(0)["probabilities"]
        )
    return {int(i): float(table[i]) for i in (table > 1e-12).nonzero()[0]}


def sampled(table: dict[int, float], shots: int, *, fidelity: float, qubits: int, seed: str) -> dict[int, float]:
    """Return frequencies of ``shots`` outcomes, of which a share of 1 − fidelity is uniformly random."""
    rng = random.Random(seed)
    drawn = rng.choices(list(table), weights=list(table.values()), k=shots)
    seen: dict[int, int] = {}
    for outcome in drawn:
        kept = outcome if rng.random() < fidelity else rng.getrandbits(qubits)
        seen[kept] = seen.get(kept, 0) + 1
    return {outcome: number / shots for outcome, number in sorted(seen.items())}


def counts_of_gates(gates: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """Return the numbers of one-qubit and of wider gates."""
    widths = [len(gate.get("targets", [0])) + len(gate.get("controls", [])) for gate in gates]
    return sum(width == 1 for width in widths), sum(width > 1 for width in widths)
