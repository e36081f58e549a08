"""Kind ``braket``: Amazon Braket's local simulator, in the worker's process.

Braket's own QPUs are not reached by this kind yet.
"""

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

_OPTIONS = {"backend": str, "qubits": int}


class BraketDevice(ImmediateDevice):
    """Samples circuits with ``LocalSimulator``.

    Options: ``backend`` (``"default"`` if not given), ``qubits`` (the widest circuit it is asked for; 24). The
    simulator takes no seed.
    """

    def __init__(self, description: DeviceDescription, clock: Clock) -> None:
        super().__init__(description, clock)
        check_options("device", "braket", description.options, _OPTIONS)

    @cached_property
    def _compiler(self) -> Compiler:
        return compiler()

    @cached_property
    def _simulator(self) -> Any:
        from braket.devices import LocalSimulator

        return LocalSimulator(str(self.description.options.get("backend", "default")))

    def facts(self) -> DeviceFacts:
        """Return the stated width."""
        width = int(self.description.options.get("qubits", 24))
        return DeviceFacts(self.description.name, "braket", "Amazon Braket", width, simulator=True)

    def compile(self, circuit: Any) -> Compiled:
        """Return the circuit in a few plain gates."""
        return self._compiler(circuit)

    def compute(self, job: DeviceJob) -> list[Counts]:
        """Sample each circuit."""
        return [self._counts(one.bind(), job.shots) for one in job.circuits]

    def _counts(self, circuit: Any, shots: int) -> Counts:
        from braket.circuits import Circuit

        gates, read = steps(circuit)
        made = Circuit()
        for qubit in range(circuit.num_qubits):  # every wire is named, so that positions are qubits
            made.i(qubit)
        for name, params, qubits in gates:
            getattr(made, {"cx": "cnot"}.get(name, name))(*qubits, *params)
        found = self._simulator.run(made, shots=shots).result().measurement_counts
        counts: Counts = {}
        for bits, number in found.items():
            outcome = "".join(bits[qubit] for qubit in reversed(read))
            counts[outcome] = counts.get(outcome, 0) + int(number)
        return counts
