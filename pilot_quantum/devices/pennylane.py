"""Kind ``pennylane``: any PennyLane device by name, in the worker's process."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from .._registry import check_options
from ._compile import Compiler
from ._gatelists import compiler, steps
from ._immediate import ImmediateDevice
from .base import Compiled, Counts, DeviceFacts, DeviceJob

if TYPE_CHECKING:
    from ..descriptions import DeviceDescription
    from .clock import Clock

_OPTIONS = {"device": str, "qubits": int}


class PennylaneDevice(ImmediateDevice):
    """Samples circuits with a PennyLane device.

    Options: ``device`` (``"lightning.qubit"`` if not given), ``qubits`` (the widest circuit it is asked for; 24).
    """

    def __init__(self, description: DeviceDescription, clock: Clock) -> None:
        super().__init__(description, clock)
        check_options("device", "pennylane", description.options, _OPTIONS)
        self._device = str(description.options.get("device", "lightning.qubit"))

    @cached_property
    def _compiler(self) -> Compiler:
        return compiler()

    def facts(self) -> DeviceFacts:
        """Return the stated width."""
        width = int(self.description.options.get("qubits", 24))
        return DeviceFacts(self.description.name, "pennylane", f"PennyLane {self._device}", width, simulator=True)

    def compile(self, circuit: Any) -> Compiled:
        """Return the circuit in a few plain gates."""
        return self._compiler(circuit)

    def compute(self, job: DeviceJob) -> list[Counts]:
        """Sample each circuit with its own seed."""
        return [self._counts(one.bind(), job.shots, seed) for one, seed in zip(job.circuits, job.seeds, strict=True)]

    def _counts(self, circuit: Any, shots: int, seed: int) -> Counts:
        import pennylane as qml

        gates, read = steps(circuit)
        device = qml.device(self._device, wires=circuit.num_qubits, seed=seed % 2**32)
        kinds = {"h": qml.Hadamard, "x": qml.PauliX, "rx": qml.RX, "ry": qml.RY, "rz": qml.RZ, "cx": qml.CNOT}

        def body() -> Any:
            for name, params, qubits in gates:
                kinds[name](*params, wires=list(qubits))
            return qml.counts(wires=list(reversed(read)))

        found = qml.set_shots(qml.QNode(body, device), shots)()
        return {str(bits): int(number) for bits, number in found.items()}


def from_pennylane(tape: Any) -> Any:
    """Return a PennyLane tape as a ``QuantumCircuit`` that measures every wire; wires keep their order.

    Gates that OpenQASM 2 lacks are decomposed by PennyLane.
    """
    import pennylane as qml
    from qiskit import qasm2

    text = qml.to_openqasm(tape, wires=sorted(tape.wires), rotations=False, measure_all=True)
    return qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
