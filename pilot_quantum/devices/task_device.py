"""What a task receives as ``device``: circuits in, counts or expectation values out.

Worker side. The broker of the pilot is reached through a socket in a directory of this user alone; where the device is
a simulator that computes in the calling process, the worker makes its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from ..descriptions import DeviceDescription, DeviceRequest
from ._importing import IMPORTING
from ._work import WorkResult
from .base import AbstractDevice, Counts, DeviceError, DeviceJob

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


@dataclass(frozen=True, slots=True)
class DeviceTicket:
    """Lets the tasks of a message use the devices of their pilot.

    Attributes
    ----------
    address
        Socket of the pilot's gateway.
    request
        What the tasks asked for.
    tasks
        Number and attempt of each task of the message, for its trace.
    """

    address: str
    request: DeviceRequest
    tasks: tuple[tuple[int, int], ...]

    def attach(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with its ``device``; it is called once for each task, in order."""
        tasks = iter(self.tasks)

        def with_device(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs, device=TaskDevice(self, next(tasks)))

        return with_device


class TaskDevice:
    """The devices of the pilot that fit the task's request, as one.

    Attributes
    ----------
    results
        What came of each circuit so far, with the device and the reasons; empty for local simulators.
    """

    def __init__(self, ticket: DeviceTicket, task: tuple[int, int]) -> None:
        self.results: list[WorkResult] = []
        self._ticket = ticket
        self._task = task

    def run(
        self,
        circuits: Sequence[Any],
        *,
        shots: int | None = None,
        seed: int = 0,
        seeds: Sequence[int] | None = None,
        key: str | None = None,
    ) -> list[Counts]:
        """Run circuits, each with its final measurements, and return the counts of each.

        Parameters
        ----------
        circuits
            Anything that `as_circuits` takes.
        shots
            Of each; None means the shots of the task's request.
        seed, seeds
            Of simulators: circuit ``i`` has ``seed + i``, or its own of ``seeds``.
        key
            Identity of this work in the pilot's journal; see `DeviceBroker.submit`.

        Raises
        ------
        UnsatisfiableRequest, BudgetExhausted, DeviceError
            If no device can run them, nothing is left to spend, or they failed.
        """
        made = as_circuits(circuits)
        number = self._ticket.request.shots if shots is None else shots
        own = list(seeds) if seeds is not None else [seed + index for index in range(len(made))]
        said, found = _ask(
            self._ticket.address, ("run", _packed(made), number, own, self._ticket.request, key, self._task)
        )
        if said == "local":
            return run_locally(found, made, number, own)
        self.results += found
        return [result.counts for result in found]

    def estimate(
        self, circuits: Sequence[Any], observables: Sequence[str], *, shots: int | None = None, seed: int = 0
    ) -> list[list[float]]:
        """Return expectation values of Pauli strings (last letter = qubit 0), one row a circuit.

        With ``shots = 0`` they are exact, which only some local simulators can do. Else each observable of each circuit
        is measured alone, with that many shots. Final measurements of the circuits are ignored.

        Raises
        ------
        DeviceError
            If exact values are asked of a device that has none.
        """
        made = as_circuits(circuits)
        number = self._ticket.request.shots if shots is None else shots
        if number:
            measured = [_in_basis(circuit, pauli) for circuit in made for pauli in observables]
            values = [_mean_parity(counts) for counts in self.run(measured, shots=number, seed=seed)]
            width = len(observables)
            return [values[start : start + width] for start in range(0, len(values), width)]
        said, found = _ask(self._ticket.address, ("local", self._ticket.request))
        exact = getattr(_local(found), "expectations", None) if said == "local" else None
        if exact is None:
            raise DeviceError("shots = 0: exact values come only from kind 'aer'; ask for 1 shot or more")
        rows: list[list[float]] = exact(made, list(observables))
        return rows


def as_circuits(circuits: Sequence[Any]) -> list[Any]:
    """Return ``QuantumCircuit`` objects for circuits given so, as OpenQASM 2 or 3, as QPY bytes or PennyLane tapes."""
    from qiskit import QuantumCircuit

    made: list[Any] = []
    for one in circuits:
        if isinstance(one, QuantumCircuit):
            made.append(one)
        elif isinstance(one, str):
            made.append(_from_qasm(one))
        elif isinstance(one, bytes):
            made += unpacked(one)
        else:
            from .pennylane import from_pennylane

            made.append(from_pennylane(one))
    return made


def _from_qasm(text: str) -> Any:
    from qiskit import qasm2, qasm3

    if text.lstrip().startswith("OPENQASM 3"):
        return qasm3.loads(text)
    return qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)


def _packed(circuits: Sequence[Any]) -> bytes:
    with IMPORTING:
        from qiskit import qpy

        buffer = BytesIO()
        qpy.dump(list(circuits), buffer)
    return buffer.getvalue()


def unpacked(data: bytes) -> list[Any]:
    """Return the circuits of QPY bytes."""
    with IMPORTING:
        from qiskit import qpy

        return list(qpy.load(BytesIO(data)))


def run_locally(
    description: DeviceDescription, circuits: Sequence[Any], shots: int, seeds: Sequence[int]
) -> list[Counts]:
    """Run circuits on a simulator in this process."""
    device = _local(description)
    job = DeviceJob("", tuple(device.compile(circuit) for circuit in circuits), shots, tuple(seeds))
    return device.fetch(device.submit(job), job)


_devices: dict[str, AbstractDevice] = {}


def _local(description: DeviceDescription) -> AbstractDevice:
    key = repr(description)
    if key not in _devices:
        from . import make

        _devices[key] = make(description)
    return _devices[key]


def _in_basis(circuit: Any, pauli: str) -> Any:
    """Return the circuit with a measurement of every letter of a Pauli string that is not I."""
    measured = circuit.remove_final_measurements(inplace=False)
    qubits = [len(pauli) - 1 - place for place, letter in enumerate(pauli) if letter != "I"]
    from qiskit import ClassicalRegister

    register = ClassicalRegister(max(1, len(qubits)), "p")
    measured.add_register(register)
    for bit, qubit in enumerate(qubits):
        letter = pauli[len(pauli) - 1 - qubit]
        if letter == "Y":
            measured.sdg(qubit)
        if letter in "XY":
            measured.h(qubit)
        measured.measure(qubit, register[bit])
    return measured


def _mean_parity(counts: Counts) -> float:
    total = sum(counts.values())
    even = sum(number for bits, number in counts.items() if bits.count("1") % 2 == 0)
    return (2 * even - total) / total


@lru_cache(maxsize=8)
def _connection(address: str) -> Connection:
    from multiprocessing.connection import Client

    return Client(address, family="AF_UNIX")


def _ask(address: str, question: tuple[Any, ...]) -> tuple[str, Any]:
    """Ask the gateway; raises what it answers with an error."""
    try:
        connection = _connection(address)
        connection.send(question)
        said, found = connection.recv()
    except (OSError, EOFError) as error:
        _connection.cache_clear()
        raise DeviceError(
            f"the pilot's devices cannot be reached from here ({type(error).__name__}): they are at the driver's host"
        ) from error
    if said == "error":
        raise found
    return said, found
