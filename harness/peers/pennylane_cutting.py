"""PennyLane's circuit cutting on our circuits and cuts: exact expectation values of Z on the last qubit.

PennyLane cuts wires, not gates. Instead of a CX between two pieces, the wire of its control is cut just before it, so
that gate and control go on in the second piece, which is one qubit wider than ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from miniapps._circuits.gates import Circuit
    from miniapps.circuit_cutting.plan import Cuts


def cut_value(circuit: Circuit, cuts: Cuts) -> float:
    """Return ⟨Z⟩ on the last qubit from the fragments that PennyLane makes and runs on lightning.qubit.

    In a chain of CX for rising qubits, the wire of the control is cut once, before the gate: nothing that the value
    needs follows on it.
    """
    import pennylane as qml

    names = {"ry": qml.RY, "rz": qml.RZ, "cx": qml.CNOT}
    operations: list[Any] = []
    for place, (name, qubits, params) in enumerate(circuit.gates):
        if place in cuts.gates:
            operations.append(qml.WireCut(wires=qubits[0]))
        operations.append(names[name](*params, wires=qubits))
    tape = qml.tape.QuantumScript(operations, [qml.expval(qml.Z(circuit.n_qubits - 1))])
    wires = range(circuit.n_qubits + len(cuts.gates))  # a fragment has one end of a cut wire more than ours, at most
    fragments, join = qml.cut_circuit(tape, use_opt_einsum=True, device_wires=wires)
    device = qml.device("lightning.qubit")
    results = qml.execute(fragments, device, diff_method=None)
    value: float = float(join(results))
    return value
