"""What the kernels ask of Qiskit Aer: exact values of many circuits in one call, or shots of one.

Worker side. Two ways to the same C++ simulator, with the same answers to the last bit:

native
    Gate lists go straight into Aer's own circuit objects, and its result dictionary is read directly. For circuits of
    few qubits this skips most of the time, which is spent building and converting Python objects. It uses names that
    Aer does not promise to keep, so it is tried on a Bell pair first.
public
    ``QuantumCircuit`` and ``AerSimulator.run``: if the trial fails, and for circuits that are not gate lists.

Aer's truncation of circuits to the qubits that matter is off: up to 0.18 it takes too much from some circuits if an
expectation value of few of their qubits is asked, and the value is wrong without a warning (qiskit-aer issue 2442).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from .._circuits.gates import Circuit
from .._circuits.qiskit_io import to_qiskit

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Floats = NDArray[np.float64]
_LOG = logging.getLogger(__name__)
_BELL: Final = Circuit(2, (("h", (0,), ()), ("cx", (0, 1), ())))


class SimulatorError(RuntimeError):
    """Aer could not simulate; the message is its own."""


class GpuMissing(RuntimeError):
    """A GPU was asked for, and this Aer or this machine has none."""


@dataclass(frozen=True, slots=True)
class Simulator:
    """How Aer computes; every setting that its numbers may depend on.

    Attributes
    ----------
    method, precision
        Aer's options of these names.
    device
        ``"CPU"`` or ``"GPU"``.
    threads
        OpenMP threads; sums over amplitudes are split by thread, so that their last bits depend on it.
    """

    method: str = "statevector"
    precision: str = "double"
    device: Literal["CPU", "GPU"] = "CPU"
    threads: int = 1


def exact(circuits: Sequence[Circuit], paulis: tuple[str, ...], simulator: Simulator) -> list[Floats]:
    """Return exact values of each circuit: expectation values of the Pauli strings, or without any, probabilities.

    Probabilities are of all 2ᵐ outcomes of the ``m`` measured qubits, in order of the outcome.

    Raises
    ------
    SimulatorError
        If Aer fails, for example for lack of memory.
    GpuMissing
        If the simulator asks for a GPU that is not there.
    """
    _require_device(simulator.device)
    with _openmp_threads(simulator.threads):
        if _native_works():
            return _native_exact(circuits, paulis, simulator)
        return _public_exact(circuits, paulis, simulator)


def counts(circuit: Circuit | QuantumCircuit, shots: int, *, seed: int, simulator: Simulator) -> dict[int, int]:
    """Return how often each outcome was sampled by Aer's own generator, which ``seed`` starts.

    Raises
    ------
    SimulatorError, GpuMissing
        As `exact`.
    """
    _require_device(simulator.device)
    with _openmp_threads(simulator.threads):
        if isinstance(circuit, Circuit) and _native_works():
            found = _native_counts(circuit, shots, seed, simulator)
        else:
            whole = to_qiskit(circuit, measure=True) if isinstance(circuit, Circuit) else circuit
            run = _backend(simulator).run(whole, shots=shots, seed_simulator=seed)
            found = _succeeded(run.result()).data(0)["counts"]
    return {int(outcome, 16): count for outcome, count in found.items()}


def has_gpu() -> bool:
    """Say whether this Aer can compute on a GPU of this machine."""
    from qiskit_aer import AerSimulator

    return "GPU" in AerSimulator().available_devices()


@lru_cache(maxsize=2)
def _require_device(device: str) -> None:
    if device == "GPU" and not has_gpu():
        raise GpuMissing("Aer sees no GPU here: install the extra 'gpu' instead of 'sim', on a machine with a GPU")


@contextmanager
def _openmp_threads(threads: int) -> Iterator[None]:
    """Let Aer use this many threads: it takes no more than OpenMP offers, and workers are started with one."""
    if threads == 1:
        yield
        return
    import qiskit_aer  # noqa: F401 - loads the OpenMP runtime that is to be told
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

    with threadpool_limits(limits=threads, user_api="openmp"):
        yield


# ---------------------------------------------------------------- native


def _native_exact(circuits: Sequence[Circuit], paulis: tuple[str, ...], simulator: Simulator) -> list[Floats]:
    made = [_native_circuit(circuit, number) for number, circuit in enumerate(circuits)]
    terms = [_support(pauli) for pauli in paulis]
    for native, circuit in zip(made, circuits, strict=True):
        if not terms:
            native.save_state(list(circuit.bits), "save_probabilities", "average", "p")
        for number, (letters, qubits) in enumerate(terms):
            native.save_expval(qubits, "save_expval", [letters], [1.0], [0.0], "average", str(number))
    results = _execute(made, _native_config(circuits, simulator, shots=1))
    if not terms:
        return [np.asarray(result["data"]["p"]) for result in results]
    return [np.array([result["data"][str(number)] for number in range(len(terms))]) for result in results]


def _native_counts(circuit: Circuit, shots: int, seed: int, simulator: Simulator) -> dict[str, int]:
    native = _native_circuit(circuit, 0)
    bits = list(range(len(circuit.bits)))
    native.num_memory = len(bits)
    native.measure(list(circuit.bits), bits, [])
    config = _native_config([circuit], simulator, shots=shots)
    config.memory_slots = len(bits)
    config.seed_simulator = seed
    found: dict[str, int] = _execute([native], config)[0]["data"]["counts"]
    return found


def _native_circuit(circuit: Circuit, number: int) -> Any:
    from qiskit_aer.backends.controller_wrappers import AerCircuit

    native = AerCircuit()
    native.circ_id = number
    native.num_qubits = circuit.n_qubits
    native.num_memory = 0
    native.global_phase_angle = 0.0
    add = native.gate
    for name, qubits, params in circuit.gates:
        add(name, qubits, params, (), -1, None, name)
    return native


def _native_config(circuits: Sequence[Circuit], simulator: Simulator, *, shots: int) -> Any:
    from qiskit_aer.backends.controller_wrappers import AerConfig

    config = AerConfig()
    config.n_qubits = max(circuit.n_qubits for circuit in circuits)
    config.memory_slots = 0
    config.shots = shots
    config.method = simulator.method
    config.precision = simulator.precision
    config.device = simulator.device
    config.max_parallel_threads = simulator.threads
    config.max_parallel_experiments = 1
    config.enable_truncation = False
    return config


def _execute(made: list[Any], config: Any) -> list[dict[str, Any]]:
    from qiskit_aer.backends.backend_utils import cpp_execute_circuits

    output = cpp_execute_circuits(_controller(), made, None, config)
    if not isinstance(output, dict) or not output.get("success", False):
        status = output.get("status", output) if isinstance(output, dict) else output
        raise SimulatorError(_first(status))
    results: list[dict[str, Any]] = output["results"]
    return results


@lru_cache(maxsize=1)
def _controller() -> Any:
    from qiskit_aer.backends.controller_wrappers import aer_controller_execute

    return aer_controller_execute()


@lru_cache(maxsize=1)
def _native_works() -> bool:
    """Say whether a Bell pair comes out right the native way; asked once per process."""
    simulator = Simulator()
    try:
        values = _native_exact([_BELL, _BELL], ("ZZ", "XX", "IZ"), simulator)
        probabilities = _native_exact([_BELL], (), simulator)[0]
        sampled = _native_counts(_BELL, 64, 1, simulator)
    except (ImportError, AttributeError, TypeError, KeyError, RuntimeError) as error:
        _LOG.warning("this version of Aer is used through its public interface, which is slower: %r", error)
        return False
    right = np.allclose(values, [1, 1, 0]) and np.allclose(probabilities, [0.5, 0, 0, 0.5])
    return bool(right) and set(sampled) <= {"0x0", "0x3"} and sum(sampled.values()) == 64


# ---------------------------------------------------------------- public


def _public_exact(circuits: Sequence[Circuit], paulis: tuple[str, ...], simulator: Simulator) -> list[Floats]:
    import qiskit_aer.library  # noqa: F401 - adds the save instructions to QuantumCircuit
    from qiskit.quantum_info import Pauli

    made = [to_qiskit(circuit) for circuit in circuits]
    terms = [_support(pauli) for pauli in paulis]
    for whole, circuit in zip(made, circuits, strict=True):
        if not terms:
            whole.save_probabilities(list(circuit.bits), label="p")
        for number, (letters, qubits) in enumerate(terms):
            whole.save_expectation_value(Pauli(letters), qubits, label=str(number))
    result = _succeeded(_backend(simulator).run(made, shots=1).result())
    data = [result.data(position) for position in range(len(made))]
    if not terms:
        return [np.asarray(entry["p"]) for entry in data]
    return [np.array([entry[str(number)] for number in range(len(terms))]) for entry in data]


@lru_cache(maxsize=4)
def _backend(simulator: Simulator) -> Any:
    from qiskit_aer import AerSimulator

    return AerSimulator(
        method=simulator.method,
        precision=simulator.precision,
        device=simulator.device,
        max_parallel_threads=simulator.threads,
        max_parallel_experiments=1,
        enable_truncation=False,
    )


def _succeeded(result: Any) -> Any:
    if not result.success:
        raise SimulatorError(_first(result.status))
    return result


def _first(status: object) -> str:
    """Return what Aer says about the first circuit that failed; it repeats itself for every other one."""
    head, *others = str(status).split("[Experiment")
    return f"Aer: {head.strip()} [Experiment{others[0]}".strip() if others else f"Aer: {head.strip()}"


@lru_cache(maxsize=1024)
def _support(pauli: str) -> tuple[str, list[int]]:
    """Return the letters other than I, and their qubits lowest first; a string of I alone keeps qubit 0."""
    n = len(pauli)
    qubits = [q for q in range(n) if pauli[n - 1 - q] != "I"] or [0]
    return "".join(pauli[n - 1 - q] for q in reversed(qubits)), qubits
