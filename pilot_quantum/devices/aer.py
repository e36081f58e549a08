"""Kind ``aer``: Qiskit Aer in the worker's process, on CPU or GPU, ideal or with the noise of a recorded device."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from .._registry import check_options
from ..errors import InvalidDescription
from ._compile import Compiler
from ._immediate import ImmediateDevice
from ._importing import IMPORTING
from ._targets import backend_called, target_called
from .base import Compiled, Counts, DeviceError, DeviceFacts, DeviceJob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..descriptions import DeviceDescription
    from .clock import Clock

_OPTIONS = {"method": str, "precision": str, "gpu": bool, "noise_of": str, "threads": int}


class AerDevice(ImmediateDevice):
    """Computes circuits with Aer.

    Options: ``method`` and ``precision`` (Aer's), ``gpu`` (bool), ``threads`` (OpenMP, 1 if not given), ``noise_of``
    (a recorded device as in kind ``emulated``, whose noise is simulated).
    """

    def __init__(self, description: DeviceDescription, clock: Clock) -> None:
        super().__init__(description, clock)
        check_options("device", "aer", description.options, _OPTIONS)

    @cached_property
    def _simulator(self) -> Any:
        with IMPORTING:
            from qiskit_aer import AerSimulator
            from qiskit_aer.noise import NoiseModel

        options = dict(self.description.options)
        settings: dict[str, Any] = {
            "method": options.get("method", "automatic"),
            "precision": options.get("precision", "double"),
            "max_parallel_threads": options.get("threads", 1),
            "max_parallel_experiments": 1,
            "enable_truncation": False,
        }
        if options.get("gpu"):
            if "GPU" not in AerSimulator().available_devices():
                raise InvalidDescription("options.gpu = True: Aer sees no GPU here (extra 'gpu' instead of 'sim')")
            settings["device"] = "GPU"
        if options.get("noise_of"):
            settings["noise_model"] = NoiseModel.from_backend(backend_called(str(options["noise_of"])))
        return AerSimulator(**settings)

    @cached_property
    def _compiler(self) -> Compiler:
        from qiskit import transpile

        noisy = self.description.options.get("noise_of")
        if noisy:
            target = target_called(str(noisy))
            return Compiler(lambda c: transpile(c, target=target, optimization_level=2, seed_transpiler=7), target)
        return Compiler(lambda circuit: transpile(circuit, self._simulator, optimization_level=0))

    def facts(self) -> DeviceFacts:
        """Return the simulator's width."""
        noisy = self.description.options.get("noise_of")
        width = backend_called(str(noisy)).num_qubits if noisy else self._simulator.num_qubits
        method = self.description.options.get("method", "automatic")
        wide = method in ("stabilizer", "matrix_product_state") and not noisy
        return DeviceFacts(self.description.name, "aer", "Qiskit Aer", 10_000 if wide else int(width), simulator=True)

    def compile(self, circuit: Any) -> Compiled:
        """Return the circuit in gates that Aer knows."""
        return self._compiler(circuit)

    def compute(self, job: DeviceJob) -> list[Counts]:
        """Run each circuit with its own seed."""
        return [self._counts(one.bind(), job.shots, seed) for one, seed in zip(job.circuits, job.seeds, strict=True)]

    def _counts(self, circuit: Any, shots: int, seed: int) -> Counts:
        result = self._simulator.run(circuit, shots=shots, seed_simulator=seed % 2**31).result()
        if not result.success:
            raise DeviceError(f"Aer: {result.results[0].status if result.results else result.status}")
        return {bits.replace(" ", ""): int(number) for bits, number in result.get_counts().items()}

    def expectations(self, circuits: Sequence[Any], paulis: Sequence[str]) -> list[list[float]]:
        """Return exact expectation values of Pauli strings (last letter = qubit 0), one row a circuit."""
        from qiskit.quantum_info import Pauli

        rows = []
        for circuit in circuits:
            bare = self._compiler(circuit).bind()
            bare.remove_final_measurements()
            for number, pauli in enumerate(paulis):
                bare.save_expectation_value(Pauli(pauli), range(bare.num_qubits), label=str(number))
            data = self._simulator.run(bare, shots=1).result().data(0)
            rows.append([float(data[str(number)].real) for number in range(len(paulis))])
        return rows
